"""The generator with flow: corrects warped frames."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..fields import pixel_grid, sample
from .conditions import CHANNELS
from .config import GeneratorConfig
from .layers import Mapping, ModulatedConv, activate, convolution, enlarge, halve, soften, taken_by

HEAD_GAIN = 0.1
"""Factor on the outputs, so that one step of the optimiser doesn't spoil a picture that is nearly right."""
LEAST_SHARE = 0.1
"""Lower limit of the generated picture's share in the output. A mask that could close completely would then get no
gradient any more."""
SHIFT_LEVEL = 1
"""Level of the U-Net whose features give the residual flow: 1/4 of the square's side."""


@dataclass(frozen=True)
class Correction:
    """The generator's correction of warped frames, at its own resolution.

    Attributes
    ----------
    shift
        (B, 2, S, S) residual flow in pixels (x, y): the offset at which the warp is sampled.
    share
        (B, 1, S, S) 1 − mask, 0..1: how much of the warp is replaced.
    change
        (B, 3, S, S) the generated picture minus the shifted warp.
    """

    shift: Tensor
    share: Tensor
    change: Tensor

    def apply(self, warped: Tensor) -> Tensor:
        """Output (B, 3, N, N) = mask · warped + (1 − mask) · generated, for warped frames of any size N.

        For a larger frame only the difference from the warp is enlarged, so the frame keeps its own finer detail.
        """
        size, side = warped.shape[-1], self.share.shape[-1]
        shift = resized(self.shift, size) * (size / side)
        moved = sample(warped, pixel_grid(size, size, warped.device) + shift.permute(0, 2, 3, 1), "bicubic")
        return moved + resized(self.share * self.change, size)


def resized(field: Tensor, size: int) -> Tensor:
    """Resize (B, C, N, N) to another side: bilinear, with smoothing if it shrinks; unchanged if it has that side."""
    if field.shape[-1] == size:
        return field
    smaller = field.shape[-1] > size
    return F.interpolate(field, (size, size), mode="bilinear", align_corners=False, antialias=smaller)


