"""The paper's own generator (arXiv 2212.04248, section 3.3), without flow.

The identity's map takes the place of StyleGAN2's constant input, and all convolutions are modulated.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..generator.config import STYLE
from ..generator.layers import Mapping, ModulatedConv, activate, convolution, enlarge, taken_by

START = 8
"""Side of the identity's map in pixels."""


@dataclass(frozen=True)
class PaperGeneratorConfig:
    """Size of the paper's generator.

    Attributes
    ----------
    side
        Side of the square in pixels.
    widths
        Channels from 8 × 8 pixels up to the whole square; the side doubles each time.
    style
        Widths of the parts of f_cat.
    mapped
        Width of the mapped style w.
    """

    side: int = 256
    widths: tuple[int, ...] = (256, 256, 192, 128, 64, 32)
    style: tuple[int, int, int] = STYLE
    mapped: int = 256

    @classmethod
    def tiny(cls) -> PaperGeneratorConfig:
        """A size for tests, whose steps take milliseconds."""
        return cls(side=64, widths=(24, 16, 12, 8), mapped=16)


class PaperGenerator(nn.Module):
    """G without flow: the source becomes an 8 × 8 map, which convolutions modulated by f_cat enlarge step by step.

    PC-AVS has the same generator, and the paper uses that one: f_cat is all that it receives of the motion.
    """

    def __init__(self, config: PaperGeneratorConfig) -> None:
        super().__init__()
        if config.side != START * 2 ** (len(config.widths) - 1):
            raise ValueError(f"{len(config.widths)} widths make a side of {START * 2 ** (len(config.widths) - 1)}")
        self.config = config
        w = config.widths
        self.mapping = Mapping(config.style, config.mapped)
        down = list(reversed(w[:-1]))  # channels from half the square's side down to the map's
        self.first = convolution(12, down[0])
        self.encoder = nn.ModuleList([convolution(a, b, stride=2) for a, b in pairwise(down)])
        self.deep = ModulatedConv(w[0], w[0], config.mapped)
        self.mix = nn.ModuleList([ModulatedConv(a, b, config.mapped) for a, b in pairwise(w[:-1])])
        self.refine = nn.ModuleList([ModulatedConv(b, b, config.mapped) for b in w[1:-1]])
        self.last = ModulatedConv(w[-2], w[-1], config.mapped)
        self.to_picture = convolution(w[-1], 3)

    def encode(self, source: Tensor) -> Tensor:
        """The identity's map (B, C, 8, 8) of the source (B, 3, S, S) 0..1; computed once a take."""
        x = activate(self.first(taken_by(self.first, F.pixel_unshuffle(source - 0.5, 2))))
        for layer in self.encoder:
            x = activate(layer(x))
        return x

    def forward(self, source: Tensor, style: Tensor) -> Tensor:
        """:meth:`encode`, then :meth:`draw`: sources (B, 3, S, S) and f_cat (B, 224) to pictures (B, 3, S, S)."""
        return self.draw(self.encode(source), style)

    def draw(self, identity: Tensor, style: Tensor) -> Tensor:
        """Pictures (B, 3, S, S) 0..1 for the map of :meth:`encode` (B or 1, …) and f_cat (B, 224)."""
        w = self.mapping(style)
        x = identity.expand(len(style), -1, -1, -1)
        x = x + self.deep(x, w)
        for mix, refine in zip(self.mix, self.refine, strict=True):
            x = mix(enlarge(x), w)
            x = x + refine(x, w)
        x = self.last(enlarge(x), w)
        return torch.sigmoid(self.to_picture(x).float())
