"""Distil the prior to a few steps: progressive distillation (Salimans & Ho 2022).

    python -m training.distil_prior --run runs/prior_distilled --from 16 --to 2 --steps 800
    python -m training.evaluate_prior --sets voices --also distilled runs/prior_distilled/weights-2

A pupil learns to make in one DDIM step what its teacher makes in two, and is the next teacher: 16 steps become 8, 4, 2,
1. The network keeps its shape, the known entries and the empty condition; guidance other than 1 isn't distilled. After
each halving the shards lie in ``<run>/weights-<steps>``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from core.prior.denoiser import predict_clean
from core.prior.model import WEIGHTS, NonlipPrior
from core.prior.network import AudioToNonlipPrior
from core.prior.schedule import CosineSchedule

from .checkpoint import load_module
from .engine import CHECKPOINT, Run, RunConfig, Step, add_run_arguments, run_config, warm_up_cosine
from .prior_batches import Batch, BatchSource, MixConfig, add_mix_argument, feature_weights
from .prior_data import Clip, load_clips
from .prior_export import save_shards

RUN = RunConfig(steps=800, ema=0.99, save_every=50)


@dataclass(frozen=True)
class DistilConfig(MixConfig):
    """What a run depends on beside its data and its length (steps of each halving).

    Attributes
    ----------
    first, last
        Sampler steps of the first teacher, a power of two times those of the last pupil.
    """

    first: int = 16
    last: int = 2
    learning_rate: float = 1e-4
    warm_up: int = 20
    velocity_weight: float = 3.0


def ddim_step(clean: Tensor, noisy: Tensor, schedule: CosineSchedule, t: Tensor, following: Tensor) -> Tensor:
    """nˢ from nᵗ and n̂⁰, each item with its own t and s < t (Song et al. 2021, eq. 12 with σ = 0)."""
    (alpha, sigma), (alpha_next, sigma_next) = schedule.levels(t, noisy), schedule.levels(following, noisy)
    return alpha_next * clean + sigma_next * (noisy - alpha * clean) / sigma


def halving_target(
    teacher: Callable[[Tensor, Tensor], Tensor],
    noisy: Tensor,
    schedule: CosineSchedule,
    t: Tensor,
    middle: Tensor,
    following: Tensor,
) -> Tensor:
    """The n̂⁰ with which one DDIM step t → s ends where two of the teacher's, t → m → s, do.

    Salimans & Ho 2022, algorithm 2: x̃ = (nˢ − (σ_s / σ_t) nᵗ) / (α_s − (σ_s / σ_t) α_t).

    Parameters
    ----------
    teacher
        nᵗ (B, L, d), t (B,) → n̂⁰.
    t, middle, following
        (B,) long, t > m > s ≥ 0.
    """
    between = ddim_step(teacher(noisy, t), noisy, schedule, t, middle)
    after = ddim_step(teacher(between, middle), between, schedule, middle, following)
    (alpha, sigma), (alpha_next, sigma_next) = schedule.levels(t, noisy), schedule.levels(following, noisy)
    ratio = sigma_next / sigma
    return (after - ratio * noisy) / (alpha_next - ratio * alpha)


class Halving(nn.Module):
    """The pupil as it is trained: a batch in, its two losses out."""

    def __init__(self, network: AudioToNonlipPrior, weights: Tensor, steps: int) -> None:
        super().__init__()
        self.network, self._weights = network, weights
        self._schedule = CosineSchedule(network.config.diffusion_steps)
        self._times = torch.tensor(self._schedule.timesteps(steps))
        self._middles = torch.tensor(self._schedule.timesteps(2 * steps))[1::2]

    def forward(self, batch: Batch, teacher: AudioToNonlipPrior, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Squared distance from the teacher's target, and that of their velocities."""
        items, frames, _ = batch.clean.shape
        device, schedule = batch.clean.device, self._schedule
        place = torch.randint(len(self._middles), (items,), generator=generator)
        t, middle, following = (
            times.to(device) for times in (self._times[place], self._middles[place], self._times[place + 1])
        )
        noise = torch.randn(batch.clean.shape, generator=generator).to(device)
        noisy = schedule.add_noise(batch.clean, t, noise)

        def answers(network: AudioToNonlipPrior) -> Callable[[Tensor, Tensor], Tensor]:
            empty = network.empty_audio(items, frames)
            audio = torch.where(batch.has_audio[:, None, None], network.encode_audio(batch.mel), empty)
            audio = audio + network.encode_levels(batch.levels)
            known, mask = batch.clean, batch.known_mask
            return lambda x, at: torch.where(mask, known, predict_clean(network, schedule, x, at, audio, known, mask))

        with torch.no_grad():
            target = halving_target(answers(teacher), noisy, schedule, t, middle, following)
        error = answers(self.network)(noisy, t) - target
        weights = self._weights.to(device)
        return (weights * error.square()).mean(), (weights * error.diff(dim=1).square()).mean()


