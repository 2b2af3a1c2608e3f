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
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from core.prior.features import FEATURE_GROUPS, FEATURES, d_nl
from core.prior.network import AudioToNonlipPrior, PriorConfig
from core.prior.schedule import CosineSchedule
from core.prior.skip import correct_slowly

from .prior_data import Clip, augment_mel, draw_mask, draw_window, load_clips


@dataclass(frozen=True)
class TrainConfig:
    """Everything a run depends on beside its data."""

    size: str = "base"
    steps: int = 3000
    batch: int = 16
    learning_rate: float = 4e-4
    warm_up: int = 100
    decay_from: float = 0.75
    """Part of the steps after which the learning rate falls linearly to a twentieth."""
    ema: float = 0.995
    velocity_weight: float = 3.0
    empty_share: float = 0.1
    shares: tuple[tuple[str, float], ...] = (("synthetic", 0.6), ("grid", 0.2), ("address", 0.2))
    short_share: float = 0.35
    """Part of the batches whose windows are shorter than the network's, down to 8 frames: GRID's clips have 75."""
    seed: int = 0
    threads: int = 1
    save_every: int = 50


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


class BatchSource:
    """Draws training batches; batch ``i`` of a seed is the same whatever came before, so that a run can resume."""

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

    def batch(self, step: int) -> Batch:
        """The batch of this step."""
        rng = np.random.default_rng([self.config.seed, step])
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
    t = (torch.rand(items, generator=generator) ** 0.75 * schedule.steps).long().clamp(max=schedule.steps - 1) + 1
    noise = torch.randn(batch.clean.shape, generator=generator)
    noisy = schedule.add_noise(batch.clean, t, noise)
    audio = torch.where(
        batch.has_audio[:, None, None], network.encode_audio(batch.mel), network.empty_audio(items, frames)
    )
    predicted = network(noisy, t, audio, batch.clean, batch.known_mask).float()
    with torch.autocast("cpu", enabled=False):
        predicted = correct_slowly(predicted, noisy, t, schedule)
    error = predicted - batch.clean
    return (weights * error.square()).mean(), (weights * error.diff(dim=1).square()).mean()


def learning_rate(step: int, config: TrainConfig) -> float:
    """Warm-up, plateau, linear fall."""
    fall_start = config.decay_from * config.steps
    fall = 1.0 - 0.95 * max(0.0, step - fall_start) / max(1.0, config.steps - fall_start)
    return config.learning_rate * min(1.0, (step + 1) / config.warm_up) * fall


def fast_bfloat16() -> bool:
    """True on processors with AVX512_BF16 instructions, where autocast pays (about 3× on matrix products)."""
    flags = Path("/proc/cpuinfo")
    return flags.exists() and "avx512_bf16" in flags.read_text(encoding="utf-8")


