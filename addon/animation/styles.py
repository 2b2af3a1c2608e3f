"""Style of a take, live: how far each group of channels moves, the way in and out, and where the eyes look.

Nothing is sampled or keyed anew. A group's amount is an Envelope modifier on its curves, about the rest pose, so keys
and edits stay as they are; the way in and out is the NLA strip's blending; the look is a constraint on the eye bones,
or on the control that they follow. Render from Curves reads what all of that makes of the take.
"""

from __future__ import annotations

import bpy
import numpy as np

from ...core.motion.channels import GROUPS
from .. import compat
from ..rig import mapping, targets
from ..rig.arkit import arkit_name
from ..rig.mapping import LOCATION, ROTATION, Rule
from . import nla

LIVELY = ("head", "brows", "gaze", "cheeks", "nose")
"""Groups that the calm–lively slider moves; lips and blinks stay as the speech and the eyes need them."""
MODIFIER = "Soliloquy amount"
LOOK = "Soliloquy look"
_GROUP_OF = {arkit_name(channel): group for group, channels in GROUPS.items() for channel in channels}
_LEAST = 1e-6
"""An amount of nothing: the range can't be infinite."""
_FORWARD_AXES = ("X", "Y", "Z")


def group_of(rule: Rule) -> str:
    """Channel group that moves a rule's destination most."""
    terms = mapping.terms(rule.source)
    strongest = max(terms, key=lambda name: abs(terms[name]))
    return _GROUP_OF.get(strongest, "head")  # half turns and shifts are the head's


def amounts(style: bpy.types.PropertyGroup) -> dict[str, float]:
    """Factor of each channel group, the calm–lively slider included."""
    return {group: getattr(style, group) * (style.liveliness if group in LIVELY else 1.0) for group in GROUPS}


def apply(take: bpy.types.PropertyGroup, rate: float) -> None:
    """Let the take's tracks show its style; ``rate`` is the scene's frames a second."""
    wanted = amounts(take.style)
    for found in (track for track in nla.tracks_of(take.key) if track.own):
        facts = nla.facts_of(found.action)
        roles = {
            tuple(place): (role, neutral)
            for place, role, neutral in zip(facts["curves"], facts["roles"], facts["neutral"], strict=True)
        }
        for curve in compat.action_fcurves(found.action):
            role = roles.get((curve.data_path, curve.array_index))
            if role is not None:
                _set_amount(curve, wanted[role[0]], role[1])
        strip = found.strip
        strip.use_auto_blend = False
        strip.blend_in, strip.blend_out = take.style.way_in * rate, take.style.way_out * rate
        found.block.update_tag()


def _set_amount(curve: bpy.types.FCurve, amount: float, neutral: float) -> None:
    modifier = next((m for m in curve.modifiers if m.type == "ENVELOPE" and m.name == MODIFIER), None)
    if amount == 1.0:
        if modifier is not None:
            curve.modifiers.remove(modifier)
        return
    if modifier is None:
        modifier = curve.modifiers.new("ENVELOPE")
        modifier.name = MODIFIER
        modifier.control_points.add(0.0)  # from -1 to 1, for all time; see `compat` why it stays so
    # The modifier carries (lower, lower + 2 / amount) over to (-1, 1): v becomes neutral + amount (v - neutral).
    amount = max(amount, _LEAST)
    lower = neutral - (neutral + 1.0) / amount
    modifier.default_min, modifier.default_max = lower, lower + 2.0 / amount


def eye_bones(thing: bpy.types.Object, rules: list[Rule]) -> dict[bpy.types.PoseBone, str]:
    """Bones that the mapping moves with the gaze, and how: turned (eyes) or shifted (a control that eyes follow)."""
    kinds = {rule.name: rule.kind for rule in rules if rule.kind in (LOCATION, ROTATION) and group_of(rule) == "gaze"}
    return {bone: kinds[bone.name] for bone in (thing.pose.bones if thing.pose else ()) if bone.name in kinds}


def look_at(target: bpy.types.PropertyGroup) -> int:
    """Point the target's eyes at the object that it is to look at, or free them; says how many bones that are."""
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
        if kind == ROTATION:
            forward = targets.bone_basis(thing, bone.bone)[2]  # how much of each of its axes points out of the face
            axis = int(np.argmax(np.abs(forward)))
            constraint.track_axis = f"TRACK_{'NEGATIVE_' if forward[axis] < 0 else ''}{_FORWARD_AXES[axis]}"
        constraint.target, constraint.influence = target.look_at, target.look_influence
    return len(eyes)
