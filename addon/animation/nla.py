"""A take on a data-block: an Action of its own, on an NLA track of its own, beside whatever else is animated there.

Everything here finds its own by the take's key, which the Action carries; names are for people and may be changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import bpy

from ...core.errors import BadInputError
from .. import compat
from ..words import say

KEY = "soliloquy_take"
"""Custom property of an Action: the key of the take it belongs to."""
FACTS = "soliloquy_facts"
"""Custom property of an Action: what was baked, as JSON (see `facts_of`)."""


Place = tuple[str, int]
"""An F-curve's path and index."""


@dataclass(frozen=True)
class TakeTrack:
    """A take's track on one data-block."""

    block: bpy.types.ID
    track: bpy.types.NlaTrack
    strip: bpy.types.NlaStrip

    @property
    def action(self) -> bpy.types.Action:
        """The take's Action."""
        return self.strip.action

    @property
    def key(self) -> str:
        """Key of the take."""
        return str(self.action[KEY])

    @property
    def own(self) -> bool:
        """Whether the Action is this file's own; what is changed in another file's is gone when this one is opened."""
        return self.action.library is None


def tracks_on(block: bpy.types.ID | None) -> Iterator[TakeTrack]:
    """All takes' tracks on a data-block; not those of an override's library where this file has the take too."""
    found = list(_all_tracks_on(block))
    own = {track.key for track in found if track.own}
    yield from (track for track in found if track.own or track.key not in own)


def _all_tracks_on(block: bpy.types.ID | None) -> Iterator[TakeTrack]:
    animation = getattr(block, "animation_data", None)
    for track in animation.nla_tracks if animation else ():
        for strip in track.strips:
            if strip.action is not None and KEY in strip.action:
                yield TakeTrack(block, track, strip)


def blocks() -> Iterator[bpy.types.ID]:
    """Every data-block of the file that may carry takes."""
    yield from (thing for thing in bpy.data.objects if thing.animation_data)
    yield from (keys for keys in bpy.data.shape_keys if keys.animation_data)


def tracks_of(key: str) -> list[TakeTrack]:
    """A take's tracks, wherever in the file they are."""
    return [found for block in blocks() for found in tracks_on(block) if found.key == key]


def facts_of(action: bpy.types.Action) -> dict[str, Any]:
    """What a bake noted in the Action: take, rules, timing, tolerance, owned curves; empty where it is unreadable."""
    try:
        facts = json.loads(action.get(FACTS, ""))
    except (ValueError, TypeError):
        return {}
    return facts if isinstance(facts, dict) else {}


def set_facts(action: bpy.types.Action, facts: dict[str, Any]) -> None:
    """Note what was baked."""
    action[FACTS] = json.dumps(facts, ensure_ascii=False)


def leave_tweak_mode(block: bpy.types.ID) -> None:
    """Strips can't be changed while the animator edits one of them in place."""
    if block.animation_data and block.animation_data.use_tweak_mode:
        block.animation_data.use_tweak_mode = False


def action_for(block: bpy.types.ID, key: str, name: str) -> bpy.types.Action:
    """The take's own Action on a data-block; a new one has no track yet (`fit` makes it)."""
    leave_tweak_mode(block)
    found = next((track.action for track in tracks_on(block) if track.key == key and track.own), None)
    if found is None:
        found = bpy.data.actions.new(f"{block.name} {name}")
        found[KEY] = key
    return found


def fit(block: bpy.types.ID, action: bpy.types.Action, name: str, first: float, last: float) -> TakeTrack:
    """Put the Action on its track, from scene frame ``first`` to ``last``.

    A new track lies above the others (Blender's Python can't put it below) and replaces them, or adds to them where
    one of them moves the same things, so that nothing that was animated before is lost. A strip that the animator
    moved stays as far away from its place as it was; one that they scaled or trimmed is left alone.
    """
    tracks = block.animation_data_create().nla_tracks
    found = next((track for track in tracks_on(block) if track.action == action), None)
    offset = 0.0
    if found is None:
        track = tracks.new(prev=None)
        track.name = name
        strip = track.strips.new(name, int(first), action)
        compat.nla_action_slot(strip, action, block)
        strip.extrapolation = "NOTHING"  # so that takes of other sentences are free before and after
        if places_of(action) & foreign_places(block):
            strip.blend_type = "COMBINE"
        found = TakeTrack(block, track, strip)
        for other in _all_tracks_on(block):  # an override has it from its library: this one replaces that
            if other.key == found.key and not other.own:
                other.track.mute = True
    else:
        strip, facts = found.strip, facts_of(action)
        keyed = strip.action_frame_start, strip.action_frame_end
        if strip.scale != 1.0 or strip.repeat != 1.0 or keyed != tuple(facts.get("range", keyed)):
            return found
        offset = strip.frame_start - strip.action_frame_start - facts.get("placed", 0.0)
    # Neither range can be empty on the way, so ends that lie beyond go first.
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
    """Mute what overrides have from their libraries as the list says, by key; not every override keeps that itself."""
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
    """Note further facts in the take's Actions."""
    for found in tracks_of(key):
        if found.own:
            set_facts(found.action, facts_of(found.action) | facts)


