"""Find the stretches of a video that show one face without a break. They end where the face is lost or the picture
jumps."""

from __future__ import annotations

import itertools

import numpy as np

from ..face.points import OUTER_EYES
from ..plurals import counted

MAX_GAP = 5
"""Longest run of lost frames that is bridged by straight lines."""
MAX_STEP = 0.12
"""Largest mean landmark movement between two frames, divided by the outer-eye distance. No head moves faster: a larger
movement is a cut or a broken picture."""
SHORTEST = 25
"""Stretches with fewer frames are not kept: one second."""


class BadClip(ValueError):
    """A clip without a usable track; the message says why."""


def bridged(landmarks: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks (T, 478, 2 or more) with gaps of up to ``MAX_GAP`` frames filled by straight lines, and (T,) whether a
    frame now has a face."""
    times = np.arange(len(found))
    seen = times[found]
    if len(seen) < 2:
        return landmarks, found
    before = seen[np.clip(np.searchsorted(seen, times, "right") - 1, 0, len(seen) - 1)]
    after = seen[np.clip(np.searchsorted(seen, times, "left"), 0, len(seen) - 1)]
    inside = (before <= times) & (times <= after)
    share = (times - before) / np.maximum(after - before, 1)
    lines = landmarks[before] + share[:, None, None].astype(np.float32) * (landmarks[after] - landmarks[before])
    return lines, inside & (after - before <= MAX_GAP + 1)


def pieces(landmarks: np.ndarray, there: np.ndarray, longest: int | None = None) -> list[tuple[int, int]]:
    """Stretches [first, last) of a video that show one steady face.

    Parameters
    ----------
    landmarks
        (T, 478, 2 or more) px.
    there
        (T,) bool: frames with a face.
    longest
        Stretches with more frames are cut in equal parts.

    Raises
    ------
    BadClip
        If no stretch of ``SHORTEST`` frames is left.
    """
    eyes = np.linalg.norm(landmarks[:, OUTER_EYES[0], :2] - landmarks[:, OUTER_EYES[1], :2], axis=-1)
    steps = np.linalg.norm(np.diff(landmarks[..., :2], axis=0), axis=-1).mean(1)
    joined = there[1:] & there[:-1] & (steps <= MAX_STEP * np.maximum(eyes[1:], 1e-6))
    borders = [0, *(np.flatnonzero(~joined) + 1).tolist(), len(there)]
    out = []
    for first, last in itertools.pairwise(borders):
        if last - first < SHORTEST or not there[first]:
            continue
        parts = 1 if longest is None else -(-(last - first) // longest)
        edges = np.linspace(first, last, parts + 1).round().astype(int).tolist()
        out += list(itertools.pairwise(edges))
    if not out:
        most = max((b - a for a, b in itertools.pairwise(borders) if there[a]), default=0)
        raise BadClip(f"the face is tracked for only {counted(most, 'frame')}" if there.any() else "no face")
    return out
