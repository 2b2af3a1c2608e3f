"""Add head and bake: geometry, drivers, bones, and what must not be touched."""

import bpy
import numpy as np
import pytest
from mathutils import Matrix, Vector
from soliloquy.addon import bake, compat, head, motion, steps
from soliloquy.addon.arkit import SHAPE_NAMES
from soliloquy.addon.timing import Timing
from soliloquy.core.channels import EXPRESSIONS


@pytest.fixture
def rig(scene, portrait):
    """A head added through the operator with the scripted worker's box."""
    scene.soliloquy.portrait_file = str(portrait())
    assert bpy.ops.soliloquy.add_head() == {"FINISHED"}
    return scene.soliloquy.head


@pytest.fixture
def take(tmp_path):
    """Two seconds of made-up motion."""
    rng = np.random.default_rng(3)
    t = np.arange(50)[:, None] / 25
    expression = np.clip(0.5 + 0.5 * np.sin(t * 5 + np.arange(53)), 0, 1)
    return motion.TakeMotion(
        expression, 0.3 * np.sin(t * 3 + rng.uniform(0, 6, 3)), np.cos(t * 2 + rng.uniform(0, 6, 3)), 25.0
    )


def run(steps_):
    steps.advance(steps_, float("inf"))


def skin_of(rig):
    return next(child for child in rig.children if child.type == "MESH")


def evaluated(thing):
    return thing.evaluated_get(bpy.context.evaluated_depsgraph_get())


def test_head_has_mesh_texture_shapes_and_bones(rig):
    skin = skin_of(rig)
    keys = skin.data.shape_keys.key_blocks
    assert [key.name for key in keys] == ["Basis", *SHAPE_NAMES]
    assert len(SHAPE_NAMES) == len(set(SHAPE_NAMES)) == 53
    assert {bone.name for bone in rig.data.bones} == set(head.BONES)
    assert all(name in rig for name in SHAPE_NAMES)
    image = next(node.image for node in skin.active_material.node_tree.nodes if node.type == "TEX_IMAGE")
    assert image.packed_file is not None
    assert skin.bound_box[0][2] == pytest.approx(-0.10) and skin.bound_box[6][2] == pytest.approx(0.14)
    assert bpy.context.view_layer.objects.active is not None


def test_local_axes_of_head_and_neck_are_head_space(rig):
    wanted = Matrix(((1, 0, 0), (0, 0, -1), (0, 1, 0)))  # head space → Blender
    for name in ("neck", "head"):
        got = rig.data.bones[name].matrix_local.to_3x3()
        assert np.allclose(np.array(got), np.array(wanted), atol=1e-6)
    for name in ("jaw", "eye.L", "eye.R"):
        assert np.allclose(rig.data.bones[name].matrix_local.col[0][:3], (1, 0, 0), atol=1e-6)
    assert rig.data.bones["eye.L"].matrix_local.col[1].y == pytest.approx(-1)  # eyes look along Blender's −Y


@pytest.mark.parametrize(("fps", "base"), [(25, 1.0), (24, 1.001), (60, 1.0)])
def test_bake_moves_the_head_exactly_and_drives_the_shapes(scene, rig, take, fps, base):
    scene.render.fps, scene.render.fps_base = fps, base
    rate = fps / base
    run(bake.bake(rig, take, Timing(101.0, rate), "take"))
    neck = np.array(rig["soliloquy_neck"][:])
    for frame in (101, 101 + round(rate), 100 + round(2 * rate)):
        scene.frame_set(frame)
        wanted = take.sampled(np.array([(frame - 101) / rate]))
        turn = motion.euler_to_matrix(wanted.rotation)[0]
        bone = evaluated(rig).pose.bones["head"]
        moved = np.array(bone.matrix @ bone.bone.matrix_local.inverted() @ Vector((0.03, -0.08, 0.07)))
        point = np.array([3.0, 7.0, 8.0])  # the same in head space, centimetres
        assert np.allclose(moved, head.to_blender(turn @ (point - neck) + neck + wanted.translation[0]), atol=1e-5)
        keys = evaluated(skin_of(rig)).data.shape_keys.key_blocks
        values = [evaluated(rig)[name] for name in SHAPE_NAMES]
        assert np.allclose(values, wanted.expression[0], atol=1e-4)
        driven = {name: keys[name].value for name in SHAPE_NAMES}
        assert driven == pytest.approx(dict(zip(SHAPE_NAMES, values, strict=True)), abs=1e-4)


