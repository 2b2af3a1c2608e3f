"""The network of the autoregressive prior: predicts each frame from the earlier frames and the sound.

It has the same tokens, width and depth as P_a2nl, but causal attention and regression: n_i from n_{<i} and f_a. Like
P_a2nl it gets the talker's levels. Sampling feeds its predictions back; only the first frame is random.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...sound.audio_encoder import AudioEncoder
from ...sound.mel import MELS_PER_FRAME
from ...sound.prosody import PROSODY, prosody
from ..network import PriorConfig, embedded_levels, sinusoidal, told_network
from ..told.levels import LEVELS
from ..windows import plan_windows


class CausalBlock(nn.Module):
    """One layer of a transformer whose frames only look back. A memory lets frames come one at a time."""

    def __init__(self, config: PriorConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.before_attention, self.before_forward = nn.LayerNorm(config.width), nn.LayerNorm(config.width)
        self.project = nn.Linear(config.width, 3 * config.width)
        self.out = nn.Linear(config.width, config.width)
        self.forward_part = nn.Sequential(
            nn.Linear(config.width, config.feed_forward), nn.GELU(), nn.Linear(config.feed_forward, config.width)
        )

    def forward(self, x: Tensor, memory: list[Tensor] | None = None) -> Tensor:
        """(B, L, width) → (B, L, width). With a ``memory`` (empty at first) these are the L frames after those seen so
        far."""
        batch, frames, width = x.shape
        rows = self.project(self.before_attention(x))
        query, key, value = rows.view(batch, frames, 3, self.heads, -1).permute(2, 0, 3, 1, 4)  # 3 × (B, heads, L, …)
        causal = True
        if memory is not None:
            if memory:
                key, value = torch.cat([memory[0], key], dim=2), torch.cat([memory[1], value], dim=2)
                causal = frames > 1
                if causal:
                    raise ValueError("after its first frames a memory takes one frame at a time")
            memory[:] = [key, value]
        seen = F.scaled_dot_product_attention(query, key, value, is_causal=causal)
        x = x + self.out(seen.transpose(1, 2).reshape(batch, frames, width))  # (B, heads, L, …) -> (B, L, width)
        return x + self.forward_part(self.before_forward(x))


class AutoregressivePrior(nn.Module):
    """n_{i−1} and f_a of frame i → n̂_i; all earlier frames are visible."""

    def __init__(self, config: PriorConfig) -> None:
        super().__init__()
        self.config = config
        self.audio_encoder = AudioEncoder(config.audio)
        self.audio_in = nn.Linear(config.audio.width + PROSODY, config.condition)
        self.no_audio = nn.Parameter(torch.zeros(config.condition))
        self.levels_in = told_network(len(LEVELS), config.condition)
        self.no_levels = nn.Parameter(torch.zeros(config.condition))
        self.token_in = nn.Linear(config.features + config.condition, config.width)
        self.blocks = nn.ModuleList(CausalBlock(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.out = nn.Linear(config.width, config.features)
        nn.init.zeros_(self.out.weight)

    def encode_audio(self, mel: Tensor) -> Tensor:
        """(B, 4 L, 80) → (B, L, condition)."""
        return self.audio_in(torch.cat([self.audio_encoder(mel), prosody(mel)], dim=-1))

    def encode_levels(self, levels: Tensor) -> Tensor:
        """Levels (B, 7) → (B, 1, condition), to be added to the audio embedding. Rows with a NaN are unknown."""
        return embedded_levels(levels, self.levels_in, self.no_levels)

    def forward(
        self, before: Tensor, audio: Tensor, first: int = 0, memories: list[list[Tensor]] | None = None
    ) -> Tensor:
        """Predict frames ``first`` … ``first`` + L of a window.

        Parameters
        ----------
        before
            (B, L, d) for each frame the frame before it, normalised.
        audio
            (B, L, condition) embedding of the frames: :meth:`encode_audio` plus :meth:`encode_levels`.
        memories
            One list for each layer, if frames come one at a time.
        """
        positions = torch.arange(first, first + before.shape[1], device=before.device)
        x = self.token_in(torch.cat([before, audio], dim=-1)) + sinusoidal(positions, self.config.width)
        for index, block in enumerate(self.blocks):
            x = block(x, None if memories is None else memories[index])
        # Predicts the frame itself, which the norm before the last layer bounds. Predictions of the change from frame
        # to frame added up, and heads ended hundreds of degrees away.
        return self.out(self.norm(x))

    @torch.inference_mode()
    def sample(
        self,
        mel: Tensor,
        start: Tensor,
        heard: bool = True,
        levels: Tensor | None = None,
        progress: Callable[[int], None] = lambda frames: None,
    ) -> Tensor:
        """Continue ``start`` through the speech.

        Parameters
        ----------
        mel
            (4 T, 80) log-mel.
        start
            (B, d) first frames, normalised.
        heard
            False for the empty condition.
        levels
            (7,) how lively the talker is (``core.prior.told.levels``); unknown by default.
        progress
            Called with the number of frames that are done, after each window.

        Returns
        -------
        (B, T, d) normalised; the first frame is ``start``.
        """
        frames = len(mel) // MELS_PER_FRAME
        levels = mel.new_full((len(LEVELS),), torch.nan) if levels is None else levels
        told = self.encode_levels(levels[None])  # (1, 1, condition)
        made = [start]
        for window in plan_windows(frames, self.config.window):
            sound = mel[MELS_PER_FRAME * window.start : MELS_PER_FRAME * window.end]
            if heard:
                audio = self.encode_audio(sound[None]).expand(len(start), -1, -1)
            else:
                audio = self.no_audio.expand(len(start), window.end - window.start, -1)
            audio = audio + told
            memories: list[list[Tensor]] = [[] for _ in self.blocks]
            for frame in range(window.start + 1, window.commit):
                place = frame - window.start
                answer = self(made[frame - 1][:, None], audio[:, place : place + 1], place, memories)
                if frame == len(made):  # earlier frames are final and only pass through the memories again
                    made.append(answer[:, 0])
            progress(len(made))
        return torch.stack(made, dim=1)
