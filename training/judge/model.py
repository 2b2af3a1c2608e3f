"""The judge of lip sync: two networks whose embeddings are close if mouth and sound belong together, after SyncNet
(Chung and Zisserman 2016).

It only measures what the project makes: no loss goes through it, and it shares no weights with the networks it judges.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.compute.weight_files import open_weights, write_weights
from core.sound.mel import MEL_BANDS, MELS_PER_FRAME

from ..common import folders
from .data import MOUTH_SIDE

WEIGHTS = folders.WEIGHTS / "judge.safetensors"
FRAMES = 5
"""Video frames of one embedding (0.2 s), as in SyncNet."""
ROWS = FRAMES * MELS_PER_FRAME


@dataclass(frozen=True)
class JudgeConfig:
    """Sizes of the judge.

    Attributes
    ----------
    mouth, voice
        Channels of the stages of the two networks.
    size
        Dimensions D of an embedding.
    """

    mouth: tuple[int, ...] = (24, 48, 80, 128)
    voice: tuple[int, ...] = (24, 48, 80, 128)
    size: int = 128

    @classmethod
    def tiny(cls) -> JudgeConfig:
        """For tests."""
        return cls(mouth=(8, 12, 16), voice=(8, 12, 16), size=24)


def _stage(inputs: int, outputs: int, kernel: int, stride: int | tuple[int, int]) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Tower(nn.Module):
    """Strided convolutions, one in the first stage and two in the others, then a projection to a unit vector."""

    def __init__(self, inputs: int, channels: tuple[int, ...], first: int, shape: tuple[int, int], size: int) -> None:
        super().__init__()
        stride: int | tuple[int, int] = 2 if shape[0] == shape[1] else (1, 2)
        layers = [_stage(inputs, channels[0], first, stride)]
        for before, after in pairwise(channels):
            layers += [_stage(before, after, 3, 2), _stage(after, after, 3, 1)]
        self.layers = nn.Sequential(*layers)
        with torch.no_grad():
            features = self.layers.eval()(torch.zeros(1, inputs, *shape)).numel()
        self.layers.train()
        self.project = nn.Linear(features, size)

    def forward(self, picture: Tensor) -> Tensor:
        """(N, inputs, H, W) → unit vectors (N, D)."""
        return functional.normalize(self.project(self.layers(picture).flatten(1)).float(), dim=-1)


class Judge(nn.Module):
    """Mouths and sound → embeddings whose distance shows whether they belong together."""

    def __init__(self, config: JudgeConfig) -> None:
        super().__init__()
        self.config = config
        self.mouth = Tower(FRAMES, config.mouth, 5, (MOUTH_SIDE, MOUTH_SIDE), config.size)
        self.voice = Tower(1, config.voice, 3, (ROWS, MEL_BANDS), config.size)
        self.sharpness = nn.Parameter(torch.tensor(2.3))
        """Logarithm of the factor on the similarities in training."""

    def see(self, mouths: Tensor) -> Tensor:
        """Grey mouths (N, T, 56, 56) in any scale → (N, T − 4, D): an embedding of each 5 frames.

        Each 5 frames are normalised to zero mean and unit deviation, so that light and exposure do not matter.
        """
        windows = mouths.float().unfold(1, FRAMES, 1).movedim(-1, 2)  # (N, T − 4, 5, 56, 56)
        batch, count = windows.shape[:2]
        deviation, mean = torch.std_mean(windows, (2, 3, 4), keepdim=True)
        normal = ((windows - mean) / (deviation + 1e-4)).flatten(0, 1)
        embedded: Tensor = self.mouth(normal.contiguous(memory_format=torch.channels_last))
        return embedded.unflatten(0, (batch, count))

    def hear(self, mel: Tensor) -> Tensor:
        """Log-mel (N, 4 T, 80) → (N, T − 4, D): an embedding of each 5 frames."""
        windows = mel.float().unfold(1, ROWS, MELS_PER_FRAME).movedim(-1, 2)  # (N, T − 4, 20, 80)
        batch, count = windows.shape[:2]
        flat = windows.flatten(0, 1)[:, None]  # (N · (T − 4), 1, 20, 80)
        embedded: Tensor = self.voice(flat.contiguous(memory_format=torch.channels_last))
        return embedded.unflatten(0, (batch, count))

    def forward(self, mouths: Tensor, mel: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """:meth:`see`, :meth:`hear` and the factor on their similarities."""
        return self.see(mouths), self.hear(mel), self.sharpness.exp()

    def save(self, path: Path, facts: Mapping[str, Any]) -> None:
        """Write weights in float16, the configuration and ``facts`` (JSON values)."""
        write_weights(path, self.state_dict(), asdict(self.config), {"facts": json.dumps(dict(facts))}, half=True)

    @classmethod
    def load(cls, path: Path = WEIGHTS) -> Judge:
        """The judge from a file, ready for use. Raises SoliloquyError ``weights_missing`` or ``weights_damaged``."""
        hint = "Train and export it: training/judge/README.md."
        with open_weights(path, "judge of lip sync", hint) as file:
            judge = cls(JudgeConfig(**file.config))
            judge.load_state_dict(file.tensors)
        return judge.eval().requires_grad_(False)
