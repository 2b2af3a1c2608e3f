"""The first layers of Whisper tiny.en's encoder: Whisper's log-mel → features of what is said, 50 a second.

Radford et al., arXiv 2212.04356: two convolutions, sinusoidal positions and pre-norm transformer layers. ``python -m
training.speech.whisper`` converts the weights (MIT, © OpenAI). Lower layers say more about the sounds, higher ones more
about the words; the last ones aren't needed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ... import places
from ...compute.weight_files import open_weights, write_weights
from .front_end import BANDS

WEIGHTS = places.WEIGHTS / "speech_encoder.safetensors"
OUTPUTS_PER_FRAME = 2
"""Outputs in one video frame."""


@dataclass(frozen=True)
class WhisperConfig:
    """Sizes: channels, attention heads, layers, and the most outputs of a window (30 s)."""

    width: int = 384
    heads: int = 6
    layers: int = 3
    longest: int = 1500

    @classmethod
    def tiny(cls) -> WhisperConfig:
        """A small one for tests."""
        return cls(width=32, heads=2, layers=1)


class Layer(nn.Module):
    """One transformer layer: self-attention, then two linear layers, each on normalised input and added to it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_1 = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.norm_2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, width) → (B, N, width)."""
        y = self.norm_1(x)
        queries, keys, values = (self._by_head(part(y)) for part in (self.query, self.key, self.value))
        heard = nn.functional.scaled_dot_product_attention(queries, keys, values)  # (B, heads, N, width / heads)
        x = x + self.out(heard.transpose(1, 2).flatten(2))
        return x + self.down(nn.functional.gelu(self.up(self.norm_2(x))))

    def _by_head(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


class WhisperEncoder(nn.Module):
    """(B, R, 80) log-mel of one window → (B, R / 2, width)."""

    positions: Tensor

    def __init__(self, config: WhisperConfig) -> None:
        super().__init__()
        self.config = config
        self.conv_1 = nn.Conv1d(BANDS, config.width, 3, padding=1)
        self.conv_2 = nn.Conv1d(config.width, config.width, 3, stride=2, padding=1)
        self.layers = nn.ModuleList(Layer(config.width, config.heads) for _ in range(config.layers))
        self.register_buffer("positions", torch.zeros(config.longest, config.width))

    def forward(self, rows: Tensor) -> Tensor:
        """Output of the last layer, without the final norm of the whole encoder. R is at most 2 · ``longest``."""
        x = nn.functional.gelu(self.conv_1(rows.transpose(1, 2)))
        x = nn.functional.gelu(self.conv_2(x)).transpose(1, 2)
        x = x + self.positions[: x.shape[1]]
        for layer in self.layers:
            x = layer(x)
        return x

    @classmethod
    def load(cls, device: str | torch.device = "cpu", path: Path = WEIGHTS) -> WhisperEncoder:
        """The converted encoder in evaluation mode.

        Raises
        ------
        SoliloquyError
            ``weights_missing`` or ``weights_damaged``.
        """
        with open_weights(path, "speech encoder", device=device) as file:
            model = cls(WhisperConfig(**file.config))
            model.load_state_dict(file.tensors)
        return model.to(device).eval()

    def save(self, path: Path) -> None:
        """Write weights and configuration as safetensors in float16. Raises the errors of ``write_weights``."""
        write_weights(path, self.state_dict(), asdict(self.config), half=True)
