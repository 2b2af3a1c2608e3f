"""The appearance encoder: features of the source, made once a take."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from ..renderer.generator.layers import activate, convolution, taken_by
from .blocks import Residual, calm
from .config import KeypointsConfig


@dataclass(frozen=True)
class Appearance:
    """Features of B sources.

    Attributes
    ----------
    fine
        (B, C, S/2, S/2) and (B, C', S/4, S/4).
    volume
        (B, C'' / depth, depth, S/8, S/8).
    small
        (B, small, depth, S/8, S/8) a smaller volume for the motion network.
    """

    fine: tuple[Tensor, Tensor]
    volume: Tensor
    small: Tensor


class AppearanceEncoder(nn.Module):
    """The picture's features at three sides; the coarsest ones are parted into slices of depth."""

    def __init__(self, config: KeypointsConfig) -> None:
        super().__init__()
        a, b, c = config.widths
        self.depth = config.depth
        self.first = convolution(12, a)
        self.down = nn.ModuleList([convolution(a, b, stride=2), convolution(b, c, stride=2)])
        self.refine = nn.ModuleList([Residual(b), Residual(c)])
        self.to_small = convolution(c, config.small * config.depth, 1)

    def forward(self, picture: Tensor) -> Appearance:
        """For pictures (B, 3, S, S) 0..1."""
        half = calm(activate(self.first(taken_by(self.first, F.pixel_unshuffle(picture - 0.5, 2)))))
        quarter = calm(self.refine[0](activate(self.down[0](half))))
        eighth = calm(self.refine[1](activate(self.down[1](quarter))))
        volume, small = (x.unflatten(1, (-1, self.depth)) for x in (eighth, self.to_small(eighth)))
        return Appearance((half, quarter), volume, small)
