"""Mappings for the rigs that people have: made for the rig at hand, from the names and sizes that it has."""

from __future__ import annotations

from collections.abc import Callable

import bpy

from . import eyeballs, fuzzy, targets, visemes
from .arkit import SHAPE_NAMES
from .mapping import LOCATION, PROPERTY, ROTATION, SHAPE, Rule, terms
from .rigify import rigify_rules

CENTIMETRE = 0.01
_GAZE_SIDE, _GAZE_UP_DOWN, _JAW = 0.52, 0.44, 0.31
"""Radians that eyes and jaw turn at weight 1, where the rig doesn't say."""
_WHOLE = {
    "browInnerUp": "0.5 browInnerUpLeft + 0.5 browInnerUpRight",
    "cheekPuff": "0.5 cheekPuffLeft + 0.5 cheekPuffRight",
    "mouthSmile": "0.5 mouthSmileLeft + 0.5 mouthSmileRight",
    "mouthFrown": "0.5 mouthFrownLeft + 0.5 mouthFrownRight",
    "eyeBlink": "0.5 eyeBlinkLeft + 0.5 eyeBlinkRight",
    "browDown": "0.5 browDownLeft + 0.5 browDownRight",
    "noseSneer": "0.5 noseSneerLeft + 0.5 noseSneerRight",
}
"""Shapes that some rigs have once for both sides."""


def own_rules(thing: bpy.types.Object) -> list[Rule]:
    """The head that Soliloquy made: exact head motion on neck and head, eyes, jaw, and the 53 properties."""
    down, inward, outward, up = thing["soliloquy_gaze"][:]
    turn, sideways = thing["soliloquy_jaw"][:]
    rules = [*_half_turn("neck"), *_half_turn("head")]
    rules += [
        Rule(f"shift{axis}", LOCATION, "head", towards, CENTIMETRE)
        for axis, towards in zip("XYZ", ("LEFT", "UP", "FORWARD"), strict=True)
    ]
    # The jaw bone turns in its own axes: x is the hinge, z points down-forward, so yaw to the person's left is -z.
    rules += [
        Rule("jawOpen", ROTATION, "jaw", "X", turn),
        Rule("jawLeft - jawRight", ROTATION, "jaw", "Z", -sideways),
    ]
    for side, bone, sign in (("Left", "eye.L", 1), ("Right", "eye.R", -1)):
        rules += _eye(bone, side, sign, (down, inward, outward, up))
    return rules + [Rule(name, PROPERTY, name) for name in SHAPE_NAMES]


def _half_turn(bone: str, share: float = 1.0) -> list[Rule]:
    """A bone that takes a share of half the head's turn."""
    axes = (("halfPitch", "LEFT"), ("halfYaw", "UP"), ("halfRoll", "FORWARD"))
    return [Rule(source, ROTATION, bone, axis, share) for source, axis in axes]


def _eye(bone: str, side: str, sign: int, angles: tuple[float, float, float, float]) -> list[Rule]:
    """An eye bone that turns about the character's axes; ``angles`` at weight 1 of down, in, out and up."""
    down, inward, outward, up = (round(float(angle), 6) for angle in angles)
    outwards = f"{outward} eyeLookOut{side} - {inward} eyeLookIn{side}"
    return [
        Rule(f"{down} eyeLookDown{side} - {up} eyeLookUp{side}", ROTATION, bone, "LEFT"),
        Rule(outwards, ROTATION, bone, "UP", float(sign)),
    ]


def bone_rules(thing: bpy.types.Object) -> list[Rule]:
    """Neck, head, jaw and eyes of any armature, found by their names."""
    if not thing.pose:
        return []
    names = [b.name for b in thing.pose.bones if not b.name.startswith(("ORG-", "MCH-", "VIS", "WGT"))]
    wanted = {"neck": "neck", "head": "head", "jaw": "jaw", "left eye": "eye left", "right eye": "eye right"}
    found = {what: _bone(names, like) for what, like in wanted.items()}
    rules: list[Rule] = []
    if found["head"]:
        rules += _half_turn(found["head"], 1.0 if found["neck"] else 2.0)
    if found["neck"]:
        rules += _half_turn(found["neck"])
    if found["jaw"]:
        rules += [Rule("jawOpen", ROTATION, found["jaw"], "LEFT", _JAW)]
        rules += [Rule("jawLeft - jawRight", ROTATION, found["jaw"], "UP", 0.12)]
    angles = (_GAZE_UP_DOWN, _GAZE_SIDE, _GAZE_SIDE, _GAZE_UP_DOWN)
    for what, side, sign in (("left eye", "Left", 1), ("right eye", "Right", -1)):
        if found[what]:
            rules += _eye(found[what], side, sign, angles)
    return rules


def _bone(names: list[str], like: str) -> str:
    """The shortest name that says nothing but ``like`` (and a number), or nothing."""
    wanted = sorted(like.split())
    fitting = [n for n in names if sorted(word for word in fuzzy.words(n) if not word.isdigit()) == wanted]
    return min(fitting, key=lambda n: (n.startswith("DEF-"), len(n), n), default="")


