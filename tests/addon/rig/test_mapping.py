"""Mappings: axes, names, and their effect on several kinds of rigs."""

import bpy
import numpy as np
import pytest
from mathutils import Matrix, Vector
from soliloquy.addon import compat, steps
from soliloquy.addon.animation import bake, nla, wiggle
from soliloquy.addon.rig import fuzzy, mapping, presets, targets
from soliloquy.addon.rig.arkit import SHAPE_NAMES
from soliloquy.addon.rig.mapping import Rule
from soliloquy.addon.sequencer.timing import Timing
from soliloquy.core.errors import BadInputError
from soliloquy.core.motion.motion import Motion
from soliloquy.core.motion.rotations import euler_to_matrix


@pytest.fixture
def take():
    """Two seconds in which everything moves."""
    t = np.arange(50)[:, None] / 25
    expression = np.clip(0.5 + 0.5 * np.sin(t * 5 + np.arange(53)), 0, 1)
    return Motion(expression, 0.3 * np.sin(t * 3 + np.arange(3)), np.cos(t * 2 + np.arange(3)), 25.0)


def bake_on(thing, take, rules=None, key="first"):
    rules = presets.rules_for(presets.guess(thing), thing) if rules is None else rules
    steps.advance(bake.bake(thing, rules, take, Timing(1.0, 25.0), key, "Take"), float("inf"))


def evaluated(thing):
    return thing.evaluated_get(bpy.context.evaluated_depsgraph_get())


