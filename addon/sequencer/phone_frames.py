"""Phones as whole frames of a lane, and their times back from these frames. Arithmetic only, no ``bpy``.

A strip begins and ends on whole frames, a phone doesn't, and many phones are shorter than a frame. So each strip keeps
the exact times of its phone and the frames that were made of them. An edge that is still on its frame has its exact
time. An edge that somebody has moved has the time of the frame on which it is now.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...core.phones.phone_set import Segment
from .timing import Timing


@dataclass(frozen=True)
class LaneStrip:
    """A strip of a lane.

    Attributes
    ----------
    phone
        The phone's name, as the strip has it.
    left, right
        Scene frames [left, right) that the strip covers now.
    own_left, own_right
        Those that were made of its phone's times.
    start, end
        These times: exact, in seconds of the take.
    """

    phone: str
    left: int
    right: int
    own_left: int
    own_right: int
    start: float
    end: float


def frames_of(segments: Sequence[Segment], timing: Timing) -> list[tuple[int, int]]:
    """Scene frames [left, right) of each of the ``segments``, which are in order and don't overlap.

    Each gets the frames nearest to its times, and at least one. Where phones are shorter than a frame, the next ones
    are pushed to the right as far as needed. The next phone that is longer gets fewer frames, so the lane catches up.
    """
    placed: list[tuple[int, int]] = []
    free = -math.inf
    for segment in segments:
        left = max(_nearest(timing.scene_frame(segment.start)), free)
        right = max(_nearest(timing.scene_frame(segment.end)), left + 1)
        placed.append((int(left), int(right)))
        free = right
    return placed


def own_timing(strips: Sequence[LaneStrip], laid: Timing, now: Timing) -> tuple[Timing, int]:
    """The timing that a lane's strips follow, and by how many frames the lane was moved as a whole since it was laid.

    ``laid`` is the take's timing when the lane was laid out, ``now`` is the present one. They differ if the sound was
    moved. Then the lane was moved along, or it was left behind; most strips tell which. A lane of another frame rate is
    as it was laid out.
    """
    moved = _nearest(now.origin - laid.origin)
    if laid.rate != now.rate:
        return laid, 0
    shifts = Counter(strip.left - strip.own_left for strip in strips)
    return (now, moved) if shifts[moved] >= shifts[0] else (laid, 0)


def segments_of(strips: Iterable[LaneStrip], timing: Timing, moved: int = 0) -> list[Segment]:
    """The phones of a lane, in order and without overlaps.

    ``timing`` and ``moved`` are those of `own_timing`. Where two strips overlap, the later one wins from its start. The
    order is always that of the frames: if an exact time would change it, the time of the frame is used.
    """
    found: list[Segment] = []
    for strip in sorted(strips, key=lambda strip: (strip.left, strip.right, strip.start)):
        before = found[-1].start if found else -math.inf
        left, right = timing.seconds(strip.left), timing.seconds(strip.right)
        start = strip.start if strip.left - moved == strip.own_left else left
        if start <= before:
            start = max(left, before)
        end = strip.end if strip.right - moved == strip.own_right else right
        found.append(Segment(strip.phone, start, end if end > start else max(right, start)))
    ends = [min(one.end, other.start) for one, other in itertools.pairwise(found)]
    ends += [one.end for one in found[-1:]]
    cut = (Segment(one.phone, one.start, end) for one, end in zip(found, ends, strict=True))
    return [one for one in cut if one.end > one.start]


def nearest_part(segments: Sequence[Segment], first: float, last: float, most: int, at: float) -> slice:
    """Which segments lie between the seconds ``first`` and ``last``: at most ``most``, those nearest to ``at``."""
    inside = [i for i, segment in enumerate(segments) if segment.end > first and segment.start < last]
    if not inside:
        return slice(0, 0)
    begin, end = inside[0], inside[-1] + 1
    if end - begin > most:
        middle = sum(segment.end <= at for segment in segments)
        begin = min(max(begin, middle - most // 2), end - most)
        end = begin + most
    return slice(begin, end)


def _nearest(frame: float) -> int:
    return math.floor(frame + 0.5)
