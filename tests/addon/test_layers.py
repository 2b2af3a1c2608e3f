"""What the add-on may import: from core only modules that need no more than Blender's Python has."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STANDARD_LIBRARY = {
    *("core.errors", "core.files", "core.inputs", "core.own_folders", "core.places", "core.plurals", "core.provenance"),
    *("core.schema", "core.stopping", "core.tables", "core.words"),
    *("core.batch", "core.runtime", "core.wire"),
    "core.motion.channels",
    *("core.phones.documents", "core.phones.phone_set", "core.phones.transcripts"),
}
"""Modules and packages of core that Blender's side may use. They need the standard library only."""
NUMPY_TOO = {"core.motion"}
"""Modules and packages that also need numpy, which every Blender has."""
FROM_OUTSIDE = {"aud", "bl_operators", "bl_ui", "bpy", "mathutils", "numpy"}
FILES = [ROOT / "__init__.py", *sorted((ROOT / "addon").rglob("*.py"))]


def imports(tree: ast.Module, place: Path) -> Iterator[str]:
    """Absolute names of everything that a module imports; ``place`` is its file, relative to the repository.

    A relative import is written from the repository: ``from ...core.wire import client`` in ``addon/rig/presets.py``
    imports ``core.wire``, and so does ``from ...core import wire``. One that leads out of the repository is "..".
    """
    package = list(place.parent.parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (f"outside {name.name}" for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield f"outside {node.module}"
        elif isinstance(node, ast.ImportFrom):
            up = node.level - 1
            if up > len(package):
                yield ".."
                continue
            base = [*package[: len(package) - up], *(node.module or "").split(".")]
            module = ".".join(part for part in base if part)
            # From a whole side its parts are imported: `from ..core import wire`.
            names = [name.name for name in node.names]
            yield from (
                [f"{module}.{name}".strip(".") for name in names] if module in ("", "core", "addon") else [module]
            )


def forbidden(source: str, place: Path) -> list[str]:
    """Imports of a module of the add-on that are not allowed."""
    found = []
    for name in imports(ast.parse(source), place):
        outside = name.removeprefix("outside ").partition(".")[0] if name.startswith("outside ") else None
        if outside is not None:
            allowed = outside in FROM_OUTSIDE or outside in sys.stdlib_module_names
        else:
            rooms = STANDARD_LIBRARY | NUMPY_TOO | {"addon"}
            allowed = any(name == room or name.startswith(f"{room}.") for room in rooms)
        if not allowed:
            found.append(name)
    return found


def modules(rooms: set[str]) -> list[str]:
    """Names of all modules in these rooms, including those in packages."""
    found = []
    for room in sorted(rooms):
        path = ROOT / room.replace(".", "/")
        files = path.rglob("*.py") if path.is_dir() else [path.with_suffix(".py")]
        names = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in sorted(files)]
        found += [name.removesuffix(".__init__") for name in names]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_addon_imports(path: Path) -> None:
    assert forbidden(path.read_text(encoding="utf-8"), path.relative_to(ROOT)) == []


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("addon/words.py", "from ..core import portrait"),
        ("addon/words.py", "from ..core.portrait import load_portrait"),
        ("addon/words.py", "from ..core import protocol, portrait"),
        ("addon/words.py", "from .. import core, training"),
        ("addon/words.py", "from ..training import engine"),
        ("addon/words.py", "from ...core import protocol"),
        ("addon/words.py", "import torch"),
        ("addon/words.py", "from scipy.signal import resample"),
        ("addon/words.py", "import core.wire.protocol"),
        ("addon/rig/presets.py", "from ...core.portrait import load_portrait"),
        ("addon/rig/presets.py", "from ...core import portrait"),
        ("addon/rig/presets.py", "from ...core.motionless import anything"),
        ("addon/rig/presets.py", "from ... import tools"),
        ("addon/rig/deep/presets.py", "def late():\n    from ....core.renderer import renderer"),
        ("__init__.py", "from . import core"),
    ],
)
def test_what_must_not_be_imported_is_seen(place: str, source: str) -> None:
    assert forbidden(source, Path(place))


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("addon/words.py", "from ..core import wire, files"),
        ("addon/words.py", "from ..core.motion import Motion"),
        ("addon/words.py", "from . import words\nfrom .words import say"),
        ("addon/rig/presets.py", "from ...core.motion.motion import Motion"),
        ("addon/rig/presets.py", "from ..words import say\nfrom .. import words\nfrom . import arkit"),
        ("addon/rig/presets.py", "import os.path, bpy\nfrom mathutils import Matrix"),
        ("__init__.py", "from . import addon"),
    ],
)
def test_what_may_be_imported_is_not_refused(place: str, source: str) -> None:
    assert forbidden(source, Path(place)) == []


def test_what_the_addon_takes_from_core_is_standard_library_only() -> None:
    """Import them in an interpreter without site-packages."""
    code = "import sys; sys.path.insert(0, sys.argv[1])\n"
    code += "".join(f"import {name}\n" for name in modules(STANDARD_LIBRARY))
    subprocess.run([sys.executable, "-I", "-S", "-c", code, str(ROOT)], check=True)


def test_nothing_heavier_than_numpy_comes_with_the_rest() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1])\n"
    code += "".join(f"import {name}\n" for name in modules(NUMPY_TOO))
    code += "assert not {'torch', 'scipy', 'cv2', 'PIL', 'safetensors'} & set(sys.modules)"
    subprocess.run([sys.executable, "-I", "-c", code, str(ROOT)], check=True)


def test_extension_can_be_imported_without_blender() -> None:
    code = (
        "import importlib.util, sys\n"
        "spec = importlib.util.spec_from_file_location('soliloquy', sys.argv[1] + '/__init__.py',"
        " submodule_search_locations=[sys.argv[1]])\n"
        "module = importlib.util.module_from_spec(spec)\nspec.loader.exec_module(module)\n"
        "assert callable(module.register) and 'bpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-I", "-S", "-c", code, str(ROOT)], check=True)
