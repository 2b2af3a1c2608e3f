"""FAN with one stack: the backbone of E_v at the paper's size.

The face alignment network (Bulat and Tzimiropoulos 2017) as PC-AVS (Zhou et al. 2021) uses it for motion: one
hourglass of depth 4 over 256 channels, 68 heat maps, and from these, gathered into one map, 512 numbers. Heat maps of
points carry where things are and little of how they look.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH = 256
POINTS = 68
FEATURES = 512


class FaceAlignmentBackbone(nn.Module):
    """(B, 3, S, S) RGB 0–1 → (B, 512) for views of S px, a multiple of 8 and at least 64 (the paper: 224)."""

    def __init__(self, side: int) -> None:
        super().__init__()
        if side % 8 or side < 64:
            raise ValueError(f"views of {side} px; a multiple of 8 from 64 is needed")
        self.stem = nn.Sequential(nn.Conv2d(3, 64, 7, stride=2, padding=3), nn.BatchNorm2d(64), nn.ReLU())
        self.early = HierarchicalBlock(64, 128)
        self.later = nn.Sequential(HierarchicalBlock(128, 128), HierarchicalBlock(128, WIDTH))
        self.hourglass = Hourglass(4)
        self.top = nn.Sequential(
            HierarchicalBlock(WIDTH, WIDTH), nn.Conv2d(WIDTH, WIDTH, 1), nn.BatchNorm2d(WIDTH), nn.ReLU()
        )
        self.heat = nn.Sequential(nn.Conv2d(WIDTH, POINTS, 1), nn.BatchNorm2d(POINTS), nn.ReLU())
        self.gather = nn.Sequential(nn.Conv2d(POINTS, 1, 3, stride=2, padding=1), nn.Flatten(), nn.ReLU())
        self.out = nn.Linear((side // 8) ** 2, FEATURES)

    def forward(self, views: Tensor) -> Tensor:
        """(B, 3, S, S) → (B, 512)."""
        x = self.stem(views)  # (B, 64, S / 2, S / 2)
        x = self.later(F.max_pool2d(self.early(x), 2))  # (B, 256, S / 4, S / 4)
        heat = self.heat(self.top(self.hourglass(x)))  # (B, 68, S / 4, S / 4)
        return self.out(self.gather(heat))  # (B, (S / 8)²) -> (B, 512)


class HierarchicalBlock(nn.Module):
    """Three 3×3 convolutions whose outputs, a half, a quarter and a quarter of the channels, lie side by side."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        widths = (width_in, width_out // 2, width_out // 4, width_out // 4)
        self.steps = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(a), nn.ReLU(), nn.Conv2d(a, b, 3, padding=1, bias=False))
            for a, b in itertools.pairwise(widths)
        )
        self.shortcut: nn.Module = nn.Identity()
        if width_in != width_out:
            self.shortcut = nn.Sequential(
                nn.BatchNorm2d(width_in), nn.ReLU(), nn.Conv2d(width_in, width_out, 1, bias=False)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) → (B, out, H, W)."""
        first = self.steps[0](x)
        second = self.steps[1](first)
        return self.shortcut(x) + torch.cat([first, second, self.steps[2](second)], dim=1)


class Hourglass(nn.Module):
    """Down by halves and up again, with a block on each level's own way across."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.across = nn.Sequential(HierarchicalBlock(WIDTH, WIDTH), nn.Dropout(0.5))
        self.down = HierarchicalBlock(WIDTH, WIDTH)
        self.inner: nn.Module = Hourglass(depth - 1) if depth > 1 else HierarchicalBlock(WIDTH, WIDTH)
        self.up = HierarchicalBlock(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 256, H, W) → the same."""
        low = self.up(self.inner(self.down(F.max_pool2d(x, 2))))  # (B, 256, H / 2, W / 2)
        return self.across(x) + F.interpolate(low, size=x.shape[-2:], mode="bilinear", align_corners=False)
