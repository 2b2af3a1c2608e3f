"""How curly the hair of a photograph is: the directions of its strands agree in straight hair, and don't in curls."""

from __future__ import annotations

import cv2
import numpy as np

from ..neural_head.regions import Regions
from ..portrait.portrait import Portrait

PER_CM = 11.0
"""Pixels of a centimetre of the head at which strands are looked at."""
FINE, WIDE = 1.2, 5.0
"""Standard deviations in such pixels of the blur before the gradients, and of the window in which they are compared."""
INSIDE = 17
"""Side in pixels of the square by which the mask of hair is eroded: its outline has a direction of its own."""
LEAST = 50
"""Pixels of hair below which nothing is told."""
STRAIGHT, CURLY = 0.6, 0.35
"""Agreement of the directions, 0..1, from which hair counts as straight, and up to which as curls alone."""
SMOOTH, ROUGH = 0.4, 0.9
"""Gradients a pixel relative to the brightness: smooth cropped hair, whose noise has no direction, and full curls."""


def curliness(portrait: Portrait, regions: Regions) -> float:
    """0 for straight or smooth hair to 1 for curls, in the photograph of a portrait with hair.

    Measured by the coherence of the structure tensor (Bigün and Granlund 1987).
    """
    scale = PER_CM * -float(portrait.translation[2]) / portrait.focal
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    level = cv2.resize(portrait.image, None, fx=scale, fy=scale, interpolation=way).astype(np.float32).mean(-1)
    hair = (cv2.resize(regions.hair, level.shape[::-1]) > 0.9).astype(np.uint8)
    inner = cv2.erode(hair, np.ones((INSIDE, INSIDE), np.uint8)) > 0
    if inner.sum() < LEAST:
        return 0.0
    level = cv2.GaussianBlur(level, (0, 0), FINE)
    across, down = cv2.Sobel(level, cv2.CV_32F, 1, 0), cv2.Sobel(level, cv2.CV_32F, 0, 1)
    xx, yy, xy = (cv2.GaussianBlur(one, (0, 0), WIDE)[inner] for one in (across**2, down**2, across * down))
    agree = np.median(np.hypot(xx - yy, 2 * xy) / np.maximum(xx + yy, 1e-6))
    rough = np.sqrt((xx + yy).mean()) / max(float(level[inner].mean()), 1.0)
    curls = np.clip((STRAIGHT - agree) / (STRAIGHT - CURLY), 0, 1)
    return float(curls * np.clip((rough - SMOOTH) / (ROUGH - SMOOTH), 0, 1))