class SourceEncoder(nn.Module):
    """Features of the photograph at 1/4 and 1/8 of its side, computed once a take and warped into every frame."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        w = config.widths
        self.first = convolution(12, w[0])
        self.down = nn.ModuleList([convolution(w[0], w[1], stride=2), convolution(w[1], w[2], stride=2)])
        self.refine = nn.ModuleList([convolution(w[1], w[1]), convolution(w[2], w[2])])
        self.out = nn.ModuleList([convolution(w[k + 1], config.source_widths[k], 1) for k in range(2)])

    def forward(self, source: Tensor) -> list[Tensor]:
        """(B, 3, S, S) 0..1 to [(B, C, S/4, S/4), (B, C', S/8, S/8)]."""
        x = activate(self.first(taken_by(self.first, F.pixel_unshuffle(source - 0.5, 2))))
        maps = []
        for down, refine, out in zip(self.down, self.refine, self.out, strict=True):
            x = activate(down(x))
            x = x + activate(refine(x))
            maps.append(out(x))
        return maps


class Generator(nn.Module):
    """G with flow: a U-Net over the warped frame, the geometry and the source's warped features.

    The decoder is modulated by f_cat. The network works at half the frame's side and below; the full resolution comes
    from the warp itself, so areas that it doesn't change stay sharp. Training begins at the warp: change and shift
    start at zero.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        w, s = config.widths, config.source_widths
        self.source_encoder = SourceEncoder(config)
        self.mapping = Mapping(config.style, config.mapped)
        self.first = convolution(12 + CHANNELS, w[0])
        self.down = nn.ModuleList([convolution(w[k], w[k + 1], stride=2) for k in range(3)])
        self.join = nn.ModuleList([convolution(w[1] + s[0], w[1]), convolution(w[2] + s[1], w[2])])
        self.deep = nn.ModuleList([ModulatedConv(w[3], w[3], config.mapped) for _ in range(2)])
        self.narrow = nn.ModuleList([convolution(w[k + 1], w[k], 1) for k in range(3)])
        self.mix = nn.ModuleList([ModulatedConv(2 * w[k], w[k], config.mapped) for k in range(3)])
        self.refine = nn.ModuleList([ModulatedConv(w[k], w[k], config.mapped) for k in range(3)])
        self.to_shift = convolution(w[1], 2)
        self.to_picture = convolution(w[0], 16)
        for head in (self.to_shift, self.to_picture):
            nn.init.zeros_(head.weight)
        start = (1 - config.kept - LEAST_SHARE) / (1 - LEAST_SHARE)
        self.share_start = math.log(start / (1 - start))

    def encode(self, source: Tensor) -> list[Tensor]:
        """Features of the source (B, 3, S, S) 0..1; computed once a take."""
        return list(self.source_encoder(source))

    def forward(
        self,
        source: Tensor,
        warped: Tensor,
        conditions: Tensor,
        positions: Tensor,
        paintable: Tensor,
        style: Tensor,
    ) -> Correction:
        """:meth:`encode`, then :meth:`correct`; sources (N, 3, S, S) with the same number of frames B / N each."""
        repeats = len(warped) // len(source)
        maps = [m.repeat_interleave(repeats, 0) for m in self.encode(source)]
        return self.correct(maps, warped, conditions, positions, paintable, style)

    def correct(
        self,
        maps: list[Tensor],
        warped: Tensor,
        conditions: Tensor,
        positions: Tensor,
        paintable: Tensor,
        style: Tensor,
    ) -> Correction:
        """Correction of warped frames.

        Parameters
        ----------
        maps
            Of :meth:`encode`: (B or 1, C, S/4, S/4) and (B or 1, C', S/8, S/8).
        warped
            (B, 3, H, W) 0..1. In training it can be a window of the square. Sides are multiples of 16.
        conditions
            (B, CHANNELS, H/2, W/2); see ``conditions.conditions``.
        positions
            (B, 2, H/2, W/2) pixel of the source's square that each block of 2 × 2 pixels shows.
        paintable
            (B, 1, H, W) 0..1: where the picture may be changed.
        style
            (B, 224) f_cat.
        """
        w = self.mapping(style)
        picture = F.pixel_unshuffle(warped - 0.5, 2)  # (B, 3, H, W) -> (B, 12, H/2, W/2)
        x = activate(self.first(taken_by(self.first, torch.cat([picture, conditions], 1))))
        levels = [x]
        here = positions / 2
        for k, join in enumerate(self.join):
            x = activate(self.down[k](x))
            here = halve(here) / 2  # pixels of the map
            seen = sample(maps[k].float(), here.permute(0, 2, 3, 1))
            assert isinstance(join, nn.Conv2d)
            x = activate(join(torch.cat([x, taken_by(join, seen).to(x.dtype)], 1)))
            levels.append(x)
        x = activate(self.down[2](x))
        for layer in self.deep:
            x = x + layer(x, w)
        shift = None
        for k in (2, 1, 0):
            x = torch.cat([enlarge(self.narrow[k](x)), levels[k]], 1)
            x = self.mix[k](x, w)
            x = x + self.refine[k](x, w)
            if k == SHIFT_LEVEL:
                shift = self.to_shift(x)
        assert shift is not None
        reach = self.config.shift * self.config.side
        allowed = paintable.float()
        move = allowed * enlarge(torch.tanh(shift.float().contiguous() * HEAD_GAIN), 4) * reach
        drawn = self.to_picture(x).float().contiguous() * HEAD_GAIN
        drawn = soften(F.pixel_shuffle(drawn, 2))  # (B, 16, H/2, W/2) -> (B, 4, H, W)
        share = LEAST_SHARE + (1 - LEAST_SHARE) * torch.sigmoid(drawn[:, 3:] + self.share_start)
        return Correction(move, allowed * share, drawn[:, :3])