# ---------------------------------------------------------------------------------------------------------- names
SPELLINGS = {
    "arkit": lambda name: name,
    "ict": lambda name: name.replace("Left", "_L").replace("Right", "_R"),
    "snake": lambda name: "".join(f"_{c.lower()}" if c.isupper() else c for c in name),
    "CC": lambda name: "CC_Base_" + "_".join(fuzzy.words(name)).title().replace("_Left", "_L").replace("_Right", "_R"),
    "dots": lambda name: "face." + name.replace("Left", ".L").replace("Right", ".R"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_arkit_shapes_are_found_in_any_spelling(scene, take, spelling, shape_mesh):
    spelled = {name: SPELLINGS[spelling](name) for name in SHAPE_NAMES}
    thing = shape_mesh("face", [*spelled.values(), "bodyFat", "Basis.001"])
    assert presets.guess(thing) == "ARKIT"
    rules = presets.arkit_rules(thing)
    assert {rule.source: rule.name for rule in rules} == spelled


def test_sides_are_never_mixed_up():
    assert fuzzy.likeness("eyeBlinkLeft", "eyeBlink_R") == 0.0
    assert fuzzy.pairs(["eyeBlinkLeft", "eyeBlinkRight"], ["blink_r_eye", "Eye_Blink_L"]) == {
        "eyeBlinkLeft": "Eye_Blink_L",
        "eyeBlinkRight": "blink_r_eye",
    }


def test_names_that_leave_words_out_are_matched(scene, take, shape_mesh):
    """They leave out parts of the face, have sides and words in any order, or use synonyms."""
    means = {
        "Eye Close.L": "eyeBlinkLeft",
        "eye_close_R": "eyeBlinkRight",
        "SmileL": "mouthSmileLeft",
        "smile_r": "mouthSmileRight",
        "BrowUp_in_left": "browInnerUpLeft",
        "pucker lips": "mouthPucker",
        "squint_L": "eyeSquintLeft",
        "Mouth_Open": "jawOpen - mouthClose",
    }
    thing = shape_mesh("face", [*means, "Fish", "fat_L", "Down_L"])
    assert {rule.name: rule.source for rule in presets.matched_rules(thing)} == means


def test_matching_names_keeps_an_avatars_vowels(scene, take, shape_mesh):
    shapes = ["Fcl_MTH_A", "Fcl_MTH_O", "Fcl_EYE_Close_L", "Fcl_EYE_Close_R", "Fcl_BRW_Angry"]
    thing = shape_mesh("avatar", shapes)
    assert {rule.name for rule in presets.matched_rules(thing)} == set(shapes)


def test_arkits_52_get_our_halves_as_their_mean(scene, take, shape_mesh):
    thing = shape_mesh("face", [name for name in SHAPE_NAMES if not name.startswith("browInner")] + ["browInnerUp"])
    rule = next(rule for rule in presets.arkit_rules(thing) if rule.name == "browInnerUp")
    assert mapping.terms(rule.source) == {"browInnerUpLeft": 0.5, "browInnerUpRight": 0.5}


@pytest.mark.parametrize(
    "shapes",
    [["Fcl_MTH_A", "Fcl_MTH_I", "Fcl_MTH_U", "Fcl_MTH_E", "Fcl_MTH_O", "Fcl_EYE_Close_L", "Fcl_EYE_Close_R"],
     ["viseme_sil", "viseme_PP", "viseme_FF", "viseme_aa", "viseme_E", "viseme_I", "viseme_O", "viseme_U"],
     ["aa", "ih", "ou", "ee", "oh", "blinkLeft", "blinkRight"]],
)  # fmt: skip
def test_avatars_with_visemes_speak(scene, take, shapes, shape_mesh):
    thing = shape_mesh("avatar", shapes)
    assert presets.guess(thing) == "VISEMES"
    bake_on(thing, take)
    curves = compat.action_fcurves(next(nla.tracks_on(thing.data.shape_keys)).action)
    assert len(curves) >= 5
    for curve in curves:
        values = [point.co.y for point in curve.keyframe_points]
        assert min(values) >= 0 and max(values) <= 1 and max(values) - min(values) > 0.05, curve.data_path


def test_driven_shapes_are_left_to_their_drivers(scene, shape_mesh):
    thing = shape_mesh("face", SHAPE_NAMES)
    thing.data.shape_keys.key_blocks["jawOpen"].driver_add("value")
    assert "jawOpen" not in presets.free_shapes(thing) and "jawLeft" in presets.free_shapes(thing)


# ---------------------------------------------------------------------------------------------------------- bones
@pytest.mark.parametrize("roll", [0.0, 0.7, 2.5])
@pytest.mark.parametrize("upright", [True, False])
@pytest.mark.parametrize("mode", ["QUATERNION", "XYZ", "AXIS_ANGLE"])
def test_a_nod_is_a_nod_however_the_bone_was_rolled(scene, take, roll, upright, mode, armature):
    """The head's forward direction in the world must be R · forward, in any armature."""

    def place(x, y, z):
        return (x, y, z) if upright else (x, z, -y)  # Blender's axes, or an armature that stands along y

    bones = {
        "hips": (place(0, 0, 0), place(0, 0, 0.3), 0.0),
        "mixamorig:Head": (place(0, 0, 1.5), place(0, 0.05, 1.7), roll),
    }
    rig = armature(bones, upright)
    rig.pose.bones["mixamorig:Head"].rotation_mode = mode
    rules = presets.bone_rules(rig)
    assert {rule.name for rule in rules} == {"mixamorig:Head"}
    bake_on(rig, take, rules)
    scene.frame_set(18)
    bone = evaluated(rig).pose.bones["mixamorig:Head"]
    turned = evaluated(rig).matrix_world @ bone.matrix @ bone.bone.matrix_local.inverted() @ rig.matrix_world.inverted()
    half = 2 * mapping.Sources(take.slice(17, 18))._columns["halfPitch"]
    assert abs(half[0]) > 0.05
    got = turned.to_3x3() @ Vector((0, -1, 0))
    sources = mapping.Sources(take.slice(17, 18))
    angles = [2 * sources.value(Rule(f"half{axis}", "ROTATION", ""))[0] for axis in ("Pitch", "Yaw", "Roll")]
    wanted = euler_to_matrix(np.array([angles]))[0] @ (0, 0, 1)  # head space: left, up, forward
    assert np.allclose(got, (wanted[0], -wanted[2], wanted[1]), atol=1e-4)


def test_shifts_along_the_characters_axes(scene, take, armature):
    rig = armature({"lip": ((0, 0, 0), (0.1, -0.2, 0.1), 1.1)})
    rules = [Rule("jawOpen", "LOCATION", "lip", axis, size) for axis, size in (("LEFT", 1), ("UP", 2), ("FORWARD", 3))]
    bake_on(rig, take, rules)
    scene.frame_set(9)
    weight = take.expression[8, SHAPE_NAMES.index("jawOpen")]
    moved = evaluated(rig).pose.bones["lip"].matrix.translation
    assert np.allclose(moved, (weight, -3 * weight, 2 * weight), atol=1e-4)


def test_multiplier_offset_and_two_rules_of_one_shape(scene, take, shape_mesh):
    thing = shape_mesh("face", ["open"])
    rules = [
        Rule("jawOpen", "SHAPE", "open", multiplier=0.5, offset=0.1),
        Rule("mouthFunnel", "SHAPE", "open", multiplier=0.2),
    ]
    bake_on(thing, take, rules)
    scene.frame_set(9)
    jaw, funnel = (take.expression[8, SHAPE_NAMES.index(name)] for name in ("jawOpen", "mouthFunnel"))
    got = evaluated(thing).data.shape_keys.key_blocks["open"].value
    assert got == pytest.approx(0.5 * jaw + 0.1 + 0.2 * funnel, abs=1e-4)


def test_properties_of_objects_and_bones(scene, take, armature):
    rig = armature({"face": ((0, 0, 0), (0, 0, 1), 0)})
    rig["jaw_open"] = 0.0
    rig.pose.bones["face"]["smile.L"] = 0.0
    rules = presets.matched_rules(rig)
    found = {(rule.source, rule.bone, rule.name) for rule in rules}
    assert ("jawOpen", "", "jaw_open") in found
    bake_on(
        rig, take, [Rule("jawOpen", "PROPERTY", "jaw_open"), Rule("mouthSmileLeft", "PROPERTY", "smile.L", bone="face")]
    )
    scene.frame_set(9)
    rig = evaluated(rig)
    assert rig["jaw_open"] == pytest.approx(take.expression[8, SHAPE_NAMES.index("jawOpen")], abs=1e-4)
    assert rig.pose.bones["face"]["smile.L"] == pytest.approx(
        take.expression[8, SHAPE_NAMES.index("mouthSmileLeft")], abs=1e-4
    )


def test_an_armature_carries_all_its_meshes_and_remove_leaves_none(scene, take, armature, shape_mesh):
    rig = armature({"Head": ((0, 0, 1.5), (0, 0, 1.7), 0), "Hips": ((0, 0, 0), (0, 0, 0.2), 0)})
    face, teeth = shape_mesh("face", SHAPE_NAMES, rig), shape_mesh("teeth", ["jawOpen", "jawLeft"], rig)
    bake_on(rig, take)
    assert len(list(nla.tracks_on(face.data.shape_keys))) == len(list(nla.tracks_on(teeth.data.shape_keys))) == 1
    assert len(list(nla.tracks_on(rig))) == 1
    scene.frame_set(9)
    weight = take.expression[8, SHAPE_NAMES.index("jawOpen")]
    for mesh in (face, teeth):
        assert evaluated(mesh).data.shape_keys.key_blocks["jawOpen"].value == pytest.approx(weight, abs=1e-4)
    for found in nla.tracks_of("first"):
        nla.remove(found)
    assert not bpy.data.actions


def test_a_line_that_was_dropped_is_dropped_from_the_bake(scene, take, shape_mesh):
    thing = shape_mesh("face", ["jawOpen", "jawLeft"])
    bake_on(thing, take, [Rule("jawOpen", "SHAPE", "jawOpen"), Rule("jawLeft", "SHAPE", "jawLeft")])
    bake_on(thing, take, [Rule("jawOpen", "SHAPE", "jawOpen")])
    curves = compat.action_fcurves(next(nla.tracks_on(thing.data.shape_keys)).action)
    assert [curve.data_path for curve in curves] == ['key_blocks["jawOpen"].value']


def test_a_mapping_without_destinations_is_reported(scene, take, shape_mesh):
    thing = shape_mesh("face", ["jawOpen"])
    with pytest.raises(BadInputError, match="none of the shapes, properties and bones"):
        bake_on(thing, take, [Rule("jawOpen", "SHAPE", "elsewhere")])
    assert targets.missing(thing, [Rule("jawOpen", "SHAPE", "elsewhere"), Rule("jawOpen", "SHAPE", "jawOpen")]) == [
        "elsewhere"
    ]
    assert not bpy.data.actions


def test_a_mapping_without_a_jaw_is_told(scene, armature, shape_mesh):
    thing = shape_mesh("face", [name for name in SHAPE_NAMES if name != "jawOpen"])
    (doubt,) = targets.doubts(thing, presets.arkit_rules(thing))
    assert doubt == "The mapping of “face” has no jaw: the mouth stays shut"
    whole = shape_mesh("whole", SHAPE_NAMES)
    assert targets.doubts(whole, presets.arkit_rules(whole)) == []
    avatar = shape_mesh("avatar", ["aa", "ih", "ou", "ee", "oh"])
    assert targets.doubts(avatar, presets.viseme_rules(avatar)) == []
    rig = armature({"jaw": ((0, 0, 0), (0, -1, 0), 0)})
    assert targets.doubts(rig, presets.bone_rules(rig)) == []
    assert targets.doubts(rig, [Rule("jawOpen", "ROTATION", "chin", "LEFT")]), "its bone isn't there"
    assert targets.doubts(rig, []) == []


def test_shape_keys_with_a_short_range_are_told(scene, shape_mesh):
    thing = shape_mesh("face", ["jawOpen", "jawLeft", "jawRight"])
    keys = thing.data.shape_keys.key_blocks
    keys["jawOpen"].slider_max, keys["jawLeft"].slider_max = 0.05, 0.5
    rules = [Rule("jawOpen", "SHAPE", "jawOpen"), Rule("jawLeft", "SHAPE", "jawLeft", multiplier=0.5)]
    rules.append(Rule("jawRight - jawLeft", "SHAPE", "jawRight"))
    assert targets.doubts(thing, rules) == ["“face”: the range of these shape keys ends too early: jawOpen"]


# ------------------------------------------------------------------------------------------------- in the interface
def test_the_bake_says_that_the_mouth_stays_shut(scene, sound, portrait, shape_mesh, monkeypatch, speaks):
    from soliloquy.addon.jobs import jobs
    from soliloquy.addon.sequencer.speech import Speech

    scene.soliloquy.portrait_file = str(portrait())
    speaks(Speech(sound, 0.0, None, 11, "", 1))
    scene.soliloquy.bake_on_arrival = False
    bpy.ops.soliloquy.generate()
    scene.soliloquy.targets.add().thing = shape_mesh("face", ["eyeBlinkLeft", "eyeBlinkRight"])
    said = []
    monkeypatch.setattr(jobs, "tell", lambda message, bad=False: said.append((message, bad)))
    assert bpy.ops.soliloquy.bake() == {"FINISHED"}
    assert said[-1][1] and "has no jaw: the mouth stays shut" in said[-1][0]


def test_does_it_move_names_ranges_that_end_too_early(scene, sound, portrait, shape_mesh, monkeypatch, speaks):
    from soliloquy.addon.jobs import jobs
    from soliloquy.addon.sequencer.speech import Speech

    scene.soliloquy.portrait_file = str(portrait())
    speaks(Speech(sound, 0.0, None, 11, "", 1))
    face = shape_mesh("face", ["jawOpen", "eyeBlinkLeft"])
    scene.soliloquy.targets.add().thing = face
    bpy.ops.soliloquy.generate()
    said = []
    monkeypatch.setattr(jobs, "tell", lambda message, bad=False: said.append((message, bad)))
    face.data.shape_keys.key_blocks["jawOpen"].slider_max = 0.05
    assert bpy.ops.soliloquy.check_moves() == {"FINISHED"}
    assert said[-1][1] and "the range of these shape keys ends too early: jawOpen" in said[-1][0]
    face.data.shape_keys.key_blocks["jawOpen"].slider_max = 1.0
    assert bpy.ops.soliloquy.check_moves() == {"FINISHED"}
    assert not said[-1][1] and "“face” moves" in said[-1][0]


def test_targets_are_added_with_a_mapping_saved_and_loaded(scene, tmp_path, shape_mesh):
    thing = shape_mesh("face", SHAPE_NAMES)
    thing.select_set(True)
    assert bpy.ops.soliloquy.add_target() == {"FINISHED"}
    target = scene.soliloquy.targets[0]
    assert (target.thing, target.preset, len(target.rules)) == (thing, "ARKIT", 55)
    target.rules[0].multiplier = 1.5
    before = [rule.rule() for rule in target.rules]
    path = tmp_path / "face.json"
    assert bpy.ops.soliloquy.save_mapping(filepath=str(path)) == {"FINISHED"}
    bpy.ops.soliloquy.edit_rules(action="CLEAR")
    assert bpy.ops.soliloquy.load_mapping(filepath=str(path)) == {"FINISHED"}
    assert [rule.rule() for rule in target.rules] == before
    target.rules[0].source = "jawOpne"
    assert "Did you mean jawOpen" in target.rules[0].problem and len(target.wanted_rules()) == 54
    with pytest.raises(RuntimeError, match="has nothing that Rigify"):
        bpy.ops.soliloquy.apply_preset(preset="RIGIFY")


def test_wiggle_moves_and_restores(scene, armature, shape_mesh):
    rig = armature({"jaw": ((0, 0, 0), (0, -0.1, 0), 0)})
    rig["open"] = 0.25
    face = shape_mesh("face", ["jawOpen"], rig)
    for rule in (
        Rule("jawOpen", "SHAPE", "jawOpen"),
        Rule("jawOpen", "PROPERTY", "open"),
        Rule("jawOpen", "ROTATION", "jaw", "LEFT"),
    ):
        before = (
            face.data.shape_keys.key_blocks["jawOpen"].value,
            rig["open"],
            rig.pose.bones["jaw"].matrix_basis.copy(),
        )
        shaken = wiggle.Wiggle(rig, rule)
        assert not shaken.problem
        shaken.set(1.0)
        now = (face.data.shape_keys.key_blocks["jawOpen"].value, rig["open"], rig.pose.bones["jaw"].matrix_basis.copy())
        assert now != before
        shaken.restore()
        assert face.data.shape_keys.key_blocks["jawOpen"].value == before[0] and rig["open"] == before[1]
        assert np.allclose(np.array(rig.pose.bones["jaw"].matrix_basis), np.array(Matrix(before[2])), atol=1e-6)
    assert "has no “nose”" in wiggle.Wiggle(rig, Rule("jawOpen", "SHAPE", "nose")).problem
