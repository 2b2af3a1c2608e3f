"""The autoregressive prior that the paper compares with: predicts each frame from the earlier frames and the sound.

    python -m training.prior.autoregressive --run runs/prior_autoregressive --steps 3000

It has the same tokens, width and depth as P_a2nl, but causal attention and regression: n_i from n_{<i} and f_a. It is
trained with the true past (no scheduled sampling, as in the paper, arXiv 2212.04248, §4), on the same batches with the
same two losses, and gets the talker's levels like P_a2nl. Sampling feeds its predictions back. Only the first frame is
random.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.prior.levels import LEVELS
from core.prior.network import PriorConfig, embedded_levels, levels_network, sinusoidal
from core.prior.spaces import ChannelSpace
from core.prior.windows import plan_windows
from core.sound.audio_encoder import AudioEncoder
from core.sound.mel import MELS_PER_FRAME
from core.sound.prosody import PROSODY, prosody

from ..common.checkpoint import load_checkpoint, load_module, module_weights
from ..common.engine import (
    CHECKPOINT,
    Run,
    RunConfig,
    Step,
    add_run_arguments,
    run_config,
    short_attention,
    warm_up_cosine,
)
from ..common.folders import RUNS
from .batches import SIZES, Batch, BatchSource, MixConfig, Statistics, add_mix_argument, feature_weights, statistics
from .data import Clip, load_clips

RUN = RunConfig(steps=3000, ema=0.995, save_every=50)


@dataclass(frozen=True)
class TrainConfig(MixConfig):
    """All settings of a run except its data and its length."""

    size: str = "base"
    learning_rate: float = 4e-4
    warm_up: int = 100
    velocity_weight: float = 3.0


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
        self.levels_in, self.no_levels = levels_network(config.condition), nn.Parameter(torch.zeros(config.condition))
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
    def sample(self, mel: Tensor, start: Tensor, heard: bool = True, levels: Tensor | None = None) -> Tensor:
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
            (7,) how lively the talker is (``core.prior.levels``); unknown by default.

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
        return torch.stack(made, dim=1)


class Regression(nn.Module):
    """The network in training: takes a batch, returns its two losses."""

    def __init__(self, network: AutoregressivePrior, weights: Tensor) -> None:
        super().__init__()
        self.network, self._weights = network, weights

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """L_simple and L_vel of all frames except the first, predicted from the true past."""
        items, frames, _ = batch.clean.shape
        network, weights = self.network, self._weights.to(batch.clean.device)
        empty = network.no_audio.expand(items, frames, -1)
        audio = torch.where(batch.has_audio[:, None, None], network.encode_audio(batch.mel), empty)
        audio = audio + network.encode_levels(batch.levels)
        predicted = network(batch.clean[:, :-1], audio[:, 1:], 1).float()
        error = predicted - batch.clean[:, 1:]
        return (weights * error.square()).mean(), (weights * error.diff(dim=1).square()).mean()


def train(
    config: TrainConfig, settings: RunConfig, clips: dict[str, list[Clip]], folder: Path
) -> list[dict[str, float]]:
    """Train to ``settings.steps``, from the folder's checkpoint if it has one; returns the new lines of the log."""
    torch.manual_seed(settings.seed)
    shape: PriorConfig = getattr(PriorConfig, config.size)()
    pupil = Regression(AutoregressivePrior(shape), feature_weights(ChannelSpace()))
    measured = Statistics(*statistics(clips, settings.seed))
    optimiser = torch.optim.AdamW(pupil.parameters(), betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    modules = {"autoregressive": pupil, "statistics": measured}
    run = Run(folder, settings, modules, {"prior": optimiser}, averaged=["autoregressive"], recipe=asdict(config))
    mean, deviation = (buffer.cpu().numpy() for buffer in measured.buffers())
    source = BatchSource(clips, config, shape.window, mean, deviation)

    def make_step(step: Step) -> dict[str, float | Tensor]:
        batch: Batch = step.batch.to(run.device)
        with step.autocast(), short_attention(run.device):
            simple, velocity = run.forward["autoregressive"](batch)
        step.set_rate("prior", warm_up_cosine(step.index, settings.steps, config.learning_rate, config.warm_up))
        norm = step.update("prior", simple + config.velocity_weight * velocity, clip=1.0)
        return {"simple": simple.detach(), "velocity": velocity.detach(), "norm": norm}

    return run.fit(make_step, draw=source.batch)


class AutoregressiveSampler:
    """A trained baseline, loaded from its run for evaluation."""

    def __init__(self, folder: Path) -> None:
        checkpoint = folder / CHECKPOINT
        self.facts = load_checkpoint(checkpoint, {}, {}, {})
        shape: PriorConfig = getattr(PriorConfig, self.facts["recipe"]["size"])()
        pupil = Regression(AutoregressivePrior(shape), torch.ones(shape.features))
        load_module(checkpoint, "autoregressive", pupil)
        self.network = pupil.network.requires_grad_(False)
        measured = module_weights(checkpoint, "statistics", "module")
        self._mean, self._deviation = measured["mean"], measured["deviation"]

    def sample(self, mel: np.ndarray | None, frames: int, start: np.ndarray, levels: np.ndarray) -> np.ndarray:
        """(T, 25) features that begin with the frame ``start`` (25,). ``mel`` (4 T, 80) is None without sound;
        ``levels`` (7,) of the talker are NaN if unknown."""
        heard = mel is not None
        sound = torch.zeros(frames * MELS_PER_FRAME, 80) if mel is None else torch.from_numpy(mel).float()
        first = (torch.from_numpy(start).float() - self._mean) / self._deviation
        made = self.network.sample(sound, first[None], heard, torch.from_numpy(levels))[0]
        return (made * self._deviation + self._mean).numpy()


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="training.prior.autoregressive", description="Train the autoregressive baseline."
    )
    add_run_arguments(parser, RUNS / "prior_autoregressive", RUN, SIZES)
    parser.add_argument("--batch", type=int, default=TrainConfig.batch)
    parser.add_argument("--learning-rate", type=float, default=TrainConfig.learning_rate)
    add_mix_argument(parser)
    options = parser.parse_args(arguments)
    config = TrainConfig(
        batch=options.batch, shares=options.shares, size=options.size, learning_rate=options.learning_rate
    )
    train(config, run_config(options, RUN), load_clips("train"), options.run)


if __name__ == "__main__":
    main()
