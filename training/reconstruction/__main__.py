"""Train, export and evaluate R: ``python -m training.reconstruction train|export|evaluate``."""

from __future__ import annotations

import argparse
from pathlib import Path

from core.face.reconstruction import Reconstruction, ReconstructionConfig

from ..common.engine import add_run_arguments, run_config
from ..common.folders import RECONSTRUCTION, RUNS, data_folder
from ..common.results_page import add_results_option, show
from .evaluation import evaluate, table
from .train import RUN, Recipe, Sources, export, train


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="training.reconstruction", description=__doc__)
    parser.add_argument("command", choices=("train", "export", "evaluate"))
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument(
        "--weights", type=Path, default=RECONSTRUCTION, help="file that export writes and evaluate reads"
    )
    add_results_option(parser)
    add_run_arguments(parser, RUNS / "reconstruction", RUN)
    options = parser.parse_args()
    tiny = options.size == "tiny"
    network = ReconstructionConfig.tiny() if tiny else ReconstructionConfig()
    recipe = Recipe.tiny() if tiny else Recipe()
    if options.command == "train":
        train(options.run, run_config(options, RUN), network, recipe, Sources(recipe, options.data))
    elif options.command == "export":
        export(options.run, network, options.weights)
    else:
        show(table(evaluate(Reconstruction.load(options.weights), options.data)), options.results)


if __name__ == "__main__":
    main()
