"""Train, export and evaluate the lip model.

python -m training.speech.phones && python -m training.speech.synthesis && python -m training.tracking grid
python -m training.lips train                 # goes on from the checkpoint if there is one
python -m training.lips finish                # the mouth, from what the trained E_a hears
python -m training.lips export
python -m training.lips evaluate
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from core.head.head_model import HeadModel
from core.motion.channels import LIP_CHANNELS
from core.sound.lips import WEIGHTS, LipModel

from ..common.engine import add_run_arguments, run_config
from ..common.folders import RUNS, data_folder
from ..common.results_page import add_results_option, show
from .data import filmed_utterances
from .evaluation import evaluate, table
from .mouth_geometry import MouthGeometry
from .seen import Sight
from .train import FINISH, RUN, TrainConfig, averaged_model, calibrate, finishing, load_corpus, train


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="training.lips", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("train", "finish", "export", "evaluate"))
    add_run_arguments(parser, RUNS / "lips", replace(RUN, steps=0))
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="file that export writes and evaluate reads")
    add_results_option(parser)
    options = parser.parse_args()
    config = TrainConfig(size=options.size)
    torch.set_num_threads(options.threads)
    sight = Sight(options.data) if config.losses.contrast > 0.0 else None
    if options.command == "train":
        options.steps = options.steps or RUN.steps
        train(config, run_config(options, RUN), load_corpus(options.data, sight), options.run)
    elif options.command == "finish":
        options.steps = options.steps or FINISH.steps
        corpus = load_corpus(options.data)
        train(finishing(config), run_config(options, FINISH), corpus, options.run / "finish", options.run)
    elif options.command == "export":
        model = averaged_model(options.run / "finish", finishing(config))
        calibrate(model, filmed_utterances("validation"), MouthGeometry.of(HeadModel.load()))
        model.save(options.weights)
        print(f"{options.weights}: {options.weights.stat().st_size / 1e6:.1f} MB, {len(LIP_CHANNELS)} channels")
    else:
        show(table(evaluate(LipModel.load(path=options.weights), options.data)), options.results)


if __name__ == "__main__":
    main()
