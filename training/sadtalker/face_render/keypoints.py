"""Stage 1: the face render learns keypoints and drawing from two pictures of one person (face-vid2vid).

The heads' poses are known from the coefficients, so nothing estimates them, and no loss of the head pose is needed
here. The expression's offsets come from an encoder of the picture, which stage 2 replaces.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from core.keypoints import Drawn, Encoded, FaceRender, KeypointsConfig
from core.keypoints.blocks import exact
from core.keypoints.detector import SIDE as DETECTOR_SIDE
from core.keypoints.network import looked_up
from core.keypoints.window import cropped
from core.renderer.fields import resize
from core.renderer.generator.layers import halve

from ...common.engine import Run, RunConfig, Step, warm_up_plateau_cosine
from ...common.networks import channels_last
from ...generator.discriminator import Discriminator, DiscriminatorConfig
from ...generator.losses import feature_matching, hinge_discriminator, hinge_generator, share_of_gan
from ...generator.perceptual import PerceptualDistance
from ...generator.train import halves
from .data import Faces
from .expression import ExpressionEncoder
from .losses import RandomWarp, deformation_prior, equivariance, guidance, keypoint_prior, soft_l1

RUN = RunConfig(steps=16_000, ema=0.999, log_every=20, save_every=200, sample_every=500)


@dataclass(frozen=True)
class RenderWeights:
    """Weights of the losses.

    Attributes
    ----------
    pixels, perceptual, gan, features
        As in ``training.generator.losses.LossWeights``; L_1 is ``losses.soft_l1``.
    warp, whole
        L_1 of the warped source alone, without what the decoder draws: in the window, and in the whole square at half
        its side.
    equivariance, prior, deformation, guidance
        See ``losses``.
    gan_from, gan_over
        Step at which L_GAN and feature matching set in, and number of steps over which they grow.
    """

    pixels: float = 8.0
    perceptual: float = 3.0
    warp: float = 4.0
    whole: float = 4.0
    gan: float = 0.06
    features: float = 0.5
    equivariance: float = 3.0
    prior: float = 1.0
    deformation: float = 0.1
    guidance: float = 6.0
    gan_from: int = 4_000
    gan_over: int = 1_000


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
        See :meth:`rate`.
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

    def rate(self, step: int, steps: int, peak: float) -> float:
        """The learning rate at a step of so many (``training.common.engine.warm_up_plateau_cosine``)."""
        return warm_up_plateau_cosine(step, steps, peak, self.warm_up, self.decay_from)


class Made(NamedTuple):
    """What a lesson makes of B pairs: both parts of the render, offsets (2 B, K, 3) of sources and truths, keypoints
    (B, K, 3) of the truths and those of bent sources."""

    encoded: Encoded
    drawn: Drawn
    offsets: Tensor
    driven: Tensor
    of_bent: Tensor | None


class Lesson(nn.Module):
    """The face render with its expression encoder."""

    def __init__(self, config: KeypointsConfig) -> None:
        super().__init__()
        self.render = FaceRender(config)
        self.expression = ExpressionEncoder(config)

    def forward(self, faces: Faces, bent: Tensor | None = None) -> Made:
        """Draws the truths; ``bent`` are bent sources, whose keypoints are wanted too."""
        both = self.expression(torch.cat([faces.source, faces.truth]))
        own, shown = both.chunk(2)
        encoded = self.render.encode(faces.source, faces.pose, own)
        drawn = self.render.draw(encoded, faces.driven_pose, shown)
        with exact(both):
            driven = self.render.driven(encoded, faces.driven_pose, shown)
        return Made(encoded, drawn, both, driven, None if bent is None else self.render.detector(bent))


class Batches(Protocol):
    """Where faces come from: ``batches.FaceSource``, or a stand-in for it."""

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
            step.set_rate(name, self.recipe.rate(step.index, run.config.steps, peak))
        bend = RandomWarp.draw(len(faces.source), step.generator, run.device)
        with step.autocast():
            small = resize(faces.source, DETECTOR_SIDE, DETECTOR_SIDE)
            encoded, drawn, offsets, driven, of_bent = run.forward["render"](faces, bend.picture(small))
        terms, made = warp_losses(drawn, faces, weights)
        terms |= picture_losses(made, faces, self.perceptual, weights, step)
        close, true = cropped(made), cropped(faces.truth)
        terms["guidance"] = weights.guidance * guidance(encoded.keypoints, driven, faces)
        terms["equivariance"] = weights.equivariance * equivariance(encoded.keypoints, of_bent, bend)
        terms["prior"] = weights.prior * keypoint_prior(encoded.canonical)
        terms["deformation"] = weights.deformation * deformation_prior(offsets)
        log: dict[str, float | Tensor] = {}
        strength = share_of_gan(step.index, weights.gan_from, weights.gan_over)
        if strength > 0:
            judge = run.modules["judge"].requires_grad_(True)
            with step.autocast():
                both = run.forward["judge"](torch.cat([true, close.detach()]))
            loss = hinge_discriminator(*halves(both))
            step.update("judge", loss)
            log["judge"] = loss.detach()
            judge.requires_grad_(False)
            with step.autocast(), torch.no_grad():
                real = judge(true)
            with step.autocast():
                fake = judge(close)
            terms["gan"] = strength * weights.gan * hinge_generator(fake)
            terms["features"] = strength * weights.features * feature_matching(real, fake)
        total = torch.stack(list(terms.values())).sum()
        log["norm"] = step.update("render", total, clip=1.0)
        log |= {name: value.detach() for name, value in terms.items()} | {"total": total.detach()}
        with torch.no_grad():
            log["l1"] = (close - true).abs().mean()
            log["l1_still"] = (cropped(faces.source) - true).abs().mean()
        return log

    def picture(self, faces: Faces) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures of the averaged weights, and keypoints of sources and frames; see ``sheet.Draw``."""
        faces = faces.to(self.run.device)
        lesson = self.run.averages["render"]
        assert isinstance(lesson, Lesson)
        with torch.autocast(self.run.device.type, torch.bfloat16, enabled=self.run.bfloat16):
            encoded, drawn, _, driven, _ = lesson(faces)
        return drawn.picture(faces.source).float(), encoded.keypoints, driven

    def fit(self, sample: Callable[[int], None] | None = None) -> list[dict[str, float]]:
        """Train to the end of the run."""
        return self.run.fit(self.step, sample, drawn_from(self.source, self.recipe.pairs))


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
