"""Presets: mappings for common kinds of rigs, made for one rig from its names and sizes."""

from __future__ import annotations

from collections.abc import Callable

import bpy

from . import eyeballs, fuzzy, targets, visemes
from .arkit import SHAPE_NAMES
from .full_turns import GAZE_SIDEWAYS, GAZE_UP_DOWN, JAW_OPEN, JAW_SIDEWAYS
from .mapping import HALF_TURN_AXES, LOCATION, PROPERTY, ROTATION, SHAPE, Rule, terms
from .objects import pose_bones
from .rigify import rigify_rules

CENTIMETRE = 0.01
"""Metres, which are the units of our own head."""
_WHOLE = {
    "browInnerUp": "0.5 browInnerUpLeft + 0.5 browInnerUpRight",
    "cheekPuff": "0.5 cheekPuffLeft + 0.5 cheekPuffRight",
    "mouthSmile": "0.5 mouthSmileLeft + 0.5 mouthSmileRight",
    "mouthFrown": "0.5 mouthFrownLeft + 0.5 mouthFrownRight",
    "eyeBlink": "0.5 eyeBlinkLeft + 0.5 eyeBlinkRight",
    "browDown": "0.5 browDownLeft + 0.5 browDownRight",
    "noseSneer": "0.5 noseSneerLeft + 0.5 noseSneerRight",
}
"""Shapes that some rigs have only once, for both sides."""


def own_rules(thing: bpy.types.Object) -> list[Rule]:
    """A head made by Soliloquy: exact head motion on neck and head, eyes, jaw, and the 53 properties."""
    down, inward, outward, up = thing["soliloquy_gaze"][:]
    turn, sideways = thing["soliloquy_jaw"][:]
    rules = [*_half_turn("neck"), *_half_turn("head")]
    rules += [
        Rule(f"shift{axis}", LOCATION, "head", towards, CENTIMETRE)
        for axis, towards in zip("XYZ", ("LEFT", "UP", "FORWARD"), strict=True)
    ]
    # The jaw bone turns about its own axes: x is the hinge, z points down and forward, −z turns to the person's left.
    rules += [
        Rule("jawOpen", ROTATION, "jaw", "X", turn),
        Rule("jawLeft - jawRight", ROTATION, "jaw", "Z", -sideways),
    ]
    for side, bone, sign in (("Left", "eye.L", 1), ("Right", "eye.R", -1)):
        rules += _eye(bone, side, sign, (down, inward, outward, up))
    return rules + [Rule(name, PROPERTY, name) for name in SHAPE_NAMES]


def _half_turn(bone: str, share: float = 1.0) -> list[Rule]:
    """A bone that turns by ``share`` times half of the head's turn."""
    return [Rule(source, ROTATION, bone, axis, share) for source, axis in HALF_TURN_AXES]


def _eye(bone: str, side: str, sign: int, angles: tuple[float, float, float, float]) -> list[Rule]:
    """An eye bone that turns about the character's axes. ``angles`` are radians at weight 1: down, in, out, up."""
    down, inward, outward, up = (round(float(angle), 6) for angle in angles)
    outwards = f"{outward} eyeLookOut{side} - {inward} eyeLookIn{side}"
    return [
        Rule(f"{down} eyeLookDown{side} - {up} eyeLookUp{side}", ROTATION, bone, "LEFT"),
        Rule(outwards, ROTATION, bone, "UP", float(sign)),
    ]


def bone_rules(thing: bpy.types.Object) -> list[Rule]:
    """Neck, head, jaw and eyes of any armature, found by their names."""
    names = [b.name for b in pose_bones(thing) if not b.name.startswith(("ORG-", "MCH-", "VIS", "WGT"))]
    wanted = {"neck": "neck", "head": "head", "jaw": "jaw", "left eye": "eye left", "right eye": "eye right"}
    found = {what: _bone(names, like) for what, like in wanted.items()}
    rules: list[Rule] = []
    if found["head"]:
        rules += _half_turn(found["head"], 1.0 if found["neck"] else 2.0)
    if found["neck"]:
        rules += _half_turn(found["neck"])
    if found["jaw"]:
        rules += [Rule("jawOpen", ROTATION, found["jaw"], "LEFT", JAW_OPEN)]
        rules += [Rule("jawLeft - jawRight", ROTATION, found["jaw"], "UP", JAW_SIDEWAYS)]
    angles = (GAZE_UP_DOWN, GAZE_SIDEWAYS, GAZE_SIDEWAYS, GAZE_UP_DOWN)
    for what, side, sign in (("left eye", "Left", 1), ("right eye", "Right", -1)):
        if found[what]:
            rules += _eye(found[what], side, sign, angles)
    return rules


def _bone(names: list[str], like: str) -> str:
    """The shortest name made only of the words of ``like`` and numbers; empty: there is none."""
    wanted = sorted(like.split())
    fitting = [n for n in names if sorted(word for word in fuzzy.words(n) if not word.isdigit()) == wanted]
    return min(fitting, key=lambda n: (n.startswith("DEF-"), len(n), n), default="")


def free_shapes(thing: bpy.types.Object) -> list[str]:
    """Names of the shape keys that can be keyed: not the basis, and not driven."""
    names: dict[str, None] = {}
    for keys in targets.shape_keys_on(thing):
        driven = {driver.data_path for driver in keys.animation_data.drivers} if keys.animation_data else set()
        for block in keys.key_blocks:
            if block != keys.reference_key and targets.shape_path(block.name) not in driven:
                names[block.name] = None
    return list(names)


