"""D: a patch discriminator at two scales (paper §3.3, after pix2pixHD and PC-AVS), trained against the generators."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from core.renderer.generator.layers import SLOPE

DETAIL = 8.0
"""Factor on a picture's difference from its blur. Most signs of a made picture are in this difference."""


@dataclass(frozen=True)
class DiscriminatorConfig:
    """Sizes of D.

    Attributes
    ----------
    width
        Channels of the first layer. They double with each layer, up to four times this number.
    layers
        Layers of 4 × 4 kernels before the verdict; the last one has no stride.
    scales
        Number of picture sizes (full, half, …), each judged by a network with its own weights.
    """

    width: int = 32
    layers: int = 4
    scales: int = 2

    @classmethod
    def tiny(cls) -> DiscriminatorConfig:
        """A size whose steps take milliseconds, for tests."""
        return cls(width=8, layers=3)


class PatchDiscriminator(nn.Module):
    """One scale: each output judges a patch of the picture."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        widths = [config.width * min(2**k, 4) for k in range(config.layers)]
        inputs = [6, *widths[:-1]]
        strides = [2] * (config.layers - 1) + [1]
        self.layers = nn.ModuleList(
            [spectral_norm(nn.Conv2d(i, o, 4, s, 1)) for i, o, s in zip(inputs, widths, strides, strict=True)]
        )
        self.verdict = spectral_norm(nn.Conv2d(widths[-1], 1, 4, 1, 1))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 6, H, W) -> features of each layer and, last, the verdicts (B, 1, h, w)."""
        features = []
        for k, layer in enumerate(self.layers):
            x = layer(x)
            # Made pictures differ little from the truth: without normalisation the verdicts would be nearly constant.
            x = F.leaky_relu(F.instance_norm(x) if k else x, SLOPE)
            features.append(x)
        return [*features, self.verdict(x)]


class Discriminator(nn.Module):
    """D: patch discriminators from fine to coarse."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        self.scales = nn.ModuleList([PatchDiscriminator(config) for _ in range(config.scales)])

    def forward(self, picture: Tensor) -> list[list[Tensor]]:
        """Features and verdicts at each scale of pictures (B, 3, H, W) 0..1."""
        detail = picture - F.avg_pool2d(picture, 3, 1, 1, count_include_pad=False)
        x = torch.cat([picture * 2 - 1, detail * DETAIL], 1)
        results = []
        for k, scale in enumerate(self.scales):
            results.append(scale(x if k == 0 else F.avg_pool2d(x, 2**k)))
        return results
