"""Training of the neural head: maps and fields together with a code of the hair of each person (an auto-decoder)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from core.neural_head.model import NeuralHead

from ..common.checkpoint import load_checkpoint, load_module
from ..common.engine import CHECKPOINT, Run, RunConfig, Step, warm_up_plateau_cosine
from .losses import Weights, losses
from .people import People

RUN = RunConfig(steps=6_000, ema=0.995, bfloat16=False, save_every=200)
"""Without bfloat16: a tenth of a millimetre in 30 centimetres needs more digits than it has."""
STYLES = 48
"""Principal styles that are kept."""


@dataclass(frozen=True)
class TrainConfig:
    """All settings of a run except its data and its length.

    Attributes
    ----------
    people, points
        People of a batch, and points on each one's skin and hair; in space there are twice as many.
    rate, code_rate
        Learning rates of the networks and of the hair's codes.
    """

    size: str = "base"
    people: int = 16
    points: int = 64
    rate: float = 2e-3
    code_rate: float = 5e-3
    warm_up: int = 100
    decay_from: float = 0.3
    clip: float = 1.0
    weights: Weights = field(default_factory=Weights)

    def head(self, identity: int) -> NeuralHead:
        """The untrained head of this size."""
        return {"tiny": NeuralHead.tiny, "base": NeuralHead.base}[self.size](identity)


class Lesson(nn.Module):
    """A head in training, with a code of each person's hair."""

    def __init__(self, head: NeuralHead, people: int) -> None:
        super().__init__()
        self.head = head
        self.hair = nn.Parameter(0.1 * torch.randn(people, head.hair_code))

    def forward(self, person: Tensor) -> Tensor:
        """The codes (P, ·) of the hair of people (P,)."""
        return self.hair[person]


def train(config: TrainConfig, settings: RunConfig, people: People, folder: Path) -> list[dict[str, float]]:
    """Train to ``settings.steps``, from the folder's checkpoint if it has one; returns the new lines of the log."""
    torch.manual_seed(settings.seed)
    lesson = Lesson(config.head(people.identities.shape[1]), len(people.seeds))
    with torch.no_grad():
        lesson.head.anchor_places.bias.copy_(people.anchors.mean(0).reshape(-1))
    optimisers = {
        "networks": torch.optim.Adam(lesson.head.parameters(), betas=(0.9, 0.98)),
        "codes": torch.optim.Adam([lesson.hair], betas=(0.9, 0.98)),
    }
    recipe = asdict(config) | {"seeds": [people.seeds[0], people.seeds[-1], len(people.seeds)]}
    run = Run(folder, settings, {"lesson": lesson}, optimisers, averaged=["lesson"], recipe=recipe)

    def make_step(step: Step) -> dict[str, float | Tensor]:
        batch = step.batch.to(run.device)
        for name, peak in (("networks", config.rate), ("codes", config.code_rate)):
            step.set_rate(
                name, warm_up_plateau_cosine(step.index, settings.steps, peak, config.warm_up, config.decay_from)
            )
        terms = losses(lesson.head, run.forward["lesson"](batch.person), batch, config.weights)
        for optimiser in run.optimisers.values():
            optimiser.zero_grad(set_to_none=True)
        terms["total"].backward()
        nn.utils.clip_grad_norm_(lesson.head.parameters(), config.clip)
        for optimiser in run.optimisers.values():
            optimiser.step()
        return {name: value.detach() for name, value in terms.items()}

    return run.fit(make_step, draw=lambda rng: people.draw(config.people, config.points, rng))


def trained(folder: Path, config: TrainConfig, identity: int) -> NeuralHead:
    """The averaged head of a run, with the principal styles of its people's hair."""
    count = int(load_checkpoint(folder / CHECKPOINT, {}, {}, {})["recipe"]["seeds"][2])
    lesson = load_module(folder / CHECKPOINT, "lesson", Lesson(config.head(identity), count))
    head, codes = lesson.head, lesson.hair.detach()
    mean = codes.mean(0)
    _, spread, basis = torch.linalg.svd(codes - mean, full_matrices=False)
    kept = min(STYLES, len(basis))
    head.style_mean = mean
    head.style_basis = basis[:kept] * spread[:kept, None] / len(codes) ** 0.5
    head.config["styles"] = kept
    return head.eval().requires_grad_(False)
