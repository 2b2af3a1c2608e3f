"""Train, export and evaluate the lip model: E_a hears phones, MLP_a2l makes mouths of them.

    python -m training.speech.phones && python -m training.speech.synthesis && python -m training.tracking.tracks grid
    python -m training.lips train                 # goes on from the checkpoint if there is one
    python -m training.lips finish                # the mouth alone, by what the trained E_a hears in clean sound
    python -m training.lips export
    python -m training.lips evaluate

The losses are in ``training.lips.losses``, what is learned from in ``training.lips.data``.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from core.head.head_model import HeadModel
from core.motion.channels import LIP_CHANNELS
from core.sound.lips import WEIGHTS, LipModel, LipModelConfig
from core.sound.mel import MEL_BANDS, SILENCE

from ..common.checkpoint import load_module
from ..common.engine import CHECKPOINT, Run, RunConfig, Step, add_run_arguments, run_config, warm_up_cosine
from ..common.folders import data_folder
from ..common.results_page import add_results_option, show
from ..speech.mel_augment import AugmentConfig, augment
from .data import (
    Sampler,
    Utterance,
    grid_utterances,
    quiet_utterances,
    recorded_utterances,
    synthetic_utterances,
    viseme_table,
)
from .losses import BothWays, Losses, LossWeights, known_shares
from .mouth_geometry import MouthGeometry

RUN = RunConfig(steps=4000, ema=0.998)
AUGMENTATION = AugmentConfig(
    warp=0.15, tilt_db=3.5, ripple_db=2.5, reverb=0.3, noise=0.4, babble=0.1, band_limit=0.12, gate=0.2, mask=0.3
)
"""Milder than the default: with two hours of speech the phones are not yet learned by heart."""


@dataclass(frozen=True)
class TrainConfig:
    """What a run depends on beside its data and its length."""

    size: str = "base"
    batch: int = 24
    window: int = 64
    """Frames; GRID's clips have 75, played at up to 1.15 times their speed."""
    learning_rate: float = 1.5e-3
    warm_up: int = 100
    weight_decay: float = 0.02
    speed: float = 0.15
    finish_from: float = 0.75
    """Part of the steps after which augmentation is half as strong, since what is heard in use is mostly clean."""
    shares: tuple[tuple[str, float], ...] = (("grid", 0.25), ("synthetic", 0.33), ("recorded", 0.38), ("quiet", 0.04))
    voices: int = 3
    """Other voices that each recording is heard in (``training.speech.revoice``), beside its own."""
    own_voice: float | None = None
    """Probability that a recording is heard in its own voice; None: in each of its voices alike."""
    mouth_gradient: float = 0.0
    """Of ``lips_losses.BothWays``."""
    encoder_learns: bool = True
    """Whether E_a and its phones learn; else only what makes mouths of them."""
    augmentation: AugmentConfig = AUGMENTATION
    losses: LossWeights = field(default_factory=LossWeights)

    def model(self) -> LipModelConfig:
        """The network of this size."""
        return {"tiny": LipModelConfig.tiny(), "base": LipModelConfig()}[self.size]


def finishing(config: TrainConfig) -> TrainConfig:
    """The second stage: E_a rests, MLP_a2l and D_l learn by what it hears in clean sound, the filmed voice foremost.

    Under augmentation mouths are shaped by phones that are often misheard, and stay too cautious for clean recordings.
    """
    shares = (("grid", 0.5), ("synthetic", 0.22), ("recorded", 0.25), ("quiet", 0.03))
    return replace(
        config,
        learning_rate=1e-3,
        warm_up=50,
        shares=shares,
        own_voice=0.6,
        encoder_learns=False,
        augmentation=config.augmentation.scaled(0.0),
    )


FINISH = RunConfig(steps=1000, ema=0.998)
MAX_WIDENING = 1.3
"""Beyond this a gain would blow up mistakes more than it gives back movement."""


def load_corpus(data: Path, voices: int) -> list[Utterance]:
    """All utterances that training may hear: no held-out clip, talker or voice among them."""
    grid = grid_utterances("train", voices)
    table = viseme_table(grid)
    return [
        *grid,
        *synthetic_utterances(table, False, voices),
        *recorded_utterances(data, table, False, voices),
        *quiet_utterances(200, seed=0),
    ]


def channel_scale(utterances: list[Utterance]) -> Tensor:
    """(27,) deviation of each channel over the tracked clips, at least 0.03."""
    tracked = [u.mouth for u in utterances if u.source == "grid"] or [u.mouth for u in utterances]
    return torch.from_numpy(np.concatenate(tracked).std(0)).float().clamp(min=0.03)


