"""Outlines of mouth and eyes in the photograph, as masks."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

LIPS_INNER_RING = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
LIPS_OUTER_RING = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
LID_RINGS = (
    (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249),
    (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7),
)
"""Face-mesh points around the openings, in order; the person's left eye first."""


def polygon(points: np.ndarray, size: int) -> Tensor:
    """(1, 1, S, S) antialiased mask of a closed polygon, corners (N, 2 or 3) px."""
    fine, shift = 4, 4
    canvas = np.zeros((size * fine, size * fine), np.uint8)
    corners = np.round((points[:, :2] * fine - 0.5) * (1 << shift)).astype(np.int32)
    cv2.fillPoly(canvas, [corners], 255, shift=shift)
    mask = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
    return torch.tensor(mask)[None, None].float() / 255
