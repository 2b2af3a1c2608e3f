"""Presets: mappings for common kinds of rigs, made for one rig from its names and sizes."""

from __future__ import annotations

import re
from collections.abc import Callable

import bpy

from . import dialects, eyeballs, fuzzy, names, targets, visemes
from .arkit import SHAPE_NAMES
from .full_turns import GAZE_SIDEWAYS, GAZE_UP_DOWN, JAW_OPEN, JAW_SIDEWAYS
from .mapping import HALF_TURN_AXES, LOCATION, PROPERTY, ROTATION, SHAPE, Rule, terms
from .objects import pose_bones
from .rigify import rigify_rules

CENTIMETRE = 0.01
"""Metres, which are the units of our own head."""
_DIGITS = re.compile(r"[0-9]+")
_CENTRE = {"x", "m", "c", "mid", "center", "centre"}
_KINDS = {"jnt", "joint", "jt", "bind", "skin", "sk", "ctl", "con", "fk", "anim", "valve", "biped", "bip"}
"""Words in the names of bones that say where they are, or what for: Auto-Rig Pro's ``c_head.x``, ``Head_jnt_M``."""
_BONES: dict[str, tuple[str, ...]] = {
    "neck": ("neck", "neck twist", "neck lower", "neck base", "首"),
    "head": ("head", "頭"),
    "jaw": ("jaw", "jawbone", "jaw root", "jaw lower", "lowerjaw", "mandible", "顎", "あご"),
    "left eye": ("eye left", "eyeball left", "face eye left", "左目", "目左", "目l"),
    "right eye": ("eye right", "eyeball right", "face eye right", "右目", "目右", "目r"),
}
"""Words of the names of bones, the most usual first: Rigify, Mixamo, MPFB, VRM (``neck``, ``eye left``), Auto-Rig Pro
(``jawbone``), Character Creator (``NeckTwist01``, ``JawRoot``), DAZ (``neckLower``, ``lowerJaw``), MMD (``首``)."""
_CONTROLS = ("c_", "ctrl_", "ctl_")


def own_rules(thing: bpy.types.Object) -> list[Rule]:
    """A head made by Soliloquy: exact head motion on neck and head, eyes, jaw, and the properties.

    Heads of earlier versions have no properties for the tongue.
    """
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
    return rules + [Rule(name, PROPERTY, name) for name in SHAPE_NAMES if thing.get(name) is not None]


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
    bones = [b.name for b in pose_bones(thing) if not b.name.startswith(("ORG-", "MCH-", "VIS", "WGT"))]
    plain = {bone: bone for bone in bones}
    found = {what: _bone(plain, likes) for what, likes in _BONES.items()}
    if not all(found.values()):
        bare = names.without_shared(bones)
        found = {what: bone or _bone(bare, _BONES[what]) for what, bone in found.items()}
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


def _bone(spelled: dict[str, str], likes: tuple[str, ...]) -> str:
    """The bone whose name is made only of the words of one of ``likes``, numbers, and words without meaning.

    ``spelled`` are the names to compare, by bone. Of several bones it is a control, else the one with the shortest
    name. Empty: there is none.
    """
    for like in likes:
        wanted = sorted(like.split())
        fitting = [
            bone
            for bone, name in spelled.items()
            if _meaning(name) == wanted or _DIGITS.sub("", names.letters(name)) == like
        ]
        if fitting:
            return min(
                fitting,
                key=lambda bone: (bone.startswith("DEF-"), not bone.lower().startswith(_CONTROLS), len(bone), bone),
            )
    return ""


def _meaning(name: str) -> list[str]:
    """The words of a bone's name that say which part of the body it is, sorted."""
    return sorted(word for word in fuzzy.words(name) if not word.isdigit() and word not in _CENTRE | _KINDS)


def free_shapes(thing: bpy.types.Object) -> list[str]:
    """Names of the shape keys that can be keyed: not the basis, and not driven."""
    return list(dict.fromkeys(name for keys in targets.shape_keys_on(thing) for name in _free_in(keys)))


def _free_in(keys: bpy.types.Key) -> list[str]:
    driven = {driver.data_path for driver in keys.animation_data.drivers} if keys.animation_data else set()
    return [
        block.name
        for block in keys.key_blocks
        if block != keys.reference_key and targets.shape_path(block.name) not in driven
    ]


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
    """Expression shapes in the rig's own names and spelling, and its head, jaw and eye bones."""
    rules = _expressions([_free_in(keys) for keys in targets.shape_keys_on(thing)])
    return rules + _bones_next_to(thing, rules)


def _expressions(meshes: list[list[str]]) -> list[Rule]:
    """Rules for the shapes of each mesh with names of a known scheme (`dialects`), then for names similar to ARKit's.

    Each mesh is read by itself, because its names may have a prefix of their own. A name that several meshes have means
    what it means in the mesh with most shapes.
    """
    meanings: dict[str, str] = {}
    for shapes in sorted(meshes, key=len, reverse=True):
        known = dialects.sums(shapes)
        for shape in shapes:
            meanings.setdefault(shape, known.get(shape, ""))
    found = {shape: total for shape, total in meanings.items() if total}
    served = dialects.channels(found.values())
    wanted = {name: total for name, total in dialects.ARKIT.items() if not served & set(terms(total))}
    bare = {name: shape for shape, name in names.without_shared(s for s in meanings if s not in found).items()}
    similar = fuzzy.pairs(wanted, bare)
    sided = {name for name in similar if wanted[name] == name}
    rules = [Rule(total, SHAPE, shape) for shape, total in found.items()]
    return rules + [
        Rule(wanted[name], SHAPE, bare[shape])
        for name, shape in similar.items()
        if name in sided or not {f"{name}Left", f"{name}Right"} & sided
    ]


def _bones_next_to(thing: bpy.types.Object, shapes: list[Rule]) -> list[Rule]:
    """The rules of `bone_rules` that don't repeat the shapes' motion: opening the mouth, turning the eyes."""
    bones = bone_rules(thing)
    opening = [rule.name for rule in shapes if terms(rule.source).get("jawOpen", 0.0) > 0]
    jaws = [rule.name for rule in bones if rule.source.startswith("jaw")]
    if opening and jaws and eyeballs.opened_by_shapes(thing, jaws[0], opening):
        bones = [rule for rule in bones if rule.name not in jaws]
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
    used = dialects.channels(rule.source for rule in rules if rule.kind == SHAPE) | {rule.source for rule in rules}
    properties = {name: bone for bone, name in free_properties(thing)}
    known = {name: total for name, total in dialects.sums(properties).items() if not used & set(terms(total))}
    rules += [Rule(total, PROPERTY, name, bone=properties[name]) for name, total in known.items()]
    used |= dialects.channels(known.values())
    rest = [name for name in SHAPE_NAMES if name not in used]
    for source, name in fuzzy.pairs(rest, [name for name in properties if name not in known]).items():
        rules.append(Rule(source, PROPERTY, name, bone=properties[name]))
    served = {channel for rule in rules if rule.kind != ROTATION for channel in terms(rule.source)}
    spoken = [rule for rule in viseme_rules(thing) if rule.kind == SHAPE]
    return rules + [rule for rule in spoken if not served & set(terms(rule.source))]


PRESETS: dict[str, tuple[str, str, Callable[[bpy.types.Object], list[Rule]]]] = {
    "OWN": ("Soliloquy Head", "The head that Add Head makes", own_rules),
    "ARKIT": (
        "ARKit Shapes",
        "Expression shapes of ARKit, Character Creator, MetaHuman, DAZ and others, in any spelling",
        arkit_rules,
    ),
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
