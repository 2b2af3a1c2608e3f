"""How a face is lit and shaded: whether it is drawn, far too dark, or far too bright.

Skin is never even, because light falls off over every cheek. The fill of a drawing is. How much falls off is measured
against the picture's own contrast, so that a dark photograph isn't taken for a drawing.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..errors import BadInputError
from ..face.points import CONTOUR, MESH_POINTS

MAX_FLAT_SHARE = 0.4
"""Share of the face without any shading above which it counts as drawn. Photographs have less than 0.05, flat drawings
more than 0.5."""
FLAT_SIDE = 128
"""Height in pixels at which that share is measured."""
FLAT_BLUR = 0.4
"""Standard deviation of the Gaussian before shrinking to it, in pixels of the smaller picture."""
FLAT_LEVELS = 1
"""Difference to a pixel near by, in levels of 255, up to which a pixel counts as flat."""
FULL_CONTRAST, MOST_APART = 80.0, 8
"""Contrast of a face, in levels, from which neighbouring pixels are compared. Pixels of a face with less contrast are
compared over a distance that is greater by as much, up to this many pixels."""
CONTRAST_ENDS = (0.02, 0.98)
"""Quantiles of the face's brightness whose difference is its contrast."""
LEAST_CONTRAST = 14.0
"""Levels; with less contrast there is nothing left that could be animated."""
BLACK, WHITE = 2, 253
"""Levels at or beyond which a channel counts as clipped."""
MAX_CLIPPED = 0.5
"""Share of the face that may be clipped in all channels."""
PALE, LEAST_PALE = (120, 248), 0.1
"""Levels of pale pixels, and their least share in a face that is burnt out; the white face of a drawing has fewer."""
WHITE_ALL_OVER = 0.9
"""Share of white pixels from which a picture is called too bright if no face is found in it."""
DARK_ALL_OVER = 20
"""Levels; a picture in which hardly a pixel is brighter is called too dark if no face is found in it."""


def check_light(image: np.ndarray, landmarks: np.ndarray, name: str) -> None:
    """Refuse a face (landmarks (478, …) px) that can hardly be made out in ``image`` (H, W, 3) uint8 RGB.

    Raises BadInputError ``portrait_too_dark``, ``portrait_too_bright``, ``portrait_too_pale``, or ``portrait_drawn``
    for a white face that was never shaded; ``name`` is used in their sentences.
    """
    small, inside = _face(image, landmarks)
    face = small[inside]
    if not len(face):
        return
    black, white = (face <= BLACK).all(1).mean(), (face >= WHITE).all(1).mean()
    low, high = np.quantile(face.mean(1), CONTRAST_ENDS)
    if white > MAX_CLIPPED:
        pale = ((face.mean(1) > PALE[0]) & (face.mean(1) < PALE[1])).mean()
        raise _too_bright(name) if pale > LEAST_PALE else drawn(name)
    if black > MAX_CLIPPED or (high - low < LEAST_CONTRAST and high < 128):
        raise _too_dark(name)
    if high - low < LEAST_CONTRAST:
        raise BadInputError(
            "portrait_too_pale",
            f"The face in {name} has almost no light and shade.",
            "Raise the contrast of the photograph, or choose another.",
        )


def check_exposure(image: np.ndarray, name: str) -> None:
    """Refuse a picture without any face in it for being black or white all over, as :func:`check_light` does."""
    luma = image[::4, ::4].mean(2)
    if np.quantile(luma, CONTRAST_ENDS[1]) < DARK_ALL_OVER:
        raise _too_dark(name)
    if (luma >= WHITE).mean() > WHITE_ALL_OVER:
        raise _too_bright(name)


def _too_dark(name: str) -> BadInputError:
    return BadInputError(
        "portrait_too_dark",
        f"The face in {name} is too dark to be made out.",
        "Brighten the photograph, or choose another.",
    )


def _too_bright(name: str) -> BadInputError:
    return BadInputError(
        "portrait_too_bright",
        f"The face in {name} is too bright: most of it is pure white.",
        "Choose a photograph with softer light, or a less exposed one.",
    )


def is_drawn(image: np.ndarray, landmarks: np.ndarray) -> bool:
    """Whether a face is drawn with flat colours."""
    return flat_share(image, landmarks) > MAX_FLAT_SHARE


def drawn(name: str) -> BadInputError:
    """The error for a drawn face."""
    return BadInputError(
        "portrait_drawn",
        f"The face in {name} is drawn, not photographed.",
        "Choose a photograph, or a picture with the shading of one.",
    )


def flat_share(image: np.ndarray, landmarks: np.ndarray) -> float:
    """Share of the face in which pixels differ by at most one level from those beside and below, at a height of 128
    pixels. Pixels that are clipped in all channels are left out."""
    small, inside = _face(image, landmarks)
    inside &= ~((small <= BLACK).all(2) | (small >= WHITE).all(2))
    if not inside.any():
        return 0.0
    low, high = np.quantile(small[inside].mean(1), CONTRAST_ENDS)
    apart = int(np.clip(round(FULL_CONTRAST / max(float(high - low), 1.0)), 1, MOST_APART))
    beside, below = (
        np.abs(small - np.concatenate([np.take(small, range(apart, FLAT_SIDE), axis), last], axis)).max(2)
        for axis, last in ((1, np.repeat(small[:, -1:], apart, 1)), (0, np.repeat(small[-1:], apart, 0)))
    )
    return float(((beside <= FLAT_LEVELS) & (below <= FLAT_LEVELS))[inside].mean())


def _face(image: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The face's box at a height of 128 pixels (128, 128, 3) int16, and the mask of the face in it."""
    points = landmarks[:MESH_POINTS, :2]
    lower, upper = points.min(0), points.max(0)
    scale = FLAT_SIDE / max(float((upper - lower).max()), 1e-3)
    to_small = np.array([[scale, 0, -scale * lower[0]], [0, scale, -scale * lower[1]]], dtype=np.float32)
    smooth = cv2.GaussianBlur(image, (0, 0), FLAT_BLUR / scale) if scale < 1 else image
    size = (FLAT_SIDE, FLAT_SIDE)
    small = cv2.warpAffine(smooth, to_small, size, borderMode=cv2.BORDER_REPLICATE).astype(np.int16)
    mask = np.zeros(size, np.uint8)
    cv2.fillPoly(mask, [((points[list(CONTOUR)] - lower) * scale).astype(np.int32)], (1,))
    return small, mask > 0
