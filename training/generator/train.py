"""Training of the generators G, with flow and as in the paper, against D (paper §3.3, eq. 5).

Two optimisers with their own rates (TTUR), hinge loss, moving averages of G's weights. A run goes on where it was
stopped, and uses shards of pairs that have appeared since then. While the learned representation has no weights, a run
uses a stand-in for f_cat (``training.generator.style``); the same run goes on with the real one once it exists.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from core.renderer.generator.style import StyleNetworks, identity_of, style_of

from ..common.engine import Run, RunConfig, Step, warm_up_plateau_cosine
from ..corpus.pairs.pair import PairBatch
from .data import MARGIN, Windows, cut_windows, recolour, whole_squares
from .discriminator import Discriminator
from .gaze import GazeDistance
from .losses import (
    Judgement,
    feature_matching,
    gaze_difference,
    hinge_discriminator,
    hinge_generator,
    importance,
    share_of_gan,
    unevenness,
    unsteadiness,
    weighted_l1,
)
from .perceptual import PerceptualDistance
from .recipe import Recipe, build, correct, start_from

RUN = RunConfig(steps=20000, ema=0.998, save_every=100, sample_every=200)


class BatchSource(Protocol):
    """Where pairs come from: ``training.generator.data.PairSource``, or a stand-in for it."""

    @property
    def folder(self) -> Path:
        """Folder of the pairs."""

    def batch(self, count: int, step: int, rng: np.random.Generator) -> PairBatch:
        """``count`` random pairs for step ``step``."""

    def run(self, step: int, rng: np.random.Generator) -> PairBatch | None:
        """Three neighbouring frames of a film from one source, or None if there are none."""


class GeneratorTrainer:
    """The steps of a run.

    Parameters
    ----------
    styles
        The learned representation, or its stand-in.
    perceptual
        Distance of L_VGG.
    gaze
        Distance of L_gaze; None leaves this loss out.
    start
        Exported weights that a new run begins with. D still begins untrained.
    """

    def __init__(
        self,
        recipe: Recipe,
        source: BatchSource,
        styles: StyleNetworks,
        perceptual: PerceptualDistance,
        folder: Path,
        config: RunConfig,
        gaze: GazeDistance | None = None,
        start: Path | None = None,
    ) -> None:
        torch.manual_seed(config.seed)
        modules: dict[str, nn.Module] = {"G": build(recipe), "D": Discriminator(recipe.discriminator)}
        if start is not None:
            start_from(modules["G"], recipe, start)
        self.recipe, self.source = recipe, source
        rates = dict(zip(modules, recipe.rates, strict=True))
        betas = (0.5, 0.999)
        optimisers = {n: torch.optim.Adam(m.parameters(), rates[n], betas) for n, m in modules.items()}
        self.run = Run(folder, config, modules, optimisers, averaged=["G"], recipe=asdict(recipe))
        self.styles = styles.to(self.run.device) if isinstance(styles, nn.Module) else styles
        self.perceptual = perceptual.to(self.run.device)
        self.gaze = gaze.to(self.run.device) if gaze else None

    def style(self, pairs: PairBatch) -> Tensor:
        """(B, 224) f_cat of the pairs."""
        sources = (pairs.source * 255 + 0.5).byte().permute(0, 2, 3, 1).cpu().numpy()
        landmarks = pairs.source_landmarks.cpu().numpy()
        device = self.run.device
        with torch.no_grad():
            identity = [identity_of(self.styles, s, p, device) for s, p in zip(sources, landmarks, strict=True)]
            return style_of(self.styles, torch.cat(identity), pairs.channels.to(device))

    def draw(self, step: int, rng: np.random.Generator) -> Windows:
        """The batch of a step, on the device."""
        windows = self.recipe.windows
        film = self.source.run(step, rng) if windows.windows and rng.random() < windows.runs else None
        drawn_pairs = self.source.batch(windows.pairs, step, rng) if film is None else film
        pairs = recolour(drawn_pairs, rng, alike=film is not None)
        squares = replace(whole_squares(pairs, self.style(pairs)), frames=1 if film is None else len(film))
        if windows.windows:
            drawn = cut_windows(squares, windows, rng)
        else:
            # The paper's generator paints the whole picture.
            drawn = replace(squares, counts=pairs.valid)
        return drawn.to(self.run.device)

    def make(self, network: nn.Module, batch: Windows) -> tuple[Tensor, dict[str, Tensor]]:
        """Pictures for a batch, and the loss terms that keep a correction small."""
        if self.recipe.model == "paper":
            return network(batch.source, batch.style), {}
        correction = correct(network, batch)
        made = correction.apply(batch.warped)
        return made, {"share": correction.share.mean(), "shift": unevenness(correction.shift)}

    def step(self, step: Step) -> dict[str, float | Tensor]:
        """One step of D, once L_GAN has set in, and one step of G."""
        run, weights = self.run, self.recipe.losses
        batch = self.draw(step.index, step.rng)
        for name, peak in zip(("G", "D"), self.recipe.rates, strict=True):
            course = (run.config.steps, peak, self.recipe.warm_up, self.recipe.decay_from)
            step.set_rate(name, warm_up_plateau_cosine(step.index, *course))
        truth, counts = batch.truth, batch.counts
        with step.autocast():
            drawn, small = self.make(run.forward["G"], batch)
        # Where truth and conditions disagree there is nothing to judge: the truth replaces the made picture there.
        made = truth + counts * (drawn.float() - truth)
        level = importance(batch.interest, weights)
        log: dict[str, float | Tensor] = {}
        terms = {
            "pixels": weights.pixels * weighted_l1(made, truth, level * counts),
            "perceptual": weights.perceptual * self._looks(step, made, truth, level * counts),
            **{name: getattr(weights, name) * value for name, value in small.items()},
        }
        if batch.frames == 3 and weights.time:
            terms["time"] = weights.time * unsteadiness(made, truth, level * counts)
        if self.gaze is not None:
            terms["gaze"] = weights.gaze * gaze_difference(self.gaze, made, truth, batch.landmarks, MARGIN)
        strength = share_of_gan(step.index, weights.gan_from, weights.gan_over)
        if strength > 0:
            judge = run.modules["D"].requires_grad_(True)
            with step.autocast():
                both = run.forward["D"](torch.cat([truth, made.detach()]))
            loss = hinge_discriminator(*halves(both))
            step.update("D", loss)
            log["d"] = loss.detach()
            judge.requires_grad_(False)
            with step.autocast(), torch.no_grad():
                real = judge(truth)
            with step.autocast():
                fake = judge(made)
            terms["gan"] = strength * weights.gan * hinge_generator(fake)
            terms["features"] = strength * weights.features * feature_matching(real, fake)
        total = torch.stack(list(terms.values())).sum()
        log["norm"] = step.update("G", total, clip=1.0)
        with torch.no_grad():
            log |= {name: value.detach() for name, value in terms.items()} | {"total": total.detach()}
            log["l1"] = weighted_l1(made, truth, counts)
            log["l1_warp"] = weighted_l1(truth + counts * (batch.warped - truth), truth, counts)
        return log

    def _looks(self, step: Step, made: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
        """L_VGG, without the rim of windows, where nothing counts."""
        if self.recipe.windows.windows and made.shape[-1] > 4 * MARGIN:
            made, truth, weight = (v[..., MARGIN:-MARGIN, MARGIN:-MARGIN] for v in (made, truth, weight))
        with step.autocast() if self.perceptual.learned else nullcontext():
            return self.perceptual(made, truth, weight)

    def picture(self, batch: Windows) -> tuple[Tensor, Tensor | None]:
        """Pictures 0–1 of the averaged weights for whole squares, and the share of the warp that is replaced."""
        network = self.run.averages["G"]
        with torch.autocast(self.run.device.type, torch.bfloat16, enabled=self.run.bfloat16):
            if self.recipe.model == "paper":
                return network(batch.source, batch.style), None
            correction = correct(network, batch)
            return correction.apply(batch.warped).clamp(0, 1), correction.share

    def fit(self, sample: Callable[[int], None] | None = None) -> list[dict[str, float]]:
        """Train to the end of the run."""
        return self.run.fit(self.step, sample)


def halves(judgement: Judgement) -> tuple[Judgement, Judgement]:
    """D's judgement of the first and of the second half of a batch."""
    parts = [[feature.chunk(2) for feature in scale] for scale in judgement]
    first, second = ([[part[k] for part in scale] for scale in parts] for k in (0, 1))
    return first, second
