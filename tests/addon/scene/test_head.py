"""Add head and bake: geometry, drivers, bones, and what must stay unchanged."""

import bpy
import numpy as np
import pytest
from mathutils import Matrix, Vector
from soliloquy.addon import compat, steps
from soliloquy.addon.animation import bake, nla
from soliloquy.addon.rig import presets, targets
from soliloquy.addon.rig.arkit import SHAPE_NAMES
from soliloquy.addon.scene import head, takes
from soliloquy.addon.sequencer.timing import Timing
from soliloquy.core.motion.channels import EXPRESSIONS
from soliloquy.core.motion.motion import Motion
from soliloquy.core.motion.rotations import euler_to_matrix
from soliloquy.core.wire.names import JOINTS


@pytest.fixture
def rig(scene, portrait):
    """A head that the operator made from the scripted worker's box."""
    scene.soliloquy.portrait_file = str(portrait())
    assert bpy.ops.soliloquy.add_head() == {"FINISHED"}
    return scene.soliloquy.targets[0].thing


@pytest.fixture
def take(tmp_path):
    """Two seconds of artificial motion."""
    rng = np.random.default_rng(3)
    t = np.arange(50)[:, None] / 25
    expression = np.clip(0.5 + 0.5 * np.sin(t * 5 + np.arange(53)), 0, 1)
    rotation, translation = 0.3 * np.sin(t * 3 + rng.uniform(0, 6, 3)), np.cos(t * 2 + rng.uniform(0, 6, 3))
    return Motion(expression, rotation, translation, 25.0, 0.5 + 0.5 * np.sin(t * 4 + np.arange(2)))


def bake_on(rig, take, timing, key="first", tolerance=0.0):
    """Bake with the rig's own mapping."""
    rules = presets.own_rules(rig)
    steps.advance(bake.bake(rig, rules, take, timing, key, f"Take {key}", tolerance), float("inf"))


def action_of(rig, key="first"):
    return next(track.action for track in nla.tracks_on(rig) if track.key == key)


def skin_of(rig):
    return next(child for child in rig.children if child.type == "MESH")


def evaluated(thing):
    return thing.evaluated_get(bpy.context.evaluated_depsgraph_get())


def test_head_has_mesh_texture_shapes_and_bones(rig):
    skin = skin_of(rig)
    keys = skin.data.shape_keys.key_blocks
    assert [key.name for key in keys] == ["Basis", *SHAPE_NAMES]
    assert len(SHAPE_NAMES) == len(set(SHAPE_NAMES)) == 55
    assert {"tongueOut", "tongueUp"} <= set(SHAPE_NAMES)
    assert {bone.name for bone in rig.data.bones} == set(JOINTS)
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
    bake_on(rig, take, Timing(101.0, rate))
    neck = np.array(rig["soliloquy_neck"][:])
    for frame in (101, 101 + round(rate), 100 + round(2 * rate)):
        scene.frame_set(frame)
        wanted = take.sampled(np.array([(frame - 101) / rate]), rate)
        turn = euler_to_matrix(wanted.rotation)[0]
        bone = evaluated(rig).pose.bones["head"]
        moved = np.array(bone.matrix @ bone.bone.matrix_local.inverted() @ Vector((0.03, -0.08, 0.07)))
        point = np.array([3.0, 7.0, 8.0])  # the same in head space, centimetres
        assert np.allclose(moved, head.to_blender(turn @ (point - neck) + neck + wanted.translation[0]), atol=1e-5)
        keys = evaluated(skin_of(rig)).data.shape_keys.key_blocks
        values = [evaluated(rig)[name] for name in SHAPE_NAMES]
        assert np.allclose(values, wanted.table()[0, : len(SHAPE_NAMES)], atol=1e-4)
        driven = {name: keys[name].value for name in SHAPE_NAMES}
        assert driven == pytest.approx(dict(zip(SHAPE_NAMES, values, strict=True)), abs=1e-4)


def test_a_head_of_an_earlier_version_is_baked_without_a_tongue(scene, rig, take):
    for name in ("tongueOut", "tongueUp"):
        keys = skin_of(rig).data.shape_keys
        keys.driver_remove(f'key_blocks["{name}"].value')
        skin_of(rig).shape_key_remove(keys.key_blocks[name])
        del rig[name]
    rules = presets.own_rules(rig)
    assert not [rule for rule in rules if "tongue" in rule.source] and not targets.missing(rig, rules)
    bake_on(rig, take, Timing(1.0, 25.0))
    assert len(curves(action_of(rig))) == 3 + 3 + 3 + 3 + 3 + 3 + 53


