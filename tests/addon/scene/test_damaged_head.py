"""Damaged head files: a sentence, and nothing half-built in the .blend."""

import bpy
import numpy as np
import pytest
from soliloquy.addon import steps
from soliloquy.addon.scene import head
from soliloquy.addon.scene.heads.file import read_head
from soliloquy.core.errors import BadInputError


@pytest.fixture
def files(scene, portrait, tmp_path):
    """Paths of a whole head's mesh and texture, made by the scripted worker."""
    scene.soliloquy.portrait_file = str(portrait())
    bpy.ops.soliloquy.add_head()
    made = next(tmp_path.rglob("head.npz"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return made, made.with_name("head.png")


def counted() -> list[int]:
    return [len(blocks) for blocks in (bpy.data.objects, bpy.data.meshes, bpy.data.armatures, bpy.data.images,
                                       bpy.data.materials)]  # fmt: skip


def refused(mesh, texture) -> None:
    before = counted()
    with pytest.raises(BadInputError, match=r"head's file is|texture is missing"):
        steps.advance(
            head.build(bpy.context, bpy.context.scene, {"mesh": str(mesh), "texture": str(texture)}), float("inf")
        )
    assert counted() == before


PARTS = ("vertices", "triangles", "uv", "triangle_uv", "shapes", "weights", "joints", "gaze_angles", "jaw_angles",
         "shape_names", "joint_names")  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_missing_or_of_another_kind(files, part):
    mesh, texture = files
    with np.load(mesh) as stored:
        whole = {name: stored[name] for name in stored.files}
    shape = whole[part].shape
    others = [None, np.zeros(0), np.array(7), np.array("x"), np.zeros((2, 2)), np.full(shape, "x"), whole[part][:-1]]
    if whole[part].dtype.kind == "f":
        others += [np.full(shape, np.nan), whole[part].astype(int)]
    if whole[part].dtype.kind in "iu":
        others += [np.full(shape, 10**6), np.full(shape, -1), whole[part].astype(float)]
    for other in others:
        np.savez(mesh, **{name: value for name, value in (whole | {part: other}).items() if value is not None})
        refused(mesh, texture)


def test_spoiled_bytes(files):
    mesh, texture = files
    whole, rng = mesh.read_bytes(), np.random.default_rng(1)
    for cut in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        mesh.write_bytes(whole[:cut])
        refused(mesh, texture)
    for _ in range(60):
        spoiled = bytearray(whole)
        for place in rng.integers(0, len(whole), 20):
            spoiled[place] ^= 0xFF
        mesh.write_bytes(bytes(spoiled))
        try:
            found = read_head(mesh)
        except BadInputError:
            continue
        assert found["triangles"].max() < len(found["vertices"]), "the damage is where nothing is stored"


def test_a_texture_that_is_no_picture(files):
    mesh, texture = files
    texture.write_bytes(b"no picture")
    refused(mesh, texture)
    texture.unlink()
    refused(mesh, texture)
