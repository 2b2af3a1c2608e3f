"""Bake: a take's motion as keys on a target, in Actions of the take's own, where the speech is on the timeline.

On each data-block that the mapping reaches (the armature, the shape keys of its meshes) a take has one Action on one
NLA track. Takes of one speech lie on top of each other there and one plays at a time; whatever else is animated on
the rig stays and is added to. A bake again replaces only curves that it made itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from ...core.errors import BadInputError
from .. import compat
from ..rig import targets
from ..rig.mapping import Rule
from ..rig.motion import TakeMotion
from ..rig.targets import Channel
from ..sequencer.timing import Timing
from ..words import say
from . import nla, styles
from .keys import replace_keys, thinning

METRES = 0.1
"""A curve that moves something may be off by this many times the tolerance: the head's movements are that small."""


@dataclass(frozen=True)
class Baked:
    """What a bake left: scene frames first to last, F-curves, keys, and the largest thinning error of a curve."""

    first: int
    last: int
    curves: int
    keys: int
    error: float


def tolerance_of(channel: Channel, tolerance: float) -> float:
    """How far a thinned curve may be off: weights and radians by the tolerance, locations by a tenth of it."""
    return tolerance * METRES if channel.path.endswith("].location") else tolerance


def kept_keys(frames: np.ndarray, channel: Channel, tolerance: float) -> Generator[None, None, np.ndarray]:
    """Indices of the frames at which a curve gets keys; in small steps."""
    return thinning(frames, channel.values, tolerance_of(channel, tolerance))


def frames_of(motion: TakeMotion, timing: Timing) -> np.ndarray:
    """(n,) scene frames that a take fills."""
    first = timing.first_frame()
    return np.arange(first, first + timing.scene_frames(len(motion), motion.fps), dtype=float)


def on_frames(motion: TakeMotion, timing: Timing, frames: np.ndarray) -> Generator[None, None, TakeMotion]:
    """The motion at scene frames, each taken at its own time; in small steps."""
    return motion.sampling((frames - timing.origin) / timing.rate)


def bake(
    thing: bpy.types.Object,
    rules: list[Rule],
    motion: TakeMotion,
    timing: Timing,
    key: str,
    name: str,
    tolerance: float = 0.0,
    about: dict[str, Any] | None = None,
) -> Generator[None, None, Baked]:
    """Key ``motion`` on ``thing`` in small steps; returns what was baked.

    Parameters
    ----------
    thing, rules
        The target and its mapping.
    timing
        Where the take is on the timeline; scene frame k gets the motion of its own moment.
    key, name
        The take's key, and what its tracks are called.
    tolerance
        Largest error of thinned curves (`tolerance_of`); 0: a key on each scene frame.
    about
        Facts about the take that go into its Actions, so that a list of takes can be made from a rig alone.

    Raises BadInputError where the target can't be keyed or nothing of the mapping is there.
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
            say("Nothing of the mapping is on “{target}”.", target=thing.name),
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
        before = nla.values_before(block, action, [(channel.path, channel.index) for channel in channels])
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
        for place in old - set(owned):  # the mapping has changed since
            if place in known:
                curves.remove(known[place])
        # The last scene frame lasts until the next: between scene rates a take frame may fall in there.
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
    plan: list[tuple[bpy.types.ID, list[Channel]]], frames: np.ndarray, tolerance: float
) -> Generator[None, None, tuple[list[np.ndarray], float]]:
    """The keys that each curve of a plan gets, in its order, and the largest error of one; in small steps.

    All of them before the first is written: from then on Blender draws its editors anew after each turn.
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