def test_eyes_and_jaw_turn_the_right_way(scene, rig):
    expression = np.zeros((5, 53))
    for name in ("eyeLookOut_L", "eyeLookIn_R", "eyeLookDown_L", "eyeLookDown_R", "jawOpen"):
        expression[:, EXPRESSIONS.index(name)] = 1.0
    still = Motion(expression, np.zeros((5, 3)), np.zeros((5, 3)), 25.0)
    bake_on(rig, still, Timing(1.0, 25.0))
    scene.frame_set(2)
    for name in ("eye.L", "eye.R"):
        sight = evaluated(rig).pose.bones[name].y_axis
        assert sight.x > 0.3, "to the person's left is Blender's +X"
        assert sight.z < -0.3, "down"
    closed = rig.data.bones["jaw"].tail_local.z
    assert evaluated(rig).pose.bones["jaw"].tail.z < closed - 0.01


def curves(action):
    return {(curve.data_path, curve.array_index): curve for curve in compat.action_fcurves(action)}


def test_one_action_on_a_track_with_keys_where_the_speech_is(rig, take):
    bake_on(rig, take, Timing(101.0, 24.0))
    found = next(nla.tracks_on(rig))
    assert rig.animation_data.action is None and len(bpy.data.actions) == 1
    if hasattr(found.strip, "action_slot"):
        assert found.strip.action_slot is not None
    assert (found.strip.frame_start, found.strip.frame_end, found.strip.extrapolation) == (101, 149, "NOTHING")
    for curve in curves(found.action).values():
        frames = [point.co.x for point in curve.keyframe_points]
        assert frames == list(range(101, 149)), "48 scene frames of two seconds at 24"
        assert {point.interpolation for point in curve.keyframe_points} == {"LINEAR"}
    assert len(curves(found.action)) == 3 + 3 + 3 + 3 + 3 + 3 + 55


def test_a_rebake_replaces_only_what_it_made_itself(rig, take):
    bake_on(rig, take, Timing(101.0, 25.0))
    action = action_of(rig)
    curves(action)[('["jawOpen"]', 0)].keyframe_points.insert(75, 0.123)
    added = compat.action_curves(action, rig)[0].new('pose.bones["root"].location', index=2)
    added.keyframe_points.insert(110, 0.5)
    bake_on(rig, take, Timing(101.0, 25.0))
    assert len(bpy.data.actions) == 1
    points = curves(action)[('["jawOpen"]', 0)].keyframe_points
    assert [p.co.x for p in points] == [75, *range(101, 151)]
    assert points[0].co.y == pytest.approx(0.123)
    assert curves(action)[('pose.bones["root"].location', 2)].keyframe_points[0].co.y == 0.5


def test_takes_of_two_speeches_lie_side_by_side(scene, rig, take):
    bake_on(rig, take, Timing(1.0, 25.0))
    bake_on(rig, take, Timing(201.0, 25.0), key="second")
    assert sorted(track.name for track in rig.animation_data.nla_tracks) == ["Take first", "Take second"]
    for frame in (10, 210):
        scene.frame_set(frame)
        wanted = take.sampled(np.array([((frame - 1) % 200) / 25]), 25.0).expression[0, EXPRESSIONS.index("jawOpen")]
        assert evaluated(rig)["jawOpen"] == pytest.approx(wanted, abs=1e-4)
    scene.frame_set(120)
    assert evaluated(rig)["jawOpen"] == 0.0, "between them the face is at rest"


def test_somebody_elses_action_stays_untouched_and_active(scene, rig, take):
    rig.pose.bones["head"].keyframe_insert("rotation_euler", frame=10)
    foreign = rig.animation_data.action
    before = {key: [tuple(p.co) for p in curve.keyframe_points] for key, curve in curves(foreign).items()}
    for _ in range(2):
        bake_on(rig, take, Timing(1.0, 25.0))
    assert rig.animation_data.action == foreign
    assert {key: [tuple(p.co) for p in curve.keyframe_points] for key, curve in curves(foreign).items()} == before
    assert [track.name for track in rig.animation_data.nla_tracks] == ["Take first"]
    for frame in (1, 25, 45):  # What the foreign Action doesn't key moves, at its place in time.
        scene.frame_set(frame)
        wanted = take.sampled(np.array([(frame - 1) / 25]), 25.0).expression[0, EXPRESSIONS.index("jawOpen")]
        assert evaluated(rig)["jawOpen"] == pytest.approx(wanted, abs=1e-4)


def test_a_body_in_the_nla_is_added_to(scene, rig, take):
    """Another track turns the head by half a radian: the take's turn is added to it."""
    rig.pose.bones["head"].rotation_euler.y = 0.5
    rig.pose.bones["head"].keyframe_insert("rotation_euler", index=1, frame=1)
    animation = rig.animation_data
    body, animation.action = animation.action, None
    strip = animation.nla_tracks.new().strips.new("body", 1, body)
    compat.nla_action_slot(strip, body, rig)
    bake_on(rig, take, Timing(1.0, 25.0))
    scene.frame_set(20)
    with_body = evaluated(rig).pose.bones["head"].rotation_euler.y
    strip.mute = True
    scene.frame_set(20)
    assert with_body == pytest.approx(evaluated(rig).pose.bones["head"].rotation_euler.y + 0.5, abs=1e-4)


