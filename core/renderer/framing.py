"""From the whole photograph to the rendered square, and back.

The portrait's crop square is worked with ``size`` pixels a side. The frame that it is pasted into has the same scale,
or a size of its own. The square lies at whole pixels of the frame, so that it doesn't shift when it is pasted. For a
tilted face the square is tilted too: all that renders a square sees an upright face. Such a square is turned back when
it is pasted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from ..head.rotation import euler_to_matrix
from ..portrait.portrait import Portrait, fitted
from ..portrait.resampling import Place, cut, resampled, scaled, turned_cut
from ..portrait.tilt import QUARTER, turn_matrix, turn_to_undo, turned
from ..wire.picture_size import FIT, MAX_SIDE, even, frame_scale, frame_size

MOST_ENLARGED = 1.5
"""Side of the rendered square in sides of ``size``, at most. Beyond that a rendered square is enlarged."""
NEARLY = 0.04
"""Difference of the square's side in the frame from the side with which it is worked up to which it is given that side,
as a fraction of it."""
FEATHER = 0.03
"""Width of the soft rim of the pasted square, as a fraction of its side."""
INSET = 0.025
"""Width of the rim that isn't pasted where the photograph around the square moves, as a fraction of the side."""


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
    fine
        (h, w, 3 or 4) uint8: the ``visible`` part of the square in the frame's pixels; None if ``crop`` has as many.
    """

    crop: np.ndarray
    inside: np.ndarray
    scale: float
    angle: float
    origin: Place
    extent: Place
    frame: np.ndarray
    paste: tuple[int, int, int]
    opacity: np.ndarray | None = None
    fine: np.ndarray | None = None

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

        A square that has the frame's pixels already (:meth:`resized`) is taken as it is.
        ``frame`` is one whose surroundings of the square have moved; it is changed.
        """
        x, y, _ = self.paste
        if self.is_whole:
            return square
        square = self.resized(square)
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
    def visible(self) -> tuple[slice, slice]:
        """Rows and columns of the square, in the frame's pixels, that lie in the frame; all of a turned square."""
        x, y, side = self.paste
        if self.angle:
            return slice(0, side), slice(0, side)
        x0, y0, x1, y1 = self._box
        return slice(y0 - y, y1 - y), slice(x0 - x, x1 - x)

    def resized(self, square: np.ndarray) -> np.ndarray:
        """A square (S, S, ...) with as many pixels as it has in the frame, before it is turned."""
        size, side = len(square), self.paste[2]
        if side == size:
            return square
        return cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA if side < size else cv2.INTER_CUBIC)

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


def frame_portrait(portrait: Portrait, size: int, framing: str, picture: int | str = FIT) -> Framing:
    """Scale the photograph and cut out the square; ``framing`` is "portrait" or "crop" (``ValueError`` otherwise).

    The square has ``size`` pixels a side, an even number. For the framing "portrait" it has up to half as many more
    where the photograph around it would have less than ``size`` pixels on its long side, although it has them: in
    close-ups most of the square lies outside the photograph.

    ``picture`` says how large the frame is for the framing "portrait" (``core.wire.picture_size``). For ``FIT`` it has
    the scale of the square. In close-ups it is larger, so that its long side has ``size`` pixels where the photograph
    has them, and it is smaller where it would have more than ``MAX_SIDE``.
    """
    if framing not in ("portrait", "crop"):
        raise ValueError(f'framing must be "portrait" or "crop", not {framing!r}')
    image = np.ascontiguousarray(portrait.image)
    if portrait.alpha is not None:
        image = np.dstack([image, portrait.alpha])
    side, long_side = float(portrait.crop[2]), max(image.shape[:2])
    wanted = min(size, long_side)
    if framing == "portrait":
        size = max(size, min(math.ceil(wanted * side / long_side + 1e-6), int(MOST_ENLARGED * size)))
    size += size % 2  # the generator halves the flow
    if framing == "portrait" and picture != FIT:
        return _in_frame(portrait, image, size, picture)
    return _in_own_scale(portrait, image, size, None if framing == "crop" else wanted)


