"""Training of the lip model: E_a recognises phones, MLP_a2l makes mouths of them.

``training.lips.losses`` has the losses, ``training.lips.data`` the training data.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from core.head.head_model import HeadModel
from core.sound.lips import LipModel, LipModelConfig
from core.sound.whisper.encoder import WhisperConfig, WhisperEncoder
from core.sound.whisper.front_end import BANDS, SILENCE

from ..common.checkpoint import load_module
from ..common.engine import CHECKPOINT, Run, RunConfig, Step, warm_up_cosine
from .contrast import Contrast, contrast
from .data import (
    Utterance,
    filmed_utterances,
    quiet_utterances,
    recorded_utterances,
    synthetic_utterances,
    viseme_table,
)
from .hearing import Hearing, statistics
from .losses import BothWays, Losses, LossWeights, known_shares
from .mouth_geometry import MouthGeometry
from .sampler import Sampler
from .seen import Sight

RUN = RunConfig(steps=1500, ema=0.995)


@dataclass(frozen=True)
class TrainConfig:
    """All settings of a run except its data and its length."""

    size: str = "base"
    batch: int = 32
    window: int = 48
    """Frames of a window. GRID's clips have 75 frames, 62 at the highest speed."""
    learning_rate: float = 2e-3
    warm_up: int = 50
    weight_decay: float = 0.05
    shares: tuple[tuple[str, float], ...] = (("grid", 0.2), ("synthetic", 0.3), ("recorded", 0.46), ("quiet", 0.04))
    forget: float = 0.5
    """Share of the windows in which MLP_a2l doesn't see the manner."""
    encoder_learns: bool = True
    """Whether E_a and its phones learn. Otherwise only the networks that make mouths of phones learn."""
    losses: LossWeights = field(default_factory=LossWeights)

    def model(self) -> LipModelConfig:
        """The network of this size. Its speech encoder always is the shipped one."""
        return {"tiny": replace(LipModelConfig.tiny(), whisper=WhisperConfig()), "base": LipModelConfig()}[self.size]


def finishing(config: TrainConfig) -> TrainConfig:
    """The second stage: E_a and its phones are fixed, and the mouth is learned, mostly from the filmed talkers.

    It is short: GRID's few words are soon known by heart, and then free speech gets worse.
    """
    shares = (("grid", 0.45), ("synthetic", 0.2), ("recorded", 0.31), ("quiet", 0.04))
    return replace(config, shares=shares, encoder_learns=False)


FINISH = RunConfig(steps=400, ema=0.99)
MAX_WIDENING = 1.5
"""Largest gain. A larger one would enlarge mistakes more than it restores movement."""
SEEN_WIDER = 1.2
"""By how much wider mouths are read in rendered frames than they open on the head model (``training.checks.films`` with
and without ``--fast``): a portrait's lips are fuller than those of the head model, whose inner margins are measured."""


def load_corpus(data: Path, sight: Sight | None = None) -> list[Utterance]:
    """All utterances for training, with what is heard in them, without held-out clips, talkers and voices.

    Filmed ones also have what E_v sees, if ``sight`` is given. L_cl needs it.
    """
    hearing = Hearing(data)
    filmed = filmed_utterances("train", hearing, sight)
    table = viseme_table(filmed)
    return [
        *filmed,
        *synthetic_utterances(table, False, hearing),
        *recorded_utterances(data, table, False, hearing),
        *quiet_utterances(80, 0, hearing),
    ]


def channel_scale(utterances: list[Utterance]) -> Tensor:
    """(27,) standard deviation of each channel over the tracked clips, at least 0.03."""
    tracked = [u.mouth for u in utterances if u.source == "grid"] or [u.mouth for u in utterances]
    return torch.from_numpy(np.concatenate(tracked).std(0)).float().clamp(min=0.03)


def pupil_of(model: LipModel, config: TrainConfig) -> BothWays:
    """The parts of a model that learn."""
    return BothWays(model, config.forget, config.encoder_learns)


