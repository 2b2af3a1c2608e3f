"""Training of the generators G, with flow and as in the paper, against D (paper §3.3, eq. 5).

    python -m training.generator train    --run runs/generator [--model flow|paper] [--steps N] [--start WEIGHTS]
    python -m training.generator evaluate --run runs/generator          (tables of training.generator.image_metrics)
    python -m training.generator export   --run runs/generator

Two optimisers with their own rates (TTUR), hinge loss, moving averages of G's weights. ``train`` goes on where it was
stopped, and takes up shards of pairs that have appeared since. Before the learned representation has weights, a run
uses a stand-in for f_cat (``generator_style``); the same run goes on with the real one as soon as it is there.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.compute.weight_files import open_weights
from core.errors import BadInputError
from core.renderer.generator import Generator, GeneratorConfig, PaperGenerator, PaperGeneratorConfig
from core.renderer.generator.style import StyleNetworks, identity_of, style_of
from core.representation.model import WEIGHTS, Representation

from ..common.engine import Run, RunConfig, Step, add_run_arguments, run_config, warm_up_plateau_cosine
from ..common.results_page import show
from ..corpus.pairs.dataset import FOLDER
from .data import MARGIN, PairSource, WindowConfig, cut_windows, prepare, recolour
from .discriminator import Discriminator, DiscriminatorConfig
from .export import export
from .gaze import WEIGHTS as GAZE_WEIGHTS
from .gaze import GazeDistance, GazeEncoder
from .losses import (
    Judgement,
    LossWeights,
    feature_matching,
    gaze_difference,
    hinge_discriminator,
    hinge_generator,
    importance,
    unevenness,
    weighted_l1,
)
from .perceptual import PerceptualDistance
from .sheet import write_sheet
from .style import ProjectedStyle


@dataclass(frozen=True)
class Recipe:
    """Everything a run is made of.

    Attributes
    ----------
    model
        "flow" or "paper".
    rates
        Learning rates of G and D.
    warm_up
        Steps over which the rates grow.
    decay_from
        Part of the steps after which the rates fall.
    shares
        Share of each kind of pairs.
    """

    model: str = "flow"
    flow: GeneratorConfig = field(default_factory=GeneratorConfig)
    paper: PaperGeneratorConfig = field(default_factory=PaperGeneratorConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    windows: WindowConfig = field(default_factory=WindowConfig)
    losses: LossWeights = field(default_factory=LossWeights)
    rates: tuple[float, float] = (2.5e-4, 6e-4)
    warm_up: int = 200
    decay_from: float = 1.0
    shares: Mapping[str, float] = field(
        default_factory=lambda: {"grid": 0.2, "portraits": 0.32, "own": 0.16, "lids": 0.12, "synthetic": 0.2}
    )

    @classmethod
    def of(cls, model: str, size: str) -> Recipe:
        """The recipe for a model and a size ("tiny" or "base")."""
        recipe = cls(model=model)
        if model == "paper":
            # It always draws the whole square.
            recipe = replace(
                recipe,
                windows=WindowConfig(pairs=2, windows=0),
                losses=LossWeights(share=0.0, shift=0.0),
            )
        if size == "tiny":
            recipe = replace(
                recipe,
                flow=GeneratorConfig.tiny(),
                paper=PaperGeneratorConfig.tiny(),
                discriminator=DiscriminatorConfig.tiny(),
                windows=replace(WindowConfig.tiny(), windows=min(recipe.windows.windows, 1)),
                losses=replace(recipe.losses, gan_from=4, gan_over=4),
                rates=(2e-3, 2e-3),
                warm_up=4,
            )
        return recipe


def build(recipe: Recipe) -> nn.Module:
    """An untrained generator of the recipe's kind and size."""
    network: nn.Module = Generator(recipe.flow) if recipe.model == "flow" else PaperGenerator(recipe.paper)
    return network.to(memory_format=torch.channels_last)


