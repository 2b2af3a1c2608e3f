"""E_a: what Whisper's encoder hears, 50 times a second → features f_a at 25 frames a second.

In the paper f_a = E_a(audio) (arXiv 2212.04248). Here the lower layers of a pretrained encoder (:mod:`.whisper`) stay
as they are, and a small network on top of them learns what mouths need.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .audio_encoder import ResidualBlock
from .whisper.encoder import OUTPUTS_PER_FRAME


@dataclass(frozen=True)
class AdapterConfig:
    """Sizes of the adapter.

    Attributes
    ----------
    width
        d_a, channels of f_a.
    dilations
        One residual block for each entry.
    input_dropout, dropout
        Dropout rates, in training, of input channels and on the branches of the blocks.
    """

    width: int = 192
    dilations: tuple[int, ...] = (1, 2)
    input_dropout: float = 0.3
    dropout: float = 0.15

    @classmethod
    def tiny(cls) -> AdapterConfig:
        """A small one for tests."""
        return cls(width=24, dilations=(1,), input_dropout=0.0, dropout=0.0)

    @property
    def context_frames(self) -> int:
        """Frames before (and after) a frame that influence its features, without those that the encoder hears."""
        return sum(self.dilations)


class Adapter(nn.Module):
    """(B, 2 T, width of the encoder) → f_a (B, T, d_a).

    ``mean`` and ``deviation`` are those of the encoder's outputs for speech, of the two outputs of a frame together.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, config: AdapterConfig, heard: int) -> None:
        super().__init__()
        channels = OUTPUTS_PER_FRAME * heard
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("deviation", torch.ones(channels))
        self.forget = nn.Dropout1d(config.input_dropout)
        self.enter = nn.Linear(channels, config.width)
        self.blocks = nn.Sequential(*(ResidualBlock(config.width, d, config.dropout) for d in config.dilations))
        self.norm = nn.LayerNorm(config.width)

    def forward(self, heard: Tensor) -> Tensor:
        """f_a of the encoder's outputs (B, 2 T, width of the encoder)."""
        x = (heard.unflatten(1, (-1, OUTPUTS_PER_FRAME)).flatten(2) - self.mean) / self.deviation  # (B, T, channels)
        x = self.enter(self.forget(x.transpose(1, 2)).transpose(1, 2))
        return self.norm(self.blocks(x.transpose(1, 2)).transpose(1, 2))