def free_shapes(thing: bpy.types.Object) -> list[str]:
    """Shape keys that can be keyed: not the basis, and not driven by something else."""
    names: dict[str, None] = {}
    for mesh in targets.meshes_of(thing):
        keys = mesh.data.shape_keys
        driven = {driver.data_path for driver in keys.animation_data.drivers} if keys.animation_data else set()
        for block in keys.key_blocks:
            if block != keys.reference_key and targets.shape_path(block.name) not in driven:
                names[block.name] = None
    return list(names)


def free_properties(thing: bpy.types.Object) -> list[tuple[str, str]]:
    """(bone or nothing, name) of the numbers that the object or its bones carry as custom properties."""
    owners = [("", thing), *((bone.name, bone) for bone in (thing.pose.bones if thing.pose else ()))]
    return [
        (bone, name)
        for bone, owner in owners
        for name, value in owner.items()
        if isinstance(value, (int, float)) and not name.startswith("soliloquy")
    ]


def arkit_rules(thing: bpy.types.Object) -> list[Rule]:
    """ARKit's 52 shapes, however the rig spells them, and its head, jaw and eye bones."""
    shapes = free_shapes(thing)
    found = fuzzy.pairs([*SHAPE_NAMES, *_WHOLE], shapes)
    rules = [
        Rule(_WHOLE.get(name, name), SHAPE, shape)
        for name, shape in found.items()
        if name not in _WHOLE or not {f"{name}Left", f"{name}Right"} & set(found)
    ]
    return rules + _bones_beside(thing, rules)


def _bones_beside(thing: bpy.types.Object, shapes: list[Rule]) -> list[Rule]:
    """Bones without those that would do a second time what the shapes do: open the mouth, turn the eyes."""
    bones = bone_rules(thing)
    if any("jawOpen" in rule.source for rule in shapes):
        bones = [rule for rule in bones if not rule.source.startswith("jaw")]
    eyes = [rule.name for rule in bones if "eyeLook" in rule.source]
    if eyes and eyeballs.turned_by_shapes(thing, eyes, [rule.name for rule in shapes if "eyeLook" in rule.source]):
        bones = [rule for rule in bones if rule.name not in eyes]
    return bones


def viseme_rules(thing: bpy.types.Object) -> list[Rule]:
    """Avatars with a few mouth shapes: VRM's five vowels, Ready Player Me's and Oculus' visemes."""
    rules = [Rule(total, SHAPE, shape) for total, shape in visemes.sums(free_shapes(thing))]
    return rules + _bones_beside(thing, rules)


def mpfb_rules(thing: bpy.types.Object) -> list[Rule]:
    """MPFB's people: ARKit face units or visemes where they were loaded, else what its default rig has bones for."""
    rules = arkit_rules(thing)
    if any(rule.kind == SHAPE for rule in rules):
        return rules
    if any(rule.kind == SHAPE for rule in viseme_rules(thing)):
        rules = viseme_rules(thing)
    for side, sided, sign in (("L", "Left", 1.0), ("R", "Right", -1.0)):
        upper, lower, brow = f"orbicularis03.{side}", f"orbicularis04.{side}", f"oculi01.{side}"
        rules += [
            # Lids turn about the eyeball's middle; the brow's bone runs from the outer end to the inner one.
            Rule(f"eyeBlink{sided} - 0.4 eyeWide{sided}", ROTATION, upper, "LEFT", 0.45),
            Rule(f"eyeBlink{sided} + eyeSquint{sided}", ROTATION, lower, "LEFT", -0.1),
            Rule(f"browInnerUp{sided} - 0.8 browDown{sided}", ROTATION, brow, "FORWARD", -0.25 * sign),
        ]
    bones = set(thing.pose.bones.keys()) if thing.pose else set()
    return [rule for rule in rules if rule.kind == SHAPE or rule.name in bones]


def matched_rules(thing: bpy.types.Object) -> list[Rule]:
    """The wizard's guess for any rig: shape keys first, then custom properties, then bones."""
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
    """Identifier of the preset that fits a target best."""
    bones = set(thing.pose.bones.keys()) if thing.pose else set()
    if targets.is_own_head(thing):
        return "OWN"
    if {"jaw_master", "lips.L", "lip.T"} <= bones:
        return "RIGIFY"
    if {"neck01", "head", "orbicularis03.L"} <= bones:
        return "MPFB"
    shapes = sum(rule.kind == SHAPE for rule in arkit_rules(thing))
    if shapes >= 20:
        return "ARKIT"
    visemes = sum(rule.kind == SHAPE for rule in viseme_rules(thing))
    return "VISEMES" if visemes >= 4 and visemes > shapes / 2 else "MATCH"


def rules_for(preset: str, thing: bpy.types.Object) -> list[Rule]:
    """The preset's rules for this rig; those of `own_rules` only on a head of ours."""
    if preset == "OWN" and not targets.is_own_head(thing):
        return []
    return PRESETS[preset][2](thing)