class Trainer:
    """One run: network, EMA, optimiser, log and checkpoint, in a folder."""

    def __init__(self, config: TrainConfig, clips: dict[str, list[Clip]], run: Path) -> None:
        torch.manual_seed(config.seed)
        self.config, self.run, self.step, self.seconds = config, run, 0, 0.0
        self.model_config = getattr(PriorConfig, config.size)()
        self.network = AudioToNonlipPrior(self.model_config)
        self.average = AudioToNonlipPrior(self.model_config).requires_grad_(False)
        self.average.load_state_dict(self.network.state_dict())
        self.optimiser = torch.optim.AdamW(self.network.parameters(), betas=(0.9, 0.98), weight_decay=0.01)
        self.schedule = CosineSchedule(self.model_config.diffusion_steps)
        self.weights = feature_weights()
        self.bfloat16 = config.size == "base" and fast_bfloat16()
        run.mkdir(parents=True, exist_ok=True)
        if self.checkpoint.exists():
            self._resume()
        else:
            self.mean, self.deviation = statistics(clips, config.seed)
        self.source = BatchSource(clips, config, self.model_config.window, self.mean, self.deviation)

    @property
    def checkpoint(self) -> Path:
        return self.run / "checkpoint.pt"

    def _resume(self) -> None:
        state = torch.load(self.checkpoint, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.seconds = state["step"], state["seconds"]
        self.mean, self.deviation = state["mean"].numpy(), state["deviation"].numpy()

    def save(self) -> None:
        """Write the checkpoint beside and rename it."""
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "mean": torch.from_numpy(self.mean),
            "deviation": torch.from_numpy(self.deviation),
        }
        beside = self.checkpoint.with_suffix(".tmp")
        torch.save(state, beside)
        beside.replace(self.checkpoint)

    def train_step(self) -> dict[str, float]:
        """One optimiser step; returns what is logged."""
        start = time.perf_counter()
        generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + self.step)
        rate = learning_rate(self.step, self.config)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        batch = self.source.batch(self.step)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            simple, velocity = losses(self.network, batch, self.schedule, self.weights, generator)
        loss = simple + self.config.velocity_weight * velocity
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self._update_average()
        self.step += 1
        self.seconds += time.perf_counter() - start
        return {"simple": simple.item(), "velocity": velocity.item(), "norm": float(norm), "rate": rate}

    @torch.no_grad()
    def _update_average(self) -> None:
        keep = min(self.config.ema, (1 + self.step) / (10 + self.step))  # short memory first: the start is far off
        for average, value in zip(self.average.parameters(), self.network.parameters(), strict=True):
            average.lerp_(value, 1.0 - keep)

    def fit(self) -> list[dict[str, float]]:
        """Train to ``config.steps``, logging one JSON object a line; returns the lines."""
        lines, recent = [], []
        with (self.run / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps({"config": asdict(self.config), "start": self.step}) + "\n")
            while self.step < self.config.steps:
                recent.append(self.train_step())
                if self.step % 20 == 0 or self.step == self.config.steps:
                    line = {name: round(float(np.mean([r[name] for r in recent])), 6) for name in recent[0]}
                    line |= {"step": self.step, "seconds": round(self.seconds, 1)}
                    recent.clear()
                    lines.append(line)
                    log.write(json.dumps(line) + "\n")
                    log.flush()
                if self.step % self.config.save_every == 0 or self.step == self.config.steps:
                    self.save()
        return lines


def main(arguments: list[str] | None = None) -> None:
    """Command line: ``train``, ``export``, ``evaluate``."""
    parser = argparse.ArgumentParser(prog="training.prior", description="Train and measure the diffusion prior.")
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="train, or go on training, in a run folder")
    train.add_argument("--run", type=Path, default=Path("runs/prior"))
    train.add_argument("--size", choices=("tiny", "base"), default="base")
    for name in ("steps", "batch", "seed", "threads"):
        train.add_argument(f"--{name}", type=int, default=getattr(TrainConfig, name))
    train.add_argument("--learning-rate", type=float, default=TrainConfig.learning_rate)
    train.add_argument("--shares", default="synthetic=0.6,grid=0.2,address=0.2", help="how often each source is drawn")
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
        torch.set_num_threads(options.threads)
        shares = tuple((n, float(v)) for n, v in (item.split("=") for item in options.shares.split(",")))
        config = TrainConfig(
            options.size,
            options.steps,
            options.batch,
            options.learning_rate,
            shares=shares,
            seed=options.seed,
            threads=options.threads,
        )
        clips = load_clips("train")
        print({name: f"{sum(c.frames for c in source) / 1500:.1f} min" for name, source in clips.items()}, flush=True)
        Trainer(config, clips, options.run).fit()
    elif options.command == "export":
        from .prior_export import export as write

        write(options.run, options.size, options.steps, options.guidance_scale)
    else:
        from .prior_evaluation import evaluate as measure

        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
        measure(options.out, options.quick)


if __name__ == "__main__":
    main()
