"""The photograph's fine detail, where a face is worked with fewer pixels than it has in the frame.

An enlarged square is soft. What the photograph has beyond it moves with the flow and is added to each frame, wherever
the frame shows the photograph. Where something else was drawn (lids, the mouth's inside, skin that the network has
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
        With ``fine``, the square in the frame's own pixels.
    matte
        (S, S) 0..1 of the person at rest.
    """

    def __init__(self, framing: Framing, matte: np.ndarray) -> None:
        assert framing.fine is not None
        self.framing, self.matte = framing, matte.astype(np.float32)
        square = framing.crop if framing.opacity is None else np.dstack([framing.crop, framing.opacity])
        self.own = framing.fine.astype(np.float32) - framing.resized(square)
        self.grid, self.fine_grid = _grid(len(square)), _grid(len(framing.fine))

    def added(self, square: np.ndarray, moved: Moved) -> np.ndarray:
        """(side, side, 3 or 4) uint8: a rendered square (S, S, 3 or 4) uint8 in the frame's pixels, with the detail."""
        flow = moved.positions - self.grid - 0.5
        flow[moved.matte < SOLID] = 0
        shown = self._shown(square[..., :3], flow, moved.matte)
        side, channels = len(self.own), square.shape[2]
        places = cv2.add(_enlarged(flow * (side / len(square)), side), self.fine_grid)
        detail = cv2.remap(self.own, places, _NONE, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        detail = cv2.multiply(detail, cv2.merge([_enlarged(shown, side)] * channels))
        return cv2.add(self.framing.resized(square), detail, dtype=cv2.CV_8U)

    def _shown(self, square: np.ndarray, flow: np.ndarray, matte: np.ndarray) -> np.ndarray:
        """(S, S) float32 0..1: how far each pixel of a square shows the photograph that ``flow`` moves."""
        there = cv2.remap(self.framing.crop, flow + self.grid, _NONE, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        apart = cv2.absdiff(square, there)
        most = cv2.max(cv2.max(apart[..., 0], apart[..., 1]), apart[..., 2])
        most = cv2.blur(cv2.dilate(most, np.ones((AROUND, AROUND), np.uint8)), (AROUND, AROUND)).astype(np.float32)
        low, high = ALIKE
        shown = np.clip((high - most) / (high - low), 0, 1)
        return shown * (1 - np.clip(self.matte - matte, 0, 1))  # what the person has left shows the background


def _enlarged(field: np.ndarray, side: int) -> np.ndarray:
    return cv2.resize(field, (side, side), interpolation=cv2.INTER_LINEAR)


def _grid(side: int) -> np.ndarray:
    """(side, side, 2) float32: columns and rows of pixels, as OpenCV counts them."""
    y, x = np.mgrid[:side, :side].astype(np.float32)
    return np.stack([x, y], -1)
