"""Filmed talkers with fewer blinks: one who blinks fifty times a minute isn't to teach that everybody does.

GRID's s1 blinks 48 times a minute, twice as often as people who talk (``synthetic_motion.BLINK_RATE``), and he is the
only one who was filmed with sound. For each window that the prior learns from, a rate is drawn as for a synthetic
talker, and of his blinks only as many stay. What a blink takes along, squints, noses and eyes that dip, goes with it.
"""

from __future__ import annotations

import numpy as np

from core.motion.channels import FPS
from core.prior.features import FEATURE_GROUPS, d_nl

from .motion_metrics import BLINK, blink_frames

OPEN = 0.3
"""Lid weight below which a lid that no longer moves is at rest."""
_FACE = [i for i in range(d_nl) if i not in FEATURE_GROUPS["head"]]


def blinks_a_minute(motions: list[np.ndarray]) -> float:
    """Blinks a minute in motions (T_i, 25)."""
    return sum(len(blink_frames(m[:, BLINK])) for m in motions) / sum(map(len, motions)) * 60.0 * FPS


def thin_blinks(motion: np.ndarray, kept: float, rng: np.random.Generator) -> np.ndarray:
    """A motion (T, 25) in which each blink stays by the chance ``kept``; the head's motion stays as it is.

    Where a blink was, the face goes straight from what it was before to what it is after; where one of them lies
    beyond the clip, it stays at the other.
    """
    thinned = motion.copy()
    for peak in blink_frames(motion[:, BLINK]):
        if rng.random() < kept:
            continue
        first, last = _span(motion[:, BLINK], int(peak))
        before, after = motion[first], motion[last]
        if motion[first, BLINK] >= OPEN:
            before = after
        elif motion[last, BLINK] >= OPEN:
            after = before
        way = np.linspace(0.0, 1.0, last - first + 1, dtype=motion.dtype)[:, None]
        thinned[first : last + 1, _FACE] = ((1.0 - way) * before + way * after)[:, _FACE]
    return thinned


def _span(lid: np.ndarray, peak: int) -> tuple[int, int]:
    """The frames around a blink's peak at which the lid (T,) is at rest, or the clip's ends."""
    first = last = peak
    while first > 0 and (lid[first] >= OPEN or lid[first - 1] < lid[first]):
        first -= 1
    while last < len(lid) - 1 and (lid[last] >= OPEN or lid[last + 1] < lid[last]):
        last += 1
    return first, last