def test_eyes_and_jaw_turn_the_right_way(scene, rig):
    expression = np.zeros((5, 53))
    for name in ("eyeLookOut_L", "eyeLookIn_R", "eyeLookDown_L", "eyeLookDown_R", "jawOpen"):
        expression[:, EXPRESSIONS.index(name)] = 1.0
    still = motion.TakeMotion(expression, np.zeros((5, 3)), np.zeros((5, 3)), 25.0)
    run(bake.bake(rig, still, Timing(1.0, 25.0), "take"))
    scene.frame_set(2)
    for name in ("eye.L", "eye.R"):
        sight = evaluated(rig).pose.bones[name].y_axis
        assert sight.x > 0.3, "to the person's left is Blender's +X"
        assert sight.z < -0.3, "down"
    closed = rig.data.bones["jaw"].tail_local.z
    assert evaluated(rig).pose.bones["jaw"].tail.z < closed - 0.01


def curves(action):
    return {(curve.data_path, curve.array_index): curve for curve in compat.action_fcurves(action)}


def test_one_action_with_a_slot_and_keys_where_the_speech_is(rig, take):
    run(bake.bake(rig, take, Timing(101.0, 24.0), "take"))
    action = rig.animation_data.action
    assert action is not None and len(bpy.data.actions) == 1
    if hasattr(action, "slots"):
        assert rig.animation_data.action_slot is not None
    for curve in curves(action).values():
        frames = [point.co.x for point in curve.keyframe_points]
        assert frames == list(range(101, 149)), "48 scene frames of two seconds at 24"
        assert {point.interpolation for point in curve.keyframe_points} == {"LINEAR"}
    assert len(curves(action)) == 3 + 3 + 3 + 3 + 3 + 3 + 53


def test_a_second_speech_joins_the_first_and_a_rebake_replaces_only_itself(rig, take):
    run(bake.bake(rig, take, Timing(1.0, 25.0), "first"))
    run(bake.bake(rig, take, Timing(101.0, 25.0), "second"))
    action = rig.animation_data.action
    own = curves(action)[('["jawOpen"]', 0)]
    own.keyframe_points.insert(75, 0.123)
    run(bake.bake(rig, take, Timing(101.0, 25.0), "second"))
    assert len(bpy.data.actions) == 1
    points = curves(action)[('["jawOpen"]', 0)].keyframe_points
    assert [p.co.x for p in points] == [*range(1, 51), 75, *range(101, 151)]
    assert [p.co.y for p in points if p.co.x == 75] == [pytest.approx(0.123)]


def test_somebody_elses_action_stays_untouched_and_active(scene, rig, take):
    rig.pose.bones["head"].keyframe_insert("rotation_euler", frame=10)
    foreign = rig.animation_data.action
    before = {key: [tuple(p.co) for p in curve.keyframe_points] for key, curve in curves(foreign).items()}
    for start in (1.0, 201.0):  # twice: the track grows, there is no second one
        run(bake.bake(rig, take, Timing(start, 25.0), "take"))
    assert rig.animation_data.action == foreign
    assert {key: [tuple(p.co) for p in curve.keyframe_points] for key, curve in curves(foreign).items()} == before
    assert [track.name for track in rig.animation_data.nla_tracks] == ["Soliloquy"]
    strip = rig.animation_data.nla_tracks[0].strips[0]
    assert (strip.frame_start, strip.frame_end) == (1, 250)
    # What the foreign Action doesn't key still moves, at its place in time.
    for frame in (1, 25, 225):
        scene.frame_set(frame)
        wanted = take.sampled(np.array([((frame - 1) % 200) / 25])).expression[0, EXPRESSIONS.index("jawOpen")]
        assert evaluated(rig)["jawOpen"] == pytest.approx(wanted, abs=1e-4)


def test_everything_survives_save_and_reload(scene, rig, take, tmp_path):
    run(bake.bake(rig, take, Timing(1.0, 25.0), "take"))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "head.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "head.blend"))
    scene = bpy.context.scene
    rig = scene.soliloquy.head
    heights = []
    for frame in (1, 13, 25):
        scene.frame_set(frame)
        heights.append(evaluated(rig)["jawOpen"])
        keys = evaluated(skin_of(rig)).data.shape_keys.key_blocks
        assert keys["jawOpen"].value == pytest.approx(heights[-1])
    assert max(heights) - min(heights) > 0.1
    run(bake.bake(rig, take, Timing(101.0, 25.0), "again"))
    assert len(bpy.data.actions) == 1


def test_bake_operator_needs_a_take_and_a_head(scene):
    assert not bpy.ops.soliloquy.bake.poll()


def test_every_step_is_short(rig, take):
    """A step holds one curve, so that the window answers in between; here only that there are many."""
    assert sum(1 for _ in bake.bake(rig, take, Timing(1.0, 25.0), "take")) > 70
