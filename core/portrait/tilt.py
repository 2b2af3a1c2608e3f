"""How far a face is tilted in its picture, and how far the picture has to be turned before the face is upright."""

from __future__ import annotations

import math

import numpy as np

from ..face.points import MOUTH_CORNERS, OUTER_EYES

LEAST_TILT = math.radians(8)
"""A face that is tilted less than this, after quarter turns, stays as it is. Quarter turns cost nothing, but any other
turn needs the picture to be sampled once more, which makes it a little softer. The renderer works well up to more than
twice this tilt."""
QUARTER = math.pi / 2


def tilt(landmarks: np.ndarray) -> float:
    """Angle in radians, −π … π, by which a face is turned clockwise in its picture; landmarks (478, 2 or 3) px.

    It is the direction of the lines from corner to corner of the eyes and of the mouth.
    """
    (right_eye, left_eye), (right, left) = OUTER_EYES, MOUTH_CORNERS
    across = landmarks[left_eye, :2] - landmarks[right_eye, :2] + landmarks[left, :2] - landmarks[right, :2]
    return math.atan2(float(across[1]), float(across[0]))


def turn_to_undo(landmarks: np.ndarray) -> float:
    """Angle in radians of the clockwise turn that is undone before a face is rendered; landmarks (478, 2 or 3) px.

    It is a whole number of quarter turns if these bring the face nearly upright, and otherwise the face's own tilt.
    """
    found = tilt(landmarks)
    quarters = round(found / QUARTER) * QUARTER
    return quarters if abs(found - quarters) < LEAST_TILT else found


def turned(points: np.ndarray, angle: float) -> np.ndarray:
    """Points (..., 2) px turned clockwise in the picture by ``angle`` radians about (0, 0)."""
    return points @ turn_matrix(angle).T.astype(points.dtype)


def turn_matrix(angle: float) -> np.ndarray:
    """(2, 2) matrix that turns pixels (x to the right, y down) clockwise by ``angle`` radians, exact to 12 digits: the
    entries of quarter turns are whole numbers."""
    cosine, sine = (round(f(angle), 12) for f in (math.cos, math.sin))
    return np.array([[cosine, -sine], [sine, cosine]])
