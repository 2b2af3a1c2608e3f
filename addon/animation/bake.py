"""Bake: write a take's motion as keys on a target, at the speech's place on the timeline.

A take has its own Action on its own NLA track on each data-block that the mapping reaches (the armature, the shape keys
of its meshes). Takes of the same speech lie on top of each other there, and one of them plays. Other animation of the
rig stays; takes add to it. A second bake of a take replaces only the curves of the first.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from ...core.errors import BadInputError
from ...core.motion.motion import Motion
from .. import compat
from ..rig import targets
from ..rig.mapping import Rule
from ..rig.objects import Animated
from ..rig.targets import Channel
from ..sequencer.timing import Timing
from ..words import say
from . import nla, styles
from .keys import replace_keys, thinning

LOCATION_SHARE = 0.1
"""Tolerance of location curves, as a share of the tolerance of weights and radians: a head's movements are small."""


@dataclass(frozen=True)
class Baked:
    """Result of a bake: first and last scene frame, numbers of F-curves and keys, largest thinning error of a curve."""

    first: int
    last: int
    curves: int
    keys: int
    error: float


def tolerance_of(channel: Channel, tolerance: float) -> float:
    """Largest error of a thinned curve: ``tolerance`` for weights and radians, `LOCATION_SHARE` of it for locations."""
    return tolerance * LOCATION_SHARE if channel.path.endswith("].location") else tolerance


def kept_keys(frames: np.ndarray, channel: Channel, tolerance: float) -> Generator[None, None, np.ndarray]:
    """Indices of the frames at which a curve gets keys; in small steps."""
    return thinning(frames, channel.values, tolerance_of(channel, tolerance))


def frames_of(motion: Motion, timing: Timing) -> np.ndarray:
    """(n,) the scene frames of a take."""
    first = timing.first_frame()
    return np.arange(first, first + timing.scene_frames(len(motion), motion.fps), dtype=float)


def on_frames(motion: Motion, timing: Timing, frames: np.ndarray) -> Generator[None, None, Motion]:
    """The motion at scene frames (n,), each sampled at its own time; in small steps."""
    return motion.sampling((frames - timing.origin) / timing.rate, timing.rate)


def bake(
    thing: bpy.types.Object,
    rules: list[Rule],
    motion: Motion,
    timing: Timing,
    key: str,
    name: str,
    tolerance: float = 0.0,
    about: dict[str, Any] | None = None,
) -> Generator[None, None, Baked]:
    """Key ``motion`` on ``thing`` in small steps; returns the result.

    Parameters
    ----------
    thing, rules
        The target and its mapping.
    timing
        The take's place on the timeline. Each scene frame gets the motion at its own time.
    key, name
        The take's key, and the name of its tracks.
    tolerance
        Largest error of thinned curves (`tolerance_of`). 0: a key on each scene frame.
    about
        Facts about the take that are stored in its Actions, so that a list of takes can be made from only a rig.

    Raises BadInputError if the target can't be keyed, or has no destination of the mapping.
    """
    reason = targets.why_not(thing)
    if reason:
        raise BadInputError("bad_target", reason + ".", say("Choose another target."))
    frames = frames_of(motion, timing)
    sampled = yield from on_frames(motion, timing, frames)
    plan = yield from targets.channels(thing, rules, sampled)
    if not plan:
        raise BadInputError(
            "bad_target",
            say("“{target}” has none of the shapes, properties and bones of the mapping.", target=thing.name),
            say("Choose another preset or match the names."),
        )
    yield None
    facts = (about or {}) | {
        "rules": [dataclasses.asdict(rule) for rule in rules],
        "origin": timing.origin,
        "rate": timing.rate,
        "tolerance": tolerance,
    }
    thinned, error = yield from _thinned(plan, frames, tolerance)
    next_keys = iter(thinned)
    for block, channels in plan:
        action = nla.action_for(block, key, name)
        old = {tuple(place) for place in nla.facts_of(action).get("curves", ())}
        before = nla.values_before(block, [(channel.path, channel.index) for channel in channels])
        curves, groups = compat.action_curves(action, block)
        known = {(curve.data_path, curve.array_index): curve for curve in curves}
        for channel in channels:
            curve = known.get((channel.path, channel.index))
            if curve is None:
                curve = curves.new(channel.path, index=channel.index)
                curve.group = groups.get(channel.group) or groups.new(channel.group)
            kept = next(next_keys)
            replace_keys(curve, frames[kept], channel.values[kept], frames[0], frames[-1])
            yield None
        owned = list(before)
        for place in old - set(owned):  # curves of a previous bake with another mapping
            if place in known:
                curves.remove(known[place])
        # The last scene frame lasts until the next one. At some scene rates a take frame lies in between.
        found = nla.fit(block, action, name, frames[0], frames[-1] + 1)
        keyed = [found.strip.action_frame_start, found.strip.action_frame_end]
        roles = [styles.group_of(channel.rules[0]) for channel in channels]
        own = {"roles": roles, "neutral": [channel.neutral for channel in channels]}
        own |= {"block": block.name, "curves": owned, "before": list(before.values()), "range": keyed, "placed": 0.0}
        nla.set_facts(action, facts | own)
        block.update_tag()
        yield None
    count = sum(len(kept) for kept in thinned)
    return Baked(int(frames[0]), int(frames[-1]), len(thinned), count, error)


def _thinned(
    plan: list[tuple[Animated, list[Channel]]], frames: np.ndarray, tolerance: float
) -> Generator[None, None, tuple[list[np.ndarray], float]]:
    """Indices of the keys of each curve of a plan, in its order, and the largest error of a curve; in small steps.

    This is done before the first key is written: after that Blender redraws its editors at each step.
    """
    thinned, error = [], 0.0
    for channel in (channel for _, channels in plan for channel in channels):
        kept = yield from kept_keys(frames, channel, tolerance)
        yield None
        line = np.interp(frames, frames[kept], channel.values[kept])
        error = max(error, float(np.abs(line - channel.values).max()))
        thinned.append(kept)
        yield None
    return thinned, error