def copy(key: str, new_key: str, name: str) -> int:
    """Duplicate a take's tracks under a new key, edits and all; says how many there were."""
    found = tracks_of(key)
    for old in found:
        leave_tweak_mode(old.block)
        action = old.action.copy()
        action.name = f"{old.block.name} {name}"
        action[KEY] = new_key
        track = old.block.animation_data.nla_tracks.new(prev=old.track)
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
    """What an Action moves."""
    return {(curve.data_path, curve.array_index) for curve in compat.action_fcurves(action)}


def foreign_places(block: bpy.types.ID) -> set[Place]:
    """What tracks that are no takes move on a data-block."""
    actions = [strip.action for track in block.animation_data.nla_tracks for strip in track.strips]
    return set().union(*(places_of(action) for action in actions if action is not None and KEY not in action))


def current(block: bpy.types.ID, place: Place) -> float | None:
    """The value of an F-curve's property now."""
    try:
        value = block.path_resolve(place[0])
    except ValueError:
        return None
    return float(value[place[1]]) if hasattr(value, "__len__") else float(value)


def values_before(block: bpy.types.ID, action: bpy.types.Action, places: list[Place]) -> dict[Place, float | None]:
    """What each property was before any take was baked on it, to be put back by `remove`."""
    noted: dict[Place, float | None] = {}
    for found in tracks_on(block):
        facts = facts_of(found.action)
        noted |= {tuple(p): v for p, v in zip(facts.get("curves", ()), facts.get("before", ()), strict=False)}
    return {place: noted[place] if place in noted else current(block, place) for place in places}


def _restore(block: bpy.types.ID, before: dict[Place, float | None]) -> None:
    """Put properties back that nothing animates any more."""
    animation = block.animation_data
    actions = [strip.action for track in animation.nla_tracks for strip in track.strips] + [animation.action]
    busy = set().union(*(places_of(action) for action in actions if action))
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
    """Take away exactly what a bake made: its curves, and track and Action when nothing else is in them.

    What an override has from its library can only be kept silent.
    """
    if not found.own:
        found.track.mute = True
        return
    facts = facts_of(found.action)
    before = {tuple(p): v for p, v in zip(facts.get("curves", ()), facts.get("before", ()), strict=False)}
    block = found.block
    _remove(found)
    _restore(block, before)


def _remove(found: TakeTrack) -> None:
    leave_tweak_mode(found.block)
    action, tracks = found.action, found.block.animation_data.nla_tracks
    owned = {tuple(place) for place in facts_of(action).get("curves", ())}
    curves = compat.action_curves(action, found.block)[0]
    for curve in [curve for curve in curves if (curve.data_path, curve.array_index) in owned]:
        curves.remove(curve)
    if len(curves):  # the animator added curves of their own to this Action: those stay, as theirs
        del action[KEY]
        action.pop(FACTS, None)
        return
    found.track.strips.remove(found.strip)
    if not len(found.track.strips):
        tracks.remove(found.track)
    if not action.users:
        bpy.data.actions.remove(action)


def move(key: str, frames: float) -> None:
    """Shift the take's strips along the timeline, because its sound was moved."""
    for found in (track for track in tracks_of(key) if track.own and frames):
        leave_tweak_mode(found.block)
        found.strip.frame_start_ui = found.strip.frame_start + frames
        facts = facts_of(found.action)
        set_facts(found.action, facts | {"placed": facts.get("placed", 0.0) + frames})


def is_editing(key: str) -> bool:
    """Whether the animator has the take's curves open."""
    return any(
        found.block.animation_data.use_tweak_mode and found.block.animation_data.action == found.action
        for found in tracks_of(key)
    )


def why_not_editable(key: str) -> str:
    """Why the take's curves can't be opened, for a tooltip; empty when they can."""
    found = tracks_of(key)
    if not found:
        return say("The take is on no target yet. Bake it first")
    return "" if any(track.own for track in found) else say("The take's curves are another file's. Bake it here first")


def toggle_editing(key: str) -> bool:
    """Open the take's Actions in tweak mode, or close them; says which. Raises BadInputError without a bake."""
    found = [track for track in tracks_of(key) if track.own]
    if not found:
        raise BadInputError("not_baked", f"{why_not_editable(key)}.")
    if is_editing(key):
        for one in found:
            leave_tweak_mode(one.block)
        return False
    for one in found:
        leave_tweak_mode(one.block)
        animation = one.block.animation_data
        for track in animation.nla_tracks:
            for strip in track.strips:
                strip.select = strip == one.strip
        animation.nla_tracks.active = one.track
        animation.use_tweak_mode = True
    return True
