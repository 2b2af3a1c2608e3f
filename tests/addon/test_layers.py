"""Who may import whom: the add-on takes only the worker's standard-library side from core, and nothing heavy."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FROM_CORE = {"protocol", "client", "environment", "errors", "channels", "files", "memory", "progress", "schema"}
NUMPY_FROM_CORE = {"live_link", "motion"}
"""What needs numpy as well, which every Blender has."""
FROM_OUTSIDE = {"aud", "bl_operators", "bl_ui", "bpy", "mathutils", "numpy"}
FILES = sorted([*(ROOT / "addon").glob("*.py"), *(ROOT / "addon").glob("translations/*.py")])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_addon_imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for name in node.names:
                top = name.name.partition(".")[0]
                assert top in FROM_OUTSIDE or top in sys.stdlib_module_names, f"{path.name} imports {name.name}"
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            top = node.module.partition(".")[0]
            assert top in FROM_OUTSIDE or top in sys.stdlib_module_names, f"{path.name} imports {node.module}"
        elif isinstance(node, ast.ImportFrom) and node.level == 2:
            module = (node.module or "").split(".")
            names = module[1:2] or [name.name for name in node.names]
            assert module[0] == "core" and set(names) <= FROM_CORE | NUMPY_FROM_CORE, (
                f"{path.name} imports {node.module}: {names}"
            )


def test_what_the_addon_takes_from_core_is_standard_library_only():
    """In a bare interpreter, without site-packages."""
    code = "import sys; sys.path.insert(0, sys.argv[1])\n" + "".join(f"import core.{name}\n" for name in FROM_CORE)
    subprocess.run([sys.executable, "-I", "-S", "-c", code, str(ROOT)], check=True)


def test_nothing_heavier_than_numpy_comes_with_the_rest():
    code = "import sys; sys.path.insert(0, sys.argv[1])\n" + "".join(
        f"import core.{name}\n" for name in NUMPY_FROM_CORE
    )
    code += "assert not {'torch', 'scipy', 'cv2', 'PIL', 'safetensors'} & set(sys.modules)"
    subprocess.run([sys.executable, "-I", "-c", code, str(ROOT)], check=True)


def test_extension_can_be_imported_without_blender():
    code = (
        "import importlib.util, sys\n"
        "spec = importlib.util.spec_from_file_location('soliloquy', sys.argv[1] + '/__init__.py',"
        " submodule_search_locations=[sys.argv[1]])\n"
        "module = importlib.util.module_from_spec(spec)\nspec.loader.exec_module(module)\n"
        "assert callable(module.register) and 'bpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-I", "-S", "-c", code, str(ROOT)], check=True)
