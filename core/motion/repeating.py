"""A short motion made as long as it is needed: there and back, or again and again. numpy only."""

from __future__ import annotations

import numpy as np

TURN = 12
"""Frames over which a motion that goes there and back slows down before it turns, and gets its speed back after."""
BACK = 5
"""Frames in which a movement that is cut off by the end goes back: as long as lids take to open (0.2 s)."""


def there_and_back(values: np.ndarray, frames: int) -> np.ndarray:
    """``values`` (n, C) for ``frames`` frames: to the end, back to the beginning, and so on.

    A motion that is long enough is only cut. Another one slows down from ``TURN`` / 2 frames before its end on, so that
    it stands still when it turns in its last frame. It is interpolated linearly and never faster than the given motion,
    so nothing shows where it turns.
    """
    if frames <= len(values) or len(values) == 1:
        return values[np.minimum(np.arange(frames), len(values) - 1)]
    way = len(values) - 1
    turn = min(float(TURN), way)
    leg = way + turn  # frames from one turn to the next
    time = np.arange(frames) - (way + turn / 2.0)  # since the first turn
    nearest = np.maximum(np.round(time / leg), 0.0)  # the nearest turn; even ones are at the end
    off = np.abs(time - nearest * leg)
    left = np.where(off < turn, off**2 / (2.0 * turn), off - turn / 2.0)  # frames to where it turns
    at = np.where(nearest % 2 == 0, way - left, left)
    return np.stack([np.interp(at, np.arange(way + 1), column) for column in values.T], axis=1).astype(values.dtype)


def again(weights: np.ndarray, frames: int, resting: np.ndarray) -> np.ndarray:
    """``weights`` (n, C) of short movements, as blinks are, for ``frames`` frames: from the beginning again at the end.

    A movement that is under way at the beginning is left out: its way there isn't known. One that is under way at the
    end goes back to zero within ``BACK`` frames. ``resting`` (n,) bool are the frames without a movement.
    """
    count, known = len(weights), np.flatnonzero(resting)
    if not len(known):
        return np.zeros((frames, weights.shape[1]), weights.dtype)
    whole = weights.copy()
    whole[: known[0]] = 0.0
    out = whole[np.arange(frames) % count]
    left = np.linspace(1.0, 0.0, BACK + 2, dtype=weights.dtype)[1:-1, None] * whole[-1]
    for begin in range(count, frames, count):
        after = out[begin : begin + BACK]
        np.maximum(after, left[: len(after)], out=after)
    return out
