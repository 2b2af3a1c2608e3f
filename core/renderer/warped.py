"""Warped frames with what they were made from."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from .flow import Flow
from .geometry import PosedHeads


@dataclass(frozen=True)
class WarpedFrames:
    """Frames of the square with what they were made from: the input of a network that refines them.

    Attributes
    ----------
    picture
        (B, 3, S, S) 0..1 RGB, finished.
    flow
        Where in the photograph each pixel comes from, how far that is known from the head model, and which triangle.
    alpha
        (B, 1, S, S) the warped person's matte.
    heads
        The posed head models.
    """

    picture: Tensor
    flow: Flow
    alpha: Tensor
    heads: PosedHeads
