"""From the whole photograph to the rendered square, and back.

The photograph is scaled once, so that the portrait's crop square measures ``size`` pixels. The square is cut at whole
pixels of the scaled picture, so that it doesn't shift when it is pasted back. For a tilted face the square is tilted
too: all that renders a square sees an upright face. Such a square is turned back when it is pasted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from ..head.rotation import euler_to_matrix
from ..portrait.portrait import Portrait, fitted
from ..portrait.tilt import QUARTER, turn_matrix, turn_to_undo, turned

MOST_ENLARGED = 1.5
"""Side of the rendered square in sides of ``size``, at most. Beyond that a rendered square is enlarged."""
MAX_SIDE = 2160
"""Longest side of a whole-photograph frame, pixels."""
FEATHER = 0.03
"""Width of the soft rim of the pasted square, as a fraction of its side."""
INSET = 0.025
"""Width of the rim that isn't pasted where the photograph around the square moves, as a fraction of the side."""
ANTIALIAS = 0.4
"""Standard deviation of the Gaussian before shrinking, in pixels of the smaller picture."""
LEAST_BLUR = 0.5
"""Standard deviation in pixels of the photograph up to which that Gaussian is left out."""


class _Rim(NamedTuple):
    """How a square is pasted: most of it is copied, and only its soft rim is mixed with the frame.

    ``inner`` is a rectangle of the pasted box in which only the square is seen. ``strips`` cover the rest of the box:
    the place of each, and the weights (h, w, channels) uint16, 0..256, of the square and of the frame.
    """

    inner: tuple[slice, slice]
    strips: list[tuple[tuple[slice, slice], np.ndarray, np.ndarray]]

    @classmethod
    def of(cls, weight: np.ndarray, channels: int) -> _Rim:
        """The rim for the square's weights (h, w, 1) uint16 0..256 in the box."""
        (height, width), full = weight.shape[:2], weight[..., 0] == 256
        # From the corners inwards to a rectangle of full weight only. It is empty if there is none.
        ys, xs = np.flatnonzero(full.any(1)), np.flatnonzero(full.any(0))
        top, bottom, left, right = (ys[0], ys[-1] + 1, xs[0], xs[-1] + 1) if len(ys) else (0, 0, 0, 0)
        while not full[top:bottom, left:right].all():
            top, bottom, left, right = top + 1, bottom - 1, left + 1, right - 1
        top, bottom, left, right = int(top), int(max(top, bottom)), int(left), int(max(left, right))
        boxes = (
            np.s_[:top, :],
            np.s_[bottom:height, :],
            np.s_[top:bottom, :left],
            np.s_[top:bottom, right:width],
        )
        parts = [(box, np.repeat(weight[box], channels, 2)) for box in boxes if weight[box].any()]
        return cls(np.s_[top:bottom, left:right], [(box, part, 256 - part) for box, part in parts])


