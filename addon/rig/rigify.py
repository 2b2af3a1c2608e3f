"""Rules for the face controls of a Rigify rig. Distances follow the size of the rig."""

from __future__ import annotations

from collections.abc import Mapping

import bpy

from .full_turns import GAZE_SIDEWAYS, GAZE_UP_DOWN, JAW_OPEN, JAW_SIDEWAYS
from .mapping import HALF_TURN_AXES, LOCATION, ROTATION, Rule
from .objects import rest_bones


def rigify_rules(thing: bpy.types.Object) -> list[Rule]:
    """Neck, head, jaw, the eyes' common target, lids, brows, cheeks, nose and lips, as far as the rig has them.

    Distances are fractions of the head bone's length, which is about 20 cm on an adult.
    """
    bones = rest_bones(thing)
    if "head" not in bones:
        return []
    unit = bones["head"].length
    rules = [Rule(source, ROTATION, bone, axis) for bone in ("neck", "head") for source, axis in HALF_TURN_AXES]
    rules += [
        Rule("jawOpen", ROTATION, "jaw_master", "LEFT", JAW_OPEN),
        Rule("jawLeft - jawRight", ROTATION, "jaw_master", "UP", JAW_SIDEWAYS),
        Rule("jawForward", LOCATION, "jaw_master", "FORWARD", 0.06 * unit),
        *_gaze(bones),
        *_lips(unit),
    ]
    for side, sided, sign in (("L", "Left", 1.0), ("R", "Right", -1.0)):
        rules += _side(bones, side, sided, sign, unit)
    return [rule for rule in rules if rule.name in bones]


def _gaze(bones: Mapping[str, bpy.types.Bone]) -> list[Rule]:
    """Both eyes follow the bone ``eyes`` in front of them, which moves by its distance times the eyes' mean angle."""
    if not {"eyes", "master_eye.L", "master_eye.R"} <= set(bones):
        return []
    between = (bones["master_eye.L"].head_local + bones["master_eye.R"].head_local) / 2
    away = (bones["eyes"].head_local - between).length
    left = "eyeLookOutLeft - eyeLookInLeft + eyeLookInRight - eyeLookOutRight"
    up = "eyeLookUpLeft - eyeLookDownLeft + eyeLookUpRight - eyeLookDownRight"
    return [
        Rule(left, LOCATION, "eyes", "LEFT", 0.5 * GAZE_SIDEWAYS * away),
        Rule(up, LOCATION, "eyes", "UP", 0.5 * GAZE_UP_DOWN * away),
    ]


def _lips(unit: float) -> list[Rule]:
    """The middle of the upper and of the lower lip."""
    upper = "mouthUpperUpLeft + mouthUpperUpRight"
    lower = (
        "4 mouthClose + mouthShrugLower + 0.5 mouthRollLower + 0.3 mouthPressLeft + 0.3 mouthPressRight"
        " - mouthLowerDownLeft - mouthLowerDownRight"
    )
    return [
        Rule(f"{upper} + 0.6 mouthShrugUpper - 0.6 mouthRollUpper", LOCATION, "lip.T", "UP", 0.03 * unit),
        Rule("mouthPucker + mouthFunnel - 0.7 mouthRollUpper", LOCATION, "lip.T", "FORWARD", 0.05 * unit),
        Rule(lower, LOCATION, "lip.B", "UP", 0.03 * unit),
        Rule("mouthPucker + mouthFunnel - 0.7 mouthRollLower", LOCATION, "lip.B", "FORWARD", 0.05 * unit),
    ]


def _side(bones: Mapping[str, bpy.types.Bone], side: str, sided: str, sign: float, unit: float) -> list[Rule]:
    """Lids, brow, cheek, nostril and mouth corner of one side."""
    sideways = "mouthLeft - mouthRight"
    wide = f"0.7 mouthSmile{sided} + mouthStretch{sided} + 0.6 mouthDimple{sided} - 1.6 mouthPucker - mouthFunnel"
    corner = f"lips.{side}"
    rules = [
        Rule(wide, LOCATION, corner, "LEFT", 0.05 * unit * sign),
        Rule(sideways, LOCATION, corner, "LEFT", 0.06 * unit),
        Rule(f"mouthSmile{sided} - mouthFrown{sided}", LOCATION, corner, "UP", 0.06 * unit),
        Rule("mouthPucker + 0.6 mouthFunnel", LOCATION, corner, "FORWARD", 0.03 * unit),
        Rule(f"browInnerUp{sided} - 0.8 browDown{sided}", LOCATION, f"brow.T.{side}.003", "UP", 0.07 * unit),
        Rule(f"0.6 browInnerUp{sided} + 0.7 browOuterUp{sided} - browDown{sided}",
             LOCATION, f"brow.T.{side}.002", "UP", 0.05 * unit),
        Rule(f"browOuterUp{sided} - 0.4 browDown{sided}", LOCATION, f"brow.T.{side}.001", "UP", 0.07 * unit),
        Rule(f"cheekPuff{sided}", LOCATION, f"cheek.B.{side}.001", "LEFT", 0.06 * unit * sign),
        Rule(f"cheekSquint{sided} + 0.4 mouthSmile{sided}", LOCATION, f"cheek.T.{side}.001", "UP", 0.04 * unit),
        Rule(f"noseSneer{sided}", LOCATION, f"nose.{side}.001", "UP", 0.04 * unit),
    ]  # fmt: skip
    for end, share in (("001", 0.8), ("002", 1.0), ("003", 0.8)):
        upper, lower = f"lid.T.{side}.{end}", f"lid.B.{side}.{_opposite(end)}"
        if upper in bones and lower in bones:
            gap = share * (bones[upper].head_local - bones[lower].head_local).length
            open_wide = f"0.3 eyeWide{sided} - 0.85 eyeBlink{sided} - 0.1 eyeSquint{sided} - 0.25 eyeLookDown{sided}"
            rules.append(Rule(open_wide, LOCATION, upper, "UP", gap))
            rules.append(Rule(f"0.15 eyeBlink{sided} + 0.3 eyeSquint{sided}", LOCATION, lower, "UP", gap))
    return rules


def _opposite(end: str) -> str:
    """The lower lid's bone below this one: its bones are numbered from the other corner of the eye."""
    return {"001": "003", "002": "002", "003": "001"}[end]
