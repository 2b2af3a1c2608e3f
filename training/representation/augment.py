"""Changes of E_v's input that hide the identity: other colours, other proportions, another crop.

As in latent pose descriptors (Burkov et al. 2020) and PC-AVS, E_v only gets the driving frame with these changes. So
the identity of the reconstructed frame must come from another frame through E_id.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class AugmentConfig:
    """Deviations and ranges of the changes.

    Attributes
    ----------
    gain, lift
        Factor (log-normal) and offset of each colour channel.
    gamma
        Log-normal exponent of all channels.
    grey
        Largest share of grey mixed in.
    noise
        Largest deviation of pixel noise.
    stretch
        Largest log-stretch of one axis relative to the other: long and broad faces.
    bulge
        Deviation, in view widths, of a smooth displacement on a 4 × 4 grid: other noses, chins and brows. It is much
        smaller than the motion of lips and lids.
    shift, turn, zoom
        Changes of the crop: view widths, radians, log-scale.
    occlusion
        Probability of a grey box over up to a quarter of the view, like a hand or a microphone.
    """

    gain: float = 0.2
    lift: float = 0.08
    gamma: float = 0.25
    grey: float = 1.0
    noise: float = 0.05
    stretch: float = 0.15
    bulge: float = 0.012
    shift: float = 0.015
    turn: float = 0.02
    zoom: float = 0.05
    occlusion: float = 0.1


def recolour(views: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """Views (B, 3, S, S) 0–1 with other skin, light and camera."""
    count = len(views)

    def normal(*shape: int) -> Tensor:
        return torch.randn(count, *shape, generator=generator).to(views.device)

    def uniform() -> Tensor:
        return torch.rand(count, 1, 1, 1, generator=generator).to(views.device)

    grey = views.mean(1, keepdim=True)
    views = views + config.grey * uniform() * (grey - views)
    views = views * torch.exp(config.gain * normal(3, 1, 1)) + config.lift * normal(3, 1, 1)
    views = views.clamp(0, 1) ** torch.exp(config.gamma * normal(1, 1, 1))
    grain = torch.randn(views.shape, generator=generator).to(views.device)
    return (views + config.noise * uniform() * grain).clamp(0, 1)


def reshape(views: Tensor, config: AugmentConfig, generator: torch.Generator, each: int = 1) -> Tensor:
    """Views (B, 3, S, S) with other proportions and crops, the same for each group of ``each`` views of a clip."""
    clips = len(views) // each

    def draw(*shape: int) -> Tensor:
        return torch.randn(clips, *shape, generator=generator).repeat_interleave(each, 0).to(views.device)

    angle, size = config.turn * draw(), torch.exp(config.zoom * draw())
    stretch = torch.exp(config.stretch * (2 * torch.rand(clips, generator=generator) - 1)).repeat_interleave(each)
    stretch = stretch.to(views.device)
    cos, sin = size * torch.cos(angle), size * torch.sin(angle)
    shift = 2 * config.shift * draw(2)
    theta = torch.stack(
        [
            torch.stack([cos * stretch, -sin, shift[:, 0]], 1),
            torch.stack([sin, cos / stretch, shift[:, 1]], 1),
        ],
        1,
    )  # (B, 2, 3)
    grid = F.affine_grid(theta, list(views.shape), align_corners=False)  # (B, S, S, 2)
    bulge = 2 * config.bulge * draw(2, 4, 4)
    smooth = F.interpolate(bulge, size=views.shape[-2:], mode="bicubic", align_corners=False)
    return F.grid_sample(views, grid + smooth.permute(0, 2, 3, 1), padding_mode="border", align_corners=False)


def occlude(views: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """Views (B, 3, S, S), some of them with a grey box."""
    side = views.shape[-1]
    box = torch.rand(len(views), 5, generator=generator).to(views.device)
    at = torch.arange(side, device=views.device) / side
    hidden = [
        ((at > edge[:, None]) & (at < (edge + 0.1 + 0.4 * size)[:, None]))
        for edge, size in ((box[:, 0], box[:, 1]), (box[:, 2], box[:, 3]))
    ]
    covered = hidden[0][:, :, None] & hidden[1][:, None] & (box[:, 4] < config.occlusion)[:, None, None]
    return torch.where(covered[:, None], torch.full_like(views[:1], 0.5), views)


def disguised(views: Tensor, config: AugmentConfig, generator: torch.Generator, each: int = 1) -> Tensor:
    """Views (B, 3, S, S) with all changes, as E_v gets them in training."""
    views = reshape(views, config, generator, each)
    return occlude(recolour(views, config, generator), config, generator)
