"""Style of a take, live: how far each group of channels moves, how the take blends in and out, where the eyes look.

No motion is sampled or keyed again. The amount of a group is an Envelope modifier on its curves, about the rest pose.
So keys and edits stay as they are. Blending in and out is a setting of the NLA strip. The look is a constraint on the
eye bones, or on the control that they follow. Render from Curves reads the motion with all of this.
"""

from __future__ import annotations

from typing import Literal, Protocol, cast, get_args

import bpy
import numpy as np

from ...core.motion.channels import GROUPS, TONGUE, TONGUE_GROUP
from .. import compat
from ..rig import mapping, targets
from ..rig.arkit import arkit_name
from ..rig.mapping import LOCATION, ROTATION, Rule
from ..rig.objects import pose_bones
from . import nla


class TakeStyle(Protocol):
    """The style settings of a take that are used here; each channel group has an amount of its name as well."""

    liveliness: float
    way_in: float
    way_out: float


class StyledTake(Protocol):
    """A take in the scene's list."""

    key: str

    @property
    def style(self) -> TakeStyle:
        """Its style."""


class LookingTarget(Protocol):
    """A target in the scene's list."""

    thing: bpy.types.Object | None
    look_at: bpy.types.Object | None
    look_influence: float

    def wanted_rules(self) -> list[Rule]:
        """Its mapping's rules that are used."""


LIVELY = ("head", "brows", "gaze", "cheeks", "nose")
"""Groups that the calm–lively slider scales. Lips follow the speech, and blinks are needed as they are."""
MODIFIER = "Soliloquy amount"
LOOK = "Soliloquy look"
_GROUP_OF = {arkit_name(channel): group for group, channels in GROUPS.items() for channel in channels}
_GROUP_OF |= dict.fromkeys(TONGUE, TONGUE_GROUP)
_LEAST = 1e-6
"""Least amount: at 0 the modifier's range would be infinite."""
TrackAxis = Literal["TRACK_X", "TRACK_Y", "TRACK_Z", "TRACK_NEGATIVE_X", "TRACK_NEGATIVE_Y", "TRACK_NEGATIVE_Z"]
_TRACK_AXES: tuple[TrackAxis, ...] = get_args(TrackAxis)
"""A bone's axes as a Damped Track constraint names them: three forward, three backward."""


def group_of(rule: Rule) -> str:
    """The channel group with the largest factor in a rule."""
    terms = mapping.terms(rule.source)
    strongest = max(terms, key=lambda name: abs(terms[name]))
    return _GROUP_OF.get(strongest, "head")  # half turns and shifts belong to the head


def amounts(style: TakeStyle) -> dict[str, float]:
    """Factor of each channel group, including the calm–lively slider."""
    return {group: getattr(style, group) * (style.liveliness if group in LIVELY else 1.0) for group in GROUPS}


def apply(take: StyledTake, rate: float) -> None:
    """Apply the take's style to its tracks. ``rate`` is the scene's frames a second."""
    wanted = amounts(take.style)
    for found in (track for track in nla.tracks_of(take.key) if track.own):
        facts = nla.facts_of(found.action)
        places, roles, neutrals = (facts.get(name, ()) for name in ("curves", "roles", "neutral"))
        known = {tuple(place): (role, rest) for place, role, rest in zip(places, roles, neutrals, strict=False)}
        for curve in compat.action_fcurves(found.action):
            role = known.get((curve.data_path, curve.array_index))
            if role is not None and role[0] in wanted:
                _set_amount(curve, wanted[role[0]], role[1])
        strip = found.strip
        strip.use_auto_blend = False
        strip.blend_in, strip.blend_out = take.style.way_in * rate, take.style.way_out * rate
        found.block.update_tag()


def _set_amount(curve: bpy.types.FCurve, amount: float, neutral: float) -> None:
    ours = (m for m in curve.modifiers if isinstance(m, bpy.types.FModifierEnvelope) and m.name == MODIFIER)
    modifier = next(ours, None)
    if amount == 1.0:
        if modifier is not None:
            curve.modifiers.remove(modifier)
        return
    if modifier is None:
        modifier = cast("bpy.types.FModifierEnvelope", curve.modifiers.new("ENVELOPE"))
        modifier.name = MODIFIER
        modifier.control_points.add(0.0)  # from −1 to 1 at all times; see `compat` why these values stay
    # The modifier maps (lower, lower + 2 / amount) to (−1, 1): v becomes neutral + amount (v − neutral).
    amount = max(amount, _LEAST)
    lower = neutral - (neutral + 1.0) / amount
    modifier.default_min, modifier.default_max = lower, lower + 2.0 / amount


def eye_bones(thing: bpy.types.Object, rules: list[Rule]) -> dict[bpy.types.PoseBone, str]:
    """Bones that the mapping moves with the gaze, and how: turned (an eye) or shifted (a control that eyes follow)."""
    kinds = {rule.name: rule.kind for rule in rules if rule.kind in (LOCATION, ROTATION) and group_of(rule) == "gaze"}
    return {bone: kinds[bone.name] for bone in pose_bones(thing) if bone.name in kinds}


def look_at(target: LookingTarget) -> int:
    """Point the target's eyes at its ``look_at`` object, or free them if there is none; returns the number of bones."""
    thing = target.thing
    if thing is None or targets.why_not(thing):
        return 0
    eyes = eye_bones(thing, target.wanted_rules())
    for bone, kind in eyes.items():
        constraint = bone.constraints.get(LOOK)
        if target.look_at is None:
            if constraint is not None:
                bone.constraints.remove(constraint)
            continue
        if constraint is None:
            constraint = bone.constraints.new("DAMPED_TRACK" if kind == ROTATION else "COPY_LOCATION")
            constraint.name = LOOK
        assert isinstance(constraint, bpy.types.DampedTrackConstraint | bpy.types.CopyLocationConstraint)
        if isinstance(constraint, bpy.types.DampedTrackConstraint):
            forward = targets.bone_basis(thing, bone.bone)[
                2
            ]  # the share of each of its axes that points out of the face
            axis = int(np.argmax(np.abs(forward)))
            constraint.track_axis = _TRACK_AXES[axis + (3 if forward[axis] < 0 else 0)]
        constraint.target, constraint.influence = target.look_at, target.look_influence
    return len(eyes)
