"""The add-on registered from the source tree under a ``bpy`` wheel, with a scripted worker."""

from __future__ import annotations

import importlib.util
import math
import os
import struct
import sys
import wave
from pathlib import Path
from types import ModuleType

import pytest

bpy = pytest.importorskip("bpy", reason="needs a bpy wheel")

ROOT = Path(__file__).resolve().parents[2]
REAL_PYTHON = os.environ.pop("SOLILOQUY_PYTHON", None)
"""The real worker's interpreter, for the tests marked ``worker``; no other test may start it."""


def load_extension() -> ModuleType:
    """The repository's root as the package ``soliloquy``, as Blender loads it under ``bl_ext.….soliloquy``."""
    if "soliloquy" not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            "soliloquy", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
        )
        module = importlib.util.module_from_spec(spec)
        sys.modules["soliloquy"] = module
        spec.loader.exec_module(module)
    return sys.modules["soliloquy"]


load_extension()


@pytest.fixture(scope="session")
def fake_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An executable in place of the worker's Python; it runs the scripted worker, whatever its arguments."""
    path = tmp_path_factory.mktemp("python") / "python"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).parent / "fake_worker.py"}"\n')
    path.chmod(0o755)
    return path


@pytest.fixture(scope="session")
def real_python() -> Path:
    """The real worker's interpreter, from SOLILOQUY_PYTHON."""
    if not REAL_PYTHON:
        pytest.skip("SOLILOQUY_PYTHON does not name the worker's Python")
    return Path(REAL_PYTHON)


@pytest.fixture(scope="session")
def demo_speech() -> Path:
    """The synthesised speech of the demonstration."""
    return ROOT / "tools" / "assets" / "demo_speech.flac"


@pytest.fixture
def scene(fake_python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The scene of a fresh file with the add-on registered; unregistering it ends the worker."""
    monkeypatch.setenv("SOLILOQUY_PYTHON", str(fake_python))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    extension = load_extension()
    monkeypatch.setattr("soliloquy.addon.properties.preferences.user_folder", lambda: tmp_path / "user")
    monkeypatch.setattr("soliloquy.addon.properties.output.home", lambda: tmp_path / "home" / "Unsaved")
    extension.register()
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 25, 1.0
    scene.soliloquy.output_dir = str(tmp_path / "out")
    yield scene
    extension.unregister()


@pytest.fixture
def default(scene, portrait):
    """Blender's default scene: cube, camera, light, and a window with a 3D view."""
    path = str(portrait())
    out = scene.soliloquy.output_dir
    bpy.ops.wm.read_factory_settings()
    scene = bpy.context.scene
    scene.soliloquy.portrait_file, scene.soliloquy.output_dir = path, out
    return scene


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """Two seconds of silence with a click at one second, 16 kHz."""
    path = tmp_path / "speech.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        samples = [20000 if 16000 <= i < 16040 else 0 for i in range(32000)]
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return path


@pytest.fixture
def speaks(monkeypatch: pytest.MonkeyPatch):
    """Function that puts a ``Speech`` in place of the chosen sound strip; not every bpy wheel can make one."""

    def put(spoken) -> None:
        from soliloquy.addon.sequencer import hearing, speech

        monkeypatch.setattr(speech, "sound_strip", lambda _scene: spoken.path)
        monkeypatch.setattr(speech, "speech_from_strip", lambda _scene, _strip, _inputs: spoken)
        monkeypatch.setattr(hearing, "why_unheard", lambda _scene, _strip: "")

    return put


@pytest.fixture
def portrait(tmp_path: Path):
    """Function that makes a picture; its name tells the scripted worker how to behave. Each name is another picture."""

    def make(name: str = "person") -> Path:
        image = bpy.data.images.new(name, 8, 8)
        image.filepath_raw, image.file_format = str(tmp_path / f"{name}.png"), "PNG"
        image.save()
        bpy.data.images.remove(image)
        path = tmp_path / f"{name}.png"
        path.write_bytes(path.read_bytes() + name.encode())  # readers ignore what follows the picture
        return path

    return make


@pytest.fixture
def shape_mesh():
    """Function that makes a triangle with shape keys, deformed by an armature if one is given."""
    return _shape_mesh


def _shape_mesh(name, shapes, armature=None):
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    thing = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(thing)
    for shape in ("Basis", *shapes):
        thing.shape_key_add(name=shape).value = 0.0
    if armature is not None:
        thing.modifiers.new("Armature", "ARMATURE").object = armature
    return thing


@pytest.fixture
def armature():
    """Function that makes an armature with bones {name: (head, tail, roll)} in quaternions, as for all new bones."""
    return _armature


def _armature(bones, upright=True):
    thing = bpy.data.objects.new("rig", bpy.data.armatures.new("rig"))
    bpy.context.scene.collection.objects.link(thing)
    bpy.context.view_layer.objects.active = thing
    bpy.ops.object.mode_set(mode="EDIT")
    for name, (head, tail, roll) in bones.items():
        bone = thing.data.edit_bones.new(name)
        bone.head, bone.tail, bone.roll = head, tail, roll
    bpy.ops.object.mode_set(mode="OBJECT")
    if not upright:
        thing.rotation_euler.x = math.pi / 2
        bpy.context.view_layer.update()
    return thing
