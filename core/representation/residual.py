"""A small residual network for face views, the trunk of E_id. It is small enough to be trained on a CPU."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class ResidualConfig:
    """Shape of the trunk.

    Attributes
    ----------
    stem
        Channels at half the view's side.
    widths
        Channels at a quarter, an eighth, … of the view's side; one entry for each stage.
    blocks
        Residual blocks of each stage. The first block halves the side.
    """

    stem: int = 20
    widths: tuple[int, ...] = (32, 64, 128, 192)
    blocks: tuple[int, ...] = (1, 2, 2, 2)

    @classmethod
    def tiny(cls) -> ResidualConfig:
        """A small one for tests: it trains a few steps a second."""
        return cls(stem=8, widths=(8, 12, 16, 24), blocks=(1, 1, 1, 1))


class ResidualTrunk(nn.Module):
    """(B, 3, S, S) RGB 0–1 → feature maps, the coarsest (B, widths[-1], S / 2^(n+1), S / 2^(n+1)) for n stages.

    S must be a multiple of 2^(n+1).
    """

    def __init__(self, config: ResidualConfig) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, config.stem, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(config.stem), nn.ReLU()
        )
        width = config.stem
        self.stages = nn.ModuleList()
        for out, blocks in zip(config.widths, config.blocks, strict=True):
            layers = [_Block(width, out, 2), *(_Block(out, out, 1) for _ in range(blocks - 1))]
            self.stages.append(nn.Sequential(*layers))
            width = out

    def forward(self, views: Tensor) -> list[Tensor]:
        """The feature maps after each stage, finest first."""
        x = self.stem(views * 2.0 - 1.0)  # grey becomes 0; (B, stem, S / 2, S / 2)
        maps = []
        for stage in self.stages:
            x = stage(x)  # halves the side
            maps.append(x)
        return maps


class _Block(nn.Module):
    """Two 3×3 convolutions and a shortcut around them (He et al. 2016)."""

    def __init__(self, width_in: int, width_out: int, stride: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(width_in, width_out, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(width_out),
            nn.ReLU(),
            nn.Conv2d(width_out, width_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(width_out),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or width_in != width_out:
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(stride), nn.Conv2d(width_in, width_out, 1, bias=False), nn.BatchNorm2d(width_out)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) → (B, out, H / stride, W / stride)."""
        return nn.functional.relu(self.branch(x) + self.shortcut(x))
