"""What the trainers of the face render share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from core.keypoints import Drawn
from core.keypoints.network import looked_up
from core.keypoints.window import cropped
from core.renderer.generator.layers import halve

from ...common.engine import Run, Step
from ...generator.perceptual import PerceptualDistance
from .data import Faces
from .losses import soft_l1
from .recipe import RenderRecipe, RenderWeights


class Batches(Protocol):
    """Where faces come from: ``batches.FaceSource``, or a stand-in for it."""

    def draw(self, count: int, rng: np.random.Generator) -> Faces:
        """``count`` random pairs."""


class FaceTrainer(ABC):
    """The steps of a run. Without a ``source`` it only draws."""

    def __init__(self, recipe: RenderRecipe, source: Batches | None, perceptual: PerceptualDistance, run: Run) -> None:
        self.recipe, self.source, self.run = recipe, source, run
        self.perceptual = perceptual.to(run.device)

    @abstractmethod
    def step(self, step: Step) -> dict[str, float | Tensor]:
        """One step; returns what is logged."""

    @abstractmethod
    def picture(self, faces: Faces) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures of the averaged weights, and keypoints of sources and frames; see ``sheet.Draw``."""

    def fit(self, sample: Callable[[int], None] | None = None) -> list[dict[str, float]]:
        """Train to the end of the run. Raises ValueError for a trainer that only draws."""
        source = self.source
        if source is None:
            raise ValueError("there is nothing to draw batches from")
        return self.run.fit(self.step, sample, lambda rng: source.draw(self.recipe.pairs, rng))

    def set_rate(self, step: Step, name: str, peak: float) -> None:
        """Set the learning rate of the module ``name`` for this step."""
        step.set_rate(name, self.recipe.rate(step.index, self.run.config.steps, peak))

    @staticmethod
    def update(step: Step, name: str, terms: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Update the module ``name`` by the sum of the losses; returns what is logged of them."""
        total = torch.stack(list(terms.values())).sum()
        norm = step.update(name, total, clip=1.0)
        log: dict[str, float | Tensor] = {key: value.detach() for key, value in terms.items()}
        return log | {"total": total.detach(), "norm": norm}


def warp_losses(drawn: Drawn, faces: Faces, weights: RenderWeights) -> tuple[dict[str, Tensor], Tensor]:
    """L_1 of the warped source alone, in the window and in the whole square at half its side; and the pictures
    (B, 3, S, S)."""
    side = faces.source.shape[-1]
    moved = looked_up(faces.source, drawn.places(side))
    close = (cropped(p) for p in (moved, faces.truth, faces.weight))
    whole = (halve(p) for p in (moved, faces.truth, faces.weight))
    terms = {"warp": weights.warp * soft_l1(*close), "whole": weights.whole * soft_l1(*whole)}
    return terms, moved + drawn.painted(side)


def picture_losses(
    made: Tensor, faces: Faces, perceptual: PerceptualDistance, weights: RenderWeights, step: Step
) -> dict[str, Tensor]:
    """L_1 and L_VGG of the window of pictures (B, 3, S, S)."""
    made, truth, weight = cropped(made), cropped(faces.truth), cropped(faces.weight)
    with step.autocast() if perceptual.learned else nullcontext():
        looks = perceptual(made, truth, weight)
    return {
        "pixels": weights.pixels * soft_l1(made, truth, weight),
        "perceptual": weights.perceptual * looks,
    }