def free_properties(thing: bpy.types.Object) -> list[tuple[str, str]]:
    """(bone, name) of the custom properties of the object and its bones that are numbers; bone "": the object's own."""
    owners: list[tuple[str, bpy.types.Object | bpy.types.PoseBone]] = [("", thing)]
    owners += [(bone.name, bone) for bone in pose_bones(thing)]
    return [
        (bone, name)
        for bone, owner in owners
        for name, value in owner.items()
        if isinstance(value, (int, float)) and not name.startswith("soliloquy")
    ]


def arkit_rules(thing: bpy.types.Object) -> list[Rule]:
    """ARKit's 52 shapes in the rig's spelling, and its head, jaw and eye bones."""
    shapes = free_shapes(thing)
    found = fuzzy.pairs([*SHAPE_NAMES, *_WHOLE], shapes)
    rules = [
        Rule(_WHOLE.get(name, name), SHAPE, shape)
        for name, shape in found.items()
        if name not in _WHOLE or not {f"{name}Left", f"{name}Right"} & set(found)
    ]
    return rules + _bones_next_to(thing, rules)


def _bones_next_to(thing: bpy.types.Object, shapes: list[Rule]) -> list[Rule]:
    """The rules of `bone_rules` that don't repeat the shapes' motion: opening the mouth, turning the eyes."""
    bones = bone_rules(thing)
    if any("jawOpen" in rule.source for rule in shapes):
        bones = [rule for rule in bones if not rule.source.startswith("jaw")]
    eyes = [rule.name for rule in bones if "eyeLook" in rule.source]
    if eyes and eyeballs.turned_by_shapes(thing, eyes, [rule.name for rule in shapes if "eyeLook" in rule.source]):
        bones = [rule for rule in bones if rule.name not in eyes]
    return bones


def viseme_rules(thing: bpy.types.Object) -> list[Rule]:
    """Avatars with few mouth shapes: the five vowels of VRM, the visemes of Ready Player Me and Oculus."""
    rules = [Rule(total, SHAPE, shape) for total, shape in visemes.sums(free_shapes(thing))]
    return rules + _bones_next_to(thing, rules)


def mpfb_rules(thing: bpy.types.Object) -> list[Rule]:
    """MPFB's people: ARKit face units or visemes, if they were loaded; otherwise the face bones of its default rig."""
    rules = arkit_rules(thing)
    if any(rule.kind == SHAPE for rule in rules):
        return rules
    if any(rule.kind == SHAPE for rule in viseme_rules(thing)):
        rules = viseme_rules(thing)
    for side, sided, sign in (("L", "Left", 1.0), ("R", "Right", -1.0)):
        upper, lower, brow = f"orbicularis03.{side}", f"orbicularis04.{side}", f"oculi01.{side}"
        rules += [
            # Lids turn about the centre of the eyeball. The brow's bone runs from its outer to its inner end.
            Rule(f"eyeBlink{sided} - 0.4 eyeWide{sided}", ROTATION, upper, "LEFT", 0.45),
            Rule(f"eyeBlink{sided} + eyeSquint{sided}", ROTATION, lower, "LEFT", -0.1),
            Rule(f"browInnerUp{sided} - 0.8 browDown{sided}", ROTATION, brow, "FORWARD", -0.25 * sign),
        ]
    bones = {bone.name for bone in pose_bones(thing)}
    return [rule for rule in rules if rule.kind == SHAPE or rule.name in bones]


def matched_rules(thing: bpy.types.Object) -> list[Rule]:
    """A guess for any rig: shape keys first, then custom properties, then bones."""
    rules = arkit_rules(thing)
    used = {rule.source for rule in rules}
    properties = {name: bone for bone, name in free_properties(thing)}
    rest = [name for name in SHAPE_NAMES if name not in used]
    for source, name in fuzzy.pairs(rest, properties).items():
        rules.append(Rule(source, PROPERTY, name, bone=properties[name]))
    served = {channel for rule in rules if rule.kind != ROTATION for channel in terms(rule.source)}
    spoken = [rule for rule in viseme_rules(thing) if rule.kind == SHAPE]
    return rules + [rule for rule in spoken if not served & set(terms(rule.source))]


PRESETS: dict[str, tuple[str, str, Callable[[bpy.types.Object], list[Rule]]]] = {
    "OWN": ("Soliloquy Head", "The head that Add Head makes", own_rules),
    "ARKIT": ("ARKit Shapes", "52 shape keys with ARKit's names, in any spelling", arkit_rules),
    "RIGIFY": ("Rigify Face", "Controls of a rig made by Rigify with a face", rigify_rules),
    "MPFB": ("MPFB", "People made with MPFB: its default rig, with or without face units", mpfb_rules),
    "VISEMES": ("Visemes (VRM, RPM)", "Avatars with vowel shapes or visemes", viseme_rules),
    "MATCH": ("Match Names", "Any rig: the likeliest shape keys, properties and bones by their names", matched_rules),
}


def guess(thing: bpy.types.Object) -> str:
    """Identifier in `PRESETS` of the preset that fits a target best."""
    bones = {bone.name for bone in pose_bones(thing)}
    if targets.is_own_head(thing):
        return "OWN"
    if {"jaw_master", "lips.L", "lip.T"} <= bones:
        return "RIGIFY"
    if {"neck01", "head", "orbicularis03.L"} <= bones:
        return "MPFB"
    shapes = sum(rule.kind == SHAPE for rule in arkit_rules(thing))
    if shapes >= 20:
        return "ARKIT"
    mouths = sum(rule.kind == SHAPE for rule in viseme_rules(thing))
    return "VISEMES" if mouths >= 4 and mouths > shapes / 2 else "MATCH"


def rules_for(preset: str, thing: bpy.types.Object) -> list[Rule]:
    """The preset's rules for this rig. The rules of a Soliloquy head are only for such a head."""
    if preset == "OWN" and not targets.is_own_head(thing):
        return []
    return PRESETS[preset][2](thing)
