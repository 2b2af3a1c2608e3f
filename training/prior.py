"""Train and measure the prior P_a2nl.

    python -m training.prior train --size base --steps 2000 --run runs/prior
    python -m training.prior train --size base --steps 4000 --run runs/prior        # goes on from the checkpoint
    python -m training.prior export --run runs/prior
    python -m training.prior evaluate

Losses: L_simple = ‖n⁰ − n̂⁰‖² (eq. 7) and L_vel = ‖Δn⁰ − Δn̂⁰‖² over frames (eq. 8), the paper's two (arXiv 2212.04248,
§3.2), with one in ten conditions left empty (for eq. 10).
"""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from core.prior.features import FEATURE_GROUPS, FEATURES, d_nl
from core.prior.network import AudioToNonlipPrior, PriorConfig
from core.prior.schedule import CosineSchedule
from core.prior.skip import correct_slowly

from .engine import Run, RunConfig, Step, add_run_arguments, run_config
from .prior_data import Clip, augment_mel, draw_mask, draw_window, load_clips

RUN = RunConfig(steps=3000, ema=0.995, save_every=50)


@dataclass(frozen=True)
class TrainConfig:
    """What a run depends on beside its data and its length."""

    size: str = "base"
    batch: int = 16
    learning_rate: float = 4e-4
    warm_up: int = 100
    decay_from: float = 0.75
    """Part of the steps after which the learning rate falls linearly to a twentieth."""
    velocity_weight: float = 3.0
    empty_share: float = 0.1
    shares: tuple[tuple[str, float], ...] = (("synthetic", 0.6), ("grid", 0.2), ("address", 0.2))
    short_share: float = 0.35
    """Part of the batches whose windows are shorter than the network's, down to 8 frames: GRID's clips have 75."""


FLOOR = {"headPitch": 0.03, "headYaw": 0.03, "headRoll": 0.03, "headX": 0.3, "headY": 0.3, "headZ": 0.3}
"""Least deviation that a feature is normalised by: radians, centimetres; 0.1 for weights. Without it the nearly still
channels would be blown up to the size of the others."""
IMPORTANCE = {"blink": 2.0, "cheekPuff": 0.3, "cheekSquint": 0.3, "noseSneer": 0.3, "eyeSquint": 0.5}
"""Weight of a feature in the loss; 1 where absent. Cheeks and nose are hardly visible and noisily tracked."""


def feature_weights() -> Tensor:
    """(25,) loss weights of mean 1."""
    weights = torch.tensor([IMPORTANCE.get(name.removesuffix("_L").removesuffix("_R"), 1.0) for name in FEATURES])
    return weights / weights.mean()


