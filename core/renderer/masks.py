"""Antialiased masks of outlines in the photograph."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

FINENESS = 4
"""Outlines are drawn this many times larger along each axis, then averaged."""
FRACTION_BITS = 4
"""Binary digits behind the point in OpenCV's corner coordinates."""


def polygon(points: np.ndarray, size: int) -> Tensor:
    """(1, 1, S, S) antialiased mask of a closed polygon with corners (N, 2 or 3) px."""
    canvas = np.zeros((size * FINENESS, size * FINENESS), np.uint8)
    corners = np.round((points[:, :2] * FINENESS - 0.5) * (1 << FRACTION_BITS)).astype(np.int32)
    cv2.fillPoly(canvas, [corners], (255,), shift=FRACTION_BITS)
    mask = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
    return torch.tensor(mask)[None, None].float() / 255
