"""A stand-in for the learned representation where it has no weights: fixed random projections.

It carries the same information (a coarse view of the face, all motion channels) in the same widths. A generator trained
on it only needs to retrain its mapping network for the real representation. A generator trained only on the stand-in is
never exported.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.motion.channels import CHANNELS
from core.renderer.generator.config import STYLE

GRID = 8
"""Side of the shrunk face view, pixels."""


class ProjectedStyle(nn.Module):
    """f_id, f_nl and f_l as projections with fixed seeds."""

    look: Tensor
    nonlip: Tensor
    lip: Tensor

    def __init__(self) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(20221204)
        f_id, f_nl, f_l = STYLE
        self.register_buffer("look", torch.randn(3 * GRID**2, f_id, generator=random) / GRID)
        self.register_buffer("nonlip", torch.randn(len(CHANNELS), f_nl, generator=random))
        self.register_buffer("lip", torch.randn(len(CHANNELS), f_l, generator=random))

    def identity_encoder(self, view: Tensor) -> Tensor:
        """(B, 3, H, W) 0–1 -> (B, 128)."""
        small = F.adaptive_avg_pool2d(view, GRID).flatten(1)
        return (small - small.mean(1, keepdim=True)) @ self.look

    def features_of_motion(self, channels: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 59) -> (B, 32) and (B, 64)."""
        return torch.tanh(channels @ self.lip), torch.tanh(channels @ self.nonlip)
