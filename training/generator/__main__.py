"""Train, measure and export the generators G.

python -m training.generator train    --run runs/generator [--model flow|paper] [--steps N] [--start WEIGHTS]
python -m training.generator evaluate --run runs/generator          (tables of training.generator.image_metrics)
python -m training.generator export   --run runs/generator
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, fields, replace
from pathlib import Path

from ..common.engine import add_run_arguments, run_config
from ..common.folders import RUNS
from ..common.results_page import show
from ..corpus.pairs.pair import FOLDER
from . import image_metrics
from .data import PairSource
from .export import export
from .gaze import WEIGHTS as GAZE_WEIGHTS
from .gaze import GazeDistance, GazeEncoder
from .losses import LossWeights
from .perceptual import PerceptualDistance
from .recipe import Recipe, style_networks
from .sheet import write_sheet
from .train import RUN, GeneratorTrainer


def main() -> None:
    """Command line."""
    options = _parser().parse_args()
    recipe = Recipe.of(options.model, options.size)
    if options.command == "train":
        train(options, recipe)
    elif options.command == "evaluate":
        weights = export(options.run, recipe, options.run / "generator.safetensors")
        named = {"paper" if options.model == "paper" else "generator": weights}
        methods = image_metrics.available([named["generator"]] if "generator" in named else [], named.get("paper"))
        results = image_metrics.evaluate(options.pairs, methods, options.limit, options.vgg)
        (options.run / "evaluation.json").write_text(json.dumps(asdict(results), indent=1))
        for made in image_metrics.tables(results, "python -m training.generator evaluate"):
            show(made, None)
    else:
        print(export(options.run, recipe, options.to, options.blend, options.share))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="training.generator", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("train", "evaluate", "export"):
        command = commands.add_parser(name)
        command.add_argument("--model", choices=("flow", "paper"), default="flow")
        command.add_argument("--pairs", type=Path, default=FOLDER, help="folder of the reenactment pairs")
        command.add_argument("--limit", type=int, default=120, help="pairs of each set to evaluate on")
        command.add_argument(
            "--vgg", type=Path, help="weights of VGG-19 (safetensors) or of HED's VGG-16 (h5) for L_VGG"
        )
        if name == "train":
            command.add_argument("--start", type=Path, help="exported weights that a new run begins with")
            command.add_argument("--gan-from", type=int, help="step at which D and its losses set in")
            command.add_argument(
                "--loss", action="append", default=[], type=loss_weight, metavar="NAME=WEIGHT", help="weight of a loss"
            )
            command.add_argument(
                "--decay-from", type=float, default=Recipe.decay_from, help="part of the steps after which rates fall"
            )
        if name == "export":
            command.add_argument("--blend", type=Path, help="exported weights to mix in")
            command.add_argument("--to", type=Path, help="file to write; else the place that the product reads")
            command.add_argument("--share", type=float, default=0.15, help="share of the weights to mix in")
        add_run_arguments(command, RUNS / "generator", RUN)
    return parser


def loss_weight(text: str) -> tuple[str, float]:
    """Name and weight of a loss from ``NAME=WEIGHT``; raises ArgumentTypeError."""
    name, _, value = text.partition("=")
    names = [field.name for field in fields(LossWeights)]
    try:
        if name in names:
            return name, float(value)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text}: give NAME=WEIGHT with one of {', '.join(names)}")


def train(options: argparse.Namespace, recipe: Recipe) -> None:
    """Train, or go on training, in the folder of a run."""
    gan_from = recipe.losses.gan_from if options.gan_from is None else options.gan_from
    losses = replace(recipe.losses, gan_from=gan_from, **dict(options.loss))
    recipe = replace(recipe, decay_from=options.decay_from, losses=losses)
    trainer = GeneratorTrainer(
        recipe,
        PairSource(options.pairs, shares=recipe.shares),
        style_networks(),
        PerceptualDistance(options.vgg),
        options.run,
        run_config(options, RUN),
        GazeDistance(GazeEncoder.load()) if GAZE_WEIGHTS.is_file() else None,
        options.start,
    )
    trainer.fit(lambda step: write_sheet(trainer, options.run / "samples" / f"{step:06d}.png"))


if __name__ == "__main__":
    main()