def train(
    config: TrainConfig, settings: RunConfig, utterances: list[Utterance], folder: Path, start: Path | None = None
) -> list[dict[str, float]]:
    """Train to ``settings.steps``, from the folder's checkpoint if it has one; returns the new lines of the log.

    A new run begins with E_a and the phones of the run in the folder ``start``, if one is given.
    """
    torch.manual_seed(settings.seed)
    pupil = pupil_of(LipModel(config.model()), config)
    if start is not None:
        load_module(start / CHECKPOINT, "lips", pupil)
        fresh = LipModel(config.model())
        for part in ("manner", "a2l", "decoder"):
            getattr(pupil, part).load_state_dict(getattr(fresh, part).state_dict())
    else:
        every = [version for utterance in utterances for version in utterance.versions]
        for buffer, value in zip((pupil.adapter.mean, pupil.adapter.deviation), statistics(every[::5]), strict=True):
            buffer.copy_(torch.from_numpy(value))
    sampler = Sampler(utterances, dict(config.shares), config.window)
    modules: dict[str, nn.Module] = {"lips": pupil}
    seen = [utterance.f_v for utterance in utterances if utterance.f_v is not None]
    if config.encoder_learns and config.losses.contrast > 0.0 and seen:
        modules["contrast"] = Contrast.of(seen, config.model().adapter.width)
    learning = [weight for module in modules.values() for weight in module.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(learning, betas=(0.9, 0.98), weight_decay=config.weight_decay)
    run = Run(folder, settings, modules, {"lips": optimiser}, averaged=list(modules), recipe=asdict(config))
    losses = Losses(config.losses, channel_scale(utterances), MouthGeometry.of(HeadModel.load()), run.device)
    for module in run.modules.values():
        module.train()

    def make_step(step: Step) -> dict[str, Tensor]:
        batch = sampler.draw(config.batch, step.rng)
        known = known_shares(torch.from_numpy(batch.phones).to(run.device))
        with step.autocast():
            mouths, logits, f_a = run.forward["lips"](torch.from_numpy(batch.heard).to(run.device), known)
        terms = losses(mouths.float(), logits.float(), batch)
        if "contrast" in modules:
            f_v, filmed = (torch.from_numpy(values).to(run.device) for values in (batch.f_v, batch.filmed))
            with step.autocast():
                f_cl, sound = run.forward["contrast"](f_v, f_a[filmed])
            terms["contrast"] = contrast(f_cl.float(), sound.float())
            terms["total"] = terms["total"] + config.losses.contrast * terms["contrast"]
        step.set_rate("lips", warm_up_cosine(step.index, settings.steps, config.learning_rate, config.warm_up))
        step.update("lips", terms["total"], clip=1.0)
        return {name: value.detach() for name, value in terms.items()}

    return run.fit(make_step)


def averaged_model(folder: Path, config: TrainConfig) -> LipModel:
    """The lip model with the moving average of a run's weights and the shipped speech encoder, ready to predict."""
    model = LipModel(config.model(), WhisperEncoder.load())
    load_module(folder / CHECKPOINT, "lips", pupil_of(model, config))
    return model.eval()


def calibrate(model: LipModel, clips: list[Utterance], geometry: MouthGeometry) -> None:
    """Set ``rest`` and ``gain``, the latter on people who are not trained on.

    ``rest`` is the model's output for silence. ``gain`` is one number for all channels: it makes the deviation of the
    predicted opening, as rendered frames show it (``SEEN_WIDER``), that of the tracked one in the median clip. It is at
    least 1 and at most ``MAX_WIDENING``.
    """
    model.gain.fill_(1.0)
    silence = np.full((4 * 50, BANDS), SILENCE, np.float32)
    model.rest.copy_(torch.from_numpy(model.predict(model.listen(silence))[25]))
    heard = [model.listen(clip.whisper_mel.astype(np.float32)) for clip in clips]
    tracked = [clip.opening for clip in clips if clip.opening is not None]

    def ratio(gain: float) -> float:
        model.gain.fill_(gain)
        curves = [geometry.opening_curve(model.predict(sound)) for sound in heard]
        ratios = [curve.std() / truth.std() for curve, truth in zip(curves, tracked, strict=True)]
        return SEEN_WIDER * float(np.median(ratios))

    # Openings below zero are cut off, so the deviation doesn't grow quite as the gain.
    gains = np.arange(1.0, MAX_WIDENING + 0.01, 0.02)
    ratios = [ratio(float(gain)) for gain in gains]
    best = int(np.argmin(np.abs(np.array(ratios) - 1.0)))
    model.gain.fill_(float(gains[best]))
    print(f"deviation of the opening: {ratios[0]:.3f} of the tracked; {ratios[best]:.3f} with gain {gains[best]:.2f}")
