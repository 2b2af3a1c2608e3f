"""Train, export and evaluate the lip model MLP_a2l ∘ E_a.

    python -m training.phones && python -m training.speech_synthesis && python -m training.tracks grid
    python -m training.lips train --run runs/lips                 # goes on from the checkpoint if there is one
    python -m training.lips export --run runs/lips
    python -m training.lips evaluate

Losses, each frame weighed by how far its source is to be trusted: squared error of the weights and of their velocity,
of opening and width of the mouth in space, lips that fail to meet in /p b m/, and cross-entropy of the phones.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from core.channels import LIP_CHANNELS
from core.head_model import HeadModel
from core.lips import WEIGHTS, LipModel, LipModelConfig
from core.mel import MEL_BANDS, MELS_PER_FRAME, SILENCE

from .lips_data import (
    SOURCES,
    Batch,
    Sampler,
    Utterance,
    grid_utterances,
    quiet_utterances,
    recorded_utterances,
    synthetic_utterances,
    viseme_table,
)
from .mel_augment import AugmentConfig, augment
from .mouth_geometry import MouthGeometry
from .phones import PHONES


@dataclass(frozen=True)
class TrainConfig:
    """Everything a run depends on beside its data."""

    size: str = "base"
    steps: int = 3200
    batch: int = 24
    window: int = 64
    """Frames; GRID's clips have 75, played at up to 1.15 times their speed."""
    learning_rate: float = 1.5e-3
    warm_up: int = 100
    weight_decay: float = 0.02
    ema: float = 0.998
    speed: float = 0.15
    finish_from: float = 0.75
    """Part of the steps after which augmentation is half as strong, since what is heard in use is mostly clean, and
    lips that fail to meet cost ``finishing_closure_weight``."""
    shares: tuple[tuple[str, float], ...] = (("grid", 0.45), ("synthetic", 0.27), ("recorded", 0.24), ("quiet", 0.04))
    trust: tuple[tuple[str, float], ...] = (("grid", 1.0), ("synthetic", 0.5), ("recorded", 0.3), ("quiet", 1.0))
    """Weight of a source's mouth in the losses: GRID's is real, the others' are made from phones."""
    phone_trust: tuple[tuple[str, float], ...] = (("grid", 1.0), ("synthetic", 1.0), ("recorded", 0.6), ("quiet", 1.0))
    velocity_weight: float = 0.5
    opening_weight: float = 1.0
    width_weight: float = 0.3
    closure_weight: float = 0.5
    finishing_closure_weight: float = 5.0
    phone_weight: float = 0.25
    seed: int = 0
    threads: int = 1
    bfloat16: bool = True
    save_every: int = 100

    def model(self) -> LipModelConfig:
        """The network of this size."""
        return {"tiny": LipModelConfig.tiny(), "base": LipModelConfig()}[self.size]


OPENING_UNIT, WIDTH_UNIT = 0.03, 0.02
"""About the deviations of opening and width in speech, in outer-eye distances: errors are counted in them."""
MAX_WIDENING = 1.3
"""Beyond this a gain would blow up mistakes more than it gives back movement."""
CLOSED_GAP = 0.004
"""Opening that counts as closed: GRID's median in /p b m/ is 0.003."""


