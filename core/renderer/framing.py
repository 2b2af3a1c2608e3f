"""From the whole photograph to the rendered square, and back.

The photograph is scaled once, so that the portrait's crop square measures ``size`` pixels. The square is cut at whole
pixels of the scaled picture, so that it doesn't shift when it is pasted back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from ..portrait.portrait import Portrait

MAX_SIDE = 2160
"""Longest side of a whole-photograph frame, pixels."""
FEATHER = 0.03
"""Width of the soft rim of the pasted square, as a fraction of its side."""
ANTIALIAS = 0.4
"""Standard deviation of the Gaussian before shrinking, in pixels of the smaller picture."""
LEAST_BLUR = 0.5
"""Standard deviation in pixels of the photograph up to which that Gaussian is left out."""


@dataclass(frozen=True)
class Framing:
    """The square's place in the photograph, and the frame around it.

    Attributes
    ----------
    crop
        (S, S, 3) uint8: the square of the scaled photograph. Beyond the photograph its edge colours are repeated.
    inside
        (S, S) bool: pixels that the photograph covers.
    scale
        Pixels of the square per pixel of the photograph.
    origin
        (x, y) of the square's first pixel in the scaled photograph.
    frame
        (H, W, 3) uint8 picture of even size that the square is pasted into; the square itself for framing "crop".
    paste
        (x, y, side) of the rendered square in the frame.
    """

    crop: np.ndarray
    inside: np.ndarray
    scale: float
    origin: tuple[int, int]
    frame: np.ndarray
    paste: tuple[int, int, int]

    def camera(self, portrait: Portrait) -> tuple[float, tuple[float, float]]:
        """Focal length and principal point (x, y) in pixels of the square."""
        cx, cy = (float(portrait.centre[k]) * self.scale - self.origin[k] for k in range(2))
        return float(portrait.focal) * self.scale, (cx, cy)

    def to_crop(self, points: np.ndarray) -> np.ndarray:
        """Convert points (..., 2 or more) from pixels of the photograph to pixels of the square (..., 2)."""
        return points[..., :2] * self.scale - np.asarray(self.origin, np.float32)

    def compose(self, square: np.ndarray) -> np.ndarray:
        """Paste a rendered square (S, S, 3) uint8 into the frame, with a soft rim."""
        x, y, side = self.paste
        height, width = self.frame.shape[:2]
        if (x, y, side) == (0, 0, height) and height == width == square.shape[0]:
            return square
        if side != square.shape[0]:
            square = cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA)
        x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + side, width), min(y + side, height)
        out = self.frame.copy()
        weight = _feather(side)[y0 - y : y1 - y, x0 - x : x1 - x, None]
        new = square[y0 - y : y1 - y, x0 - x : x1 - x].astype(np.uint16)
        old = out[y0:y1, x0:x1].astype(np.uint16)
        out[y0:y1, x0:x1] = ((new * weight + old * (256 - weight) + 128) >> 8).astype(np.uint8)
        return out


def frame_portrait(portrait: Portrait, size: int, framing: str) -> Framing:
    """Scale the photograph and cut out the square; ``framing`` is "portrait" or "crop" (``ValueError`` otherwise)."""
    if framing not in ("portrait", "crop"):
        raise ValueError(f'framing must be "portrait" or "crop", not {framing!r}')
    image = np.ascontiguousarray(portrait.image)
    x0, y0, extent = (float(v) for v in portrait.crop)
    scale = size / extent
    scaled = _scaled(image, scale)
    origin = (round(x0 * scale), round(y0 * scale))
    crop, inside = _cut(scaled, origin, size)
    if framing == "crop":
        return Framing(crop, inside, scale, origin, crop, (0, 0, size))
    shrink = min(1.0, MAX_SIDE / max(scaled.shape[:2]))
    if shrink == 1.0:
        height, width = (side - side % 2 for side in scaled.shape[:2])
        return Framing(crop, inside, scale, origin, scaled[:height, :width].copy(), (*origin, size))
    frame = _scaled(image, scale * shrink)
    height, width = (side - side % 2 for side in frame.shape[:2])
    paste = (round(origin[0] * shrink), round(origin[1] * shrink), round(size * shrink))
    return Framing(crop, inside, scale, origin, frame[:height, :width].copy(), paste)


def _scaled(image: np.ndarray, scale: float) -> np.ndarray:
    """The image at another scale, its first corner kept in place, without aliasing; at least 2 × 2 pixels."""
    height, width = (max(2, int(side * scale)) for side in image.shape[:2])
    if scale < 1:
        sigma = ANTIALIAS / scale
        image = cv2.GaussianBlur(image, (0, 0), sigma) if sigma > LEAST_BLUR else image
    # OpenCV has pixel centres at integers, we have them at half-integers: x reads the input at (x + 0.5) / scale − 0.5.
    shift = 0.5 / scale - 0.5
    matrix = np.array([[1 / scale, 0, shift], [0, 1 / scale, shift]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _cut(image: np.ndarray, origin: tuple[int, int], size: int) -> tuple[np.ndarray, np.ndarray]:
    """A square that can reach beyond the image, and the mask of its pixels within the image."""
    columns, rows = (np.arange(size) + start for start in origin)
    height, width = image.shape[:2]
    crop = image[np.clip(rows, 0, height - 1)[:, None], np.clip(columns, 0, width - 1)[None]]
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))[None]
    return np.ascontiguousarray(crop), inside


def _feather(side: int) -> np.ndarray:
    """(side, side) uint16 weights 0..256; 0 at the rim."""
    distance = np.minimum(np.arange(side), np.arange(side)[::-1]) / max(FEATHER * side, 1.0)
    ramp = np.clip(distance, 0, 1)
    return np.round(256 * np.minimum(ramp[:, None], ramp[None])).astype(np.uint16)
