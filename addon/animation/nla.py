"""A take on a data-block: its own Action on its own NLA track, next to the other animation there.

The functions here find a take's data by its key, which the Action carries. Names are for people, who may change them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import bpy

from ...core.errors import BadInputError
from .. import compat
from ..rig.objects import Animated
from ..words import say
from .facts import FACTS, facts_of, set_facts

KEY = "soliloquy_take"
"""Custom property of an Action: the key of its take."""

Place = tuple[str, int]
"""An F-curve's path and index."""


@dataclass(frozen=True)
class TakeTrack:
    """A take's track on one data-block."""

    block: Animated
    track: bpy.types.NlaTrack
    strip: bpy.types.NlaStrip
    action: bpy.types.Action

    @property
    def animation(self) -> bpy.types.AnimData:
        """The data-block's animation data, which holds the track."""
        animation = self.block.animation_data
        assert animation is not None
        return animation

    @property
    def key(self) -> str:
        """Key of the take."""
        return str(self.action[KEY])

    @property
    def own(self) -> bool:
        """Whether the Action belongs to this file. Changes to another file's Action are lost on closing this file."""
        return self.action.library is None


def tracks_on(block: Animated | None) -> Iterator[TakeTrack]:
    """All takes' tracks on a data-block.

    An override has tracks from its library too. They are left out if this file has its own track of the same take.
    """
    found = list(_all_tracks_on(block))
    own = {track.key for track in found if track.own}
    yield from (track for track in found if track.own or track.key not in own)


def _all_tracks_on(block: Animated | None) -> Iterator[TakeTrack]:
    if block is None or block.animation_data is None:
        return
    for track in block.animation_data.nla_tracks:
        for strip in track.strips:
            if strip.action is not None and strip.action.get(KEY) is not None:
                yield TakeTrack(block, track, strip, strip.action)


def blocks() -> Iterator[Animated]:
    """Every data-block of the file that may have takes."""
    yield from (thing for thing in bpy.data.objects if thing.animation_data)
    yield from (keys for keys in bpy.data.shape_keys if keys.animation_data)


def tracks_of(key: str) -> list[TakeTrack]:
    """All tracks of a take in the file."""
    return [found for block in blocks() for found in tracks_on(block) if found.key == key]


def leave_tweak_mode(block: Animated) -> None:
    """End the editing of a strip in place: during it strips can't be changed."""
    if block.animation_data and block.animation_data.use_tweak_mode:
        block.animation_data.use_tweak_mode = False


def action_for(block: Animated, key: str, name: str) -> bpy.types.Action:
    """The take's own Action on a data-block. It is made if there is none; `fit` then makes its track."""
    leave_tweak_mode(block)
    found = next((track.action for track in tracks_on(block) if track.key == key and track.own), None)
    if found is None:
        found = bpy.data.actions.new(f"{block.name} {name}")
        found[KEY] = key
    return found


def fit(block: Animated, action: bpy.types.Action, name: str, first: float, last: float) -> TakeTrack:
    """Put the Action on its track, from scene frame ``first`` to ``last``.

    A new track lies above the others, because Blender's Python can't put it below. It replaces them, or adds to them if
    one of them moves the same properties, so that no earlier animation is lost. A strip that the animator moved keeps
    its distance from its place. A strip that they scaled or trimmed is not changed.
    """
    tracks = block.animation_data_create().nla_tracks
    found = next((track for track in tracks_on(block) if track.action == action), None)
    offset = 0.0
    if found is None:
        track = tracks.new(prev=None)
        track.name = name
        strip = track.strips.new(name, int(first), action)
        compat.nla_action_slot(strip, action, block)
        strip.extrapolation = "NOTHING"  # before and after it, takes of other sentences play
        if places_of(action) & foreign_places(block):
            strip.blend_type = "COMBINE"
        found = TakeTrack(block, track, strip, action)
        for other in _all_tracks_on(block):  # this track replaces the one that an override has from its library
            if other.key == found.key and not other.own:
                other.track.mute = True
    else:
        strip, facts = found.strip, facts_of(action)
        keyed = strip.action_frame_start, strip.action_frame_end
        if strip.scale != 1.0 or strip.repeat != 1.0 or keyed != tuple(facts.get("range", keyed)):
            return found
        offset = strip.frame_start - strip.action_frame_start - facts.get("placed", 0.0)
    # No range may be empty in between, so an end that moves out is set first.
    strip.action_frame_end, strip.frame_end = max(strip.action_frame_end, last), max(strip.frame_end, last + offset)
    strip.action_frame_start, strip.action_frame_end = first, last
    strip.frame_start, strip.frame_end = first + offset, last + offset
    return found