def start_from(model: LipModel, weights: Path) -> int:
    """Copy every tensor of an exported model that fits by name and shape; returns how many did."""
    own, taken = model.state_dict(), 0
    with safe_open(str(weights), framework="pt") as file:
        for name in file.keys():  # noqa: SIM118
            value = file.get_tensor(name)
            if name in own and own[name].shape == value.shape:
                own[name].copy_(value)
                taken += 1
    return taken


def train(
    config: TrainConfig, settings: RunConfig, utterances: list[Utterance], folder: Path, start: Path | None = None
) -> list[dict[str, float]]:
    """Train to ``settings.steps``, going on from the folder's checkpoint if it is there; returns the log lines.

    A new run begins with the weights of ``start``, as far as they fit, where one is given.
    """
    torch.manual_seed(settings.seed)
    pupil = BothWays(LipModel(config.model()), config.mouth_gradient, config.encoder_learns)
    if start is not None:
        print(f"{start_from(pupil.model, start)} tensors of {start}", flush=True)
    learning = [parameter for parameter in pupil.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(learning, betas=(0.9, 0.98), weight_decay=config.weight_decay)
    run = Run(folder, settings, {"lips": pupil}, {"lips": optimiser}, averaged=["lips"], recipe=asdict(config))
    losses = Losses(config.losses, channel_scale(utterances), MouthGeometry.of(HeadModel.load()), run.device)
    sampler = Sampler(utterances, dict(config.shares), config.window, config.speed, config.own_voice)
    run.modules["lips"].train()

    def make_step(step: Step) -> dict[str, Tensor]:
        batch = sampler.draw(config.batch, step.rng)
        strength = 0.5 if step.index >= config.finish_from * settings.steps else 1.0
        mel = augment(torch.from_numpy(batch.mel), config.augmentation.scaled(strength), step.generator)
        known = known_shares(torch.from_numpy(batch.phones).to(run.device))
        with step.autocast():
            mouths, logits = run.forward["lips"](mel.to(run.device), known)
        terms = losses(mouths.float(), logits.float(), batch)
        step.set_rate("lips", warm_up_cosine(step.index, settings.steps, config.learning_rate, config.warm_up))
        step.update("lips", terms["total"], clip=1.0)
        return {name: value.detach() for name, value in terms.items()}

    return run.fit(make_step)


def averaged_model(folder: Path, config: TrainConfig) -> LipModel:
    """The moving average of a run's weights, ready to predict."""
    pupil = BothWays(LipModel(config.model()), config.mouth_gradient)
    load_module(folder / CHECKPOINT, "lips", pupil)
    return pupil.model.eval()


def calibrate(model: LipModel, utterances: list[Utterance], geometry: MouthGeometry) -> None:
    """Set ``rest`` and ``gain`` from training clips alone.

    ``rest`` is what the model says in silence. ``gain`` is one number for all channels: the deviation of the tracked
    opening over that of the predicted one, at most ``MAX_WIDENING``, and 1 where the prediction moves enough already.
    """
    model.gain.fill_(1.0)  # a run that began with exported weights brings theirs
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
    parser.add_argument("command", choices=("train", "finish", "export", "evaluate"))
    add_run_arguments(parser, Path("runs/lips"), replace(RUN, steps=0))
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--start", type=Path, help="exported weights that a new run begins with, as far as they fit")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="where to export to, or what to evaluate")
    add_results_option(parser)
    options = parser.parse_args()
    config = TrainConfig(size=options.size)
    torch.set_num_threads(options.threads)
    if options.command == "train":
        options.steps = options.steps or RUN.steps
        corpus = load_corpus(options.data, config.voices)
        train(config, run_config(options, RUN), corpus, options.run, options.start)
    elif options.command == "finish":
        options.steps = options.steps or FINISH.steps
        trained = options.run / "trained.safetensors"
        averaged_model(options.run, config).save(trained)
        corpus = load_corpus(options.data, config.voices)
        train(finishing(config), run_config(options, FINISH), corpus, options.run / "finish", trained)
    elif options.command == "export":
        trained = averaged_model(options.run / "finish", config)
        calibrate(trained, grid_utterances("train"), MouthGeometry.of(HeadModel.load()))
        trained.save(options.weights)
        print(f"{options.weights}: {options.weights.stat().st_size / 1e6:.1f} MB, {len(LIP_CHANNELS)} channels")
    else:
        from .evaluation import evaluate, table

        show(table(evaluate(LipModel.load(path=options.weights), options.data)), options.results)


if __name__ == "__main__":
    main()