def _in_own_scale(portrait: Portrait, image: np.ndarray, size: int, wanted: int | None) -> Framing:
    """The square at whole pixels of a photograph that is scaled for it. The frame has at least ``wanted`` pixels on its
    long side; None: it is the square."""
    x0, y0, side = (float(v) for v in portrait.crop)
    scale = size / side
    whole = scaled(image, scale)
    origin, extent = (round(x0 * scale), round(y0 * scale)), (whole.shape[1], whole.shape[0])
    level, inside = cut(whole, origin, size)
    angle, crop, inside = _upright(portrait, image, scale, origin, level, inside)
    crop, opacity = _without_alpha(crop)
    square = (crop, inside, scale, angle, origin, extent)
    if wanted is None:
        return Framing(*square, level, (0, 0, size), opacity)
    long_side = max(extent)
    zoom = MAX_SIDE / long_side if long_side > MAX_SIDE else max(1.0, (wanted - 1) / long_side)
    if zoom == 1.0:
        return Framing(*square, whole[: even(extent[1]), : even(extent[0])].copy(), (*origin, size), opacity)
    if zoom > 1:
        zoom = wanted / max(image.shape[:2]) / scale
    frame = scaled(image, scale * zoom)
    height, width = (even(side) for side in frame.shape[:2])
    paste = (round(origin[0] * zoom), round(origin[1] * zoom), round(size * zoom))
    return Framing(*square, frame[:height, :width].copy(), paste, opacity)


def _in_frame(portrait: Portrait, image: np.ndarray, size: int, picture: int | str) -> Framing:
    """The square of the whole pixels of a frame whose size is given, itself at the scale at which it has ``size``."""
    height, width = image.shape[:2]
    zoom, extent = frame_scale(width, height, picture), frame_size(width, height, picture)
    frame = image[: extent[1], : extent[0]].copy()
    if zoom != 1.0:
        frame = resampled(image, zoom, np.eye(2) / zoom, np.zeros(2), extent)
    x, y, side = _square_of(portrait, zoom, size)
    share = size / side
    scale, origin = zoom * share, (x * share, y * share)
    level, inside = cut(frame, (x, y), size) if side == size else turned_cut(image, scale, origin, size, 0.0)
    angle, crop, inside = _upright(portrait, image, scale, origin, level, inside)
    crop, opacity = _without_alpha(crop)
    whole = (width * scale, height * scale)
    framing = Framing(crop, inside, scale, angle, origin, whole, frame, (x, y, side), opacity)
    if side == size:
        return framing
    if angle:
        return replace(framing, fine=_upright(portrait, image, zoom, (x, y), *cut(frame, (x, y), side))[1])
    x0, y0, x1, y1 = framing._box
    return replace(framing, fine=frame[y0:y1, x0:x1])


def _square_of(portrait: Portrait, zoom: float, size: int) -> tuple[int, int, int]:
    """(x, y, side) of the portrait's square in a frame of ``zoom`` pixels per pixel of the photograph.

    A square that has nearly ``size`` pixels has exactly so many. Then it is a part of the frame, pixel for pixel.
    """
    x, y, side = (float(v) * zoom for v in portrait.crop)
    wanted = float(size) if abs(side / size - 1) < NEARLY else max(side, 2.0)
    return round(x + (side - wanted) / 2), round(y + (side - wanted) / 2), round(wanted)


def _upright(
    portrait: Portrait, image: np.ndarray, scale: float, origin: Place, level: np.ndarray, inside: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """The angle of a tilted face, and its square of the scaled photograph and the mask of that, in which it is upright.

    ``level`` and ``inside`` are the square and the mask before the turn. They are the answer if the face isn't tilted.
    """
    angle = turn_to_undo(portrait.landmarks)
    quarters = round(angle / QUARTER)
    if angle == quarters * QUARTER:
        crop, mask = (np.ascontiguousarray(np.rot90(part, quarters)) for part in (level, inside))
        return angle, crop, mask
    return angle, *turned_cut(image, scale, origin, len(level), angle)


def _without_alpha(crop: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """The colours of a square, and its alpha if it has one."""
    if crop.shape[2] == 3:
        return crop, None
    return np.ascontiguousarray(crop[..., :3]), np.ascontiguousarray(crop[..., 3])


def _feather(side: int, inset: float = 0.0) -> np.ndarray:
    """(side, side) uint16 weights 0..256; 0 at the rim, and up to ``inset`` sides away from it."""
    distance = np.minimum(np.arange(side), np.arange(side)[::-1]) - inset * side
    distance = distance / max(FEATHER * side, 1.0)
    ramp = np.clip(distance, 0, 1)
    return np.round(256 * np.minimum(ramp[:, None], ramp[None])).astype(np.uint16)
