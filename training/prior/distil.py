"""Distil the prior to a few steps: progressive distillation (Salimans & Ho 2022).

    python -m training.prior.distil --run runs/prior_distilled --from 16 --to 2 --steps 800
    python -m training.prior.evaluate --sets voices --also distilled runs/prior_distilled/weights-2

A pupil learns to do in one DDIM step what its teacher does in two. Then it becomes the next teacher: 16 steps become 8,
4, 2, 1. The first teacher predicts as the product samples it: guided (eq. 10), with its calibration and its spread.
Pupils learn these predictions and need neither guidance, calibration nor spread (guidance: Meng et al. 2023). The
network keeps its shape, the known entries and the empty condition. After each halving the shards are written to
``<run>/weights-<steps>``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from core.places import WEIGHTS
from core.prior.denoiser import predict_clean
from core.prior.guidance import Guidance, early_gain, spread_for
from core.prior.kept import Known
from core.prior.model import NonlipPrior
from core.prior.network import AudioToNonlipPrior
from core.prior.schedule import CosineSchedule

from ..common.checkpoint import load_module
from ..common.engine import CHECKPOINT, Run, RunConfig, Step, add_run_arguments, run_config, warm_up_cosine
from ..common.folders import RUNS
from .batches import Batch, BatchSource, MixConfig, add_mix_argument, conditions, feature_weights, still_weights
from .data import Clip, load_clips
from .export import save_shards, write

RUN = RunConfig(steps=800, ema=0.99, save_every=50)


@dataclass(frozen=True)
class DistilConfig(MixConfig):
    """All settings of a run except its data and its length (steps of each halving).

    Attributes
    ----------
    first, last
        Sampler steps of the first teacher and of the last pupil. The first is the last times a power of two.
    guidance_scale
        Guidance scale of the first teacher. Its pupils learn the guided prediction and are sampled without guidance.
    still_cap
        Largest weight of errors of still talkers.
    """

    first: int = 16
    last: int = 2
    learning_rate: float = 1e-4
    warm_up: int = 20
    velocity_weight: float = 3.0
    guidance_scale: float = 1.0
    still_cap: float = 16.0


def ddim_step(clean: Tensor, noisy: Tensor, schedule: CosineSchedule, t: Tensor, following: Tensor) -> Tensor:
    """nˢ from nᵗ and n̂⁰; each item has its own t and s < t (Song et al. 2021, eq. 12 with σ = 0)."""
    (alpha, sigma), (alpha_next, sigma_next) = schedule.coefficients(t, noisy), schedule.coefficients(following, noisy)
    return alpha_next * clean + sigma_next * (noisy - alpha * clean) / sigma


def halving_target(
    teacher: Callable[[Tensor, Tensor], Tensor],
    noisy: Tensor,
    schedule: CosineSchedule,
    t: Tensor,
    middle: Tensor,
    following: Tensor,
) -> Tensor:
    """The n̂⁰ for which one DDIM step t → s ends where two steps of the teacher, t → m → s, end.

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
    (alpha, sigma), (alpha_next, sigma_next) = schedule.coefficients(t, noisy), schedule.coefficients(following, noisy)
    ratio = sigma_next / sigma
    return (after - ratio * noisy) / (alpha_next - ratio * alpha)


Answer = Callable[[Tensor, Tensor], Tensor]
"""nᵗ (B, L, d), t (B,) → n̂⁰."""
Teacher = Callable[[Batch], Answer]


def answers_of(network: AudioToNonlipPrior, schedule: CosineSchedule, batch: Batch) -> Answer:
    """The predictions of a network for a batch's windows, with the known entries inserted."""
    audio = conditions(network, batch)
    known, mask = batch.clean, batch.known_mask

    def answer(noisy: Tensor, t: Tensor) -> Tensor:
        return torch.where(mask, known, predict_clean(network, schedule, noisy, t, audio, known, mask))

    return answer


