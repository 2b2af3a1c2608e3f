"""Wrinkles in the skin of Neural, and the normal map of Game."""

import time

import bpy
import pytest
from soliloquy.addon import compat
from soliloquy.core.wire.names import WRINKLES


@pytest.fixture
def add(scene, portrait):
    def head(detail):
        scene.soliloquy.portrait_file, scene.soliloquy.head_detail = str(portrait()), detail
        assert bpy.ops.soliloquy.add_head() == {"FINISHED"}
        return scene.soliloquy.targets[0].thing

    return head


def skin_tree():
    return compat.node_tree_of(next(one for one in bpy.data.materials if one.name.endswith(" skin")))


def weights(side):
    """Values of the three sockets of each picture's weights on one side, as the depsgraph has them."""
    bpy.context.view_layer.update()
    seen = bpy.context.evaluated_depsgraph_get()
    material = next(one for one in bpy.data.materials if one.name.endswith(" skin"))
    tree = compat.node_tree_of(material.evaluated_get(seen))
    nodes = sorted((n for n in tree.nodes if n.label == f"Wrinkles {side}"), key=lambda n: -n.location.y)
    return [socket.default_value for node in nodes for socket in node.inputs]


def move(rig, **values):
    for name, value in values.items():
        rig[name] = value
    rig.update_tag()


def test_shapes_press_wrinkles_on_their_own_side(add):
    rig = add("neural")
    assert weights("Left") == weights("Right") == [0.0] * 6
    move(rig, browInnerUpLeft=0.4, browOuterUpLeft=0.9, noseSneerRight=0.5, mouthShrugLower=0.7)
    assert weights("Left") == pytest.approx([0.9, 0, 0, 0, 0, 0.7])
    assert weights("Right") == pytest.approx([0, 0, 0.5, 0, 0, 0.7])
    assert len(weights("Left")) == len(WRINKLES)


def test_wrinkles_reach_the_skin_over_its_pores(add):
    add("neural")
    surface = next(node for node in skin_tree().nodes if node.type == "BSDF_PRINCIPLED")
    wrinkles = surface.inputs["Normal"].links[0].from_node
    pores = wrinkles.inputs["Normal"].links[0].from_node
    assert wrinkles.type == pores.type == "BUMP"
    assert wrinkles.inputs["Height"].links[0].from_node.type == "MATH"
    assert not any("wrinkles" in image.name and image.packed_file is None for image in bpy.data.images)


def test_wrinkles_survive_save_and_load_without_trust(add, tmp_path):
    name = add("neural").name
    drivers = compat.node_tree_of(next(one for one in bpy.data.materials if one.name.endswith(" skin"))).animation_data
    assert len(drivers.drivers) == 12 and all(curve.driver.type == "MAX" for curve in drivers.drivers)
    path = str(tmp_path / "head.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path, use_scripts=False)
    move(bpy.data.objects[name], browDownRight=0.6)
    assert weights("Right") == pytest.approx([0, 0.6, 0, 0, 0, 0])


def test_wrinkles_do_not_slow_playback(add, scene):
    rig = add("neural")
    rig.keyframe_insert('["browInnerUpLeft"]', frame=1)
    move(rig, browInnerUpLeft=1.0)
    rig.keyframe_insert('["browInnerUpLeft"]', frame=50)
    began = time.perf_counter()
    for frame in range(1, 51):
        scene.frame_set(frame)
    assert (time.perf_counter() - began) / 50 < 1 / 24


def test_game_has_a_normal_map_and_no_wrinkles(add):
    add("game")
    tree = skin_tree()
    surface = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    turned = surface.inputs["Normal"].links[0].from_node
    assert turned.type == "NORMAL_MAP" and turned.uv_map == "UVMap"
    image = turned.inputs["Color"].links[0].from_node.image
    assert image.packed_file is not None and image.colorspace_settings.name == "Non-Color"
    assert not any(node.type == "BUMP" for node in tree.nodes)


def test_a_missing_map_is_refused(scene, portrait, tmp_path, add):
    from soliloquy.addon import steps
    from soliloquy.addon.scene import head
    from soliloquy.core.errors import BadInputError

    add("game")
    mesh = next(tmp_path.rglob("head.npz"))
    files = {"mesh": str(mesh), "texture": str(mesh.with_name("head.png")), "hair": str(mesh.with_name("hair.png"))}
    with pytest.raises(BadInputError, match="texture is missing"):
        steps.advance(head.build(bpy.context, scene, files | {"normals": str(tmp_path / "no.png")}), float("inf"))