class Losses:
    """The training loss; ``scale`` (27,) is what one unit of error is for each channel."""

    def __init__(self, config: TrainConfig, scale: Tensor, geometry: MouthGeometry) -> None:
        self._config = config
        self._weights = 1.0 / scale**2
        self._weights = self._weights / len(scale)
        self._geometry = geometry
        self._trust = torch.tensor([dict(config.trust)[source] for source in SOURCES])
        self._phone_trust = torch.tensor([dict(config.phone_trust)[source] for source in SOURCES])

    def __call__(self, predicted: Tensor, logits: Tensor, batch: Batch, finishing: bool) -> dict[str, Tensor]:
        """Terms of the loss and their weighted sum ``total``.

        ``predicted`` (B, L, 27) and ``logits`` (B, L, 40), float32; ``finishing`` in the last part of a run.
        """
        config, geometry = self._config, self._geometry
        mouth, source = torch.from_numpy(batch.mouth), torch.from_numpy(batch.source)
        trust = self._trust[source][:, None]  # (B, 1)
        error = predicted - mouth
        opening, width = geometry.openings(predicted), geometry.widths(predicted)  # (B, L)
        # What shows: a gap below zero is pressed lips, in the track as in the prediction.
        opening_error = torch.relu(opening) - torch.relu(geometry.openings(mouth))
        width_error = width - geometry.widths(mouth)
        closed = torch.from_numpy(batch.closed).float()
        labels = torch.from_numpy(batch.phones)  # (B, 4 L)
        known = (labels >= 0).float()
        frames = (len(labels), -1, MELS_PER_FRAME)
        spoken = nn.functional.one_hot(labels.clamp(min=0), len(PHONES)).float() * known[..., None]
        spoken = spoken.reshape(*frames, len(PHONES)).mean(2)  # (B, L, 40) share of each phone in the frame
        cross_entropy = -(spoken * logits.log_softmax(-1)).sum(-1)
        terms = {
            "weights": (trust * (error.square() @ self._weights)).mean(),
            "velocity": (trust * (error.diff(dim=1).square() @ self._weights)).mean(),
            "opening": (trust * (opening_error / OPENING_UNIT).square()).mean(),
            "width": (trust * (width_error / WIDTH_UNIT).square()).mean(),
            "closure": (trust * closed * (torch.relu(opening - CLOSED_GAP) / OPENING_UNIT).square()).sum()
            / (closed.sum() + 1.0),
            "phones": (self._phone_trust[source][:, None] * cross_entropy).mean(),
        }
        terms["total"] = (
            terms["weights"]
            + config.velocity_weight * terms["velocity"]
            + config.opening_weight * terms["opening"]
            + config.width_weight * terms["width"]
            + (config.finishing_closure_weight if finishing else config.closure_weight) * terms["closure"]
            + config.phone_weight * terms["phones"]
        )
        return terms


def load_corpus(data: Path) -> list[Utterance]:
    """All utterances that training may hear: no held-out clip, talker or voice among them."""
    grid = grid_utterances("train")
    table = viseme_table(grid)
    return [
        *grid,
        *synthetic_utterances(table, held_out=False),
        *recorded_utterances(data, table, held_out=False),
        *quiet_utterances(table, 200, seed=0),
    ]


def channel_scale(utterances: list[Utterance]) -> Tensor:
    """(27,) deviation of each channel over the tracked clips, at least 0.03."""
    tracked = [u.mouth for u in utterances if u.source == "grid"] or [u.mouth for u in utterances]
    return torch.from_numpy(np.concatenate(tracked).std(0)).float().clamp(min=0.03)


def learning_rate(config: TrainConfig, step: int) -> float:
    """Linear warm-up, then a cosine down to a hundredth."""
    progress = step / max(config.steps, 1)
    return config.learning_rate * min(1.0, (step + 1) / config.warm_up) * (0.505 + 0.495 * math.cos(math.pi * progress))


def train(
    config: TrainConfig, utterances: list[Utterance], run: Path, augmentation: AugmentConfig | None = None
) -> list[float]:
    """Train to ``config.steps``, going on from ``run/checkpoint.pt`` if it is there; returns its losses.

    Writes ``run/log.jsonl`` (one JSON object every 20 steps) and the checkpoint (tensors only).
    """
    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads)
    run.mkdir(parents=True, exist_ok=True)
    augmentation = augmentation or AugmentConfig()
    model = LipModel(config.model())
    average = {name: value.clone() for name, value in model.state_dict().items()}
    optimiser = torch.optim.AdamW(
        model.parameters(), config.learning_rate, (0.9, 0.98), weight_decay=config.weight_decay
    )
    checkpoint = run / "checkpoint.pt"
    first = 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        optimiser.load_state_dict(saved["optimiser"])
        average, first = saved["average"], saved["step"]
    losses = Losses(config, channel_scale(utterances), MouthGeometry.of(HeadModel.load()))
    sampler = Sampler(utterances, dict(config.shares), config.window, config.speed)
    history: list[float] = []
    started = time.monotonic()
    model.train()
    with (run / "log.jsonl").open("a", encoding="utf-8") as log:
        print(json.dumps({"config": asdict(config), "step": first}), file=log, flush=True)
        for step in range(first, config.steps):
            # Seeded by the step, so that a run that was interrupted draws what an unbroken one would have.
            rng = np.random.default_rng([config.seed, step])
            generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
            batch = sampler.draw(config.batch, rng)
            finishing = step >= config.finish_from * config.steps
            mel = augment(torch.from_numpy(batch.mel), augmentation.scaled(0.5 if finishing else 1.0), generator)
            with torch.autocast("cpu", torch.bfloat16, enabled=config.bfloat16):
                predicted, logits = model(mel)
            terms = losses(predicted.float(), logits.float(), batch, finishing)
            optimiser.param_groups[0]["lr"] = learning_rate(config, step)
            optimiser.zero_grad(set_to_none=True)
            terms["total"].backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            keep = min(config.ema, (step + 1) / (step + 10))
            for name, value in model.state_dict().items():
                average[name].lerp_(value, 1.0 - keep)
            history.append(float(terms["total"].detach()))
            if step % 20 == 0 or step + 1 == config.steps:
                entry = {name: round(float(value.detach()), 5) for name, value in terms.items()}
                seconds = round(time.monotonic() - started, 1)
                print(json.dumps({"step": step, "seconds": seconds, **entry}), file=log, flush=True)
            if (step + 1) % config.save_every == 0 or step + 1 == config.steps:
                _save(checkpoint, model, average, optimiser, step + 1, config)
    return history