def answers_as_sampled(prior: NonlipPrior, steps: int, scale: float, batch: Batch) -> Answer:
    """The predictions of the prior as the product samples it in ``steps`` steps with guidance ``scale``: calibrated,
    and led away from the mean."""
    device = batch.clean.device
    said = answers_of(prior.network, prior.schedule, batch)
    nothing = torch.full_like(batch.mouth, torch.nan)
    deaf = replace(batch, has_audio=torch.zeros_like(batch.has_audio), mouth=nothing)
    unheard = said if scale == 1.0 else answers_of(prior.network, prior.schedule, deaf)

    def guidance_of(levels: Tensor, heard: bool) -> Guidance:
        spread = spread_for(prior.spread, levels.cpu().numpy(), float(heard))
        gain = early_gain(spread, steps, prior.num_inference_steps)
        factors = None if gain is None else torch.from_numpy(gain).to(device)
        return Guidance(scale, levels, prior.calibration, factors)

    guidances = [guidance_of(*told) for told in zip(batch.levels, batch.has_audio.tolist(), strict=True)]
    each_known = [Known(batch.clean[i : i + 1], batch.known_mask[i : i + 1]) for i in range(len(guidances))]

    def answer(noisy: Tensor, t: Tensor) -> Tensor:
        clean = said(noisy, t).float()
        if scale != 1.0:
            clean = scale * clean + (1.0 - scale) * unheard(noisy, t).float()
        each = [
            guidance.lead(clean[i : i + 1], noisy[i : i + 1], int(t[i]), prior.schedule, known)
            for i, (guidance, known) in enumerate(zip(guidances, each_known, strict=True))
        ]
        return torch.where(batch.known_mask, batch.clean, torch.cat(each))

    return answer


