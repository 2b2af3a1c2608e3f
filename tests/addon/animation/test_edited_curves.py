"""Render from curves: untouched curves give the take bit for bit, and edits are read from every kind of target."""

import bpy
import numpy as np
import pytest
from soliloquy.addon import compat, steps
from soliloquy.addon.animation import bake, edited_curves, nla
from soliloquy.addon.animation.motion_file import load_motion
from soliloquy.addon.rig import presets
from soliloquy.addon.sequencer.timing import Timing
from soliloquy.core.motion.channels import EXPRESSIONS
from soliloquy.core.motion.motion import Motion
from soliloquy.core.motion.rotations import euler_to_matrix


def smooth_take(count=58):
    """Motion as in a real take: small turns, and opposing gaze channels are never both above 0."""
    t = np.arange(count)[:, None] / 25
    expression = np.clip(0.3 * np.sin(t * 5 + np.arange(53)), 0, 1).astype(np.float32)
    gaze = 0.5 * np.sin(3 * t[:, 0])
    for name, values in (
        ("eyeLookOut_L", gaze),
        ("eyeLookIn_L", -gaze),
        ("eyeLookIn_R", gaze),
        ("eyeLookOut_R", -gaze),
    ):
        expression[:, EXPRESSIONS.index(name)] = np.clip(values, 0, 1)
    rotation = (0.25 * np.sin(t * 3 + np.arange(3))).astype(np.float32)
    tongue = np.clip(np.sin(t * 6 + np.arange(2)), 0, 1)
    return Motion(expression, rotation, np.cos(t * 2 + np.arange(3)).astype(np.float32), 25.0, tongue)


@pytest.fixture
def rig(scene, portrait):
    """A head made by Soliloquy."""
    scene.soliloquy.portrait_file = str(portrait())
    bpy.ops.soliloquy.add_head()
    return scene.soliloquy.targets[0].thing


def bake_on(thing, take, rate=25.0, tolerance=0.002, rules=None):
    rules = presets.rules_for(presets.guess(thing), thing) if rules is None else rules
    steps.advance(bake.bake(thing, rules, take, Timing(11.0, rate), "first", "Take 1", tolerance), float("inf"))


def read(scene, thing, take):
    reading = edited_curves.read(scene, thing, edited_curves.facts_on(thing, "first", "Take 1"), take)
    try:
        while True:
            next(reading)
    except StopIteration as ended:
        return ended.value


def curve_of(thing, path, index=0):
    found = next(nla.tracks_on(thing))
    return next(c for c in compat.action_fcurves(found.action) if (c.data_path, c.array_index) == (path, index))


def equal(one, other):
    return np.array_equal(one.table(), other.table())


@pytest.mark.parametrize(("fps", "base"), [(25, 1.0), (24, 1.001), (30, 1.0), (60, 1.0)])
@pytest.mark.parametrize("tolerance", [0.0, 0.002, 0.02])
def test_untouched_curves_are_the_take_bit_for_bit(scene, rig, fps, base, tolerance):
    scene.render.fps, scene.render.fps_base = fps, base
    rig.location, rig.rotation_euler = (3, 2, 1), (0.1, 0.2, 0.3)
    take = smooth_take()
    bake_on(rig, take, fps / base, tolerance)
    scene.frame_set(7)
    back, changed = read(scene, rig, take)
    assert changed == 0 and equal(back, take) and scene.frame_current == 7


def test_only_an_edited_curve_changes_the_motion(scene, rig):
    take = smooth_take()
    bake_on(rig, take, tolerance=0.0)
    curve = curve_of(rig, '["browInnerUpLeft"]')
    for point in curve.keyframe_points[20:30]:
        point.co.y = 0.9
    curve.update()
    back, changed = read(scene, rig, take)
    column = EXPRESSIONS.index("browInnerUp_L")
    assert changed == 10 and np.allclose(back.expression[20:30, column], 0.9, atol=1e-3)
    unedited = back.channels()
    unedited[20:30, column] = take.expression[20:30, column]
    assert np.array_equal(unedited, take.channels()) and np.array_equal(back.tongue, take.tongue)


def test_an_edited_tongue_is_read(scene, rig):
    take = smooth_take()
    bake_on(rig, take, tolerance=0.0)
    for name, value in (("tongueOut", 0.7), ("tongueUp", 1.4)):
        curve = curve_of(rig, f'["{name}"]')
        for point in curve.keyframe_points[20:30]:
            point.co.y = value
        curve.update()
    back, changed = read(scene, rig, take)
    assert changed == 10 and np.allclose(back.tongue[20:30], (0.7, 1.0), atol=1e-3), "weights end at 1"
    assert np.array_equal(np.delete(back.tongue, range(20, 30), 0), np.delete(take.tongue, range(20, 30), 0))
    assert np.array_equal(back.channels(), take.channels())


