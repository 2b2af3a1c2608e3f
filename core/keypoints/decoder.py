"""The decoder: the warped features of the source to what the frame shows."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..renderer.fields import sample
from ..renderer.generator.generator import resized
from ..renderer.generator.layers import activate, convolution, enlarge, soften, taken_by
from .appearance import Appearance
from .blocks import Residual, head_layer
from .config import KeypointsConfig
from .motion_field import MotionField, sample_slices

FIRST_SHARE = 0.2
"""Share of the drawn picture in the output when training begins; the rest is the warped source."""
GAIN = 0.25
"""Factor on the outputs, so that a step of the optimiser changes the picture little."""


class Decoder(nn.Module):
    """From the volume at 1/8 of the side to the picture, with the finer features of the source warped in.

    As in "Motion Representations for Articulated Animation" (Siarohin et al. 2021) the output is a mix of what is drawn
    and of the warped source itself, so that the network need not draw what the source shows already.
    """

    def __init__(self, config: KeypointsConfig) -> None:
        super().__init__()
        a, b, c = config.widths
        self.deep = nn.Sequential(Residual(c), Residual(c))
        self.mix = nn.ModuleList([convolution(c + b, b), convolution(b + a, a)])
        self.refine = nn.ModuleList([Residual(b), Residual(a)])
        self.to_picture = head_layer(a, 16)
        share = torch.tensor(FIRST_SHARE)
        self.first_logit = float(torch.log(share / (1 - share)))

    def forward(self, appearance: Appearance, field: MotionField) -> tuple[Tensor, Tensor]:
        """What is drawn (B, 3, S, S), around 0..1, and its share (B, 1, S, S) 0..1 in the output."""
        volume = appearance.volume.float()
        x = _resized_samples(volume, field.volume).flatten(1, 2) * resized(field.shown, volume.shape[-1])
        first = self.deep[0]
        assert isinstance(first, Residual)
        x = self.deep(taken_by(first.first, x))
        for features, mix, refine in zip(reversed(appearance.fine), self.mix, self.refine, strict=True):
            assert isinstance(mix, nn.Conv2d)
            seen = warped(features.float(), field.surface) * resized(field.shown, features.shape[-1])
            x = activate(mix(torch.cat([enlarge(x), taken_by(mix, seen)], 1)))
            x = refine(x)
        drawn = self.to_picture(x).float().contiguous() * GAIN
        drawn = soften(F.pixel_shuffle(drawn, 2))  # (B, 16, S/2, S/2) -> (B, 4, S, S)
        return drawn[:, :3] + 0.5, torch.sigmoid(drawn[:, 3:] + self.first_logit)


def warped(picture: Tensor, surface: Tensor, mode: str = "bilinear") -> Tensor:
    """A picture (B or 1, C, N, N) as the frame shows it, by ``MotionField.surface`` (B, 64, 64, 2)."""
    size = picture.shape[-1]
    places = resized(surface.permute(0, 3, 1, 2), size).permute(0, 2, 3, 1)
    return sample(picture, (places + 1) * (size / 2), mode)


def _resized_samples(volume: Tensor, positions: Tensor) -> Tensor:
    """(B, C, D, h, w) of a volume of this size at positions (B, D, 32, 32, 2)."""
    batch, depth, side = positions.shape[:3]
    size = volume.shape[-1]
    if size != side:
        flat = resized(positions.flatten(0, 1).permute(0, 3, 1, 2), size)
        positions = flat.permute(0, 2, 3, 1).unflatten(0, (batch, depth))
    return sample_slices(volume.expand(batch, -1, -1, -1, -1), positions)
