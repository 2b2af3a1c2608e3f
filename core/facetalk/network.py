"""FaceTalk's expression decoder (arXiv 2312.08459, section 4): noisy motion, time step and speech → motion.

As in the paper, it is a transformer decoder that predicts the motion itself. A frame attends to itself and to the
frames before it, and then to the speech under an alignment mask: it hears the tokens of its own time only. Between
these parts, FiLM tells it the time step. Differences from the paper:

- The motion is the movements of ``expression_code`` with the pose of the head behind them. The paper's heads stand
  still. Gaze needs no channels of its own, because the code has it.
- The speech is heard by the project's speech encoder: phones and manner (``core.sound.lips``), and the loudness of the
  spectrogram for the head.
- Frames at the beginning may be known. The network gets them without noise and goes on from there, so that takes of
  any length are made window by window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ..motion.channels import HEAD
from ..prior.network import sinusoidal
from ..sound.lips import Heard, LipModelConfig, PhonesToCode
from ..sound.prosody import PROSODY, prosody
from .expression_code import MOVEMENTS

MOTION = MOVEMENTS + len(HEAD)
"""Channels of the motion: the movements of z_ex, then the head's pose."""


@dataclass(frozen=True)
class FaceTalkConfig:
    """Sizes of the decoder.

    Attributes
    ----------
    width, feed_forward, heads, layers
        Of the transformer.
    time
        Width of the embedded time step.
    window
        Frames that it sees at once.
    reach
        How many tokens of speech before and after its own a frame hears. 0 is the paper's alignment mask; −1 is none:
        a frame hears all.
    film
        Whether FiLM tells the time step between the parts. Without it, it is only added to the frames, an ablation.
    hidden, manner, dilations
        Of the network that hears; see ``LipModelConfig``. ``manner`` counts the numbers of the lip model.
    diffusion_steps
        T.
    """

    width: int = 160
    feed_forward: int = 320
    heads: int = 4
    layers: int = 4
    time: int = 80
    window: int = 75
    reach: int = 0
    film: bool = True
    hidden: int = 128
    manner: int = 3
    dilations: tuple[int, ...] = (1, 2, 3, 2)
    diffusion_steps: int = 1000

    @classmethod
    def tiny(cls) -> FaceTalkConfig:
        """Small enough for tests."""
        return cls(width=24, feed_forward=32, heads=2, layers=1, time=8, window=30, hidden=16, dilations=(1,))

    def listener(self) -> PhonesToCode:
        """A new network that hears."""
        return PhonesToCode(
            LipModelConfig(
                hidden=self.hidden, manner=self.manner + PROSODY, code=self.width, dilations=self.dilations, dropout=0.1
            )
        )


def manner_of(heard: Heard, mel: np.ndarray) -> np.ndarray:
    """(T, manner + PROSODY) float32: the manner that the lip model hears, and the loudness of the (4 T, 80) log-mel."""
    loud = prosody(torch.from_numpy(np.array(mel, np.float32))[None])[0].numpy()  # a copy: ``mel`` may be read-only
    return np.concatenate([heard.manner, loud], 1).astype(np.float32)


