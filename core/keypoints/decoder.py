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

LEAST_SHARE, FIRST_SHARE = 0.1, 0.3
"""Share of the change in the output: its lower limit, and its value when training begins. A mask that could close
completely would then get no gradient any more."""
FIRST_SPREAD = 0.05
"""Standard deviation of the last layer's weights when training begins. The first changes are noise of a few grey
levels. From zeros the layers before got no gradient that they could follow, and after 400 steps nothing was drawn."""
GAIN = 0.1
"""Factor on the outputs, so that a step of the optimiser changes the picture little."""


class Decoder(nn.Module):
    """From the volume at 1/8 of the side to a change of the warped source, with its finer features warped in.

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
        self.to_picture = convolution(a, 16)
        nn.init.normal_(self.to_picture.weight, std=FIRST_SPREAD)
        share = (FIRST_SHARE - LEAST_SHARE) / (1 - LEAST_SHARE)
        self.first_logit = math.log(share / (1 - share))

    def forward(self, appearance: Appearance, field: MotionField) -> tuple[Tensor, Tensor]:
        """Change of the warped source's colours (B, 3, S, S), and the share (B, 1, S, S) of it that is applied."""
        volume = appearance.volume.float()
        x = _resized_samples(volume, field.volume).flatten(1, 2) * resized(field.shown, volume.shape[-1])
        told = self.told(taken_by(self.told, field.features))
        x = self.deep(taken_by(self.told, x) + resize(told, *x.shape[-2:]))
        for features, mix, refine in zip(reversed(appearance.fine), self.mix, self.refine, strict=True):
            assert isinstance(mix, nn.Conv2d)
            seen = warped(features.float(), field.surface) * resized(field.shown, features.shape[-1])
            x = activate(mix(torch.cat([calm(enlarge(x)), taken_by(mix, seen)], 1)))
            x = refine(x)
        drawn = self.to_picture(calm(x)).float().contiguous() * GAIN
        drawn = soften(F.pixel_shuffle(drawn, 2))  # (B, 16, S/2, S/2) -> (B, 4, S, S)
        share = LEAST_SHARE + (1 - LEAST_SHARE) * torch.sigmoid(drawn[:, 3:] + self.first_logit)
        return drawn[:, :3], share


def warped(picture: Tensor, surface: Tensor, mode: str = "bilinear") -> Tensor:
    """A picture (B or 1, C, N, N) as the frame shows it, by ``MotionField.surface`` (B, 64, 64, 2)."""
    size = picture.shape[-1]
    return sample(picture, (finer(surface, size) + 1) * (size / 2), mode)


def finer(places: Tensor, size: int) -> Tensor:
    """Places (B, N, N, 2) on a grid of another ``size``. What is interpolated is how far they are from the grid's own:
    places themselves would be repeated along the rim."""
    own = square_grid(places.shape[1], places.device)
    away = resized((places - own).permute(0, 3, 1, 2), size)
    return square_grid(size, places.device) + away.permute(0, 2, 3, 1)


def _resized_samples(volume: Tensor, positions: Tensor) -> Tensor:
    """(B, C, D, h, w) of a volume of this size at positions (B, D, 32, 32, 2)."""
    batch, depth = positions.shape[:2]
    places = finer(positions.flatten(0, 1), volume.shape[-1]).unflatten(0, (batch, depth))
    return sample_slices(volume.expand(batch, -1, -1, -1, -1), places)
