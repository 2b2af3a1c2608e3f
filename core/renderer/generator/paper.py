"""The paper's own generator (§3.3): no flow; the identity's map in place of a constant input, everything modulated."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import PaperGeneratorConfig
from .layers import Mapping, ModulatedConv, activate, convolution, enlarge, taken_by

START = 8
"""Side of the identity's map."""


class PaperGenerator(nn.Module):
    """G without flow: the source as an 8 × 8 map, enlarged step by step by convolutions that f_cat modulates.

    As in PC-AVS, whose generator the paper takes over: all that is known of the motion is f_cat.
    """

    def __init__(self, config: PaperGeneratorConfig) -> None:
        super().__init__()
        if config.side != START * 2 ** (len(config.widths) - 1):
            raise ValueError(f"{len(config.widths)} widths make a side of {START * 2 ** (len(config.widths) - 1)}")
        self.config = config
        w = config.widths
        self.mapping = Mapping(config.style, config.mapped)
        down = list(reversed(w[:-1]))  # channels from half the square's side to the map's
        self.first = convolution(12, down[0])
        self.encoder = nn.ModuleList([convolution(a, b, stride=2) for a, b in pairwise(down)])
        self.deep = ModulatedConv(w[0], w[0], config.mapped)
        self.mix = nn.ModuleList([ModulatedConv(a, b, config.mapped) for a, b in pairwise(w[:-1])])
        self.refine = nn.ModuleList([ModulatedConv(b, b, config.mapped) for b in w[1:-1]])
        self.last = ModulatedConv(w[-2], w[-1], config.mapped)
        self.to_picture = convolution(w[-1], 3)

    def encode(self, source: Tensor) -> Tensor:
        """The identity's map (B, C, 8, 8) of the source (B, 3, S, S) 0..1, once a take."""
        x = activate(self.first(taken_by(self.first, F.pixel_unshuffle(source - 0.5, 2))))
        for layer in self.encoder:
            x = activate(layer(x))
        return x

    def forward(self, source: Tensor, style: Tensor) -> Tensor:
        """:meth:`encode` and :meth:`draw`: sources (B, 3, S, S) and f_cat (B, 224) to pictures (B, 3, S, S)."""
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
