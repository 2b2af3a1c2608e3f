"""Training of ExpNet (arXiv 2211.12194, section 3.1) on lip-only expressions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS, LIP_COLUMNS
from core.sadtalker.exp_net import ExpNet, ExpNetConfig
from core.sound.lips import Heard

from ..common.checkpoint import load_module
from ..common.engine import CHECKPOINT, Run, RunConfig, Step, warm_up_cosine
from ..lips.mouth_geometry import MouthGeometry
from ..lips.train import MAX_WIDENING, SEEN_WIDER
from .clips import Clip, ClipSampler, Windows
from .expression_losses import ExpressionLosses, LossWeights
from .reader import Reader

RUN = RunConfig(steps=300, ema=0.99)
"""With more steps the network knows GRID's sentences by heart, and strangers' mouths get worse."""


@dataclass(frozen=True)
class TrainConfig:
    """All settings of a run except its data and its length.

    Attributes
    ----------
    voices
        Share of windows of voices that nobody filmed.
    forget
        Share of the windows in which the manner is hidden, so that phones alone make a mouth too.
    reference
        Whether the reference expression is seen. Without it, the paper's ablation, it counts as neutral.
    """

    size: str = "base"
    batch: int = 32
    window: int = 32
    learning_rate: float = 2e-3
    warm_up: int = 50
    weight_decay: float = 0.05
    voices: float = 0.7
    forget: float = 0.5
    reference: bool = True
    losses: LossWeights = field(default_factory=LossWeights)

    def shape(self) -> ExpNetConfig:
        """The network of this size."""
        return {"tiny": ExpNetConfig.tiny, "base": ExpNetConfig}[self.size]()


class Sampler(Protocol):
    """Where batches come from."""

    def draw(self, count: int, rng: np.random.Generator) -> Any:
        """``count`` random windows."""


class Lesson(nn.Module):
    """ExpNet in training."""

    def __init__(self, network: ExpNet, config: TrainConfig) -> None:
        super().__init__()
        self.network, self._forget, self._seen = network, config.forget, float(config.reference)

    def forward(self, batch: Windows) -> Tensor:
        """(B, T, 53) weights, not limited to 0–1."""
        manner = batch.manner
        if self.training:
            manner = manner * (torch.rand(len(manner), 1, 1, device=manner.device) >= self._forget)
        made: Tensor = self.network(batch.phones, manner, self._seen * batch.reference, batch.blink)
        return made


def fit(
    name: str,
    module: nn.Module,
    sampler: Sampler,
    terms_of: Callable[[nn.Module, ExpressionLosses, Any], dict[str, Tensor]],
    config: TrainConfig,
    settings: RunConfig,
    reader: Reader | None,
    folder: Path,
) -> list[dict[str, float]]:
    """Train a module that holds ExpNet to ``settings.steps``, from the folder's checkpoint if it has one; returns the
    new lines of the log.

    ``terms_of`` gives the losses of a batch by name; their weighted sum is "total".
    """
    optimiser = torch.optim.AdamW(module.parameters(), betas=(0.9, 0.98), weight_decay=config.weight_decay)
    run = Run(folder, settings, {name: module}, {name: optimiser}, averaged=[name], recipe=asdict(config))
    losses = ExpressionLosses(config.losses, HeadModel.load(), reader).to(run.device)
    module.train()

    def make_step(step: Step) -> dict[str, Tensor]:
        terms = terms_of(run.forward[name], losses, step.batch.to(run.device))
        step.set_rate(name, warm_up_cosine(step.index, settings.steps, config.learning_rate, config.warm_up))
        step.update(name, terms["total"], clip=1.0)
        return {term: value.detach() for term, value in terms.items()}

    return run.fit(make_step, draw=lambda rng: sampler.draw(config.batch, rng))


def train(
    config: TrainConfig, settings: RunConfig, clips: list[Clip], reader: Reader | None, folder: Path
) -> list[dict[str, float]]:
    """Train ExpNet, or go on; see :func:`fit`."""
    torch.manual_seed(settings.seed)
    lesson = Lesson(ExpNet(config.shape()), config)
    sampler = ClipSampler(clips, config.window, config.voices)

    def terms_of(forward: nn.Module, losses: ExpressionLosses, batch: Windows) -> dict[str, Tensor]:
        terms: dict[str, Tensor] = losses(forward(batch), batch)
        return terms

    return fit("expression", lesson, sampler, terms_of, config, settings, reader, folder)


def trained(folder: Path, config: TrainConfig) -> ExpNet:
    """The averaged network of a run."""
    return load_module(folder / CHECKPOINT, "expression", Lesson(ExpNet(config.shape()), config)).network


@torch.inference_mode()
def raw_mouth(network: ExpNet, heard: Heard) -> np.ndarray:
    """(T, 27) weights of the mouth on a neutral face, not limited to 0–1."""
    phones, manner = (torch.from_numpy(values)[None] for values in (heard.phones, heard.manner))
    neutral = torch.zeros(1, len(EXPRESSIONS))
    made: Tensor = network(phones, manner, neutral, torch.zeros(1, len(heard)))
    return made[0, :, LIP_COLUMNS].numpy()


def calibrate(network: ExpNet, clips: list[Clip], filmed: list[np.ndarray], geometry: MouthGeometry) -> float:
    """Let the mouth move as far as those of people who are not trained on; returns the factor.

    A regression moves too little. The rule is that of the lip model (``training.lips.train.calibrate``): the deviation
    of the opening, as rendered frames show it, becomes that of the filmed one in the median clip. The factor goes into
    the weights of the last layer.

    Parameters
    ----------
    clips, filmed
        Validation clips, and their openings (T,).
    """
    rest = raw_mouth(network, Heard.nothing(1, network.config.manner))[0]
    mouths = [raw_mouth(network, clip.heard) for clip in clips]

    def ratio(gain: float) -> float:
        curves = [geometry.opening_curve((rest + gain * (mouth - rest)).clip(0.0, 1.0)) for mouth in mouths]
        return SEEN_WIDER * float(np.median([c.std() / f.std() for c, f in zip(curves, filmed, strict=True)]))

    gains = np.arange(1.0, MAX_WIDENING + 0.01, 0.02)
    gain = float(gains[np.argmin([abs(ratio(float(gain)) - 1.0) for gain in gains])])
    with torch.no_grad():
        width = network.config.code
        network.out.weight[LIP_COLUMNS, :width] *= gain
        network.out.bias[LIP_COLUMNS] = 0.0
        moved = raw_mouth(network, Heard.nothing(1, network.config.manner))[0]
        network.out.bias[LIP_COLUMNS] = torch.from_numpy(rest - moved)
    return gain
