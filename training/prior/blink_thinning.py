"""Thin out blinks in filmed clips so that one frequent blinker does not bias the model.

GRID's s1 blinks 48 times a minute, twice as often as other people who talk
(``training.corpus.synthetic.performance.BLINK_RATE``), and he is the only talker who was filmed with sound. For each
training window a blink rate is drawn, as for a synthetic talker, and only as many of his blinks are kept. The motion
that goes with a blink (squint, nose, dipping eyes) is removed with it.
"""

from __future__ import annotations

import numpy as np

from core.motion.channels import FPS
from core.prior.features import FEATURE_GROUPS, d_nl

from .motion_metrics import BLINK, blink_frames

OPEN = 0.3
"""A lid that no longer moves is at rest below this weight."""
_FACE = [i for i in range(d_nl) if i not in FEATURE_GROUPS["head"]]


def blinks_a_minute(motions: list[np.ndarray]) -> float:
    """Blinks a minute in motions (T_i, 25)."""
    return sum(len(blink_frames(m[:, BLINK])) for m in motions) / sum(map(len, motions)) * 60.0 * FPS


def thin_blinks(motion: np.ndarray, kept: float, rng: np.random.Generator) -> np.ndarray:
    """A motion (T, 25) in which each blink is kept with probability ``kept``. The head's motion does not change.

    In place of a removed blink the face moves in a straight line from its pose before the blink to its pose after it.
    If one of these poses is outside the clip, the face holds the other.
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
    """The frames before and after a blink's peak at which the lid (T,) is at rest, or the clip's ends."""
    first = last = peak
    while first > 0 and (lid[first] >= OPEN or lid[first - 1] < lid[first]):
        first -= 1
    while last < len(lid) - 1 and (lid[last] >= OPEN or lid[last + 1] < lid[last]):
        last += 1
    return first, last
