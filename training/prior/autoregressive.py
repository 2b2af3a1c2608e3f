"""Trains the autoregressive prior that the paper compares with (`core.prior.autoregressive`).

    python -m training.prior.autoregressive --run runs/prior_autoregressive --steps 3000 --export

It is trained with the true past (no scheduled sampling, as in the paper, arXiv 2212.04248, §4), on the same batches and
with the same two losses as P_a2nl. ``--export`` writes its averaged weights to core/weights.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.places import WEIGHTS
from core.prior.autoregressive.model import AutoregressiveMotion
from core.prior.autoregressive.network import AutoregressivePrior
from core.prior.network import PriorConfig
from core.prior.spaces import ChannelSpace

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


def trained(folder: Path) -> tuple[AutoregressiveMotion, dict[str, Any]]:
    """The averaged network of a run, ready to sample, and the facts of its checkpoint."""
    checkpoint = folder / CHECKPOINT
    facts = load_checkpoint(checkpoint, {}, {}, {})
    shape: PriorConfig = getattr(PriorConfig, facts["recipe"]["size"])()
    pupil = Regression(AutoregressivePrior(shape), torch.ones(shape.features))
    load_module(checkpoint, "autoregressive", pupil)
    measured = module_weights(checkpoint, "statistics", "module")
    return AutoregressiveMotion(pupil.network, measured["mean"], measured["deviation"]), facts


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="training.prior.autoregressive", description="Train the autoregressive baseline."
    )
    add_run_arguments(parser, RUNS / "prior_autoregressive", RUN, SIZES)
    parser.add_argument("--batch", type=int, default=TrainConfig.batch)
    parser.add_argument("--learning-rate", type=float, default=TrainConfig.learning_rate)
    parser.add_argument("--export", action="store_true", help="then write the weights to core/weights")
    add_mix_argument(parser)
    options = parser.parse_args(arguments)
    config = TrainConfig(
        batch=options.batch, shares=options.shares, size=options.size, learning_rate=options.learning_rate
    )
    train(config, run_config(options, RUN), load_clips("train"), options.run)
    if options.export:
        for path in trained(options.run)[0].save(WEIGHTS):
            print(path)


if __name__ == "__main__":
    main()
