"""Turns at weight 1 on rigs without their own."""

import math

from soliloquy.addon.rig import full_turns, mapping, presets
from soliloquy.core.motion.channels import GAZE_SIDEWAYS_DEGREES, GAZE_UP_DOWN_DEGREES


def test_rules_keep_the_numbers_that_saved_mappings_have():
    assert (full_turns.GAZE_SIDEWAYS, full_turns.GAZE_UP_DOWN) == (0.52, 0.44)


def test_they_are_the_gaze_limits_to_half_a_degree():
    assert abs(math.degrees(full_turns.GAZE_SIDEWAYS) - GAZE_SIDEWAYS_DEGREES) < 0.5
    assert abs(math.degrees(full_turns.GAZE_UP_DOWN) - GAZE_UP_DOWN_DEGREES) < 0.5


def test_both_eyes_look_the_same_way_when_one_looks_in_and_the_other_out(scene, armature):
    rig = armature(
        {"eye.L": ((0.03, 0, 1.6), (0.03, -0.02, 1.6), 0), "eye.R": ((-0.03, 0, 1.6), (-0.03, -0.02, 1.6), 0)}
    )
    sideways = {rule.name: rule for rule in presets.bone_rules(rig) if rule.axis == "UP"}
    left = mapping.terms(sideways["eye.L"].source)["eyeLookOutLeft"] * sideways["eye.L"].multiplier
    right = mapping.terms(sideways["eye.R"].source)["eyeLookInRight"] * sideways["eye.R"].multiplier
    assert left == right == full_turns.GAZE_SIDEWAYS  # positive turns to the person's left
    down = {rule.name: mapping.terms(rule.source) for rule in presets.bone_rules(rig) if rule.axis == "LEFT"}
    assert down["eye.L"]["eyeLookDownLeft"] == down["eye.R"]["eyeLookDownRight"] == full_turns.GAZE_UP_DOWN
