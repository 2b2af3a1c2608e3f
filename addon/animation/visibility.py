"""Reasons why a baked take may not be visible on its target, as sentences, and a count of the curves that move."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import bpy
import numpy as np

from .. import compat
from ..rig import targets
from ..rig.objects import Animated
from ..steps import frame_kept
from ..words import say, say_count
from . import nla
from .nla import TakeTrack

STILL = 1e-5
"""A curve whose keys differ by no more than this doesn't move."""
_LOOKS = 7
"""Number of frames at which `look` compares the curves with the target."""


def blocks_of(thing: bpy.types.Object) -> list[Animated]:
    """The data-blocks on which a bake may have put a take."""
    return [thing, *targets.shape_keys_on(thing)]


def tracks_on(thing: bpy.types.Object, key: str) -> list[TakeTrack]:
    """The take's tracks on a target."""
    return [track for block in blocks_of(thing) for track in nla.tracks_on(block) if track.key == key]


def obstacles(thing: bpy.types.Object | None, key: str, name: str) -> list[str]:
    """Reasons why a baked take is not visible on a target. They are read from settings only, which is fast."""
    reason = targets.why_not(thing)
    if thing is None or reason:
        return [reason]
    found = tracks_on(thing, key)
    if not found:
        return [say("{name} was not baked on “{target}”: bake it", name=name, target=thing.name)]
    said: list[str] = []
    for track in found:
        said += [sentence for sentence in _obstacles(track, name) if sentence not in said]
    if all(_is_still(track.action) for track in found):
        said.append(say("Nothing moves in {name}: all its curves stay constant", name=name))
    if thing.hide_viewport or not thing.visible_get():
        said.append(say("“{target}” is hidden in the viewport", target=thing.name))
    return said


def _obstacles(found: TakeTrack, name: str) -> Iterator[str]:
    block, strip, animation = found.block, found.strip, found.animation
    if not animation.use_nla:
        yield say("“{block}” plays no NLA tracks: switch Evaluate NLA on in the NLA editor", block=block.name)
    if found.track.mute:
        yield say("{name} is not shown: choose it in the list, or switch its eye on", name=name)
    if strip.mute:
        yield say("The strip of {name} on “{block}” is muted: unmute it in the NLA editor", name=name, block=block.name)
    if strip.use_animated_influence and strip.influence == 0.0:
        yield say("The strip of {name} on “{block}” has no influence", name=name, block=block.name)
    solo = next((track for track in animation.nla_tracks if track.is_solo and track != found.track), None)
    if solo is not None:
        yield say(
            "Track “{solo}” on “{block}” is on solo and mutes all others: click its star to end the solo",
            solo=solo.name,
            block=block.name,
        )
    if hasattr(strip, "action_slot") and strip.action_slot is None:
        yield say("The strip of {name} on “{block}” has lost its Action slot: bake again", name=name, block=block.name)
    ours = nla.places_of(found.action)
    action = animation.action
    if action is not None and action != found.action and animation.action_blend_type == "REPLACE":
        covered = ours & nla.places_of(action)
        if covered and animation.action_influence > 0:
            yield say(
                "Action “{action}” also moves {covered} and hides the take there: push it down into the NLA and "
                "bake again, or set its blending to Combine",
                action=action.name,
                covered=_words(covered),
            )
    driven = ours & {(driver.data_path, driver.array_index) for driver in animation.drivers}
    if driven:
        yield say(
            "Drivers move {driven} on “{block}”, and drivers override keys: remove these drivers",
            driven=_words(driven),
            block=block.name,
        )
    muted = [curve for curve in compat.action_fcurves(found.action) if curve.mute]
    if muted:
        yield say_count(
            len(muted),
            "1 curve of {name} on “{block}” is muted in the graph editor",
            "{count} curves of {name} on “{block}” are muted in the graph editor",
            name=name,
            block=block.name,
        )


def _words(places: set[nla.Place]) -> str:
    """The first three names in F-curve paths, and the number of the others."""
    names = sorted({path.split('"')[1] if '"' in path else path for path, _ in places})
    some = ", ".join(names[:3])
    return say("{names} and {count} more", names=some, count=len(names) - 3) if len(names) > 3 else some


def _is_still(action: bpy.types.Action) -> bool:
    for curve in compat.action_fcurves(action):
        points = curve.keyframe_points
        values = np.empty(2 * len(points))
        points.foreach_get("co", values)
        if len(points) > 1 and np.ptp(values[1::2]) > STILL:
            return False
    return True


def look(scene: bpy.types.Scene, found: list[TakeTrack]) -> Generator[None, None, tuple[int, int]]:
    """Play some frames and count the curves whose property really changes; returns (changing, expected)."""
    first = min(track.strip.frame_start for track in found)
    last = max(track.strip.frame_end for track in found)
    places = [(track.block, place) for track in found for place in sorted(nla.places_of(track.action))]
    curves = {
        (track.block, (curve.data_path, curve.array_index)): curve
        for track in found
        for curve in compat.action_fcurves(track.action)
    }
    seen, wanted = [], []
    with frame_kept(scene):
        for frame in np.linspace(first, last, _LOOKS).round():
            scene.frame_set(int(frame))
            graph = bpy.context.evaluated_depsgraph_get()
            seen.append([nla.current(block.evaluated_get(graph), place) for block, place in places])
            wanted.append([curves[place].evaluate(frame - first + curves[place].range()[0]) for place in places])
            yield None
    should = np.ptp(np.array(wanted, float), axis=0) > STILL
    does = np.ptp(np.array(seen, float), axis=0) > STILL
    return int((should & does).sum()), int(should.sum())
