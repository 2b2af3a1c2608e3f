"""Overlapping windows, and the seams between known and new motion: any length from a network that sees a few seconds.

Each window receives the last frames of the previous window as known entries of n⁰, and fills in the rest. Its own last
frames are not used; the next window makes them again. So motion is always made with a view of what follows it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..motion.channels import FPS

SEAM_FRAMES = 8
"""Default number of frames over which the network's disagreement with a known neighbour fades out (0.32 s)."""


@dataclass(frozen=True)
class Window:
    """The network sees frames ``start … end``. Those before ``known`` exist; new ones before ``commit`` are used."""

    start: int
    end: int
    known: int
    commit: int


def plan_windows(frames: int, size: int) -> list[Window]:
    """Windows that cover ``frames`` frames, each at most ``size`` long.

    Consecutive windows share a quarter: 15 % of the size is known, and 10 % is made again with a longer view. The last
    window is moved back to end with the motion, so that every window has the full size if the motion is long enough.
    """
    given, ahead = max(1, size * 3 // 20), max(1, size // 10)
    windows, known = [], 0
    while True:
        start = max(0, known - given)
        if start + size >= frames:
            windows.append(Window(max(0, frames - size), frames, known, frames))
            return windows
        commit = start + size - ahead
        windows.append(Window(start, start + size, known, commit))
        known = commit


def close_seams(
    predicted: np.ndarray, known: np.ndarray, known_mask: np.ndarray, transition: int = SEAM_FRAMES
) -> np.ndarray:
    """Put the known entries in, and bend the motion within a few frames of them so that it meets them.

    The network is trained to continue known motion, and does so up to a small error. At a border that error would be a
    jump, and its slope would be a jerk. Both are measured at the nearest known frames on either side, extrapolated, and
    subtracted with a smooth fade. Between known frames that are closer than the transition, one fades into the other.

    Parameters
    ----------
    predicted, known
        (L, C) the network's n̂⁰ (everywhere) and the given n⁰.
    known_mask
        (L, C) bool, where ``known`` is valid.
    transition
        Frames over which the correction fades, at least 1.

    Returns
    -------
    (L, C): equal to ``known`` bit for bit where it is valid.
    """
    frames = len(predicted)
    error = np.where(known_mask, known - predicted, 0.0).astype(predicted.dtype)
    index = np.broadcast_to(np.arange(frames)[:, None], known_mask.shape)
    before, after = _nearest_known(known_mask)
    forwards = _slope(error, known_mask)
    backwards = _slope(error[::-1], known_mask[::-1])[::-1]
    way = np.minimum(transition, np.maximum(after - before, 1))
    total, correction = np.zeros_like(predicted), np.zeros_like(predicted)
    for nearest, slope in ((before, forwards), (after, backwards)):
        distance = np.minimum(np.abs(index - nearest), way)
        fade = (1.0 - ease(distance / way)).astype(predicted.dtype)
        place = np.clip(nearest, 0, frames - 1)
        carried = np.take_along_axis(error, place, axis=0) + distance * np.take_along_axis(slope, place, axis=0)
        total += fade
        correction += fade * carried.astype(predicted.dtype)
    return np.where(known_mask, known, predicted + correction / np.maximum(total, 1.0))


def ease(way: np.ndarray) -> np.ndarray:
    """Minimum-jerk curve from 0 to 1 over 0 … 1 (Flash & Hogan 1985), with zero speed and acceleration at both ends."""
    return way**3 * (10.0 - 15.0 * way + 6.0 * way**2)


def frames_to_known(known_mask: np.ndarray) -> np.ndarray:
    """(L, C) bool → (L, C) distance in frames to the nearest known frame; at least L if none is known."""
    index = np.arange(len(known_mask))[:, None]
    before, after = _nearest_known(known_mask)
    return np.minimum(index - before, after - index)


def away_from_known(known_mask: np.ndarray) -> np.ndarray:
    """(L, C) bool → (L, C) float32: 0 at known frames, where motion continues unchanged, 1 a second away from them."""
    return ease(np.minimum(frames_to_known(known_mask) / FPS, 1.0)).astype(np.float32)


def _nearest_known(known_mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(L, C) indices of the nearest known frame at or before, and at or after. −L or 2 L if there is none."""
    frames = len(known_mask)
    index = np.broadcast_to(np.arange(frames)[:, None], known_mask.shape)
    before = np.maximum.accumulate(np.where(known_mask, index, -frames), axis=0)
    after = np.minimum.accumulate(np.where(known_mask, index, 2 * frames)[::-1], axis=0)[::-1]
    return before, after


def _slope(error: np.ndarray, known_mask: np.ndarray) -> np.ndarray:
    """(L, C) change of the error per frame over three known frames in a row; 0 where fewer are known in a row."""
    slope = np.zeros_like(error)
    in_a_row = known_mask[2:] & known_mask[1:-1] & known_mask[:-2]
    slope[2:] = np.where(in_a_row, (error[2:] - error[:-2]) / 2.0, 0.0)
    return slope
