"""Training of the lip model: E_a recognises phones, MLP_a2l makes mouths of them.

``training.lips.losses`` has the losses, ``training.lips.data`` the training data.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from core.head.head_model import HeadModel
from core.sound.lips import LipModel, LipModelConfig
from core.sound.mel import MEL_BANDS, SILENCE

from ..common.checkpoint import load_module
from ..common.engine import CHECKPOINT, Run, RunConfig, Step, warm_up_cosine
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
"""Milder than the default: two hours of speech are not enough to recognise phones under stronger changes."""


@dataclass(frozen=True)
class TrainConfig:
    """All settings of a run except its data and its length."""

    size: str = "base"
    batch: int = 24
    window: int = 64
    """Frames of a window. GRID's clips have 75 frames, played at up to 1.15 times their speed."""
    learning_rate: float = 1.5e-3
    warm_up: int = 100
    weight_decay: float = 0.02
    speed: float = 0.15
    finish_from: float = 0.75
    """Part of the steps after which augmentation is half as strong, because sound in use is mostly clean."""
    shares: tuple[tuple[str, float], ...] = (("grid", 0.25), ("synthetic", 0.33), ("recorded", 0.38), ("quiet", 0.04))
    voices: int = 3
    """Number of other voices of each recording (``training.speech.revoice``), in addition to its own."""
    own_voice: float | None = None
    """Probability of a recording's own voice. None: all its voices are equally probable."""
    mouth_gradient: float = 0.0
    """``mouth_gradient`` of ``training.lips.losses.BothWays``."""
    encoder_learns: bool = True
    """Whether E_a and its phones learn. Otherwise only the networks that make mouths of phones learn."""
    augmentation: AugmentConfig = AUGMENTATION
    losses: LossWeights = field(default_factory=LossWeights)

    def model(self) -> LipModelConfig:
        """The network of this size."""
        return {"tiny": LipModelConfig.tiny(), "base": LipModelConfig()}[self.size]


def finishing(config: TrainConfig) -> TrainConfig:
    """The second stage: E_a is fixed. MLP_a2l and D_l learn from its output for clean sound, mostly of the filmed
    voice.

    Under augmentation many phones are misrecognised. Mouths trained on them move too little for clean recordings.
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
"""Largest gain. A larger one would enlarge mistakes more than it restores movement."""


def load_corpus(data: Path, voices: int) -> list[Utterance]:
    """All utterances for training, without held-out clips, talkers and voices."""
    grid = grid_utterances("train", voices)
    table = viseme_table(grid)
    return [
        *grid,
        *synthetic_utterances(table, False, voices),
        *recorded_utterances(data, table, False, voices),
        *quiet_utterances(200, seed=0),
    ]


def channel_scale(utterances: list[Utterance]) -> Tensor:
    """(27,) standard deviation of each channel over the tracked clips, at least 0.03."""
    tracked = [u.mouth for u in utterances if u.source == "grid"] or [u.mouth for u in utterances]
    return torch.from_numpy(np.concatenate(tracked).std(0)).float().clamp(min=0.03)


def start_from(model: LipModel, weights: Path) -> int:
    """Copy all tensors of an exported model that fit by name and shape; returns their number."""
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
    """Train to ``settings.steps``, from the folder's checkpoint if it has one; returns the new lines of the log.

    A new run begins with the weights of ``start``, as far as they fit, if a file is given.
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
    """The lip model with the moving average of a run's weights, ready to predict."""
    pupil = BothWays(LipModel(config.model()), config.mouth_gradient)
    load_module(folder / CHECKPOINT, "lips", pupil)
    return pupil.model.eval()


def calibrate(model: LipModel, utterances: list[Utterance], geometry: MouthGeometry) -> None:
    """Set ``rest`` and ``gain``, using only training clips.

    ``rest`` is the model's output for silence. ``gain`` is one number for all channels: the deviation of the tracked
    opening divided by that of the predicted opening, at most ``MAX_WIDENING``. It is 1 if the prediction already moves
    enough.
    """
    model.gain.fill_(1.0)  # a run that began with exported weights has their gain
    silence = np.full((4 * 50, MEL_BANDS), SILENCE, np.float32)
    model.rest.copy_(torch.from_numpy(model.predict(silence)[25]))
    clips = [u for u in utterances if u.source == "grid"][::4]
    tracked = np.concatenate([geometry.opening_curve(u.mouth) for u in clips])
    predicted = np.concatenate([geometry.opening_curve(model.predict(u.mel.astype(np.float32))) for u in clips])
    ratio = float(predicted.std() / tracked.std())
    model.gain.fill_(min(MAX_WIDENING, 1.0 / ratio) if ratio < 0.95 else 1.0)
    print(f"deviation of the opening on training clips: {ratio:.3f} of the tracked; gain {float(model.gain[0]):.3f}")