def statistics(clips: dict[str, list[Clip]], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation (25,) of each feature over the sources, each source weighing the same."""
    rng = np.random.default_rng(seed)
    means, squares = [], []
    for source in clips.values():
        if source:
            motion = np.concatenate([clip.features(rng) for clip in source])
            means.append(motion.mean(axis=0))
            squares.append(np.square(motion).mean(axis=0))
    mean = np.mean(means, axis=0)
    deviation = np.sqrt(np.maximum(np.mean(squares, axis=0) - mean**2, 0.0))
    floor = np.array([FLOOR.get(name, 0.1) for name in FEATURES])
    return mean.astype(np.float32), np.maximum(deviation, floor).astype(np.float32)


@dataclass
class Batch:
    """One batch: n⁰ (B, L, 25) normalised, mel (B, 4 L, 80), has_audio (B,), known_mask (B, L, 25)."""

    clean: Tensor
    mel: Tensor
    has_audio: Tensor
    known_mask: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same on a device."""
        return Batch(*(getattr(self, field.name).to(device) for field in fields(self)))


class BatchSource:
    """Draws training batches."""

    def __init__(
        self, clips: dict[str, list[Clip]], config: TrainConfig, window: int, mean: np.ndarray, deviation: np.ndarray
    ) -> None:
        self.clips, self.config, self.window = clips, config, window
        self.mean, self.deviation = mean, deviation
        self.groups = tuple(FEATURE_GROUPS.values())

    def _frames(self, rng: np.random.Generator) -> int:
        if rng.random() >= self.config.short_share:
            return self.window
        # Most short batches take GRID's whole length; the rest teach utterances of a second or two.
        return int(min(self.window, 75)) if rng.random() < 0.7 else int(rng.integers(8, self.window))

    def batch(self, rng: np.random.Generator) -> Batch:
        """One batch; ``rng`` alone decides which."""
        frames = self._frames(rng)
        usable = {
            name: share
            for name, share in self.config.shares
            if any(clip.frames >= frames for clip in self.clips.get(name, []))
        }
        names, shares = list(usable), np.array(list(usable.values()))
        items = self.config.batch
        clean = np.zeros((items, frames, d_nl), dtype=np.float32)
        mel = np.zeros((items, 4 * frames, 80), dtype=np.float32)
        has_audio, known = np.zeros(items, dtype=bool), np.zeros((items, frames, d_nl), dtype=bool)
        for i in range(items):
            source = names[rng.choice(len(names), p=shares / shares.sum())]
            sound, motion = draw_window(self.clips[source], frames, rng)
            clean[i] = (motion - self.mean) / self.deviation
            if sound is not None and rng.random() >= self.config.empty_share:
                mel[i], has_audio[i] = augment_mel(sound, rng), True
            known[i] = draw_mask(frames, rng, self.groups)
        return Batch(*(torch.from_numpy(array) for array in (clean, mel, has_audio, known)))


def losses(
    network: AudioToNonlipPrior, batch: Batch, schedule: CosineSchedule, weights: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """L_simple (eq. 7) and L_vel (eq. 8) of the paper on one batch.

    t is drawn with density ∝ t^⅓ over 1 … T: near t = 0 there is little left to learn, and a sampler of ten steps never
    asks below T / 10.
    """
    items, frames, _ = batch.clean.shape
    device = batch.clean.device
    # Drawn on the processor: the same numbers whatever the device.
    t = (torch.rand(items, generator=generator) ** 0.75 * schedule.steps).long().clamp(max=schedule.steps - 1) + 1
    t, noise = t.to(device), torch.randn(batch.clean.shape, generator=generator).to(device)
    noisy = schedule.add_noise(batch.clean, t, noise)
    audio = torch.where(
        batch.has_audio[:, None, None], network.encode_audio(batch.mel), network.empty_audio(items, frames)
    )
    predicted = network(noisy, t, audio, batch.clean, batch.known_mask).float()
    with torch.autocast(device.type, enabled=False):
        predicted = correct_slowly(predicted, noisy, t, schedule)
    error = predicted - batch.clean
    return (weights * error.square()).mean(), (weights * error.diff(dim=1).square()).mean()


class Denoising(nn.Module):
    """The network as it is trained: a batch in, its two losses out."""

    def __init__(self, network: AudioToNonlipPrior) -> None:
        super().__init__()
        self.network = network
        self._schedule = CosineSchedule(network.config.diffusion_steps)
        self._weights = feature_weights()

    def forward(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """:func:`losses`."""
        return losses(self.network, batch, self._schedule, self._weights.to(batch.clean.device), generator)


class Statistics(nn.Module):
    """Mean and deviation (25,) of the features: they belong to a run and travel in its checkpoint."""

    def __init__(self, mean: np.ndarray, deviation: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(mean))
        self.register_buffer("deviation", torch.from_numpy(deviation))


def learning_rate(step: int, steps: int, config: TrainConfig) -> float:
    """Warm-up, plateau, linear fall."""
    fall_start = config.decay_from * steps
    fall = 1.0 - 0.95 * max(0.0, step - fall_start) / max(1.0, steps - fall_start)
    return config.learning_rate * min(1.0, (step + 1) / config.warm_up) * fall


def train(
    config: TrainConfig, settings: RunConfig, clips: dict[str, list[Clip]], folder: Path
) -> list[dict[str, float]]:
    """Train to ``settings.steps``, going on from the folder's checkpoint if it is there; returns the log lines."""
    torch.manual_seed(settings.seed)
    model_config: PriorConfig = getattr(PriorConfig, config.size)()
    pupil = Denoising(AudioToNonlipPrior(model_config))
    measured = Statistics(*statistics(clips, settings.seed))
    optimiser = torch.optim.AdamW(pupil.parameters(), betas=(0.9, 0.98), weight_decay=0.01)
    run = Run(
        folder,
        settings,
        {"prior": pupil, "statistics": measured},
        {"prior": optimiser},
        averaged=["prior"],
        recipe=asdict(config),
    )
    mean, deviation = (buffer.cpu().numpy() for buffer in measured.buffers())
    source = BatchSource(clips, config, model_config.window, mean, deviation)

    def make_step(step: Step) -> dict[str, float | Tensor]:
        batch = source.batch(step.rng).to(run.device)
        with step.autocast():
            simple, velocity = run.forward["prior"](batch, step.generator)
        rate = learning_rate(step.index, settings.steps, config)
        step.set_rate("prior", rate)
        norm = step.update("prior", simple + config.velocity_weight * velocity, clip=1.0)
        return {"simple": simple.detach(), "velocity": velocity.detach(), "norm": norm, "rate": rate}

    return run.fit(make_step)


def main(arguments: list[str] | None = None) -> None:
    """Command line: ``train``, ``export``, ``evaluate``."""
    parser = argparse.ArgumentParser(prog="training.prior", description="Train and measure the diffusion prior.")
    commands = parser.add_subparsers(dest="command", required=True)
    trainer = commands.add_parser("train", help="train, or go on training, in a run folder")
    add_run_arguments(trainer, Path("runs/prior"), RUN)
    trainer.add_argument("--batch", type=int, default=TrainConfig.batch)
    trainer.add_argument("--learning-rate", type=float, default=TrainConfig.learning_rate)
    trainer.add_argument("--shares", default="synthetic=0.6,grid=0.2,address=0.2", help="how often each is drawn")
    export = commands.add_parser("export", help="write core/weights/prior-*.safetensors from a run")
    export.add_argument("--run", type=Path, default=Path("runs/prior"))
    export.add_argument("--size", choices=("tiny", "base"), default="base")
    export.add_argument("--steps", type=int, default=10, help="sampler's default number of steps")
    export.add_argument("--guidance-scale", type=float, default=1.0)
    evaluate = commands.add_parser("evaluate", help="held-out numbers of the shipped weights")
    evaluate.add_argument("--out", type=Path, default=Path("runs/prior/evaluation.json"))
    evaluate.add_argument("--quick", action="store_true", help="fewer clips, default step count only")
    options = parser.parse_args(arguments)
    if options.command == "train":
        shares = tuple((n, float(v)) for n, v in (item.split("=") for item in options.shares.split(",")))
        config = TrainConfig(options.size, options.batch, options.learning_rate, shares=shares)
        clips = load_clips("train")
        print({name: f"{sum(c.frames for c in source) / 1500:.1f} min" for name, source in clips.items()}, flush=True)
        train(config, run_config(options, RUN), clips, options.run)
    elif options.command == "export":
        from .prior_export import export as write

        write(options.run, options.size, options.steps, options.guidance_scale)
    else:
        from .prior_evaluation import evaluate as measure

        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
        measure(options.out, options.quick)


if __name__ == "__main__":
    main()
