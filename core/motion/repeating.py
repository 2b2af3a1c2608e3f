"""A short motion made as long as it is needed: there and back, or again and again. numpy only."""

from __future__ import annotations

import numpy as np

TURN = 12
"""Frames over which a motion that goes there and back slows down before it turns, and gets its speed back after."""


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


def again(values: np.ndarray, frames: int, open_at: np.ndarray) -> np.ndarray:
    """``values`` (n, C) for ``frames`` frames: from the beginning again after the end.

    The motion rests at zero before the first and after the last frame at which it is ``open_at`` (n,) bool, so that
    nothing that happens there is cut off.
    """
    opened = np.flatnonzero(open_at)
    if not len(opened):
        return np.zeros((frames, values.shape[1]), values.dtype)
    whole = np.zeros_like(values)
    span = slice(opened[0], opened[-1] + 1)
    whole[span] = values[span]
    return whole[np.arange(frames) % len(values)]
