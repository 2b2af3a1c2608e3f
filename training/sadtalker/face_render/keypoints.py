"""Stage 1: the face render learns keypoints and drawing from two pictures of one person (face-vid2vid).

The heads' poses are known from the coefficients, so nothing estimates them, and no loss of the head pose is needed
here. The expression's offsets come from an encoder of the picture, which stage 2 replaces.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from core.keypoints import Drawn, Encoded, FaceRender, KeypointsConfig
from core.keypoints.decoder import warped

from ...common.engine import Run, RunConfig, Step, warm_up_plateau_cosine
from ...common.networks import channels_last
from ...generator.discriminator import Discriminator, DiscriminatorConfig
from ...generator.losses import feature_matching, hinge_discriminator, hinge_generator, share_of_gan
from ...generator.perceptual import PerceptualDistance
from ...generator.train import halves
from .data import Faces
from .expression import ExpressionEncoder
from .losses import RandomWarp, deformation_prior, equivariance, keypoint_prior, soft_l1

RUN = RunConfig(steps=60_000, ema=0.999, log_every=20, save_every=200, sample_every=500)


@dataclass(frozen=True)
class RenderWeights:
    """Weights of the losses.

    Attributes
    ----------
    pixels, perceptual, gan, features
        As in ``training.generator.losses.LossWeights``; L_1 is ``losses.soft_l1``.
    warp
        L_1 of the warped source alone, without what the decoder draws.
    equivariance, prior, deformation
        See ``losses``.
    gan_from, gan_over
        Step at which L_GAN and feature matching set in, and number of steps over which they grow.
    """

    pixels: float = 8.0
    perceptual: float = 3.0
    warp: float = 4.0
    gan: float = 0.06
    features: float = 0.5
    equivariance: float = 3.0
    prior: float = 1.0
    deformation: float = 0.3
    gan_from: int = 20_000
    gan_over: int = 2_000


@dataclass(frozen=True)
class RenderRecipe:
    """All settings of a run except its data and length.

    Attributes
    ----------
    pairs
        Pairs in a step.
    rates
        Learning rates of the face render and of the discriminator.
    warm_up, decay_from
        See ``training.common.engine.warm_up_plateau_cosine``.
    """

    network: KeypointsConfig = field(default_factory=KeypointsConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    losses: RenderWeights = field(default_factory=RenderWeights)
    pairs: int = 4
    rates: tuple[float, float] = (4e-4, 4e-4)
    warm_up: int = 200
    decay_from: float = 0.7

    @classmethod
    def of(cls, size: str, side: int | None = None) -> RenderRecipe:
        """The recipe for a size ("tiny" or "base"), perhaps with another side of the pictures."""
        recipe = cls()
        if size == "tiny":
            recipe = cls(
                KeypointsConfig.tiny(),
                DiscriminatorConfig.tiny(),
                RenderWeights(gan_from=6, gan_over=4),
                pairs=2,
                rates=(2e-3, 2e-3),
                warm_up=4,
            )
        return recipe if side is None else replace(recipe, network=replace(recipe.network, side=side))


class Lesson(nn.Module):
    """The face render with its expression encoder."""

    def __init__(self, config: KeypointsConfig) -> None:
        super().__init__()
        self.render = FaceRender(config)
        self.expression = ExpressionEncoder(config)

    def forward(self, faces: Faces, bent: Tensor | None = None) -> tuple[Tensor, Encoded, Drawn, Tensor, Tensor | None]:
        """Pictures (B, 3, S, S) of the truths, both parts of the render, offsets (2 B, K, 3) of sources and truths, and
        keypoints of ``bent`` sources."""
        both = self.expression(torch.cat([faces.source, faces.truth]))
        own, driven = both.chunk(2)
        made, encoded, drawn = self.render(faces.source, faces.pose, own, faces.driven_pose, driven)
        return made, encoded, drawn, both, None if bent is None else self.render.detector(bent)


class Batches(Protocol):
    """Where faces come from: ``data.FaceSource``, or a stand-in for it."""

    def draw(self, count: int, rng: np.random.Generator) -> Faces:
        """``count`` random pairs."""


def drawn_from(source: Batches | None, pairs: int) -> Callable[[np.random.Generator], Faces]:
    """Draws batches of so many ``pairs``. Raises ValueError for a trainer that only draws pictures."""
    if source is None:
        raise ValueError("there is nothing to draw batches from")
    return lambda rng: source.draw(pairs, rng)


class KeypointsTrainer:
    """The steps of a run of stage 1."""

    def __init__(
        self,
        recipe: RenderRecipe,
        source: Batches | None,
        perceptual: PerceptualDistance,
        folder: Path,
        config: RunConfig,
    ) -> None:
        torch.manual_seed(config.seed)
        modules: dict[str, nn.Module] = {
            "render": channels_last(Lesson(recipe.network)),
            "judge": Discriminator(recipe.discriminator),
        }
        self.recipe, self.source = recipe, source
        rates = dict(zip(modules, recipe.rates, strict=True))
        optimisers = {n: torch.optim.Adam(m.parameters(), rates[n], (0.5, 0.999)) for n, m in modules.items()}
        self.run = Run(folder, config, modules, optimisers, averaged=["render"], recipe=asdict(recipe))
        self.perceptual = perceptual.to(self.run.device)

    def step(self, step: Step) -> dict[str, float | Tensor]:
        """One step of the discriminator, once it has set in, and one of the render."""
        run, weights = self.run, self.recipe.losses
        faces = step.batch.to(run.device)
        for name, peak in zip(("render", "judge"), self.recipe.rates, strict=True):
            course = (run.config.steps, peak, self.recipe.warm_up, self.recipe.decay_from)
            step.set_rate(name, warm_up_plateau_cosine(step.index, *course))
        bend = RandomWarp.draw(len(faces.source), step.generator, run.device)
        with step.autocast():
            made, encoded, drawn, offsets, of_bent = run.forward["render"](faces, bend.picture(faces.source))
        made = made.float()
        moved = warped(faces.source, drawn.field.surface)
        terms = picture_losses(made, faces, self.perceptual, weights, step)
        terms["warp"] = weights.warp * soft_l1(moved, faces.truth, faces.weight)
        terms["equivariance"] = weights.equivariance * equivariance(encoded.keypoints, of_bent, bend)
        terms["prior"] = weights.prior * keypoint_prior(encoded.canonical)
        terms["deformation"] = weights.deformation * deformation_prior(offsets)
        log: dict[str, float | Tensor] = {}
        strength = share_of_gan(step.index, weights.gan_from, weights.gan_over)
        if strength > 0:
            judge = run.modules["judge"].requires_grad_(True)
            with step.autocast():
                both = run.forward["judge"](torch.cat([faces.truth, made.detach()]))
            loss = hinge_discriminator(*halves(both))
            step.update("judge", loss)
            log["judge"] = loss.detach()
            judge.requires_grad_(False)
            with step.autocast(), torch.no_grad():
                real = judge(faces.truth)
            with step.autocast():
                fake = judge(made)
            terms["gan"] = strength * weights.gan * hinge_generator(fake)
            terms["features"] = strength * weights.features * feature_matching(real, fake)
        total = torch.stack(list(terms.values())).sum()
        log["norm"] = step.update("render", total, clip=1.0)
        log |= {name: value.detach() for name, value in terms.items()} | {"total": total.detach()}
        with torch.no_grad():
            log["l1"] = (made - faces.truth).abs().mean()
            log["l1_still"] = (faces.source - faces.truth).abs().mean()
        return log

    def picture(self, faces: Faces) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures of the averaged weights, and keypoints of sources and frames; see ``sheet.Draw``."""
        faces = faces.to(self.run.device)
        lesson = self.run.averages["render"]
        assert isinstance(lesson, Lesson)
        with torch.autocast(self.run.device.type, torch.bfloat16, enabled=self.run.bfloat16):
            made, encoded, _, offsets, _ = lesson(faces)
        driven = lesson.render.driven(encoded, faces.driven_pose, offsets.chunk(2)[1])
        return made.float(), encoded.keypoints, driven

    def fit(self, sample: Callable[[int], None] | None = None) -> list[dict[str, float]]:
        """Train to the end of the run."""
        return self.run.fit(self.step, sample, drawn_from(self.source, self.recipe.pairs))


def picture_losses(
    made: Tensor, faces: Faces, perceptual: PerceptualDistance, weights: RenderWeights, step: Step
) -> dict[str, Tensor]:
    """L_1 and L_VGG of pictures (B, 3, S, S)."""
    with step.autocast() if perceptual.learned else nullcontext():
        looks = perceptual(made, faces.truth, faces.weight)
    return {
        "pixels": weights.pixels * soft_l1(made, faces.truth, faces.weight),
        "perceptual": weights.perceptual * looks,
    }
