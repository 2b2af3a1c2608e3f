"""The targets of baking, each with its own mapping. The scene stores them, so that targets can be linked rigs."""

from __future__ import annotations

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from ...core.errors import BadInputError
from ..rig import mapping
from ..rig.mapping import LARGEST, Rule
from ..rig.objects import shape_keys_of
from ..rig.presets import guess, rules_for
from .changes import Change


def _suggest_sources(_self: object, _context: bpy.types.Context, typed: str) -> list[str]:
    """Channel names that complete the last word; the words before it stay."""
    before, _, last = typed.rpartition(" ")
    return [f"{before} {name}".strip() for name in mapping.SOURCES if last.lower() in name.lower()]


def _check_source(rule: SoliloquyRule, _context: bpy.types.Context) -> None:
    try:
        mapping.terms(rule.source)
        problem = ""
    except BadInputError as error:
        problem = str(error)
    if rule.problem != problem:
        rule.problem = problem


class SoliloquyRule(bpy.types.PropertyGroup):
    """One line of a mapping (see `rig.mapping.Rule`)."""

    use: BoolProperty(name="Use", description="Bake this line", default=True)
    source: StringProperty(
        name="Channel",
        description="A channel of the take, or a sum: 0.5 headPitch, jawOpen - 0.6 mouthClose",
        search=_suggest_sources,
        search_options={"SUGGESTION"},
        update=_check_source,
    )
    problem: StringProperty(name="Problem")
    kind: EnumProperty(
        name="Moves",
        items=(
            ("SHAPE", "Shape Key", "A shape key of the target's meshes", "SHAPEKEY_DATA", 0),
            ("PROPERTY", "Property", "A custom property of the object or of a bone", "PROPERTIES", 1),
            ("LOCATION", "Bone Location", "Along an axis of a bone, in the rig's units", "EMPTY_ARROWS", 2),
            ("ROTATION", "Bone Rotation", "About an axis of a bone, in radians at weight 1", "CON_ROTLIKE", 3),
            ("SCALE", "Bone Scale", "Change of scale along an axis of a bone", "CON_SIZELIKE", 4),
        ),
    )
    destination: StringProperty(name="Name", description="Shape key, property or bone")
    bone: StringProperty(name="Bone", description="Bone that has the property; if empty, the object has it")
    axis: EnumProperty(
        name="Axis",
        items=(
            ("X", "X", "The bone's own X"),
            ("Y", "Y", "The bone's own Y, along the bone"),
            ("Z", "Z", "The bone's own Z"),
            ("LEFT", "Left", "To the person's left; positive rotations about it nod down"),
            ("UP", "Up", "Up; positive rotations about it turn to the person's left"),
            ("FORWARD", "Forward", "Out of the face; positive rotations about it tilt to the person's right"),
        ),
    )
    multiplier: FloatProperty(
        name="Multiplier", description="Factor for the channel", default=1.0, precision=3, min=-LARGEST, max=LARGEST
    )
    offset: FloatProperty(
        name="Offset", description="Added to the result", default=0.0, precision=3, min=-LARGEST, max=LARGEST
    )

    def rule(self) -> Rule:
        """The line as a `Rule`."""
        return Rule(self.source, self.kind, self.destination, self.axis, self.multiplier, self.offset, self.bone)

    def fill(self, rule: Rule) -> None:
        """Set the line from a rule."""
        self.kind, self.axis, self.bone, self.destination = rule.kind, rule.axis, rule.bone, rule.name
        self.multiplier, self.offset, self.source = rule.multiplier, rule.offset, rule.source


def _is_target(_self: object, candidate: bpy.types.Object) -> bool:
    return candidate.type == "ARMATURE" or shape_keys_of(candidate) is not None


def _guess_mapping(target: SoliloquyTarget, _context: bpy.types.Context) -> None:
    """Give a newly picked object the preset that fits it best."""
    if target.thing is not None and not len(target.rules):
        target.preset = guess(target.thing)
        target.set_rules(rules_for(target.preset, target.thing))


LOOK_CHANGED: Change[SoliloquyTarget] = Change()
"""The user changed the object that the eyes follow, or how closely they follow it."""


class SoliloquyTarget(bpy.types.PropertyGroup):
    """A rig or mesh on which takes are baked, and its mapping."""

    use: BoolProperty(name="Bake", description="Bake takes on this target", default=True)
    thing: PointerProperty(
        name="Target",
        type=bpy.types.Object,
        poll=_is_target,
        description="Armature, or mesh with shape keys",
        update=_guess_mapping,
    )
    preset: StringProperty(name="Mapping", description="Preset or file that the mapping was made from")
    character: StringProperty(
        name="Character",
        description="Character that this target belongs to: only its takes are baked on it; if empty, all takes are",
    )
    look_at: PointerProperty(
        name="Look At",
        type=bpy.types.Object,
        description="Object that the eyes follow, for example the camera",
        update=LOOK_CHANGED.update,
    )
    look_influence: FloatProperty(
        name="Influence",
        description="How much of the gaze follows that object; the rest comes from the take",
        default=0.8,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
        update=LOOK_CHANGED.update,
    )
    rules: CollectionProperty(type=SoliloquyRule)
    active_rule: IntProperty(name="Active Line")

    def wanted_rules(self) -> list[Rule]:
        """The mapping's lines that are in use and valid."""
        return [rule.rule() for rule in self.rules if rule.use and rule.source and not rule.problem]

    def set_rules(self, rules: list[Rule]) -> None:
        """Replace the mapping."""
        self.rules.clear()
        for rule in rules:
            self.rules.add().fill(rule)
        self.active_rule = 0


CLASSES = (SoliloquyRule, SoliloquyTarget)
