"""Stage 1: the face render learns keypoints and drawing from two pictures of one person (face-vid2vid).

The heads' poses are known from the coefficients, so nothing estimates them, and no loss of the head pose is needed
here. The expression's offsets come from an encoder of the picture, which stage 2 replaces.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from core.keypoints import Drawn, Encoded, FaceRender, KeypointsConfig
from core.keypoints.blocks import exact
from core.keypoints.detector import SIDE as DETECTOR_SIDE
from core.keypoints.window import cropped
from core.renderer.fields import resize

from ...common.engine import Run, RunConfig, Step
from ...common.networks import channels_last
from ...generator.discriminator import Discriminator
from ...generator.losses import feature_matching, hinge_discriminator, hinge_generator, share_of_gan
from ...generator.perceptual import PerceptualDistance
from ...generator.train import halves
from .data import Faces
from .expression import ExpressionEncoder
from .losses import RandomWarp, deformation_prior, equivariance, guidance, keypoint_prior
from .recipe import RenderRecipe
from .trainer import Batches, FaceTrainer, picture_losses, warp_losses

RUN = RunConfig(steps=16_000, ema=0.999, log_every=20, save_every=200, sample_every=500)


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


class KeypointsTrainer(FaceTrainer):
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
        rates = dict(zip(modules, recipe.rates, strict=True))
        optimisers = {n: torch.optim.Adam(m.parameters(), rates[n], (0.5, 0.999)) for n, m in modules.items()}
        run = Run(folder, config, modules, optimisers, averaged=["render"], recipe=asdict(recipe))
        super().__init__(recipe, source, perceptual, run)

    def step(self, step: Step) -> dict[str, float | Tensor]:
        """One step of the discriminator, once it has set in, and one of the render."""
        run, weights = self.run, self.recipe.losses
        faces = step.batch.to(run.device)
        for name, peak in zip(("render", "judge"), self.recipe.rates, strict=True):
            self.set_rate(step, name, peak)
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
        log |= self.update(step, "render", terms)
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
