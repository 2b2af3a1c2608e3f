"""ResNetSE: E_a at the paper's size, for those who train it on a large corpus (the shipped E_a is
core.sound.audio_encoder).

A ResNet-34 of a quarter of the usual width whose blocks weigh their channels (squeeze and excitation, Hu et al. 2018),
with self-attentive pooling over time, on windows of 80 bands × 20 rows, that is five video frames, as in PC-AVS.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from core.sound.mel import MEL_BANDS, MELS_PER_FRAME, SILENCE

FILTERS = (32, 64, 128, 256)
BLOCKS = (3, 4, 6, 3)
FEATURES = 512
WINDOW = 5 * MELS_PER_FRAME
"""Mel rows that are heard at a time."""
_REDUCTION = 8


class ResNetSE(nn.Module):
    """E_a of the paper: (B, 4 T, 80) log-mel → (B, T, 512); each frame hears itself and two to either side."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, FILTERS[0], 3, padding=1), nn.ReLU(), nn.BatchNorm2d(FILTERS[0]))
        layers: list[nn.Module] = []
        width = FILTERS[0]
        for out, blocks in zip(FILTERS, BLOCKS, strict=True):
            for i in range(blocks):
                layers.append(_Block(width, out, 2 if i == 0 and out > FILTERS[0] else 1))
                width = out
        self.stages = nn.Sequential(*layers)
        column = FILTERS[-1] * MEL_BANDS // 8  # all bands of one instant, after three halvings
        self.attention = nn.Sequential(
            nn.Conv1d(column, 128, 1), nn.ReLU(), nn.BatchNorm1d(128), nn.Conv1d(128, column, 1), nn.Softmax(dim=2)
        )
        self.out = nn.Linear(column, FEATURES)

    def windows(self, mel: Tensor) -> Tensor:
        """(B, 4 T, 80) → (B · T, 1, 80, 20); before and after the recording there is silence."""
        margin = (WINDOW - MELS_PER_FRAME) // 2
        padded = nn.functional.pad(mel, (0, 0, margin, margin), value=SILENCE)
        return padded.unfold(1, WINDOW, MELS_PER_FRAME).flatten(0, 1)[:, None]  # (B, T, 80, 20) -> (B · T, 1, 80, 20)

    def forward(self, mel: Tensor) -> Tensor:
        """(B, 4 T, 80) → (B, T, 512)."""
        x = self.stages(self.stem(self.windows(mel)))  # (B · T, 256, 10, 3)
        x = x.flatten(1, 2)  # (B · T, 2560, 3)
        pooled = (x * self.attention(x)).sum(2)  # (B · T, 2560)
        return self.out(pooled).unflatten(0, (mel.shape[0], -1))  # (B, T, 512)


class _Block(nn.Module):
    """Two 3×3 convolutions, channels weighed by what the whole map holds, and a shortcut."""

    def __init__(self, width_in: int, width_out: int, stride: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(width_in, width_out, 3, stride=stride, padding=1, bias=False),
            nn.ReLU(),
            nn.BatchNorm2d(width_out),
            nn.Conv2d(width_out, width_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(width_out),
        )
        self.weigh = nn.Sequential(
            nn.Linear(width_out, width_out // _REDUCTION),
            nn.ReLU(),
            nn.Linear(width_out // _REDUCTION, width_out),
            nn.Sigmoid(),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or width_in != width_out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(width_in, width_out, 1, stride=stride, bias=False), nn.BatchNorm2d(width_out)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, F, T) → (B, out, F / stride, T / stride)."""
        branch: Tensor = self.branch(x)
        weights = self.weigh(branch.mean((2, 3)))[:, :, None, None]  # (B, out, 1, 1)
        return torch.relu(branch * weights + self.shortcut(x))