def distil(
    prior: NonlipPrior, config: DistilConfig, settings: RunConfig, clips: dict[str, list[Clip]], folder: Path
) -> list[Path]:
    """Halve the steps from ``config.first`` to ``config.last``, going on where an earlier run stopped.

    Returns the folders of the shards, one for each halving.
    """
    torch.manual_seed(settings.seed)
    teacher, steps, folders = prior.network, config.first, []
    shape = teacher.config
    source = BatchSource(clips, config, shape.window, prior.mean, prior.deviation, prior.space)
    while steps > config.last:
        steps //= 2
        pupil = Halving(AudioToNonlipPrior(shape), feature_weights(prior.space), steps)
        pupil.network.load_state_dict(teacher.state_dict())
        optimiser = torch.optim.AdamW(pupil.parameters(), betas=(0.9, 0.98), weight_decay=0.01, fused=True)
        stage = folder / f"halved-to-{steps}"
        run = Run(stage, settings, {"pupil": pupil}, {"pupil": optimiser}, averaged=["pupil"], recipe=asdict(config))
        frozen = teacher.to(run.device).eval()

        def make_step(step: Step, run: Run = run, frozen: AudioToNonlipPrior = frozen) -> dict[str, float | Tensor]:
            batch: Batch = step.batch.to(run.device)
            with step.autocast():
                simple, velocity = run.forward["pupil"](batch, frozen, step.generator)
            step.set_rate("pupil", warm_up_cosine(step.index, settings.steps, config.learning_rate, config.warm_up))
            norm = step.update("pupil", simple + config.velocity_weight * velocity, clip=1.0)
            return {"simple": simple.detach(), "velocity": velocity.detach(), "norm": norm}

        run.fit(make_step, draw=source.batch)
        if run.step < settings.steps:
            return folders  # stopped; the next call goes on
        load_module(stage / CHECKPOINT, "pupil", pupil)
        teacher = pupil.network.requires_grad_(False)
        folders.append(folder / f"weights-{steps}")
        mean, deviation = torch.from_numpy(prior.mean), torch.from_numpy(prior.deviation)
        save_shards(teacher, mean, deviation, folders[-1], steps, 1.0, "ddim", torch.from_numpy(prior.spread))
    return folders


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="training.distil_prior", description="Distil the prior to a few steps.")
    add_run_arguments(parser, Path("runs/prior_distilled"), RUN)
    parser.add_argument("--prior", type=Path, default=WEIGHTS, help="folder of the teacher's shards")
    parser.add_argument("--from", dest="first", type=int, default=DistilConfig.first, help="teacher's steps")
    parser.add_argument("--to", dest="last", type=int, default=DistilConfig.last, help="steps of the last pupil")
    parser.add_argument("--batch", type=int, default=DistilConfig.batch)
    add_mix_argument(parser)
    options = parser.parse_args(arguments)
    config = replace(DistilConfig(first=options.first, last=options.last), batch=options.batch, shares=options.shares)
    if config.first % config.last or (config.first // config.last) & (config.first // config.last - 1):
        parser.error(f"--from must be --to doubled some times, not {config.first} and {config.last}")
    for folder in distil(
        NonlipPrior.load(folder=options.prior), config, run_config(options, RUN), load_clips("train"), options.run
    ):
        print(folder, flush=True)


if __name__ == "__main__":
    main()