class Halving(nn.Module):
    """The pupil in training: takes a batch, returns its two losses."""

    def __init__(self, network: AudioToNonlipPrior, weights: Tensor, steps: int, still_cap: float) -> None:
        super().__init__()
        self.network, self._weights, self._still_cap = network, weights, still_cap
        self._schedule = CosineSchedule(network.config.diffusion_steps)
        self._times = torch.tensor(self._schedule.timesteps(steps))
        self._middles = torch.tensor(self._schedule.timesteps(2 * steps))[1::2]

    def forward(self, batch: Batch, teacher: Teacher, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Squared distance from the teacher's target, and squared distance of their velocities."""
        device, schedule = batch.clean.device, self._schedule
        place = torch.randint(len(self._middles), (len(batch.clean),), generator=generator)
        t, middle, following = (
            times.to(device) for times in (self._times[place], self._middles[place], self._times[place + 1])
        )
        noise = torch.randn(batch.clean.shape, generator=generator).to(device)
        noisy = schedule.add_noise(batch.clean, t, noise)
        with torch.no_grad():
            target = halving_target(teacher(batch), noisy, schedule, t, middle, following)
        error = answers_of(self.network, schedule, batch)(noisy, t) - target
        weights = self._weights.to(device)
        if self._still_cap > 1.0:
            weights = weights * still_weights(batch.levels, self._still_cap)
        return (weights * error.square()).mean(), (weights * error.diff(dim=1).square()).mean()


def distil(
    prior: NonlipPrior,
    config: DistilConfig,
    settings: RunConfig,
    clips: dict[str, list[Clip]],
    folder: Path,
    start: NonlipPrior | None = None,
) -> list[Path]:
    """Halve the steps from ``config.first`` to ``config.last``, going on where an earlier run stopped.

    The first pupil begins with the weights of its teacher, or of ``start``, for example an earlier pupil. Returns the
    folders of the shards, one for each halving.
    """
    torch.manual_seed(settings.seed)
    network, steps = prior.network, config.first
    folders: list[Path] = []
    begin = (start or prior).network
    shape = network.config
    still_cap = config.still_cap if shape.levels and prior.space.exact else 1.0
    teacher: Teacher = partial(answers_as_sampled, prior, steps, config.guidance_scale)
    source = BatchSource(clips, config, shape.window, prior.mean, prior.deviation, prior.space)
    while steps > config.last:
        steps //= 2
        pupil = Halving(AudioToNonlipPrior(shape), feature_weights(prior.space), steps, still_cap)
        pupil.network.load_state_dict(begin.state_dict())
        optimiser = torch.optim.AdamW(pupil.parameters(), betas=(0.9, 0.98), weight_decay=0.01, fused=True)
        stage = folder / f"halved-to-{steps}"
        run = Run(stage, settings, {"pupil": pupil}, {"pupil": optimiser}, averaged=["pupil"], recipe=asdict(config))
        network.to(run.device).eval()

        def make_step(step: Step, run: Run = run, teacher: Teacher = teacher) -> dict[str, float | Tensor]:
            batch: Batch = step.batch.to(run.device)
            with step.autocast():
                simple, velocity = run.forward["pupil"](batch, teacher, step.generator)
            step.set_rate("pupil", warm_up_cosine(step.index, settings.steps, config.learning_rate, config.warm_up))
            norm = step.update("pupil", simple + config.velocity_weight * velocity, clip=1.0)
            return {"simple": simple.detach(), "velocity": velocity.detach(), "norm": norm}

        run.fit(make_step, draw=source.batch)
        if run.step < settings.steps:
            return folders  # stopped; the next call goes on
        load_module(stage / CHECKPOINT, "pupil", pupil)
        network = begin = pupil.network.requires_grad_(False)
        teacher = partial(answers_of, network, prior.schedule)
        folders.append(folder / f"weights-{steps}")
        mean, deviation = torch.from_numpy(prior.mean), torch.from_numpy(prior.deviation)
        save_shards(network, mean, deviation, folders[-1], steps, 1.0, "ddim")
    return folders


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="training.prior.distil", description="Distil the prior to a few steps.")
    add_run_arguments(parser, RUNS / "prior_distilled", RUN)
    parser.add_argument("--prior", type=Path, default=WEIGHTS, help="folder of the teacher's shards")
    parser.add_argument("--from", dest="first", type=int, default=DistilConfig.first, help="teacher's steps")
    parser.add_argument("--to", dest="last", type=int, default=DistilConfig.last, help="steps of the last pupil")
    parser.add_argument("--batch", type=int, default=DistilConfig.batch)
    parser.add_argument("--learning-rate", type=float, default=DistilConfig.learning_rate)
    parser.add_argument("--guidance-scale", type=float, help="of the teacher; default: that of its shards")
    parser.add_argument(
        "--start", type=Path, help="folder of shards that the first pupil begins with; default: those of its teacher"
    )
    parser.add_argument("--out", type=Path, help="additional folder for the last pupil's shards")
    add_mix_argument(parser)
    options = parser.parse_args(arguments)
    prior = NonlipPrior.load(folder=options.prior)
    config = DistilConfig(
        first=options.first,
        last=options.last,
        learning_rate=options.learning_rate,
        guidance_scale=prior.guidance_scale if options.guidance_scale is None else options.guidance_scale,
        batch=options.batch,
        shares=options.shares,
    )
    if config.first % config.last or (config.first // config.last) & (config.first // config.last - 1):
        parser.error(f"--from must be --to times a power of two, not {config.first} and {config.last}")
    start = NonlipPrior.load(folder=options.start) if options.start else None
    folders = distil(prior, config, run_config(options, RUN), load_clips("train"), options.run, start)
    for folder in folders:
        print(folder, flush=True)
    finished = options.run / f"weights-{config.last}"
    if options.out and finished in folders:
        write(NonlipPrior.load(folder=finished), options.out)
        print(options.out, flush=True)


if __name__ == "__main__":
    main()
