"""CPBD: how likely it is that no blur is seen in a picture (Narvekar and Karam, IEEE Trans. Image Processing 2011).

The width of an edge is the distance between the nearest extremes of the brightness on both sides of it (Marziliano et
al. 2002). Blur is seen in it with the probability 1 − exp(−(width / least seen width)^3.6).
"""

from __future__ import annotations

import cv2
import numpy as np

BLOCK = 64
"""Side in pixels of the blocks whose contrast decides which width is seen."""
EDGES = 0.002
"""Share of edge pixels from which a block counts."""
SEEN_WIDTH = (5.0, 3.0)
"""Least width that is seen as blur, in pixels: in blocks of a contrast up to ``LOW_CONTRAST`` and in others."""
LOW_CONTRAST = 50
STEEPNESS = 3.6
JUST_SEEN = 0.63
"""Probability of a blur that is just seen. CPBD is the share of edges below it."""
CANNY = (50, 150)
"""Thresholds of the edge detector."""


def cpbd(picture: np.ndarray) -> float:
    """CPBD 0..1 of a picture (H, W, 3) uint8; 1 is sharp. NaN if it has no edges."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    edges = upright_edges(grey)
    probabilities = []
    for top in range(0, grey.shape[0] - BLOCK + 1, BLOCK):
        for left in range(0, grey.shape[1] - BLOCK + 1, BLOCK):
            part = slice(top, top + BLOCK), slice(left, left + BLOCK)
            if edges[part].mean() <= EDGES:
                continue
            seen = SEEN_WIDTH[int(np.ptp(grey[part]) > LOW_CONTRAST)]
            rows, columns = np.nonzero(edges[part])
            widths = np.array([edge_width(grey[top + y], left + x) for y, x in zip(rows, columns, strict=True)])
            probabilities.append(1 - np.exp(-((widths / seen) ** STEEPNESS)))
    return float((np.concatenate(probabilities) <= JUST_SEEN).mean()) if probabilities else float("nan")


def upright_edges(grey: np.ndarray) -> np.ndarray:
    """(H, W) bool: edges of a picture (H, W) uint8 across which the brightness changes along the row."""
    across, down = (cv2.Sobel(grey, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    found: np.ndarray = (cv2.Canny(grey, *CANNY) > 0) & (np.abs(across) >= np.abs(down))
    return found


def edge_width(row: np.ndarray, place: int) -> int:
    """Pixels from the extreme of the brightness before an edge to the one after it, in a row (W,) uint8."""
    values = row.astype(np.int64)
    rising = values[min(place + 1, len(row) - 1)] >= values[max(place - 1, 0)]
    if not rising:
        values = -values
    first = last = place
    while first > 0 and values[first - 1] < values[first]:
        first -= 1
    while last + 1 < len(values) and values[last + 1] > values[last]:
        last += 1
    return last - first
