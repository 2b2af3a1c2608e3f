"""The name that is typed decides the format of an export, and the clip in it is named after the take."""

import json
import struct

import bpy
import pytest
from soliloquy.addon.animation import exports
from soliloquy.addon.commands import cli
from soliloquy.addon.operators.export import SOLILOQUY_OT_export_animation as Export


@pytest.fixture
def taken(scene, sound, portrait, tmp_path):
    """A head with one take on it, which is called “Line 7”."""
    import addon_utils

    for name in ("io_scene_gltf2", "io_scene_fbx"):
        addon_utils.enable(name)
    out = ["--out", str(tmp_path / "out"), "--motion-only", "--head"]
    assert cli.run(["--audio", str(sound), "--portrait", str(portrait()), *out]) == 0
    scene.soliloquy.takes[0].name = "Line 7"
    return scene


def clips(path):
    """Names of the animations in a .glb file."""
    data = path.read_bytes()
    length, kind = struct.unpack_from("<I4s", data, 12)
    assert kind == b"JSON"
    return [animation.get("name") for animation in json.loads(data[20 : 20 + length])["animations"]]


@pytest.mark.parametrize(
    ("typed", "chosen", "written"),
    [
        ("face.fbx", "GLTF", "face.fbx"),
        ("face.glb", "FBX", "face.glb"),
        ("FACE.FBX", "GLTF", "FACE.FBX"),
        ("face", "FBX", "face.fbx"),
        ("face.v2", "GLTF", "face.v2.glb"),
        ("face.gltf", "GLTF", "face.gltf"),
        ("face.usda", "GLTF", "face.usda"),
    ],
)
def test_the_ending_decides(taken, tmp_path, typed, chosen, written):
    if exports.why_not(exports.kind_of(written)):
        pytest.skip(exports.why_not(exports.kind_of(written)))
    (tmp_path / "to").mkdir()
    assert bpy.ops.soliloquy.export_animation(filepath=str(tmp_path / "to" / typed), kind=chosen) == {"FINISHED"}
    found = {path.name for path in (tmp_path / "to").iterdir()}
    assert written in found and not {"face.glb", "face.fbx"} & (found - {written})
    begins = {".glb": b"glTF", ".gltf": b"{", ".fbx": b"Kaydara", ".usda": b"#usda"}
    ending = written[written.rindex(".") :].lower()
    assert (tmp_path / "to" / written).read_bytes().startswith(begins[ending])


@pytest.mark.parametrize("other", [None, "Line 7"])
def test_the_clip_is_named_after_the_take(taken, tmp_path, other):
    if other:
        bpy.data.scenes.new(other)
    names = sorted(scene.name for scene in bpy.data.scenes)
    assert bpy.ops.soliloquy.export_animation(filepath=str(tmp_path / "a.glb"), kind="GLTF") == {"FINISHED"}
    assert clips(tmp_path / "a.glb") == ["Line 7"]
    assert bpy.ops.soliloquy.export_animation(filepath=str(tmp_path / "a.fbx"), kind="FBX") == {"FINISHED"}
    assert b"Line 7" in (tmp_path / "a.fbx").read_bytes()
    assert sorted(scene.name for scene in bpy.data.scenes) == names and bpy.context.scene == taken


class Browser:
    """What Blender's file browser keeps of the operator."""

    def __init__(self, filepath, kind):
        self.filepath, self.kind, self._shown = filepath, kind, kind


def test_in_the_file_browser_format_and_ending_follow_each_other():
    browser = Browser("/x/Take 1.glb", "GLTF")
    assert not Export.check(browser, None)
    browser.kind = "FBX"  # chosen in the menu
    assert Export.check(browser, None) and browser.filepath == "/x/Take 1.fbx"
    browser.filepath = "/x/face.usdz"  # typed
    assert Export.check(browser, None) and (browser.kind, browser.filepath) == ("USD", "/x/face.usdz")
    browser.filepath = "/x/face.v2"
    assert Export.check(browser, None) and browser.filepath == "/x/face.v2.usdc"
