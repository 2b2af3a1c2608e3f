"""How large the eyes of a face are, and whether they are larger than those of people, as in drawn characters."""

from __future__ import annotations

import numpy as np

from .points import LOWER_LIDS, MIDDLE_LIDS, OUTER_EYES, UPPER_LIDS

LARGE = 0.125
"""Height of the openings in outer-eye distances from which eyes are large. It is 0.08 for most people and below 0.123
for all of 339 official portraits. The face mesh learned from photographs and reports at most 0.16, also for larger
eyes."""


def eyes_are_large(landmarks: np.ndarray) -> bool:
    """Whether the face mesh (478, 2 or more) px has eyes that are larger than those of people."""
    return eye_height(landmarks) >= LARGE


def eye_height(landmarks: np.ndarray) -> float:
    """Mean height of both eyes' openings in their middle, in outer-eye distances; landmarks (478, 2 or more) px."""
    across = np.linalg.norm(landmarks[OUTER_EYES[0], :2] - landmarks[OUTER_EYES[1], :2])
    return float(lid_gaps(landmarks).mean() / max(float(across), 1e-3))


def lid_gaps(landmarks: np.ndarray) -> np.ndarray:
    """(2, 3) px between the lids of the person's left and right eye at three places in their middle."""
    upper, lower = (landmarks[np.array(lids)[:, MIDDLE_LIDS], :2] for lids in (UPPER_LIDS, LOWER_LIDS))
    return np.linalg.norm(upper - lower, axis=2)


def iris_radius(iris: np.ndarray) -> float:
    """Mean radius px of an iris (5, 2) px: its centre, then four points around it."""
    return float(np.linalg.norm(iris[1:] - iris[0], axis=1).mean())
