"""What a user should know about a portrait that works, but won't look as good as it could."""

from __future__ import annotations

import cv2
import numpy as np

from ..face.eye_size import lid_gaps
from ..face.points import EYE_CORNERS
from ..face.visible import cut_out
from .portrait import Portrait

SHUT = 0.12
"""Height of both eyes' openings over their widths below which they count as shut."""
BLURRED = 10.0
"""Width of the sharpest edges at the eyes above which a photograph counts as blurred, in 1/104 of the outer-eye
distance. Sharp photographs have 2 to 6."""
_EDGES = 0.98
"""Quantile of the gradient that stands for the sharpest edges."""


def remarks(portrait: Portrait) -> tuple[str, ...]:
    """Sentences about a portrait: whether it was turned, is blurred, or shows shut eyes."""
    told = []
    if portrait.quarters:
        told.append("The photograph stands on its head: it was turned.")
    if max(eye_openings(portrait.landmarks)) < SHUT:
        told.append("The eyes are shut in the photograph and will stay so; choose one with open eyes.")
    if edge_width(portrait.image, portrait.landmarks) > BLURRED:
        told.append("The photograph is blurred: eyes and mouth will look sharper than the rest.")
    return tuple(told)


def eye_openings(landmarks: np.ndarray) -> tuple[float, float]:
    """Height over width of the openings of the person's left and right eye; landmarks (478, 2 or 3) px."""
    outer, inner = np.array(EYE_CORNERS).T
    widths = np.linalg.norm(landmarks[outer, :2] - landmarks[inner, :2], axis=1)
    left, right = lid_gaps(landmarks).mean(1) / widths.clip(1e-6)
    return float(left), float(right)


def edge_width(image: np.ndarray, landmarks: np.ndarray) -> float:
    """Width of the sharpest edges at the sharper eye, in 1/104 of the outer-eye distance."""
    widths = []
    for side in (0, 1):
        eye = cut_out(image, landmarks, side)
        slope = np.hypot(*(cv2.Sobel(eye, cv2.CV_32F, *order) / 8 for order in ((1, 0), (0, 1))))
        contrast = np.quantile(eye, _EDGES) - np.quantile(eye, 1 - _EDGES)
        widths.append(float(contrast / max(float(np.quantile(slope, _EDGES)), 1e-3)))
    return min(widths)
