"""The decoder: the warped features of the source to what the frame shows."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..renderer.fields import resize, sample
from ..renderer.generator.generator import resized
from ..renderer.generator.layers import activate, convolution, enlarge, soften, taken_by
from .appearance import Appearance
from .blocks import Residual, calm, square_grid
from .config import KeypointsConfig
from .motion_field import MotionField, sample_slices
from .window import cropped, in_window, window_grid

LEAST_SHARE, FIRST_SHARE = 0.1, 0.3
"""Share of the change in the output: its lower limit, and its value when training begins. A mask that could close
completely would then get no gradient any more."""
FIRST_SPREAD = 0.05
"""Standard deviation of the last layer's weights when training begins. The first changes are noise of a few grey
levels. From zeros the layers before got no gradient that they could follow, and after 400 steps nothing was drawn."""
CHANNELS, COLOURS_AND_SHARE = 6, 4
"""What the last layer gives for each pixel: three colours, the share, and a shift (x, y)."""
SHIFT_REACH = 0.06
"""Largest shift of what is looked up, in the square's coordinates."""
GAIN = 0.1
"""Factor on the outputs, so that a step of the optimiser changes the picture little."""


class Decoder(nn.Module):
    """From the volume at 1/8 of the window's side to a change of the warped source, with its finer features warped in.

    As in "Motion Representations for Articulated Animation" (Siarohin et al. 2021) the output contains the warped
    source itself, so the network need not draw what the source shows already. The decoder also gets the features of the
    motion network, because an opening mouth shows what no place of the source shows.
    """

    def __init__(self, config: KeypointsConfig) -> None:
        super().__init__()
        a, b, c = config.widths
        self.told = convolution(config.motion[0], c, 1)
        self.deep = nn.Sequential(Residual(c), Residual(c))
        self.mix = nn.ModuleList([convolution(c + b, b), convolution(b + a, a)])
        self.refine = nn.ModuleList([Residual(b), Residual(a)])
        self.to_picture = convolution(a, 4 * CHANNELS)
        with torch.no_grad():
            nn.init.normal_(self.to_picture.weight, std=FIRST_SPREAD)
            self.to_picture.weight[4 * COLOURS_AND_SHARE :] = 0  # nothing is shifted when training begins
        share = (FIRST_SHARE - LEAST_SHARE) / (1 - LEAST_SHARE)
        self.first_logit = math.log(share / (1 - share))

    def forward(self, appearance: Appearance, field: MotionField) -> tuple[Tensor, Tensor, Tensor]:
        """For a window of the side W: the change (B, 3, W, W) of the warped source's colours, the share (B, 1, W, W) of
        it that is applied, and how much further away (B, 2, W, W) the source is looked up, in the square's
        coordinates."""
        volume, shown = appearance.volume.float(), cropped(field.shown)
        x = _volume_seen(volume, field.volume).flatten(1, 2) * resized(shown, volume.shape[-1])
        told = self.told(taken_by(self.told, cropped(field.features)))
        x = self.deep(taken_by(self.told, x) + resize(told, *x.shape[-2:]))
        away = field.close.permute(0, 3, 1, 2) - window_grid(field.close.shape[1], x.device).permute(2, 0, 1)
        for features, mix, refine in zip(reversed(appearance.fine), self.mix, self.refine, strict=True):
            assert isinstance(mix, nn.Conv2d)
            size = features.shape[-1]
            places = in_window(window_grid(size, x.device) + resized(away, size).permute(0, 2, 3, 1))
            seen = sample(features.float(), (places + 1) * (size / 2)) * resized(shown, size)
            x = activate(mix(torch.cat([calm(enlarge(x)), taken_by(mix, seen)], 1)))
            x = refine(x)
        drawn = self.to_picture(calm(x)).float().contiguous() * GAIN
        drawn = soften(F.pixel_shuffle(drawn, 2))  # (B, 24, W/2, W/2) -> (B, 6, W, W)
        share = LEAST_SHARE + (1 - LEAST_SHARE) * torch.sigmoid(drawn[:, 3:4] + self.first_logit)
        return drawn[:, :3], share, SHIFT_REACH * torch.tanh(drawn[:, COLOURS_AND_SHARE:])


def _volume_seen(volume: Tensor, positions: Tensor) -> Tensor:
    """(B, C, D, h, w) of a window's volume of this size, at positions (B, D, 32, 32, 2) of the square."""
    size, own = volume.shape[-1], square_grid(positions.shape[2], volume.device)
    away = resized(cropped((positions - own).permute(0, 1, 4, 2, 3).flatten(0, 1)), size)
    places = in_window(window_grid(size, volume.device) + away.permute(0, 2, 3, 1))
    return sample_slices(volume.expand(len(positions), -1, -1, -1, -1), places.unflatten(0, positions.shape[:2]))
