"""The appearance encoder: features of the source, made once a take."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from ..renderer.fields import resize
from ..renderer.generator.layers import activate, convolution, taken_by
from .blocks import Residual, calm
from .config import KeypointsConfig
from .window import cropped

SIDE = 128
"""Side of the reduced picture in which the whole square is seen."""


@dataclass(frozen=True)
class Appearance:
    """Features of B sources. W is the window's side.

    Attributes
    ----------
    fine
        (B, C, W/2, W/2) and (B, C', W/4, W/4).
    volume
        (B, C'' / depth, depth, W/8, W/8).
    small
        (B, small, depth, 32, 32) a smaller volume of the whole square, for the motion network.
    """

    fine: tuple[Tensor, Tensor]
    volume: Tensor
    small: Tensor


class AppearanceEncoder(nn.Module):
    """The window's features at three sides; the coarsest ones, and those of the square, are parted into slices of
    depth."""

    def __init__(self, config: KeypointsConfig) -> None:
        super().__init__()
        a, b, c = config.widths
        self.depth = config.depth
        self.first = convolution(12, a)
        self.down = nn.ModuleList([convolution(a, b, stride=2), convolution(b, c, stride=2)])
        self.refine = nn.ModuleList([Residual(b), Residual(c)])
        self.scene = nn.ModuleList([convolution(12, config.scene[0]), convolution(*config.scene, stride=2)])
        self.to_small = convolution(config.scene[1], config.small * config.depth, 1)

    def forward(self, picture: Tensor) -> Appearance:
        """For pictures (B, 3, S, S) 0..1."""
        half = calm(activate(self.first(taken_by(self.first, F.pixel_unshuffle(cropped(picture) - 0.5, 2)))))
        quarter = calm(self.refine[0](activate(self.down[0](half))))
        eighth = calm(self.refine[1](activate(self.down[1](quarter))))
        x = F.pixel_unshuffle(resize(picture, SIDE, SIDE) - 0.5, 2)
        for layer in self.scene:
            assert isinstance(layer, nn.Conv2d)
            x = calm(activate(layer(taken_by(layer, x))))
        volume, small = (y.unflatten(1, (-1, self.depth)) for y in (eighth, self.to_small(x)))
        return Appearance((half, quarter), volume, small)
