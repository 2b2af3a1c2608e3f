"""ResNeXt50 32x4d (Xie et al. 2017): the backbone of E_id at the paper's size."""

from __future__ import annotations

from torch import Tensor, nn

GROUPS = 32
STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))
"""Base width and blocks of each stage; a block's grouped convolution is twice, its output four times as wide."""
FEATURES = 2048
MAP_CHANNELS = 512


class ResNeXt50(nn.Module):
    """(B, 3, S, S) RGB 0–1 → (B, 2048) and the map (B, 512, S / 32, S / 32) that stands for the constant input of G."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        layers: list[nn.Module] = []
        width = 64
        for base, blocks in STAGES:
            for i in range(blocks):
                layers.append(_Bottleneck(width, base, 2 if i == 0 and base > 64 else 1))
                width = 4 * base
        self.stages = nn.Sequential(*layers)
        self.to_map = nn.Conv2d(FEATURES, MAP_CHANNELS, 1)

    def forward(self, views: Tensor) -> tuple[Tensor, Tensor]:
        """Vector and map."""
        x = self.stages(self.stem(views))  # (B, 2048, S / 32, S / 32)
        return x.mean((2, 3)), self.to_map(x)


class _Bottleneck(nn.Module):
    """1×1, grouped 3×3, 1×1 beside a shortcut."""

    def __init__(self, width_in: int, base: int, stride: int) -> None:
        super().__init__()
        middle, out = 2 * base, 4 * base  # 32 groups of 4 · base / 64 channels
        self.branch = nn.Sequential(
            nn.Conv2d(width_in, middle, 1, bias=False),
            nn.BatchNorm2d(middle),
            nn.ReLU(),
            nn.Conv2d(middle, middle, 3, stride=stride, padding=1, groups=GROUPS, bias=False),
            nn.BatchNorm2d(middle),
            nn.ReLU(),
            nn.Conv2d(middle, out, 1, bias=False),
            nn.BatchNorm2d(out),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or width_in != out:
            self.shortcut = nn.Sequential(nn.Conv2d(width_in, out, 1, stride=stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) → (B, 4 · base, H / stride, W / stride)."""
        return nn.functional.relu(self.branch(x) + self.shortcut(x))
