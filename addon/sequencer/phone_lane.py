"""The lane of a take: one strip of the sequencer for each phone, which artists move, trim, rename, copy and delete.

The strips are muted colour strips. So they never show in a render, and a scene whose sequencer holds nothing else still
renders its 3D view. Should somebody unmute them, they are fully transparent. A strip is called as its phone. Names of
strips must differ, so further strips of a phone get spaces after the name, which nobody sees.

Each strip stores its take, the exact times of its phone, the frames that were made of them, and the take's timing at
that time (`_FACTS`). `phone_frames` makes times of them again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import bpy

from ...core.phones.documents import MAX_SECONDS
from ...core.phones.phone_set import Segment
from .. import compat
from .phone_frames import LaneStrip, frames_of, own_timing, segments_of
from .timing import Timing

MOST = 2000
"""Most phones that a lane shows. In Blender 4.2 to 5.2 they take about half a second, and twice as many take 2 s."""
EVERYTHING = (0.0, MAX_SECONDS)
"""Part of a lane, in seconds, that shows all of its take."""
_PROPERTY = "soliloquy_phone"
_FACTS = ("start", "end", "left", "right", "origin", "rate", "first", "last")
"""What a strip stores besides its take: times and frames of the phone, the take's timing, the part that is shown."""
_NUMBER = re.compile(r"\.\d{3,}$")
_SPACES = " \u00a0"
"""Two spaces that look alike; they count in binary."""


@dataclass(frozen=True)
class Kind:
    """Phones that look alike on the lips. ``colour`` is that of their strips, ``tag`` Blender's colour next to it."""

    name: str
    phones: frozenset[str]
    colour: tuple[float, float, float]
    tag: str


KINDS = (
    Kind("closed lips", frozenset({"P", "B", "M"}), (0.9, 0.25, 0.25), "COLOR_01"),
    Kind("teeth on lip", frozenset({"F", "V"}), (0.95, 0.65, 0.15), "COLOR_02"),
    Kind("rounded", frozenset({"W", "UW", "UH", "OW", "OY", "AO"}), (0.75, 0.4, 0.95), "COLOR_06"),
    Kind(
        "vowels", frozenset({"AA", "AE", "AH", "AW", "AY", "EH", "ER", "EY", "IH", "IY"}), (0.3, 0.65, 1.0), "COLOR_05"
    ),
)
"""Kinds of phones; what is in none of them is another consonant."""
_OTHERS = Kind("others", frozenset(), (0.4, 0.75, 0.5), "COLOR_04")


def kind_of(phone: str) -> Kind:
    """The kind of a phone, which may be any text."""
    return next((kind for kind in KINDS if phone in kind.phones), _OTHERS)


def name_of(strip: Any) -> str:
    """The phone's name as the artist wrote it, without what Blender or the lane added to it."""
    return _NUMBER.sub("", strip.name).strip()


def take_of(strip: Any) -> str:
    """Key of the take whose lane the strip belongs to; empty for any other strip."""
    facts = strip.get(_PROPERTY)
    return str(facts["take"]) if facts else ""


def strips_in(scene: bpy.types.Scene, key: str) -> list[Any]:
    """The strips of a take's lane, also those inside metastrips and in other channels."""
    return [strip for strip in compat.all_strips(scene) if take_of(strip) == key] if key else []


def exists(scene: bpy.types.Scene, key: str) -> bool:
    """Whether a take has a lane."""
    return bool(key) and any(take_of(strip) == key for strip in compat.all_strips(scene))


def lay_out(
    scene: bpy.types.Scene,
    key: str,
    segments: Sequence[Segment],
    timing: Timing,
    channel: int,
    part: tuple[float, float] = EVERYTHING,
) -> Iterator[None]:
    """Make a take's lane in the lowest free channel from ``channel`` on, in steps; replaces an earlier lane.

    ``part`` is the part of the take, in seconds, that the lane stands for.
    """
    remove(scene, key)
    if not segments:
        return
    placed = frames_of(segments, timing)
    channel = compat.free_channel(scene, channel, placed[0][0], placed[-1][1])
    names = _Names({strip.name for strip in compat.all_strips(scene)})
    for segment, (left, right) in zip(segments, placed, strict=True):
        strip = compat.new_colour_strip(scene, names.next(segment.phone), channel, left, right)
        strip.mute, strip.select = True, False
        strip.blend_type, strip.blend_alpha = "ALPHA_OVER", 0.0
        facts = (segment.start, segment.end, left, right, timing.origin, timing.rate, *part)
        strip[_PROPERTY] = {"take": key, **dict(zip(_FACTS, facts, strict=True))}
        _colour(strip, segment.phone)
        yield


