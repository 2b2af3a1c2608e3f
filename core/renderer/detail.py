"""The photograph's fine detail, where a face is worked with another number of pixels than it has in the frame.

A square that was resized is soft. What the photograph has beyond it moves with the flow and is added to each frame,
wherever the frame shows the photograph. Where something else was drawn (lids, the mouth's inside, what the network
corrected) there is no such detail, and the passage is soft. A head at rest is the photograph.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from torch import Tensor

from .framing import Framing

SOLID = 0.5
"""Matte of the moved person above which a pixel shows the person, and so moves."""
ALIKE = (8.0, 28.0)
"""Difference from the moved photograph, in grey levels, from which a pixel counts as drawn a little, and fully."""
AROUND = 3
"""Side in pixels of the square of the neighbourhood whose largest difference counts."""
BAND = 64
"""Rows that are made at a time, so that what is computed for them stays in the processor's cache."""
_ALIKE = np.interp(np.arange(256), ALIKE, (1, 0)).astype(np.float32)
"""Share of the photograph in a pixel, by its difference."""
_NONE = np.empty(0, np.float32)
"""Second map of a remapping whose first one holds both coordinates."""


class Moved(NamedTuple):
    """Where a frame of the square shows the photograph: ``positions`` (S, S, 2) float32 px, and the person's matte
    (S, S) float32 0..1."""

    positions: np.ndarray
    matte: np.ndarray

    @classmethod
    def of(cls, positions: Tensor, matte: Tensor) -> list[Moved]:
        """Those of the frames of ``positions`` (B, S, S, 2) and ``matte`` (B, 1, S, S)."""
        return [cls(*pair) for pair in zip(positions.cpu().numpy(), matte[:, 0].cpu().numpy(), strict=True)]


class Detail:
    """What one portrait's photograph has beyond its square.

    Parameters
    ----------
    framing
        With ``fine``, the visible part of the square in the frame's own pixels.
    matte
        (S, S) 0..1 of the person at rest.
    """

    def __init__(self, framing: Framing, matte: np.ndarray) -> None:
        assert framing.fine is not None
        self.framing, self.matte = framing, matte.astype(np.float32)
        square = framing.crop if framing.opacity is None else np.dstack([framing.crop, framing.opacity])
        self.own = framing.fine.astype(np.float32) - framing.resized(square)[framing.visible]
        self.places, self.fine_grid = _grid(square), _grid(self.own)
        self.grid = self.places + 0.5  # as the flow counts pixels

    def added(self, square: np.ndarray, moved: Moved) -> np.ndarray:
        """(side, side, 3 or 4) uint8: a rendered square (S, S, 3 or 4) uint8 in the frame's pixels, with the detail.

        What lies beyond the frame has none.
        """
        moves = (moved.matte >= SOLID).view(np.uint8)
        flow = cv2.copyTo(cv2.subtract(moved.positions, self.grid), moves)
        shown = self._shown(square[..., :3], flow, moved.matte)
        side, visible = self.framing.paste[2], self.framing.visible
        flow, shown = (_enlarged(field, side)[visible] for field in (flow * (side / len(square)), shown))
        out = self.framing.resized(square)
        seen = out[visible]
        for top in range(0, len(seen), BAND):
            band = slice(top, top + BAND)
            places = cv2.add(flow[band], self.fine_grid[band])
            detail = cv2.remap(self.own, places, _NONE, cv2.INTER_LINEAR)
            detail = cv2.multiply(detail, cv2.merge([shown[band]] * square.shape[2]))
            seen[band] = cv2.add(seen[band], detail, dtype=cv2.CV_8U)
        return out

    def _shown(self, square: np.ndarray, flow: np.ndarray, matte: np.ndarray) -> np.ndarray:
        """(S, S) float32 0..1: how far each pixel of a square shows the photograph that ``flow`` moves."""
        places = cv2.add(flow, self.places)
        there = cv2.remap(self.framing.crop, places, _NONE, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        red, green, blue = cv2.split(cv2.absdiff(square, there))
        apart = cv2.max(cv2.max(red, green), blue)
        apart = cv2.blur(cv2.dilate(apart, np.ones((AROUND, AROUND), np.uint8)), (AROUND, AROUND))
        left = np.maximum(self.matte - matte, 0)  # what the person has left shows the background
        shown: np.ndarray = cv2.LUT(apart, _ALIKE) * (1 - left)
        return shown


def _enlarged(field: np.ndarray, side: int) -> np.ndarray:
    return cv2.resize(field, (side, side), interpolation=cv2.INTER_LINEAR)


def _grid(picture: np.ndarray) -> np.ndarray:
    """(h, w, 2) float32: columns and rows of a picture's pixels, as OpenCV counts them."""
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]].astype(np.float32)
    return np.stack([x, y], -1)
