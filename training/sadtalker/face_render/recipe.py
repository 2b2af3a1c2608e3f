"""The settings of the face render's trainers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from core.keypoints import KeypointsConfig

from ...common.engine import warm_up_plateau_cosine
from ...generator.discriminator import DiscriminatorConfig


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
