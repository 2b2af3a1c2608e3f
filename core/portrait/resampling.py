"""The photograph at another scale, and squares that are cut out of it."""

from __future__ import annotations

import cv2
import numpy as np

from .tilt import turn_matrix

Place = tuple[float, float]
"""(x, y) or (width, height) in pixels, which may lie between two pixels."""
ANTIALIAS = 0.4
"""Standard deviation of the Gaussian before shrinking, in pixels of the smaller picture."""
LEAST_BLUR = 0.5
"""Standard deviation in pixels of the photograph up to which that Gaussian is left out."""


def scaled(image: np.ndarray, scale: float) -> np.ndarray:
    """The image at another scale, its first corner kept in place, without aliasing; at least 2 × 2 pixels."""
    height, width = (max(2, int(side * scale)) for side in image.shape[:2])
    return resampled(image, scale, np.eye(2) / scale, np.zeros(2), (width, height))


def resampled(
    image: np.ndarray, scale: float, matrix: np.ndarray, offset: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """A picture of (width, height) ``size`` whose point p shows the image at ``matrix`` p + ``offset``, without
    aliasing; ``scale`` is its pixels per pixel of the image."""
    if scale < 1:
        sigma = ANTIALIAS / scale
        image = cv2.GaussianBlur(image, (0, 0), sigma) if sigma > LEAST_BLUR else image
    # OpenCV has pixel centres at integers, we have them at half-integers: x reads the input at (x + 0.5) / scale − 0.5.
    shift = matrix.sum(1) * 0.5 + offset - 0.5
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    whole = np.concatenate([matrix, shift[:, None]], 1)
    return cv2.warpAffine(image, whole, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def cut(image: np.ndarray, origin: tuple[int, int], size: int) -> tuple[np.ndarray, np.ndarray]:
    """A square that can reach beyond the image, and the mask of its pixels within the image."""
    columns, rows = (np.arange(size) + start for start in origin)
    height, width = image.shape[:2]
    crop = image[np.clip(rows, 0, height - 1)[:, None], np.clip(columns, 0, width - 1)[None]]
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))[None]
    return np.ascontiguousarray(crop), inside


def turned_cut(
    image: np.ndarray, scale: float, origin: Place, size: int, angle: float
) -> tuple[np.ndarray, np.ndarray]:
    """A turned square of the scaled image, sampled from the image itself, and the mask of its pixels within it."""
    turn = turn_matrix(angle)
    offset = np.asarray(origin) + size / 2 - turn @ np.full(2, size / 2)
    crop = resampled(image, scale, turn / scale, offset / scale, (size, size))
    y, x = np.mgrid[:size, :size] + 0.5
    u, v = (turn @ np.stack([x.ravel(), y.ravel()]) + offset[:, None]).reshape(2, size, size) / scale
    height, width = image.shape[:2]
    return crop, (u >= 0) & (u < width) & (v >= 0) & (v < height)