def test_remove_takes_away_exactly_what_was_baked(scene, rig, take):
    rig["jawOpen"] = 0.25
    rig.location.x = 3.0
    rig.keyframe_insert("location", index=0, frame=5)
    foreign = rig.animation_data.action
    bake_on(rig, take, Timing(1.0, 25.0))
    scene.frame_set(20)
    assert takes.unbake("first") == 1
    assert list(bpy.data.actions) == [foreign] and not len(rig.animation_data.nla_tracks)
    scene.frame_set(21)
    assert evaluated(rig)["jawOpen"] == pytest.approx(0.25), "as it was before the bake"
    assert evaluated(rig).pose.bones["head"].rotation_euler[:] == pytest.approx((0, 0, 0))
    assert evaluated(rig).location.x == pytest.approx(3.0)


def test_curves_that_the_animator_added_survive_the_removal(rig, take):
    bake_on(rig, take, Timing(1.0, 25.0))
    action = action_of(rig)
    compat.action_curves(action, rig)[0].new('pose.bones["root"].location', index=2).keyframe_points.insert(5, 0.5)
    takes.unbake("first")
    assert list(curves(action)) == [('pose.bones["root"].location', 2)]
    assert rig.animation_data.nla_tracks[0].strips[0].action == action
    assert not takes.unbake("first"), "it is the animator's now"


@pytest.mark.parametrize("tolerance", [0.002, 0.02])
def test_thinned_curves_stay_within_the_stated_error(scene, rig, take, tolerance):
    bake_on(rig, take, Timing(1.0, 60.0), tolerance=tolerance)
    frames = bake.frames_of(take, Timing(1.0, 60.0))
    sampled = take.sampled((frames - 1.0) / 60.0, 60.0)
    keys = 0
    for name, values in zip(SHAPE_NAMES, sampled.table().T[: len(SHAPE_NAMES)], strict=True):
        curve = curves(action_of(rig))[(f'["{name}"]', 0)]
        got = np.array([curve.evaluate(frame) for frame in frames])
        assert np.abs(got - values).max() <= tolerance + 1e-6
        keys += len(curve.keyframe_points)
    assert keys < 55 * len(frames) / 2


def test_a_moved_strip_stays_moved_when_baked_again(rig, take):
    bake_on(rig, take, Timing(1.0, 25.0))
    strip = next(nla.tracks_on(rig)).strip
    strip.frame_start_ui = 31
    bake_on(rig, take, Timing(1.0, 25.0))
    assert (strip.frame_start, strip.frame_end) == (31, 81)
    bake_on(rig, take, Timing(101.0, 25.0))
    assert (strip.frame_start, strip.frame_end, strip.action_frame_start) == (131, 181, 101)


def test_tracks_follow_the_sound_once(rig, take):
    """A take that moved along with its sound is baked again at the new place: it has moved once, not twice."""
    bake_on(rig, take, Timing(1.0, 25.0))
    nla.move("first", 40)
    strip = next(nla.tracks_on(rig)).strip
    assert (strip.frame_start, strip.frame_end) == (41, 91)
    bake_on(rig, take, Timing(41.0, 25.0))
    assert (strip.frame_start, strip.frame_end, strip.action_frame_start) == (41, 91, 41)


def test_everything_survives_save_and_reload(scene, rig, take, tmp_path):
    bake_on(rig, take, Timing(1.0, 25.0))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "head.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "head.blend"))
    scene = bpy.context.scene
    rig = scene.soliloquy.targets[0].thing
    heights = []
    for frame in (1, 13, 25):
        scene.frame_set(frame)
        heights.append(evaluated(rig)["jawOpen"])
        keys = evaluated(skin_of(rig)).data.shape_keys.key_blocks
        assert keys["jawOpen"].value == pytest.approx(heights[-1])
    assert max(heights) - min(heights) > 0.1
    bake_on(rig, take, Timing(101.0, 25.0))
    assert len(bpy.data.actions) == 1


def test_a_linked_head_is_refused_with_a_sentence(scene, rig, take, tmp_path):
    from soliloquy.addon.rig import targets

    name = rig.name
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "rig.blend"))
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "rig.blend"), link=True) as (_, into):
        into.objects = [name]
    linked = bpy.data.objects[name]
    bpy.context.scene.collection.objects.link(linked)
    assert "library override" in targets.why_not(linked)
    own = linked.override_create()
    bpy.context.scene.collection.objects.link(own)
    assert targets.is_own_head(own)


def test_bake_operator_needs_a_take_and_a_head(scene):
    assert not bpy.ops.soliloquy.bake.poll()


def test_every_step_is_short(rig, take):
    """Each step bakes one curve, so that the window stays responsive; here only the number of steps is checked."""
    steps_ = bake.bake(rig, presets.own_rules(rig), take, Timing(1.0, 25.0), "first", "Take")
    assert sum(1 for _ in steps_) > 70
