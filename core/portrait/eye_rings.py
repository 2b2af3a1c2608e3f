"""Lid landmarks for eyes that are larger than the face mesh believes, as those of drawn and rendered characters.

The face mesh learned from photographs. It puts the lids of larger eyes too close together, and their white would stay
to be seen around closed lids. Therefore the white is followed in the picture past the landmarks, as far as it goes.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..face.eye_size import eyes_are_large, iris_radius
from ..face.points import IRISES, LID_RINGS

AROUND = 2.2
"""The white is searched for within the ring of the lids, enlarged by this factor; the skin is read around that."""
LEAST_DIFFERENCE = 0.015
"""Least distance between the chromaticities of white and skin by which they can be told apart."""
WHITER = 0.5
"""Share of the way from the skin's chromaticity to the white's from which a pixel counts as white."""
LEAST_LEVEL = 0.4
"""Least brightness of such a pixel, relative to the white's."""
BESIDE_IRIS = 1.15
"""Distance from the middle of the iris, in its radii, from which white is read."""
LEAST_PIXELS = 12
"""With fewer pixels of white or of skin the landmarks stay."""
LEAST_GROWTH = 1.3
"""Area of the white and iris, in areas of the landmarks' ring, from which the landmarks are moved."""
MOST_GROWTH = 2.0
"""Largest factor on the distance of a landmark from the middle of the eye."""
SPECK = 0.03
"""Details up to this share of the eye's width are no part of the white: reflections on the edge of a lid."""


def with_whole_eyes(picture: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Landmarks (478, 2 or more) px whose lid rings enclose all of the eyes' white.

    Parameters
    ----------
    picture
        (H, W, 3) uint8 RGB, in which the face is upright.
    landmarks
        (478, 2 or more) px of it. They are returned unchanged if the lids are where the face mesh put them.
    """
    out = landmarks.copy()
    if not eyes_are_large(landmarks):  # around normal eyes much is as pale as their white
        return out
    for ring, iris in zip(LID_RINGS, IRISES, strict=True):
        points = landmarks[list(ring), :2]
        outline = _white_outline(picture, points, landmarks[iris, :2])
        if outline is not None:
            middle = points.mean(0)
            away = points - middle
            growth = _reach(outline - middle, away) / np.linalg.norm(away, axis=1).clip(1e-3)
            out[list(ring), :2] = middle + away * growth.clip(1, MOST_GROWTH)[:, None]
    return out


def _white_outline(picture: np.ndarray, ring: np.ndarray, iris: np.ndarray) -> np.ndarray | None:
    """(N, 2) px convex outline of an eye's white and iris; None if the ring (16, 2) px of its lids encloses it."""
    middle = ring.mean(0)
    width = float(np.ptp(ring[:, 0]))
    half = AROUND * AROUND * width / 2
    low = np.floor(middle - half).astype(int).clip(0)
    high = np.ceil(middle + half).astype(int).clip(0)
    part = picture[low[1] : high[1], low[0] : high[0]].astype(np.float32) + 1
    if min(part.shape[:2]) < 2 or width < 2:
        return None

    def filled(points: np.ndarray) -> np.ndarray:
        mask = np.zeros(part.shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.round(points - low - 0.5).astype(np.int32)], (1,))
        return mask > 0

    opening, near, far = (filled(middle + (ring - middle) * factor) for factor in (1, AROUND, AROUND * AROUND))
    y, x = np.mgrid[: part.shape[0], : part.shape[1]] + 0.5
    away = np.hypot(x + low[0] - iris[0, 0], y + low[1] - iris[0, 1])
    beside = opening & (away > BESIDE_IRIS * iris_radius(iris))
    around = far & ~near
    if min(beside.sum(), around.sum()) < LEAST_PIXELS:
        return None
    level = part.sum(2)
    chroma = part / level[..., None]
    bright = beside & (level >= np.median(level[beside]))
    white, skin = np.median(chroma[bright], 0), np.median(chroma[around], 0)
    step = white - skin
    if np.linalg.norm(step) < LEAST_DIFFERENCE:
        return None
    whiter = ((chroma - skin) @ step / (step @ step) > WHITER) & (level > LEAST_LEVEL * np.median(level[bright]))
    speck = np.ones((2 * max(1, round(SPECK * width)) + 1,) * 2, np.uint8)
    seen = cv2.morphologyEx((near & (whiter | opening)).astype(np.uint8), cv2.MORPH_OPEN, speck) > 0
    _, labels = cv2.connectedComponents((seen | opening).astype(np.uint8))
    found = np.argwhere(labels == labels[opening][0])[:, ::-1]
    outline = cv2.convexHull(found.astype(np.float32) + 0.5)[:, 0]
    if cv2.contourArea(outline) < LEAST_GROWTH * cv2.contourArea(cv2.convexHull(ring.astype(np.float32))):
        return None
    return outline + low


def _reach(outline: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """(N,) how far a convex outline (M, 2) around the origin reaches in directions (N, 2)."""
    unit = directions / np.linalg.norm(directions, axis=1, keepdims=True).clip(1e-6)
    start, end = outline, np.roll(outline, -1, 0)
    edge = end - start
    across = unit[:, None, 0] * edge[None, :, 1] - unit[:, None, 1] * edge[None, :, 0]
    safe = np.where(np.abs(across) < 1e-9, 1e-9, across)
    far = (start[:, 0] * edge[:, 1] - start[:, 1] * edge[:, 0])[None] / safe
    along = (start[None, :, 0] * unit[:, None, 1] - start[None, :, 1] * unit[:, None, 0]) / safe
    hit = (far > 0) & (along >= -1e-6) & (along <= 1 + 1e-6)
    return np.where(hit, far, 0).max(1)
