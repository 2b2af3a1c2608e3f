"""Warped frames, together with the flow and heads that they were made with."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from .flow import Flow
from .geometry import PosedHeads


@dataclass(frozen=True)
class WarpedFrames:
    """Warped frames of the square: the input of a network that refines them.

    Attributes
    ----------
    picture
        (B, 3, S, S) 0..1 RGB, with mouth and eyes drawn.
    flow
        The backward flow with which they were made.
    alpha
        (B, 1, S, S) the warped person's matte.
    heads
        The posed head models.
    """

    picture: Tensor
    flow: Flow
    alpha: Tensor
    heads: PosedHeads