@dataclass(frozen=True)
class Framing:
    """The square's place in the photograph, and the frame around it.

    Attributes
    ----------
    crop
        (S, S, 3) uint8: the square of the scaled photograph, in which the face is upright. Beyond the photograph its
        edge colours are repeated.
    inside
        (S, S) bool: pixels that the photograph covers.
    scale
        Pixels of the square per pixel of the photograph.
    angle
        Radians by which the square is turned clockwise in the photograph, about its own middle.
    origin
        (x, y) of the square's first pixel in the scaled photograph; for a turned square, the first pixel that it would
        have if it were not turned.
    extent
        (width, height) of the scaled photograph.
    frame
        (H, W, 3) uint8 picture of even size that the square is pasted into; the square itself for framing "crop". It
        has a fourth channel, alpha, if the photograph has one.
    paste
        (x, y, side) of the rendered square in the frame, before it is turned.
    opacity
        (S, S) uint8 alpha of the square, or None where the photograph is opaque.
    """

    crop: np.ndarray
    inside: np.ndarray
    scale: float
    angle: float
    origin: tuple[int, int]
    extent: tuple[int, int]
    frame: np.ndarray
    paste: tuple[int, int, int]
    opacity: np.ndarray | None = None

    def camera(self, portrait: Portrait) -> tuple[float, tuple[float, float]]:
        """Focal length and principal point (x, y) in pixels of the square."""
        cx, cy = (float(value) for value in self.to_crop(np.asarray(portrait.centre, np.float64)))
        return float(portrait.focal) * self.scale, (cx, cy)

    def pose(self, portrait: Portrait) -> tuple[Tensor, Tensor]:
        """Rotation (3, 3) and translation (3,) cm of the portrait's head in the camera axes of the square."""
        person = fitted(portrait)
        rotation, translation = person.rotation[0], person.translation[0]
        if self.angle:  # a clockwise turn of the picture undone is a counter-clockwise turn of the head, seen from it
            turn = euler_to_matrix(torch.tensor([0.0, 0.0, self.angle]))
            rotation, translation = turn @ rotation, turn @ translation
        return rotation, translation

    def to_crop(self, points: np.ndarray) -> np.ndarray:
        """Convert points (..., 2 or more) from pixels of the photograph to pixels of the square (..., 2)."""
        scaled = points[..., :2] * self.scale - np.asarray(self.origin, np.float32)
        if not self.angle:
            return scaled
        middle = len(self.crop) / 2
        return turned(scaled - middle, -self.angle) + middle

    def room(self, points: np.ndarray) -> np.ndarray:
        """(...,) distance of points (..., 2) px of the square from its border and from the photograph's, pixels."""
        border = np.stack([points, len(self.crop) - points]).min((0, -1))
        return np.minimum(border, self.photograph_edges(points)[0].min(0))

    def photograph_edges(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distances (4, ...) of points (..., 2) px of the square from the photograph's four edges, positive within it,
        and the edges' normals (4, 2) in the square."""
        middle = len(self.crop) / 2
        photo = turned(points - middle, self.angle) + middle + np.asarray(self.origin, points.dtype)
        ends = np.concatenate([photo, np.asarray(self.extent, points.dtype) - photo], -1)
        axes = turned(np.eye(2, dtype=points.dtype), -self.angle)
        return np.moveaxis(ends, -1, 0), np.concatenate([axes, -axes])

    @property
    def is_whole(self) -> bool:
        """Whether the square is the frame itself. Otherwise it is pasted into the frame, with a soft rim."""
        size = len(self.crop)
        return not self.angle and self.paste == (0, 0, size) and self.frame.shape[:2] == (size, size)

    @property
    def is_surrounded(self) -> bool:
        """Whether the photograph around the square can move with what the square shows; see ``layers.around``."""
        return not self.is_whole and not self.angle and self.opacity is None

    def compose(self, square: np.ndarray, frame: np.ndarray | None = None) -> np.ndarray:
        """Paste a rendered square (S, S, 3) uint8 into the frame, with a soft rim; with alpha (S, S, 4).

        ``frame`` is one whose surroundings of the square have moved; it is changed.
        """
        x, y, side = self.paste
        if self.is_whole:
            return square
        if side != square.shape[0]:
            shrinks = side < square.shape[0]
            square = cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
        x0, y0, x1, y1 = self._box
        new = square[y0 - y : y1 - y, x0 - x : x1 - x] if not self.angle else self._turned_back(square)
        out = self.frame.copy() if frame is None else frame
        rim = self._rim if frame is None else self._inset_rim
        shown = out[y0:y1, x0:x1]
        shown[rim.inner] = new[rim.inner]
        for part, weight, rest in rim.strips:
            mixed = new[part].astype(np.uint16)
            mixed *= weight
            mixed += shown[part] * rest
            mixed += 128
            mixed >>= 8
            shown[part] = mixed
        return out

    @property
    def _box(self) -> tuple[int, int, int, int]:
        """(x0, y0, x1, y1) of the frame's pixels that the pasted square can reach."""
        x, y, side = self.paste
        height, width = self.frame.shape[:2]
        beyond = math.ceil(side * (np.abs(turn_matrix(self.angle)[0]).sum() - 1) / 2)
        return max(x - beyond, 0), max(y - beyond, 0), min(x + side + beyond, width), min(y + side + beyond, height)

    @cached_property
    def _rim(self) -> _Rim:
        """Where the pasted square hides the frame, and where it mixes with it."""
        return self._rim_of(0.0)

    @cached_property
    def _inset_rim(self) -> _Rim:
        """The same where the square's rim isn't shown, because shoulders that move there come from beyond it."""
        return self._rim_of(INSET)

    def _rim_of(self, inset: float) -> _Rim:
        side = self.paste[2]
        return _Rim.of(self._pasted(_feather(side, inset)), self.frame.shape[2])

    def _pasted(self, weight: np.ndarray) -> np.ndarray:
        """(h, w, 1) weights (side, side) of the square in ``_box``."""
        if self.angle:
            return self._turned_back(weight, outside=cv2.BORDER_CONSTANT)[..., None]
        x, y, _ = self.paste
        x0, y0, x1, y1 = self._box
        return weight[y0 - y : y1 - y, x0 - x : x1 - x, None]

    def _turned_back(self, square: np.ndarray, outside: int = cv2.BORDER_REPLICATE) -> np.ndarray:
        """(h, w) or (h, w, 3): a square of the frame's scale, turned into the frame's ``_box``."""
        x, y, side = self.paste
        x0, y0, x1, y1 = self._box
        flags = (cv2.INTER_LANCZOS4 if square.ndim == 3 else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP
        to_square = turn_matrix(-self.angle)
        start = np.array([x0 - x, y0 - y]) + 0.5 - side / 2
        matrix = np.concatenate([to_square, (to_square @ start + side / 2 - 0.5)[:, None]], 1)
        return cv2.warpAffine(square, matrix, (x1 - x0, y1 - y0), flags=flags, borderMode=outside)


def frame_portrait(portrait: Portrait, size: int, framing: str) -> Framing:
    """Scale the photograph and cut out the square; ``framing`` is "portrait" or "crop" (``ValueError`` otherwise).

    The square has ``size`` pixels a side, an even number. For the framing "portrait" it has up to half as many more
    where the photograph around it would have less than ``size`` pixels on its long side, although it has them: in
    close-ups most of the square lies outside the photograph.
    """
    if framing not in ("portrait", "crop"):
        raise ValueError(f'framing must be "portrait" or "crop", not {framing!r}')
    image = np.ascontiguousarray(portrait.image)
    if portrait.alpha is not None:
        image = np.dstack([image, portrait.alpha])
    x0, y0, side = (float(v) for v in portrait.crop)
    wanted = min(size, max(image.shape[:2]))
    if framing == "portrait":
        size = max(size, min(math.ceil(wanted * side / max(image.shape[:2]) + 1e-6), int(MOST_ENLARGED * size)))
    size += size % 2  # the generator halves the flow
    scale = size / side
    scaled = _scaled(image, scale)
    origin = (round(x0 * scale), round(y0 * scale))
    angle = turn_to_undo(portrait.landmarks)
    extent = (scaled.shape[1], scaled.shape[0])
    level, inside = _cut(scaled, origin, size)
    quarters = round(angle / QUARTER)
    if angle == quarters * QUARTER:
        crop, inside = (np.ascontiguousarray(np.rot90(part, quarters)) for part in (level, inside))
    else:
        crop, inside = _turned_cut(image, scale, origin, size, angle)
    opacity = None
    if portrait.alpha is not None:
        crop, opacity = np.ascontiguousarray(crop[..., :3]), np.ascontiguousarray(crop[..., 3])
    square = (crop, inside, scale, angle, origin, extent)
    if framing == "crop":
        return Framing(*square, level, (0, 0, size), opacity)
    long_side = max(extent)
    zoom = MAX_SIDE / long_side if long_side > MAX_SIDE else max(1.0, (wanted - 1) / long_side)
    if zoom == 1.0:
        height, width = (side - side % 2 for side in scaled.shape[:2])
        return Framing(*square, scaled[:height, :width].copy(), (*origin, size), opacity)
    if zoom > 1:
        zoom = wanted / max(image.shape[:2]) / scale
    frame = _scaled(image, scale * zoom)
    height, width = (side - side % 2 for side in frame.shape[:2])
    paste = (round(origin[0] * zoom), round(origin[1] * zoom), round(size * zoom))
    return Framing(*square, frame[:height, :width].copy(), paste, opacity)


def _scaled(image: np.ndarray, scale: float) -> np.ndarray:
    """The image at another scale, its first corner kept in place, without aliasing; at least 2 × 2 pixels."""
    height, width = (max(2, int(side * scale)) for side in image.shape[:2])
    return _resampled(image, scale, np.eye(2) / scale, np.zeros(2), (width, height))


def _resampled(
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


def _cut(image: np.ndarray, origin: tuple[int, int], size: int) -> tuple[np.ndarray, np.ndarray]:
    """A square that can reach beyond the image, and the mask of its pixels within the image."""
    columns, rows = (np.arange(size) + start for start in origin)
    height, width = image.shape[:2]
    crop = image[np.clip(rows, 0, height - 1)[:, None], np.clip(columns, 0, width - 1)[None]]
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))[None]
    return np.ascontiguousarray(crop), inside


def _turned_cut(
    image: np.ndarray, scale: float, origin: tuple[int, int], size: int, angle: float
) -> tuple[np.ndarray, np.ndarray]:
    """A turned square of the scaled image, sampled from the image itself, and the mask of its pixels within it."""
    turn = turn_matrix(angle)
    offset = np.asarray(origin) + size / 2 - turn @ np.full(2, size / 2)
    crop = _resampled(image, scale, turn / scale, offset / scale, (size, size))
    y, x = np.mgrid[:size, :size] + 0.5
    u, v = (turn @ np.stack([x.ravel(), y.ravel()]) + offset[:, None]).reshape(2, size, size) / scale
    height, width = image.shape[:2]
    return crop, (u >= 0) & (u < width) & (v >= 0) & (v < height)


def _feather(side: int, inset: float = 0.0) -> np.ndarray:
    """(side, side) uint16 weights 0..256; 0 at the rim, and up to ``inset`` sides away from it."""
    distance = np.minimum(np.arange(side), np.arange(side)[::-1]) - inset * side
    distance = distance / max(FEATHER * side, 1.0)
    ramp = np.clip(distance, 0, 1)
    return np.round(256 * np.minimum(ramp[:, None], ramp[None])).astype(np.uint16)
