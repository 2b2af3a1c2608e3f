"""Style: amounts, blending in and out, and the look. They are live and change no key."""

import bpy
import numpy as np
import pytest
from soliloquy.addon import compat
from soliloquy.addon.animation import nla, styles
from soliloquy.addon.animation.motion_file import load_motion
from soliloquy.addon.rig import mapping
from soliloquy.core.motion.channels import EXPRESSIONS


@pytest.fixture
def taken(scene, sound, portrait, speaks):
    """A head with one take baked on it, from scene frame 11 to 60."""
    from soliloquy.addon.sequencer import speech

    scene.soliloquy.portrait_file = str(portrait())
    spoken = speech.Speech(sound, 0.0, None, 11, "", 1)
    speaks(spoken)
    bpy.ops.soliloquy.add_head()
    scene.soliloquy.tolerance = 0.0
    bpy.ops.soliloquy.generate()
    return scene


def shown(scene, frame):
    """(jawOpen, blink, neck turn) on the rig."""
    scene.frame_set(frame)
    rig = scene.soliloquy.targets[0].thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
    turn = rig.pose.bones["neck"].rotation_euler
    return np.array([rig["jawOpen"], rig["eyeBlinkLeft"], *turn])


def keys(scene):
    track = next(nla.tracks_on(scene.soliloquy.targets[0].thing))
    return [[tuple(p.co) for p in curve.keyframe_points] for curve in compat.action_fcurves(track.action)]


def test_amounts_scale_only_their_group_and_no_key(taken):
    style, before, kept = taken.soliloquy.takes[0].style, shown(taken, 20), keys(taken)
    style.head = 0.5
    assert shown(taken, 20) == pytest.approx([*before[:2], *(before[2:] * 0.5)], abs=1e-5)
    style.jaw = 0.25
    assert shown(taken, 20)[0] == pytest.approx(before[0] * 0.25, abs=1e-5)
    style.blink = 0.0
    assert shown(taken, 20)[1] == pytest.approx(0.0, abs=1e-5)
    style.blink = 1.0
    style.liveliness = 2.0
    assert shown(taken, 20)[2:] == pytest.approx(before[2:], abs=1e-5), "half of twice"
    assert keys(taken) == kept
    bpy.ops.soliloquy.reset_style()
    assert shown(taken, 20) == pytest.approx(before, abs=1e-6)
    track = next(nla.tracks_on(taken.soliloquy.targets[0].thing))
    assert not any(len(curve.modifiers) for curve in compat.action_fcurves(track.action)), "nothing is left behind"


@pytest.mark.parametrize("amount", [0.0, 0.3, 1.7])
@pytest.mark.parametrize("neutral", [0.0, 1.0, -0.4])
def test_an_amount_is_about_the_rest_pose(scene, neutral, amount):
    action = bpy.data.actions.new("x")
    thing = bpy.data.objects.new("x", None)
    curve = compat.action_curves(action, thing)[0].new("location", index=0)
    for frame, value in ((1, -0.2), (2, 0.9)):
        curve.keyframe_points.insert(frame, value)
        styles._set_amount(curve, amount, neutral)
        assert curve.evaluate(frame) == pytest.approx(neutral + amount * (value - neutral), abs=1e-5)


def test_the_style_survives_a_new_bake_and_is_the_takes_own(taken):
    taken.soliloquy.takes[0].style.jaw = 0.25
    before = shown(taken, 20)[0]
    bpy.ops.soliloquy.bake()
    assert shown(taken, 20)[0] == pytest.approx(before, abs=1e-6)
    bpy.ops.soliloquy.duplicate_take()
    assert taken.soliloquy.takes[1].style.jaw == 0.25
    taken.soliloquy.takes[1].style.jaw = 1.0
    assert shown(taken, 20)[0] == pytest.approx(before * 4, abs=1e-5)
    taken.soliloquy.active_take = 0
    assert shown(taken, 20)[0] == pytest.approx(before, abs=1e-6)


def test_the_way_in_and_out(taken):
    style, middle = taken.soliloquy.takes[0].style, shown(taken, 35)
    style.way_in = style.way_out = 0.4
    assert np.abs(shown(taken, 11)).max() < 1e-6 and np.abs(shown(taken, 61)).max() < 1e-6
    assert shown(taken, 35) == pytest.approx(middle, abs=1e-6)
    assert np.abs(shown(taken, 15)).max() > 0


def test_render_from_curves_has_the_style(taken):
    original = load_motion(taken.soliloquy.takes[0].path() / "motion.npz")
    taken.soliloquy.takes[0].style.jaw = 0.5
    assert bpy.ops.soliloquy.render_curves() == {"FINISHED"}
    made = load_motion(taken.soliloquy.takes[1].path() / "motion.npz")
    jaw = EXPRESSIONS.index("jawOpen")
    assert np.allclose(made.expression[:, jaw], original.expression[:, jaw] * 0.5, atol=1e-3)
    assert np.array_equal(made.rotation, original.rotation)


def test_the_eyes_follow_the_camera(taken):
    rig = taken.soliloquy.targets[0].thing
    with pytest.raises(RuntimeError, match="no camera"):
        bpy.ops.soliloquy.look_at_camera()
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    taken.collection.objects.link(camera)
    taken.camera, camera.location = camera, (0.6, -2.0, 0.3)
    target = taken.soliloquy.targets[0]
    target.look_influence = 1.0
    assert bpy.ops.soliloquy.look_at_camera() == {"FINISHED"}
    for frame in (15, 40):
        taken.frame_set(frame)
        posed = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
        for name in ("eye.L", "eye.R"):
            bone = posed.pose.bones[name]
            assert (camera.location - bone.head).normalized().dot(bone.y_axis) > 0.9999
    assert {bone.name: kind for bone, kind in styles.eye_bones(rig, target.wanted_rules()).items()} == {
        "eye.L": "ROTATION",
        "eye.R": "ROTATION",
    }
    target.look_at = None
    assert not any(len(bone.constraints) for bone in rig.pose.bones)


def test_a_control_that_the_eyes_follow_goes_to_the_object_they_look_at(scene, armature):
    rig = armature({"head": ((0, 0, 1.6), (0, 0, 1.8), 0.0), "eyes": ((0, -0.3, 1.7), (0, -0.35, 1.7), 0.4)})
    target = scene.soliloquy.targets.add()
    target.thing = rig
    target.set_rules([mapping.Rule("eyeLookOutLeft - eyeLookInLeft", "LOCATION", "eyes", "LEFT", 0.1)])
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    camera.location = (0.6, -2.0, 1.3)
    target.look_influence, target.look_at = 1.0, camera
    bpy.context.view_layer.update()
    posed = rig.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones["eyes"]
    assert (posed.head - camera.location).length < 1e-4
    target.look_at = None
    assert not len(rig.pose.bones["eyes"].constraints)