class Film(nn.Module):
    """FiLM (Perez et al. 2018): scale and shift of the channels by a condition. It begins as the identity."""

    def __init__(self, condition: int, width: int) -> None:
        super().__init__()
        self.of = nn.Linear(condition, 2 * width)
        nn.init.zeros_(self.of.weight)
        nn.init.zeros_(self.of.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """(B, L, width) and (B, condition) → (B, L, width)."""
        scale, shift = self.of(condition)[:, None].chunk(2, -1)
        return x * (1.0 + scale) + shift


class Attention(nn.Module):
    """Attention of frames (B, L, width) to tokens (B, S, width) under a mask (L, S) bool, True where they see."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, frames: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        """(B, L, width)."""
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (self.query(frames), *self.key_value(tokens).chunk(2, -1))
        )
        seen = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self.out(seen.transpose(1, 2).flatten(2))


class DecoderLayer(nn.Module):
    """Self-attention over the past, attention to the speech, feed-forward, each followed by FiLM of the time step."""

    def __init__(self, config: FaceTalkConfig) -> None:
        super().__init__()
        width = config.width
        self.past = Attention(width, config.heads)
        # A frame that hears one token weighs it with 1, so attention to it is a linear map.
        self.speech = Attention(width, config.heads) if config.reach else nn.Linear(width, width)
        self.forward_part = nn.Sequential(
            nn.Linear(width, config.feed_forward), nn.GELU(), nn.Linear(config.feed_forward, width)
        )
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(3)])
        self.films = nn.ModuleList([Film(config.time, width) for _ in range(3)]) if config.film else None

    def forward(self, x: Tensor, tokens: Tensor, time: Tensor, past: Tensor, aligned: Tensor) -> Tensor:
        """(B, L, width) of frames, tokens (B, L, width), time step (B, time) and the two masks."""
        for index in range(3):
            seen = self.norms[index](x)
            if index == 0:
                seen = self.past(seen, seen, past)
            elif index == 1:
                one = isinstance(self.speech, nn.Linear)
                seen = self.speech(tokens) if one else self.speech(seen, tokens, aligned)
            else:
                seen = self.forward_part(seen)
            x = x + (seen if self.films is None else self.films[index](seen, time))
        return x


def masks(frames: int, reach: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """(L, L) bool: which frames a frame sees (itself and those before), and which tokens it hears (all for −1)."""
    place = torch.arange(frames, device=device)
    apart = place[:, None] - place[None]
    return apart >= 0, apart.abs() <= (frames if reach < 0 else reach)


class ExpressionDecoder(nn.Module):
    """P(motion | speech), one step of it: nᵗ and t → n̂⁰, in normalised units.

    ``listen`` makes the tokens that the motion follows. By default it is the network that hears.
    """

    def __init__(self, config: FaceTalkConfig, listen: nn.Module | None = None) -> None:
        super().__init__()
        self.config = config
        self.listen = config.listener() if listen is None else listen
        self.no_speech = nn.Parameter(torch.zeros(config.width))
        self.frame_in = nn.Linear(MOTION + 1, config.width)
        self.time_in = nn.Sequential(
            nn.Linear(config.time, config.time), nn.SiLU(), nn.Linear(config.time, config.time)
        )
        self.time_to_frame = nn.Linear(config.time, config.width)
        self.layers = nn.ModuleList([DecoderLayer(config) for _ in range(config.layers)])
        self.norm = nn.LayerNorm(config.width)
        self.out = nn.Linear(config.width, MOTION)
        nn.init.zeros_(self.out.weight)  # the first prediction is the data's mean
        nn.init.zeros_(self.out.bias)

    def hear(self, *cues: Tensor) -> Tensor:
        """Tokens (B, L, width). Those of speech are made of phones (B, 4 L, 40) and manner (B, L, manner + PROSODY)."""
        return self.listen(*cues)

    def silence(self, batch: int, frames: int) -> Tensor:
        """(B, L, width) tokens of the empty condition ∅."""
        return self.no_speech.expand(batch, frames, -1)

    def forward(self, noisy: Tensor, t: Tensor, tokens: Tensor, known: Tensor) -> Tensor:
        """Predict n⁰.

        Parameters
        ----------
        noisy
            (B, L, MOTION) nᵗ, but n⁰ itself in known frames.
        t
            (B,) long, 1 … T.
        tokens
            (B, L, width) of :meth:`hear` or :meth:`silence`.
        known
            (B, L) bool: frames whose n⁰ is given. They come first.

        Returns
        -------
        (B, L, MOTION) n̂⁰.
        """
        frames, config = noisy.shape[1], self.config
        time = self.time_in(sinusoidal(t, config.time).to(noisy.dtype))
        x = self.frame_in(torch.cat([noisy, known[..., None].to(noisy.dtype)], -1))
        place = sinusoidal(torch.arange(frames, device=noisy.device), config.width).to(noisy.dtype)
        x = x + place + self.time_to_frame(time)[:, None]
        past, aligned = masks(frames, config.reach, noisy.device)
        for layer in self.layers:
            x = layer(x, tokens, time, past, aligned)
        return self.out(self.norm(x))
