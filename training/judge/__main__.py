"""Train, export and evaluate the judge of lip sync: ``python -m training.judge train``, ``export``, ``evaluate``."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from ..common.engine import add_run_arguments, run_config
from ..common.folders import RUNS
from .data import load
from .model import WEIGHTS, Judge
from .train import BASE_RUN, evaluate, export, sizes, train


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="training.judge", description=__doc__)
    parser.add_argument("action", choices=("train", "export", "evaluate"))
    add_run_arguments(parser, RUNS / "judge", BASE_RUN)
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="file that export writes and evaluate reads")
    options = parser.parse_args()
    run, configs = run_config(options, BASE_RUN), sizes(options.size)
    if options.action == "train":
        train(options.run, run, configs, (load("real", "train"), load("rendered", "train")))
    elif options.action == "export":
        export(options.run, run, configs[0], options.weights)
    else:
        torch.set_num_threads(run.threads)
        evaluate(Judge.load(options.weights), options.run / "evaluation.json")


if __name__ == "__main__":
    main()
