"""A head that Add Head made says that it is synthetic, and so do the files that it is exported to."""

import json
import struct

import bpy
import pytest
from soliloquy.addon.animation import exports
from soliloquy.addon.commands import cli
from soliloquy.core.provenance import HEAD_PROPERTY, SYNTHETIC_HEAD


@pytest.fixture
def rig(scene, sound, portrait, tmp_path):
    """The armature of a head with one take on it."""
    import addon_utils

    for name in ("io_scene_gltf2", "io_scene_fbx"):
        addon_utils.enable(name)
    out = ["--out", str(tmp_path / "out"), "--motion-only", "--head"]
    assert cli.run(["--audio", str(sound), "--portrait", str(portrait()), *out]) == 0
    return scene.soliloquy.targets[0].thing


def exported(path):
    """Content of the chosen take's export."""
    kind = exports.kind_of(path)
    if exports.why_not(kind):
        pytest.skip(exports.why_not(kind))
    assert bpy.ops.soliloquy.export_animation(filepath=str(path), kind=kind) == {"FINISHED"}
    return path.read_bytes()


@pytest.mark.parametrize("ending", [".glb", ".gltf", ".fbx", ".abc", ".usda"])
def test_an_exported_head_says_that_it_is_synthetic(rig, tmp_path, ending):
    skin = next(thing for thing in rig.children if thing.type == "MESH")
    assert rig[HEAD_PROPERTY] == skin[HEAD_PROPERTY] == SYNTHETIC_HEAD
    content = exported(tmp_path / f"a{ending}")
    assert HEAD_PROPERTY.encode() in content and SYNTHETIC_HEAD.encode() in content
    for thing in (rig, skin):
        del thing[HEAD_PROPERTY]
    content = exported(tmp_path / f"b{ending}")
    assert HEAD_PROPERTY.encode() not in content and SYNTHETIC_HEAD.encode() not in content


def test_gltf_says_it_of_the_whole_file(rig, tmp_path):
    data = exported(tmp_path / "a.glb")
    (length,) = struct.unpack_from("<I", data, 12)
    described = json.loads(data[20 : 20 + length])
    assert described["asset"]["copyright"] == SYNTHETIC_HEAD
    assert SYNTHETIC_HEAD in [node.get("extras", {}).get(HEAD_PROPERTY) for node in described["nodes"]]
