"""Train the representation: ``python -m training.representation COMMAND``.

The commands in order: prepare, pretrain, contrastive, curves, disentangle, export, evaluate. Each stage starts from the
averaged weights of the previous stage, in its own folder under ``--run``. ``disentangle --as-paper`` and the ablations
``--without-ol`` and ``--without-banks`` have their own folders too; only the paper's Table 4 needs them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from core.face.reconstruction import Reconstruction
from core.representation.model import WEIGHTS, Representation
from core.sound.lips import LipModel

from ..common.engine import RunConfig, add_run_arguments, run_config
from ..common.folders import RECONSTRUCTION, RUNS, data_folder
from .prepare import prepare
from .probes import evaluate
from .train import SHARES, STAGES, TrainConfig, Variant, export, open_sets, train


def main() -> None:
    """Command line."""
    options = _parser().parse_args()
    torch.set_num_threads(options.threads)
    config = TrainConfig.tiny() if options.size == "tiny" else TrainConfig()
    variant = Variant(options.without_ol, options.without_banks, options.as_paper)
    config, last = variant.recipe(config), variant.folder(options.run)
    if options.command == "prepare":
        for name in options.sets:
            prepare(name, options.data)
    elif options.command == "export":
        export(last, config, LipModel.load(), options.weights)
    elif options.command == "evaluate":
        evaluate(Representation.load(path=options.weights), LipModel.load(), options.run / "evaluation.json")
    else:
        run_stage(options, config, variant)


def run_stage(options: argparse.Namespace, config: TrainConfig, variant: Variant) -> None:
    """Train the stage ``options.command`` and print the last line of the log."""
    stage, lips = options.command, LipModel.load()
    options.steps = options.steps or config.stage(stage).steps
    before = STAGES.index(stage) - 1
    lines = train(
        stage,
        config,
        run_config(options, RunConfig(0, sample_every=200)),
        variant.folder(options.run) if stage == "disentangle" else options.run / stage,
        options.start or (options.run / STAGES[before] if before >= 0 else None),
        open_sets(lips, config.representation.encoders.side),
        lips,
        Representation.load(path=options.keep) if options.keep else None,
        None if options.from_scratch or options.size == "tiny" else Reconstruction.load(RECONSTRUCTION),
        Variant().folder(options.run) if stage == "disentangle" and variant.as_paper else None,
    )
    print({name: round(value, 4) for name, value in lines[-1].items()} if lines else "nothing left to do")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="training.representation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("prepare", *STAGES, "export", "evaluate"))
    parser.add_argument("sets", nargs="*", default=list(SHARES), help="for prepare: grid, portraits, synthetic")
    add_run_arguments(parser, RUNS / "representation", RunConfig(0))
    parser.set_defaults(steps=None)
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--without-ol", action="store_true", help="ablation: no L_ol")
    parser.add_argument("--without-banks", action="store_true", help="ablation: correlations over one step")
    parser.add_argument("--as-paper", action="store_true", help="f_nl learns only from painted pictures and L_ol")
    parser.add_argument("--start", type=Path, help="folder of the run to start from; default: the previous stage")
    parser.add_argument("--from-scratch", action="store_true", help="pretrain E_v without starting from R")
    parser.add_argument("--keep", type=Path, help="weights whose f_id and features of curves are kept unchanged")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="file that export writes and evaluate reads")
    return parser


if __name__ == "__main__":
    main()