def set_shown(key: str, shown: bool) -> None:
    """Play the take's tracks, or keep them silent."""
    for found in tracks_of(key):
        if found.track.mute == shown:
            found.track.mute = not shown


def settle(shown: dict[str, bool]) -> None:
    """Mute the tracks that overrides have from their libraries; ``shown`` says by key which takes play.

    Not every override stores this itself.
    """
    for block in (block for block in blocks() if block.library is None):
        found = list(_all_tracks_on(block))
        own = {track.key for track in found if track.own}
        for track in found:
            if not track.own and track.key in shown:
                track.track.mute = track.key in own or not shown[track.key]


def rename(key: str, name: str) -> None:
    """Give the take's tracks and strips its new name."""
    for found in tracks_of(key):
        if found.own:
            found.track.name = found.strip.name = name


def annotate(key: str, **facts: Any) -> None:
    """Store further facts in the take's Actions."""
    for found in tracks_of(key):
        if found.own:
            set_facts(found.action, facts_of(found.action) | facts)


def copy(key: str, new_key: str, name: str) -> int:
    """Duplicate a take's tracks with all edits under a new key; returns their number."""
    found = tracks_of(key)
    for old in found:
        leave_tweak_mode(old.block)
        action = old.action.copy()
        action.name = f"{old.block.name} {name}"
        action[KEY] = new_key
        track = old.animation.nla_tracks.new(prev=old.track)
        track.name = name
        strip = track.strips.new(name, int(old.strip.frame_start), action)
        compat.nla_action_slot(strip, action, old.block)
        for setting in ("action_frame_start", "action_frame_end", "scale", "repeat", "blend_type", "extrapolation"):
            setattr(strip, setting, getattr(old.strip, setting))
        strip.frame_end = max(strip.frame_end, old.strip.frame_end)
        strip.frame_start, strip.frame_end = old.strip.frame_start, old.strip.frame_end
        strip.blend_in, strip.blend_out = old.strip.blend_in, old.strip.blend_out
        track.mute = old.track.mute
    return len(found)


def places_of(action: bpy.types.Action) -> set[Place]:
    """The places that an Action moves."""
    return {(curve.data_path, curve.array_index) for curve in compat.action_fcurves(action)}


def foreign_places(block: Animated) -> set[Place]:
    """The places that NLA tracks without takes move on a data-block."""
    return _places_of_all(action for action in _nla_actions(block) if action.get(KEY) is None)


def _nla_actions(block: Animated) -> list[bpy.types.Action]:
    """The Actions on a data-block's NLA tracks."""
    tracks = block.animation_data.nla_tracks if block.animation_data else ()
    return [strip.action for track in tracks for strip in track.strips if strip.action is not None]


def _places_of_all(actions: Iterable[bpy.types.Action]) -> set[Place]:
    return {place for action in actions for place in places_of(action)}


def current(block: Animated, place: Place) -> float | None:
    """The current value of an F-curve's property. None: there is no such property."""
    try:
        value = block.path_resolve(place[0])
    except ValueError:
        return None
    return float(value[place[1]]) if hasattr(value, "__len__") else float(value)


