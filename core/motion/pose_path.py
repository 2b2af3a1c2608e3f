"""A smooth path of the head through given poses."""

from __future__ import annotations

import numpy as np


class PosePath:
    """Rotations through given ones: a monotone cubic curve for each angle.

    The curve passes through each pose exactly and turns back only at a pose, so a sweep over several poses neither
    stops nor overshoots (Fritsch & Butland 1984). It comes from the resting head to the first pose and returns to it
    after the last one. In a loop it goes on from the last pose to the first, and rests between them if there is time.

    Parameters
    ----------
    frames
        (K,) frames of the poses, rising, K ≥ 1.
    rotations
        (K, 3) the poses, in any unit.
    way
        Frames from rest to the first pose, and from the last pose to rest.
    period
        Frames after which everything comes again, more than the poses span; None for motion that is no loop.
    """

    def __init__(self, frames: np.ndarray, rotations: np.ndarray, way: int, period: int | None = None) -> None:
        times, values = np.asarray(frames, np.float64), np.asarray(rotations, np.float64)
        if period is None or times[0] + period - times[-1] >= 2 * way:
            times = np.r_[times[0] - way, times, times[-1] + way]
            values = np.pad(values, ((1, 1), (0, 0)))
        if period is not None:  # two periods on either side, so that each piece has its neighbours
            times = (np.arange(-2, 3)[:, None] * period + times).ravel()
            values = np.tile(values, (5, 1))
            apart = np.r_[True, np.diff(times) > 0.0]  # the ways to and from rest may meet
            times, values = times[apart], values[apart]
        self._times, self._values, self._period = times, values, period
        self._slopes = _slopes(times, values)

    def at(self, frames: np.ndarray) -> np.ndarray:
        """(n, 3) float64 rotations at (n,) frames, which may lie outside the take."""
        place = np.asarray(frames, np.float64)
        if self._period is not None:
            place = place % self._period
        place = np.clip(place, self._times[0], self._times[-1])
        left = np.clip(np.searchsorted(self._times, place, side="right") - 1, 0, len(self._times) - 2)
        span = self._times[left + 1] - self._times[left]
        t, h = ((place - self._times[left]) / span)[:, None], span[:, None]
        first, second = self._values[left], self._values[left + 1]
        # The first pose of each piece is its exact value: t is 0 there.
        bent = t**2 * (3.0 - 2.0 * t) * (second - first)
        sloped = (1.0 - t) * self._slopes[left] - t * self._slopes[left + 1]
        return np.asarray(first + bent + h * t * (1.0 - t) * sloped)


def _slopes(times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(K, 3) slopes at the points of the curve: 0 at its ends and where it turns back."""
    slopes = np.zeros_like(values)
    if len(times) < 3:
        return slopes
    spans = np.diff(times)[:, None]
    secants = np.diff(values, axis=0) / spans
    before, after = secants[:-1], secants[1:]
    weight_before, weight_after = spans[:-1] + 2.0 * spans[1:], 2.0 * spans[:-1] + spans[1:]
    rises = before * after > 0.0
    with np.errstate(all="ignore"):
        mean = (weight_before + weight_after) / (weight_before / before + weight_after / after)
    slopes[1:-1] = np.where(rises, mean, 0.0)
    return slopes
