"""A stand-in for the learned representation while there are no weights of it: fixed random projections.

It carries the same facts (a coarse look at the face, all motion channels) in the same widths, so a generator trained on
it needs only its mapping network trained anew for the real one. Nothing trained on it alone is ever exported.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.motion.channels import CHANNELS
from core.renderer.generator.config import STYLE

GRID = 8
"""Side to which the face view is shrunk."""


class ProjectedStyle(nn.Module):
    """f_id, f_nl and f_l as projections with fixed seeds."""

    def __init__(self) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(20221204)
        f_id, f_nl, f_l = STYLE
        self.register_buffer("look", torch.randn(3 * GRID**2, f_id, generator=random) / GRID)
        self.register_buffer("nonlip", torch.randn(len(CHANNELS), f_nl, generator=random))
        self.register_buffer("lip", torch.randn(len(CHANNELS), f_l, generator=random))

    def identity_encoder(self, view: Tensor) -> Tensor:
        """(B, 3, H, W) 0–1 to (B, 128)."""
        small = F.adaptive_avg_pool2d(view, GRID).flatten(1)
        return (small - small.mean(1, keepdim=True)) @ self.look  # type: ignore[operator]

    def features_of_motion(self, channels: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 59) to (B, 32) and (B, 64)."""
        return torch.tanh(channels @ self.lip), torch.tanh(channels @ self.nonlip)  # type: ignore[operator]
