"""The generator with flow: corrects the warped photograph where a warp can't be right."""

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
"""Of the outputs: a step of the optimiser must not throw a picture off that is nearly right."""
LEAST_SHARE = 0.1
"""Of the generated picture in the output: a mask that could close wholly would stop learning for good."""


@dataclass(frozen=True)
class Correction:
    """What the generator does to warped frames, at its own resolution.

    Attributes
    ----------
    shift
        (B, 2, S, S) residual flow, pixels (x, y): the warp is read that far beside.
    share
        (B, 1, S, S) 1 − mask, 0..1: how much of the warp is replaced.
    change
        (B, 3, S, S) what is generated, less the moved warp.
    """

    shift: Tensor
    share: Tensor
    change: Tensor

    def apply(self, warped: Tensor) -> Tensor:
        """output = mask · warped + (1 − mask) · generated, for warped frames (B, 3, N, N) of this or another size.

        In a larger frame the difference from the warp is enlarged, so that the frame keeps its own finer detail.
        """
        size, side = warped.shape[-1], self.share.shape[-1]
        shift = resized(self.shift, size) * (size / side)
        moved = sample(warped, pixel_grid(size, size, warped.device) + shift.permute(0, 2, 3, 1), "bicubic")
        return moved + resized(self.share * self.change, size)


def resized(field: Tensor, size: int) -> Tensor:
    """(B, C, N, N) to another side: bilinear, smoothed where it gets smaller, itself where it has that side."""
    if field.shape[-1] == size:
        return field
    smaller = field.shape[-1] > size
    return F.interpolate(field, (size, size), mode="bilinear", align_corners=False, antialias=smaller)


class SourceEncoder(nn.Module):
    """The photograph as features at 1/4 and 1/8 of its side, made once a take and warped into every frame."""

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
    """G with flow (design §5): a U-Net over the warped frame, geometry and the source's warped features.

    The decoder is modulated by f_cat. It works on half the frame's side and up; its full-resolution picture comes
    from the warp itself, so nothing it leaves alone can lose sharpness. Training begins at the warp: the change and
    the shift start at zero.
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
        """Features of the source (B, 3, S, S) 0..1, once a take."""
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
        """:meth:`encode` and :meth:`correct`; sources (N, 3, S, S) with the same number of frames B / N each."""
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
            Of :meth:`encode`, (B or 1, C, S/4, S/4) and (B or 1, C', S/8, S/8).
        warped
            (B, 3, H, W) 0..1; a window of the square does in training, sides in multiples of 16.
        conditions
            (B, CHANNELS, H/2, W/2), see ``conditions.conditions``.
        positions
            (B, 2, H/2, W/2) pixels of the source's square seen at each block of 2 × 2 pixels.
        paintable
            (B, 1, H, W) 0..1 where the picture may be changed.
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
            if k == 1:
                shift = self.to_shift(x)
        assert shift is not None
        reach = self.config.shift * self.config.side
        allowed = paintable.float()
        move = allowed * enlarge(torch.tanh(shift.float().contiguous() * HEAD_GAIN), 4) * reach
        drawn = self.to_picture(x).float().contiguous() * HEAD_GAIN
        drawn = soften(F.pixel_shuffle(drawn, 2))  # (B, 16, H/2, W/2) -> (B, 4, H, W)
        share = LEAST_SHARE + (1 - LEAST_SHARE) * torch.sigmoid(drawn[:, 3:] + self.share_start)
        return Correction(move, allowed * share, drawn[:, :3])