def values_before(block: Animated, places: list[Place]) -> dict[Place, float | None]:
    """The value of each property before any take was baked on it. `remove` restores these values."""
    noted: dict[Place, float | None] = {}
    for found in tracks_on(block):
        noted |= _noted_before(found.action)
    return {place: noted[place] if place in noted else current(block, place) for place in places}


def _noted_before(action: bpy.types.Action) -> dict[Place, float | None]:
    """The values that a bake of this Action found in its properties."""
    facts = facts_of(action)
    return {
        (path, index): v for (path, index), v in zip(facts.get("curves", ()), facts.get("before", ()), strict=False)
    }


def _restore(block: Animated, before: dict[Place, float | None]) -> None:
    """Restore properties that nothing animates any more."""
    active = block.animation_data.action if block.animation_data else None
    busy = _places_of_all([*_nla_actions(block), *([active] if active else [])])
    for (path, index), value in before.items():
        if value is None or (path, index) in busy or current(block, (path, index)) is None:
            continue
        if path.endswith("]"):
            head, _, name = path.rpartition('["')
            owner = block.path_resolve(head) if head else block
            owner[bpy.utils.unescape_identifier(name.removesuffix('"]'))] = value
            continue
        head, _, prop = path.rpartition(".")
        owner = block.path_resolve(head)
        array = getattr(owner, prop)
        if hasattr(array, "__len__"):
            array[index] = value
        else:
            setattr(owner, prop, value)
    block.update_tag()


def remove(found: TakeTrack) -> None:
    """Remove exactly what a bake made: its curves, and its track and Action if they hold nothing else.

    A track that an override has from its library is only muted, because it can't be removed.
    """
    if not found.own:
        found.track.mute = True
        return
    before = _noted_before(found.action)
    block = found.block
    _remove(found)
    _restore(block, before)


def _remove(found: TakeTrack) -> None:
    leave_tweak_mode(found.block)
    action, tracks = found.action, found.animation.nla_tracks
    owned = {tuple(place) for place in facts_of(action).get("curves", ())}
    curves = compat.action_curves(action, found.block)[0]
    for curve in [curve for curve in curves if (curve.data_path, curve.array_index) in owned]:
        curves.remove(curve)
    if len(curves):  # the animator added curves to this Action: they stay, without the take's marks
        del action[KEY]
        action.pop(FACTS, None)
        return
    found.track.strips.remove(found.strip)
    if not len(found.track.strips):
        tracks.remove(found.track)
    if not action.users:
        bpy.data.actions.remove(action)


def move(key: str, frames: float) -> None:
    """Shift the take's strips along the timeline after its sound was moved."""
    for found in (track for track in tracks_of(key) if track.own and frames):
        leave_tweak_mode(found.block)
        found.strip.frame_start_ui = found.strip.frame_start + frames
        facts = facts_of(found.action)
        set_facts(found.action, facts | {"placed": facts.get("placed", 0.0) + frames})


def is_editing(key: str) -> bool:
    """Whether the animator has the take's curves open."""
    return any(found.animation.use_tweak_mode and found.animation.action == found.action for found in tracks_of(key))


def why_not_editable(key: str) -> str:
    """The reason why the take's curves can't be opened, for a tooltip. Empty: they can."""
    found = tracks_of(key)
    if not found:
        return say("The take is on no target yet. Bake it first")
    return (
        "" if any(track.own for track in found) else say("The take's curves belong to another file. Bake it here first")
    )


def toggle_editing(key: str) -> bool:
    """Open the take's Actions in tweak mode, or close them; returns whether they are open now.

    Raises BadInputError ``not_baked``.
    """
    found = [track for track in tracks_of(key) if track.own]
    if not found:
        raise BadInputError("not_baked", f"{why_not_editable(key)}.")
    if is_editing(key):
        for one in found:
            leave_tweak_mode(one.block)
        return False
    for one in found:
        leave_tweak_mode(one.block)
        animation = one.animation
        for track in animation.nla_tracks:
            for strip in track.strips:
                strip.select = strip == one.strip
        animation.nla_tracks.active = one.track
        animation.use_tweak_mode = True
    return True
