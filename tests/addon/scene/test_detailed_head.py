"""Add Head with the detail Neural: quads, materials, hair of its own, and the same rig."""

import bpy
import numpy as np
import pytest
from soliloquy.addon import steps
from soliloquy.addon.rig.arkit import SHAPE_NAMES
from soliloquy.addon.scene import head
from soliloquy.core.errors import BadInputError
from soliloquy.core.provenance import HEAD_PROPERTY
from soliloquy.core.wire.names import HEAD_MATERIALS, JOINTS


@pytest.fixture
def rig(scene, portrait):
    scene.soliloquy.portrait_file = str(portrait())
    scene.soliloquy.head_detail = "neural"
    assert bpy.ops.soliloquy.add_head() == {"FINISHED"}
    return scene.soliloquy.targets[0].thing


def child(rig, ending):
    return next(thing for thing in rig.children if thing.name.endswith(ending))


def test_the_default_is_the_model(scene):
    assert scene.soliloquy.head_detail == "model"


def test_quads_and_materials_are_those_of_the_file(rig):
    skin = child(rig, "head")
    assert [len(polygon.vertices) for polygon in skin.data.polygons] == [4, 4, 4, 4, 4, 3, 3]
    assert [material.name.rpartition(" ")[2] for material in skin.data.materials] == list(HEAD_MATERIALS)
    assert [polygon.material_index for polygon in skin.data.polygons] == [k % len(HEAD_MATERIALS) for k in range(7)]
    pictured = [
        material.name.rpartition(" ")[2] for material in skin.data.materials
        if any(node.type == "TEX_IMAGE" for node in material.node_tree.nodes)
    ]  # fmt: skip
    assert pictured == ["skin", "mouth", "teeth", "eyes"]


def test_shape_keys_and_bones_are_those_of_any_head(rig):
    skin = child(rig, "head")
    assert [key.name for key in skin.data.shape_keys.key_blocks] == ["Basis", *SHAPE_NAMES]
    assert {bone.name for bone in rig.data.bones} == set(JOINTS)
    rig["jawOpen"] = 0.5
    rig.update_tag()
    bpy.context.view_layer.update()
    assert skin.data.shape_keys.key_blocks["jawOpen"].value == pytest.approx(0.5)


def test_hair_is_an_object_of_its_own_that_follows_the_head(rig):
    hair = child(rig, "hair")
    assert HEAD_PROPERTY in hair and len(hair.data.polygons) == 1
    before = hair.evaluated_get(bpy.context.evaluated_depsgraph_get()).data.vertices[0].co.copy()
    rig.pose.bones["head"].rotation_euler = (0.5, 0, 0)
    bpy.context.view_layer.update()
    after = hair.evaluated_get(bpy.context.evaluated_depsgraph_get()).data.vertices[0].co
    assert (after - before).length > 0.02
    image = next(node.image for node in hair.active_material.node_tree.nodes if node.type == "TEX_IMAGE")
    assert image.packed_file is not None


def test_both_details_have_folders_of_their_own(scene, portrait, tmp_path):
    path = portrait()
    folders = {head.request_for(str(path), tmp_path, "cpu", detail).out for detail in ("model", "neural")}
    assert len(folders) == 2


PARTS = ("faces", "face_uv", "face_material", "material_names", "brow_colour", "lash_colour", "hair_vertices",
         "hair_faces", "hair_uv", "hair_weights")  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
def test_a_damaged_file_is_refused(scene, portrait, tmp_path, part):
    scene.soliloquy.portrait_file, scene.soliloquy.head_detail = str(portrait()), "neural"
    bpy.ops.soliloquy.add_head()
    mesh = next(tmp_path.rglob("head.npz"))
    files = {"mesh": str(mesh), "texture": str(mesh.with_name("head.png")), "hair": str(mesh.with_name("hair.png"))}
    with np.load(mesh) as stored:
        whole = {name: stored[name] for name in stored.files}
    others = [np.zeros(0), np.array(7), np.full(whole[part].shape, "x"), whole[part][:-1]]
    if whole[part].dtype.kind in "iu":
        others += [np.full(whole[part].shape, 10**6), np.full(whole[part].shape, -1)]
    if whole[part].dtype.kind == "f":
        others += [np.full(whole[part].shape, np.nan)]
    meshes = len(bpy.data.meshes)
    for other in others:
        np.savez(mesh, **(whole | {part: other}))
        with pytest.raises(BadInputError):
            steps.advance(head.build(bpy.context, scene, files), float("inf"))
        assert len(bpy.data.meshes) == meshes


def test_missing_hair_texture_is_refused(scene, portrait, tmp_path):
    scene.soliloquy.portrait_file, scene.soliloquy.head_detail = str(portrait()), "neural"
    bpy.ops.soliloquy.add_head()
    mesh = next(tmp_path.rglob("head.npz"))
    files = {"mesh": str(mesh), "texture": str(mesh.with_name("head.png"))}
    with pytest.raises(BadInputError, match="texture is missing"):
        steps.advance(head.build(bpy.context, scene, files), float("inf"))
