"""Make people, train the neural head on them, write its weights, measure it, and draw it.

python -m training.neural_head people    # truths of people, and with --held-out of those that are measured
python -m training.neural_head train     # or go on training
python -m training.neural_head export    # core/weights/neural_head.safetensors
python -m training.neural_head evaluate  # on held-out people; --results DIR also writes the tables
python -m training.neural_head portraits # the hair of held-out portraits; --results DIR as well
python -m training.neural_head sheet     # turntables of held-out people beside their truth
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from core.head.head_model import HeadModel
from core.neural_head.model import WEIGHTS, NeuralHead

from ..common.engine import add_run_arguments, run_config
from ..common.folders import RUNS, data_folder
from ..common.results_page import add_results_option, show
from ..common.splits import portrait_split
from .evaluation import face_table, hair_table, portrait_table, speed_table
from .people import FOLDER, POINTS, People, make_people, seeds_in
from .sheet import write_sheet
from .train import RUN, TrainConfig, train, trained
from .truth import Truths

FOLDER_OF_RUN = RUNS / "neural_head"


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    COMMANDS[options.command](options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="training.neural_head", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    people = commands.add_parser("people", help="make the truths of people that are missing")
    people.add_argument("--count", type=int, default=420)
    people.add_argument("--held-out", action="store_true", help="people that are only measured")
    people.add_argument("--points", type=int, default=POINTS, help="points on the skin of each")
    learn = commands.add_parser("train", help="train, or go on training")
    add_run_arguments(learn, FOLDER_OF_RUN, RUN)
    export = commands.add_parser("export", help="write the weights")
    export.add_argument("--run", type=Path, default=FOLDER_OF_RUN, help="folder of the run")
    export.add_argument("--size", choices=("tiny", "base"), default="base")
    measure = commands.add_parser("evaluate", help="measure the weights on held-out people")
    measure.add_argument("--people", type=int, default=10, help="how many")
    add_results_option(measure)
    portraits = commands.add_parser("portraits", help="measure the hair of held-out portraits")
    portraits.add_argument("--people", type=int, default=16, help="how many")
    portraits.add_argument("--data", type=Path, default=data_folder(), help="folder of the real data")
    add_results_option(portraits)
    sheet = commands.add_parser("sheet", help="draw held-out people beside their truth")
    sheet.add_argument("--people", type=int, default=6, help="how many")
    sheet.add_argument("--out", type=Path, default=FOLDER_OF_RUN / "sheet.png")
    for command in (people, learn, export, measure, sheet):
        command.add_argument("--folder", type=Path, default=FOLDER, help="folder of the people's truths")
    for command in (export, measure, portraits, sheet):
        command.add_argument("--weights", type=Path, default=WEIGHTS, help="file of the weights")
    for command in (people, export, measure, portraits, sheet):
        command.add_argument("--threads", type=int, default=1)
    return parser


def _people(options: argparse.Namespace) -> None:
    make_people(options.count, options.held_out, options.points, options.folder)


def _train(options: argparse.Namespace) -> None:
    people = People(Truths(HeadModel.load()), seeds_in(options.folder), options.folder)
    train(TrainConfig(size=options.size), run_config(options, RUN), people, options.run)


def _export(options: argparse.Namespace) -> None:
    head = trained(options.run, TrainConfig(size=options.size), HeadModel.load().identity_count)
    head.save(options.weights)
    print(f"{options.weights}: {options.weights.stat().st_size / 1e6:.2f} MB")


def _evaluate(options: argparse.Namespace) -> None:
    head, truths = NeuralHead.load(path=options.weights), Truths(HeadModel.load())
    seeds = seeds_in(options.folder, held_out=True)[: options.people]
    command = "python -m training.neural_head evaluate"
    show(face_table(head, truths, seeds, command), options.results)
    show(hair_table(head, truths, seeds, options.folder, command), options.results)
    show(speed_table(head, truths, command), options.results)


def _portraits(options: argparse.Namespace) -> None:
    photographs = [path for path in sorted(options.data.glob("portraits/*.jpg")) if portrait_split(path.stem) == "test"]
    command = "python -m training.neural_head portraits"
    head = NeuralHead.load(path=options.weights)
    show(portrait_table(head, HeadModel.load(), photographs[: options.people], command), options.results)


def _sheet(options: argparse.Namespace) -> None:
    head, truths = NeuralHead.load(path=options.weights), Truths(HeadModel.load())
    seeds = seeds_in(options.folder, held_out=True)[: options.people]
    write_sheet(head, truths, seeds, options.folder, options.out)


COMMANDS = {
    "people": _people,
    "train": _train,
    "export": _export,
    "evaluate": _evaluate,
    "portraits": _portraits,
    "sheet": _sheet,
}

if __name__ == "__main__":
    main()