def test_a_scaled_strip_is_a_slower_motion(scene, rig):
    take = smooth_take(40)
    bake_on(rig, take, tolerance=0.0)
    strip = next(nla.tracks_on(rig)).strip
    strip.scale = 2.0
    back, changed = read(scene, rig, take)
    assert changed > 30
    wanted = take.sampled(np.arange(40) / 50, 50.0)
    assert np.allclose(back.expression, wanted.expression, atol=2e-3)
    assert np.allclose(back.rotation, wanted.rotation, atol=2e-3)
    assert np.allclose(back.translation, wanted.translation, atol=5e-3)


def test_a_constraint_on_the_head_is_seen(scene, rig):
    take = smooth_take()
    bake_on(rig, take, tolerance=0.0)
    limit = rig.pose.bones["head"].constraints.new("LIMIT_ROTATION")
    limit.owner_space = "LOCAL"
    limit.use_limit_y = limit.use_limit_x = limit.use_limit_z = True
    back, _ = read(scene, rig, take)
    for frame in (5, 30):
        scene.frame_set(11 + frame)
        bone = rig.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones["head"]
        space = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
        turned = np.array((bone.matrix @ bone.bone.matrix_local.inverted()).to_3x3())
        assert np.allclose(euler_to_matrix(back.rotation[frame][None])[0], space.T @ turned @ space, atol=1e-3)
    assert np.array_equal(back.expression, take.expression)


def test_eyes_that_are_turned_by_hand_change_the_gaze(scene, rig):
    """A lowered look is raised: the weight for down goes to zero before the weight for up rises."""
    channels = smooth_take().channels()
    down, up = EXPRESSIONS.index("eyeLookDown_L"), EXPRESSIONS.index("eyeLookUp_L")
    channels[:, down], channels[:, up] = 0.4, 0.0
    take = Motion.from_channels(channels)
    bake_on(rig, take, tolerance=0.0)
    curve = curve_of(rig, 'pose.bones["eye.L"].rotation_euler')
    angles = rig["soliloquy_gaze"]
    for point in curve.keyframe_points:
        point.co.y = -0.5 * angles[3]
    curve.update()
    back, _ = read(scene, rig, take)
    assert np.allclose(back.expression[:, up], 0.5, atol=0.01) and np.allclose(back.expression[:, down], 0.0, atol=0.01)


def other_rig(armature, shape_mesh):
    """An armature that uses quaternions, with a rolled head bone, a jaw bone and a mesh with shape keys."""
    thing = armature({"Head": ((0, 0, 1.5), (0, 0.05, 1.7), 0.7), "Jaw": ((0, 0, 1.5), (0, -0.1, 1.4), 0.3)})
    shape_mesh("face", [name for name in presets.SHAPE_NAMES if not name.startswith("jaw")], thing)
    return thing


def test_other_rigs_go_there_and_back_too(scene, armature, shape_mesh):
    thing, take = other_rig(armature, shape_mesh), smooth_take()
    bake_on(thing, take, 24.0)
    scene.render.fps = 24
    back, changed = read(scene, thing, take)
    assert changed == 0 and equal(back, take)
    scene.render.fps = 25
    bake_on(thing, take, tolerance=0.0)
    keys = next(child for child in bpy.data.objects if child.type == "MESH").data.shape_keys
    curve = next(c for c in compat.action_fcurves(next(nla.tracks_on(keys)).action) if "mouthPucker" in c.data_path)
    for point in curve.keyframe_points:
        point.co.y = 0.66
    curve.update()
    back, _ = read(scene, thing, take)
    assert np.allclose(back.expression[:, EXPRESSIONS.index("mouthPucker")], 0.66, atol=1e-3)
    assert np.array_equal(back.rotation, take.rotation)


def test_a_take_that_is_not_playing_is_reported(scene, rig):
    from soliloquy.core.errors import BadInputError

    with pytest.raises(BadInputError, match="Bake it there first"):
        edited_curves.facts_on(rig, "first", "Take 1")
    bake_on(rig, smooth_take())
    next(nla.tracks_on(rig)).track.mute = True
    with pytest.raises(BadInputError, match="Choose it in the list"):
        edited_curves.facts_on(rig, "first", "Take 1")


def test_the_operator_makes_a_new_take_from_the_curves(scene, rig, sound, speaks):
    from soliloquy.addon.sequencer import speech

    spoken = speech.Speech(sound, 0.0, None, 11, "", 1)
    speaks(spoken)
    bpy.ops.soliloquy.generate()
    assert bpy.ops.soliloquy.render_curves() == {"FINISHED"}
    first, second = scene.soliloquy.takes
    assert second.note == "From Take 1's curves, unedited"
    one, two = (load_motion(take.path() / "motion.npz") for take in (first, second))
    assert equal(one, two)
    curve = next(
        c for c in compat.action_fcurves(nla.tracks_of(second.key)[0].action) if c.data_path == '["mouthFunnel"]'
    )
    curve.keyframe_points[0].co.y = 0.4
    curve.update()
    assert bpy.ops.soliloquy.render_curves() == {"FINISHED"}
    third = load_motion(scene.soliloquy.takes[2].path() / "motion.npz")
    assert np.allclose(third.expression[:, EXPRESSIONS.index("mouthFunnel")], 0.4, atol=1e-3)
    assert np.array_equal(third.rotation, one.rotation)