def choose_at(scene: bpy.types.Scene, key: str, frame: int) -> None:
    """Make the phone of a take's lane at a scene frame active and the only selected strip, as a click on it does.

    In a silence nothing changes.
    """
    strips = strips_in(scene, key)
    meant = next((one for one in strips if compat.left_handle(one) <= frame < compat.right_handle(one)), None)
    if meant is not None:
        for strip in compat.selected_strips(scene):
            strip.select = False
        meant.select = True
        compat.editor_of(scene).active_strip = meant


def remove(scene: bpy.types.Scene, key: str) -> int:
    """Remove a take's lane; returns the number of its strips."""
    editor = scene.sequence_editor
    found = list(_with_owner(compat.strips_of(editor), key)) if editor and key else []
    for owner, strip in found:
        owner.remove(strip)
    return len(found)


def part_of(strips: Sequence[Any]) -> tuple[float, float]:
    """The part of the take in seconds that a lane of these strips stands for."""
    facts = strips[0][_PROPERTY]
    return float(facts["first"]), float(facts["last"])


def read(strips: Sequence[Any], timing: Timing) -> list[Segment]:
    """The phones of a lane, in order and without overlaps. Names are as `name_of` gives them.

    ``timing`` is the take's present one. If only the sound was moved since the lane was laid out, the lane is read at
    its own place.
    """
    lane = [_lane_strip(strip) for strip in strips]
    return segments_of(lane, *own_timing(lane, _laid(strips), timing))


def follow(scene: bpy.types.Scene, key: str, timing: Timing) -> Iterator[None]:
    """Move a take's lane to the take's present place and to the scene's frame rate, in steps, if it isn't there."""
    strips = strips_in(scene, key)
    if not strips:
        return
    lane = [_lane_strip(strip) for strip in strips]
    own, moved = own_timing(lane, _laid(strips), timing)
    if own != timing:
        segments, part = segments_of(lane, own, moved), part_of(strips)
        yield from lay_out(scene, key, segments, timing, min(strip.channel for strip in strips), part)


def hand_over(scene: bpy.types.Scene, key: str, to: str) -> None:
    """Make a take's lane the lane of another take, which replaces that take's own; colours follow the names."""
    strips = strips_in(scene, key)
    if strips and key != to:
        remove(scene, to)
        for strip in strips_in(scene, key):
            strip[_PROPERTY]["take"] = to
            _colour(strip, name_of(strip).upper())


def rename(scene: bpy.types.Scene, strips: Collection[Any], phone: str) -> None:
    """Give strips of a lane another phone."""
    changed = {strip.name for strip in strips}
    names = _Names({strip.name for strip in compat.all_strips(scene)} - changed)
    for strip in strips:
        strip.name = names.next(phone)
        _colour(strip, phone)


class _Names:
    """Names for new strips: the phone's, with spaces after it where a strip in ``taken`` is already called so."""

    def __init__(self, taken: set[str]) -> None:
        self._taken = taken
        self._tried: Counter[str] = Counter()

    def next(self, phone: str) -> str:
        """The name of the next strip of this phone."""
        while (name := _spaced(phone, self._tried[phone])) in self._taken:
            self._tried[phone] += 1
        self._taken.add(name)
        return name


def _spaced(phone: str, number: int) -> str:
    return phone + "".join(_SPACES[int(digit)] for digit in f"{number:b}") if number else phone


def _colour(strip: Any, phone: str) -> None:
    kind = kind_of(phone)
    strip.color, strip.color_tag = kind.colour, kind.tag


def _lane_strip(strip: Any) -> LaneStrip:
    facts = strip[_PROPERTY]
    return LaneStrip(
        phone=name_of(strip),
        left=compat.left_handle(strip),
        right=compat.right_handle(strip),
        own_left=int(facts["left"]),
        own_right=int(facts["right"]),
        start=float(facts["start"]),
        end=float(facts["end"]),
    )


def _laid(strips: Sequence[Any]) -> Timing:
    """The take's timing when the lane was laid out."""
    facts = strips[0][_PROPERTY]
    return Timing(float(facts["origin"]), float(facts["rate"]))


def _with_owner(owner: Any, key: str) -> Iterator[tuple[Any, Any]]:
    """Strips of a lane with the collection that each is in: the sequencer's or a metastrip's."""
    for strip in owner:
        if strip.type == "META":
            yield from _with_owner(compat.strips_of(strip), key)
        elif take_of(strip) == key:
            yield owner, strip