def _save(
    path: Path,
    model: nn.Module,
    average: dict[str, Tensor],
    optimiser: torch.optim.Optimizer,
    step: int,
    config: TrainConfig,
) -> None:
    part = path.with_suffix(".part")
    values = {"model": model.state_dict(), "average": average, "optimiser": optimiser.state_dict(), "step": step}
    torch.save({**values, "size": config.size}, part)
    part.replace(path)


def averaged_model(checkpoint: Path, config: TrainConfig) -> LipModel:
    """The moving average of a run's weights, ready to predict."""
    model = LipModel(config.model())
    model.load_state_dict(torch.load(checkpoint, weights_only=True)["average"])
    return model.eval()


def calibrate(model: LipModel, utterances: list[Utterance], geometry: MouthGeometry) -> None:
    """Set ``rest`` and ``gain`` from training clips alone.

    ``rest`` is what the model says in silence. ``gain`` is one number for all channels: the deviation of the tracked
    opening over that of the predicted one, at most ``MAX_WIDENING``, and 1 where the prediction moves enough already.
    """
    silence = np.full((4 * 50, MEL_BANDS), SILENCE, np.float32)
    model.rest.copy_(torch.from_numpy(model.predict(silence)[25]))
    clips = [u for u in utterances if u.source == "grid"][::4]
    tracked = np.concatenate([geometry.opening_curve(u.mouth) for u in clips])
    predicted = np.concatenate([geometry.opening_curve(model.predict(u.mel.astype(np.float32))) for u in clips])
    ratio = float(predicted.std() / tracked.std())
    model.gain.fill_(min(MAX_WIDENING, 1.0 / ratio) if ratio < 0.95 else 1.0)
    print(f"deviation of the opening on training clips: {ratio:.3f} of the tracked; gain {float(model.gain[0]):.3f}")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("train", "export", "evaluate"))
    parser.add_argument("--run", type=Path, default=Path("runs/lips"))
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SOLILOQUY_DATA", "../shared/data")))
    parser.add_argument("--size", choices=("tiny", "base"), default="base")
    parser.add_argument("--steps", type=int, default=TrainConfig.steps)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="where to export to, or what to evaluate")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    config = TrainConfig(size=options.size, steps=options.steps, seed=options.seed, threads=options.threads)
    if options.command == "train":
        history = train(config, load_corpus(options.data), options.run)
        print(f"{len(history)} steps, loss of the last hundred {np.mean(history[-100:]):.4f}")
    elif options.command == "export":
        trained = averaged_model(options.run / "checkpoint.pt", config)
        calibrate(trained, load_corpus(options.data), MouthGeometry.of(HeadModel.load()))
        trained.save(options.weights)
        print(f"{options.weights}: {options.weights.stat().st_size / 1e6:.1f} MB, {len(LIP_CHANNELS)} channels")
    else:
        from .lips_evaluation import evaluate

        evaluate(LipModel.load(path=options.weights), options.data)


if __name__ == "__main__":
    main()
