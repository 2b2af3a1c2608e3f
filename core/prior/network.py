"""P_a2nl, the audio-to-non-lip prior: nᵗ, t, audio and known parts of n⁰ → n̂⁰.

After "Talking Head Generation with Probabilistic Audio-to-Visual Diffusion Priors" (arXiv 2212.04248): a transformer
encoder that predicts n⁰ itself (eq. 7). Each token holds nᵗ, the audio and time embedding, and n⁰, most of which is
masked, so that the network learns editing in training. The schedule and the samplers don't depend on the network.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ..sound.audio_encoder import AudioEncoder, AudioEncoderConfig
from ..sound.prosody import PROSODY, prosody
from .features import d_nl
from .told.levels import LEVELS
from .told.mouth import MOUTH


def stem_of(learned: bool) -> str:
    """Beginning of the names of the weights files: of a prior that diffuses ``learned`` codes, or the channels."""
    return "learned_prior" if learned else "prior"


@dataclass(frozen=True)
class PriorConfig:
    """Shape of P_a2nl: :meth:`base` as in the paper, :meth:`small` to compare trainings, :meth:`tiny` for tests."""

    features: int = d_nl
    width: int = 512
    feed_forward: int = 1024
    heads: int = 4
    layers: int = 8
    condition: int = 256
    window: int = 100
    """Frames that the network sees at once (4 s)."""
    diffusion_steps: int = 1000
    prediction: str = "clean"
    """What the network predicts: n⁰ as in the paper ("clean"), or "noise" or "velocity" for comparison."""
    learned: bool = False
    """Whether the features are the learned f_nl of ``core.representation`` (``features`` = 64), not the channels."""
    editing: bool = True
    """Whether the network sees known parts of n⁰. If not, they are only put in while sampling."""
    levels: bool = False
    """Whether the network is given how lively the talker is (``core.prior.told.levels``)."""
    mouth: bool = False
    """Whether the network is given how the mouth moves (``core.prior.told.mouth``)."""
    audio: AudioEncoderConfig = field(default_factory=AudioEncoderConfig)

    @property
    def stem(self) -> str:
        """Beginning of the names of its weights files."""
        return stem_of(self.learned)

    @classmethod
    def base(cls) -> PriorConfig:
        """8 layers, 512-d tokens, 1024-d feed-forward, 4 heads."""
        return cls()

    @classmethod
    def small(cls) -> PriorConfig:
        """4 layers, 256-d tokens, 512-d feed-forward, half the audio encoder: a seventh of the base size."""
        audio = AudioEncoderConfig(width=128, fine_width=64, middle_width=96)
        return cls(width=256, feed_forward=512, layers=4, condition=128, audio=audio)

    @classmethod
    def tiny(cls) -> PriorConfig:
        """Small enough to train for a few steps in a second on one core."""
        return cls(
            width=48, feed_forward=96, heads=2, layers=2, condition=32, window=40, audio=AudioEncoderConfig.tiny()
        )


def sinusoidal(positions: Tensor, width: int) -> Tensor:
    """(N,) positions → (N, width) sines and cosines of falling frequency (Vaswani et al. 2017, section 3.5)."""
    frequency = torch.exp(torch.arange(0, width, 2, device=positions.device) * (-math.log(10_000.0) / width))
    angle = positions.float()[:, None] * frequency  # (N, width / 2)
    return torch.cat([angle.sin(), angle.cos()], dim=1)


def told_network(numbers: int, condition: int) -> nn.Sequential:
    """Brings numbers that are told besides the sound to the width of the condition. Its output starts at zero, so
    weights trained without it fit."""
    first, last = nn.Linear(numbers, condition), nn.Linear(condition, condition)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(first, nn.SiLU(), last)


def embedded_levels(levels: Tensor, network: nn.Module, unknown: Tensor) -> Tensor:
    """(B, 7) levels → (B, 1, condition): the output of ``network``, or ``unknown`` in rows with a NaN."""
    embedded = network(levels.nan_to_num())
    return torch.where(levels.isnan().any(dim=1, keepdim=True), unknown.to(embedded.dtype), embedded)[:, None]


class AudioToNonlipPrior(nn.Module):
    """P_a2nl of the paper, with its own audio encoder E_a, which is trained jointly.

    There is one token a frame. It concatenates nᵗ, the known part of n⁰, the mask of known entries, and the sum of
    audio and time embedding. One linear map brings it to the width of the transformer, and sinusoidal positions are
    added.
    """

    def __init__(self, config: PriorConfig) -> None:
        super().__init__()
        self.config = config
        self.audio_encoder = AudioEncoder(config.audio)
        self.audio_in = nn.Linear(config.audio.width + PROSODY, config.condition)
        self.no_audio = nn.Parameter(torch.zeros(config.condition))
        self.time_in = nn.Sequential(
            nn.Linear(config.condition, config.condition), nn.SiLU(), nn.Linear(config.condition, config.condition)
        )
        if config.levels:
            self.levels_in = told_network(len(LEVELS), config.condition)
            self.no_levels = nn.Parameter(torch.zeros(config.condition))
        if config.mouth:
            self.mouth_in = told_network(len(MOUTH), config.condition)
            self.no_mouth = nn.Parameter(torch.zeros(config.condition))
        self.token_in = nn.Linear(3 * config.features + config.condition, config.width)
        layer = nn.TransformerEncoderLayer(
            config.width,
            config.heads,
            config.feed_forward,
            dropout=0.0,  # each batch draws new synthetic motion, so there is nothing to memorise
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.encoder = nn.TransformerEncoder(
            layer, config.layers, norm=nn.LayerNorm(config.width), enable_nested_tensor=False
        )
        self.out = nn.Linear(config.width, config.features)
        nn.init.zeros_(self.out.weight)  # the first prediction is the data's mean

    def encode_audio(self, mel: Tensor) -> Tensor:
        """(B, 4 L, 80) log-mel → (B, L, condition) audio embedding f_a. Computed once a window, not once a step."""
        return self.audio_in(torch.cat([self.audio_encoder(mel), prosody(mel)], dim=-1))

    def empty_audio(self, batch: int, frames: int) -> Tensor:
        """(B, L, condition) embedding of the empty condition ∅."""
        return self.no_audio.expand(batch, frames, -1)

    def encode_levels(self, levels: Tensor) -> Tensor:
        """(B, 7) levels → (B, 1, condition), which is added to the audio embedding. Rows with a NaN are unknown.

        For a network that was trained without levels it is 0.
        """
        if not self.config.levels:
            return levels.new_zeros(len(levels), 1, self.config.condition)
        return embedded_levels(levels, self.levels_in, self.no_levels)

    def encode_mouth(self, mouth: Tensor) -> Tensor:
        """(B, L, 9) curves of the mouth (``told.mouth.mouth_curves``) → (B, L, condition), which is added to the audio
        embedding. Frames with a NaN are unknown.

        For a network that was trained without the mouth it is 0.
        """
        if not self.config.mouth:
            return mouth.new_zeros(*mouth.shape[:2], self.config.condition)
        embedded = self.mouth_in(mouth.nan_to_num())
        return torch.where(mouth.isnan().any(dim=-1, keepdim=True), self.no_mouth.to(embedded.dtype), embedded)

    def unknown_mouth(self, batch: int, frames: int) -> Tensor:
        """(B, L, 9) NaN: the mouth of people of whom it isn't known."""
        return self.no_audio.new_full((batch, frames, len(MOUTH)), torch.nan)

    def forward(self, noisy: Tensor, t: Tensor, audio: Tensor, known: Tensor, known_mask: Tensor) -> Tensor:
        """Predict n⁰.

        Parameters
        ----------
        noisy
            (B, L, d_nl) nᵗ, normalised.
        t
            (B,) long, 1 … T.
        audio
            (B, L, condition) from :meth:`encode_audio` or :meth:`empty_audio`, plus :meth:`encode_levels` and
            :meth:`encode_mouth`.
        known
            (B, L, d_nl) n⁰. Only entries under ``known_mask`` are used.
        known_mask
            (B, L, d_nl) 1 where n⁰ is given, 0 elsewhere.

        Returns
        -------
        (B, L, d_nl) n̂⁰, also where n⁰ was given; the denoiser puts the given entries in.
        """
        frames = noisy.shape[1]
        time = self.time_in(sinusoidal(t, self.config.condition).to(noisy.dtype))[:, None]  # (B, 1, condition)
        mask = known_mask.to(noisy.dtype) if self.config.editing else torch.zeros_like(noisy)
        token = self.token_in(torch.cat([noisy, known * mask, mask, audio + time], dim=-1))  # (B, L, width)
        position = sinusoidal(torch.arange(frames, device=noisy.device), self.config.width).to(noisy.dtype)
        return self.out(self.encoder(token + position))  # (L, width) on (B, L, width)