def start_from(network: nn.Module, recipe: Recipe, weights: Path) -> None:
    """Give an untrained generator exported weights; raises BadInputError where they are of another kind or size."""
    with open_weights(weights, "generator") as file:
        same = (file.facts["model"], file.config) == (recipe.model, asdict(getattr(recipe, recipe.model)))
        if same:
            network.load_state_dict(file.tensors)
    if not same:
        raise BadInputError(
            "start_other_config",
            f"The generator in {weights} is of another kind or size than this run's.",
            "Choose the --model and --size that it was trained with.",
        )


class GeneratorTrainer:
    """Steps of a run.

    Parameters
    ----------
    styles
        The learned representation, or its stand-in.
    perceptual
        L_VGG's distance.
    gaze
        L_gaze's distance; None leaves it out.
    start
        Exported weights that a new run begins with; D is new beside them.
    """

    def __init__(
        self,
        recipe: Recipe,
        source: PairSource,
        styles: StyleNetworks,
        perceptual: PerceptualDistance,
        folder: Path,
        config: RunConfig,
        gaze: GazeDistance | None = None,
        start: Path | None = None,
    ) -> None:
        torch.manual_seed(config.seed)
        modules = {"G": build(recipe), "D": Discriminator(recipe.discriminator)}
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

    def style(self, batch: Mapping[str, Any]) -> Tensor:
        """(B, 224) f_cat of the pairs."""
        sources = (batch["source"] * 255 + 0.5).byte().permute(0, 2, 3, 1).cpu().numpy()
        landmarks = batch["source_landmarks"].cpu().numpy()
        device = self.run.device
        with torch.no_grad():
            identity = [identity_of(self.styles, s, p, device) for s, p in zip(sources, landmarks, strict=True)]
            return style_of(self.styles, torch.cat(identity), batch["channels"].to(device))

    def draw(self, step: int, rng: np.random.Generator) -> dict[str, Any]:
        """The batch of a step: sources, styles and windows, on the device."""
        windows = self.recipe.windows
        batch = self.source.batch(windows.pairs, step, rng)
        recolour(batch, rng)
        batch = prepare(batch)
        if windows.windows:
            style = self.style(batch)
            cut = cut_windows(batch, windows, rng)
            drawn = {**cut, "source": batch["source"], "style": style.repeat_interleave(windows.windows, 0)}
        else:
            drawn = {**batch, "style": self.style(batch), "counts": batch["valid"]}
        return {n: v.to(self.run.device) if isinstance(v, Tensor) else v for n, v in drawn.items()}

    def make(self, network: nn.Module, batch: Mapping[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        """Pictures for a batch, and the terms that keep a correction small."""
        if self.recipe.model == "paper":
            return network(batch["source"], batch["style"]), {}
        correction = correct(network, batch)
        made = correction.apply(batch["warped"])
        return made, {"share": correction.share.mean(), "shift": unevenness(correction.shift)}

    def step(self, step: Step) -> dict[str, float | Tensor]:
        """One step of D (once L_GAN has set in) and one of G."""
        run, weights = self.run, self.recipe.losses
        batch = self.draw(step.index, step.rng)
        for name, peak in zip(("G", "D"), self.recipe.rates, strict=True):
            course = (run.config.steps, peak, self.recipe.warm_up, self.recipe.decay_from)
            step.set_rate(name, warm_up_plateau_cosine(step.index, *course))
        truth, counts = batch["truth"], batch["counts"]
        with step.autocast():
            drawn, small = self.make(run.forward["G"], batch)
        # Where truth and conditions don't agree nobody is to judge: there the truth stands in for what was made.
        made = truth + counts * (drawn.float() - truth)
        level = importance(batch["interest"], weights)
        log: dict[str, float | Tensor] = {}
        terms = {
            "pixels": weights.pixels * weighted_l1(made, truth, level * counts),
            "perceptual": weights.perceptual * self.perceptual(made, truth, level * counts),
            **{name: getattr(weights, name) * value for name, value in small.items()},
        }
        if self.gaze is not None:
            terms["gaze"] = weights.gaze * gaze_difference(self.gaze, made, truth, batch["landmarks"], MARGIN)
        strength = weights.adversarial(step.index)
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
            log["l1_warp"] = weighted_l1(truth + counts * (batch["warped"] - truth), truth, counts)
        return log

    def picture(self, batch: Mapping[str, Any]) -> tuple[Tensor, Tensor | None]:
        """What the averaged weights make of whole squares, 0..1, and the share of the warp that is replaced."""
        network = self.run.averages["G"]
        with torch.autocast(self.run.device.type, torch.bfloat16, enabled=self.run.bfloat16):
            if self.recipe.model == "paper":
                return network(batch["source"], batch["style"]), None
            correction = correct(network, batch)
            return correction.apply(batch["warped"]).clamp(0, 1), correction.share

    def fit(self, sample: Callable[[int], None] | None = None) -> list[dict[str, float]]:
        """Train to the end of the run."""
        return self.run.fit(self.step, sample)


def halves(judgement: Judgement) -> tuple[Judgement, Judgement]:
    """What D found in the first and in the second half of a batch."""
    pairs = [[feature.chunk(2) for feature in scale] for scale in judgement]
    return tuple([[pair[k] for pair in scale] for scale in pairs] for k in (0, 1))  # type: ignore[return-value]


def correct(network: nn.Module, batch: Mapping[str, Tensor]) -> Any:
    """The flow generator's ``Correction`` of a prepared batch; several windows may share a source."""
    names = ("source", "warped", "conditions", "positions", "paintable", "style")
    return network(*(batch[name] for name in names))


def style_networks() -> StyleNetworks:
    """The learned representation, or its stand-in where it has no weights yet."""
    if WEIGHTS.is_file():
        networks = Representation.load()
        return networks.requires_grad_(False)
    print("There are no weights of the representation yet: a stand-in drives the generator.")
    return ProjectedStyle()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    defaults = RunConfig(steps=20000, ema=0.998, save_every=100, sample_every=200)
    for name in ("train", "evaluate", "export"):
        command = commands.add_parser(name)
        command.add_argument("--model", choices=("flow", "paper"), default="flow")
        command.add_argument("--pairs", type=Path, default=FOLDER, help="folder of the reenactment pairs")
        command.add_argument("--limit", type=int, default=120, help="pairs of each set to evaluate on")
        command.add_argument("--vgg", type=Path, help="weights of VGG-19 (safetensors) for L_VGG")
        if name == "train":
            command.add_argument("--start", type=Path, help="exported weights that a new run begins with")
            command.add_argument("--gan-from", type=int, help="step at which D and its losses set in, not the recipe's")
            command.add_argument(
                "--decay-from", type=float, default=Recipe.decay_from, help="part of the steps after which rates fall"
            )
        if name == "export":
            command.add_argument("--blend", type=Path, help="exported weights to mix in")
            command.add_argument("--share", type=float, default=0.15, help="how much of them")
        add_run_arguments(command, Path("runs/generator"), defaults)
    options = parser.parse_args()
    config, recipe = run_config(options, defaults), Recipe.of(options.model, options.size)
    if options.command == "train":
        sets_in = recipe.losses.gan_from if options.gan_from is None else options.gan_from
        recipe = replace(recipe, decay_from=options.decay_from, losses=replace(recipe.losses, gan_from=sets_in))
        perceptual = PerceptualDistance(options.vgg)
        source = PairSource(options.pairs, shares=recipe.shares)
        gaze = GazeDistance(GazeEncoder.load()) if GAZE_WEIGHTS.is_file() else None
        trainer = GeneratorTrainer(
            recipe, source, style_networks(), perceptual, options.run, config, gaze, options.start
        )
        trainer.fit(lambda step: write_sheet(trainer, options.run / "samples" / f"{step:06d}.png"))
    elif options.command == "evaluate":
        from . import image_metrics  # which reads this module

        weights = export(options.run, recipe, options.run / "generator.safetensors")
        named = {"paper" if options.model == "paper" else "generator": weights}
        methods = image_metrics.available(named.get("generator"), named.get("paper"))
        results = image_metrics.evaluate(options.pairs, methods, options.limit, options.vgg)
        (options.run / "evaluation.json").write_text(json.dumps(results, indent=1))
        for made in image_metrics.tables(results, "python -m training.generator evaluate"):
            show(made, None)
    else:
        print(export(options.run, recipe, blend=options.blend, share=options.share))


if __name__ == "__main__":
    main()
