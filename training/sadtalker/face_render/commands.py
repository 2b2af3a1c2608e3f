"""The commands of the face render.

python -m training.sadtalker keypoints --run runs/keypoints [--side 128]        stage 1
python -m training.sadtalker mapping --keypoints runs/keypoints [--side 128]    stage 2, over a run of stage 1
python -m training.sadtalker direct --run runs/direct [--side 128]              without keypoints, to compare with
python -m training.sadtalker keypoints-evaluate [--keypoints RUN --mapping RUN --direct RUN] [--results DIR]
python -m training.sadtalker keypoints-export --keypoints runs/keypoints --mapping runs/mapping
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from core.errors import SoliloquyError
from core.head.head_model import HeadModel
from core.keypoints.weights import WEIGHTS

from ...common.engine import CHECKPOINT, RunConfig, add_run_arguments, run_config
from ...common.folders import RUNS
from ...common.results_page import add_results_option, command_line, show
from ...corpus.pairs.dataset import ReenactmentPairs
from ...corpus.pairs.pair import FOLDER
from ...generator.perceptual import PerceptualDistance
from . import keypoints, mapping
from .batches import SHARES, FaceSource
from .data import FaceMaker
from .direct import DirectTrainer
from .evaluate import face_render_tables, method
from .keypoints import KeypointsTrainer
from .mapping import MappingTrainer, export
from .recipe import RenderRecipe
from .sheet import sheet, write
from .trainer import FaceTrainer

KEYPOINTS, MAPPING, DIRECT = RUNS / "keypoints", RUNS / "mapping", RUNS / "direct"
"""Folders of the runs."""
TRAINERS = {
    "keypoints": ("stage 1 of the face render: keypoints and drawing", KEYPOINTS, keypoints.RUN),
    "mapping": ("stage 2 of the face render: MappingNet", MAPPING, mapping.RUN),
    "direct": ("the face render without keypoints, to compare with", DIRECT, keypoints.RUN),
}
COMMANDS = (*TRAINERS, "keypoints-evaluate", "keypoints-export")


def add(commands: Any) -> None:
    """Add the commands to the subparsers of ``training.sadtalker``."""
    trainers = {name: commands.add_parser(name, help=text) for name, (text, _, _) in TRAINERS.items()}
    measure = commands.add_parser("keypoints-evaluate", help="the face render against true frames of held-out people")
    finish = commands.add_parser("keypoints-export", help="write the weights that the product reads")
    for command in (*trainers.values(), measure, finish):
        command.add_argument("--side", type=int, help="side of the pictures, a multiple of 64")
    for command in (*trainers.values(), measure):
        command.add_argument("--pairs", type=Path, default=FOLDER, help="folder of the reenactment pairs")
        command.add_argument("--vgg", type=Path, help="weights of VGG-19 (safetensors) or HED's VGG-16 (h5) for L_VGG")
    for name, command in trainers.items():
        add_run_arguments(command, *TRAINERS[name][1:])
    trainers["mapping"].add_argument("--keypoints", type=Path, default=KEYPOINTS, help="run of stage 1")
    for command in (measure, finish):
        command.add_argument("--keypoints", type=Path, default=KEYPOINTS, help="run of stage 1")
        command.add_argument("--mapping", type=Path, default=MAPPING, help="run of stage 2")
        command.add_argument("--size", choices=("tiny", "base"), default="base")
    measure.add_argument("--direct", type=Path, help="run without keypoints, if it is to be measured too")
    measure.add_argument("--limit", type=int, default=1000, help="largest number of pairs in each set")
    measure.add_argument("--sets", choices=("test", "validation"), default="test")
    add_results_option(measure)
    finish.add_argument("--to", type=Path, default=WEIGHTS, help="file to write")


def run(options: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    recipe = RenderRecipe.of(options.size, options.side)
    if options.command == "keypoints-export":
        print(export(recipe, _finished(options.keypoints), _finished(options.mapping), options.to))
        return
    maker = FaceMaker(HeadModel.load(), recipe.network.side, recipe.network.radius)
    if options.command == "keypoints-evaluate":
        _evaluate(options, recipe, maker)
        return
    source = FaceSource(maker, ReenactmentPairs.open(options.pairs, "train", tuple(SHARES)))
    config = run_config(options, TRAINERS[options.command][2])
    perceptual = PerceptualDistance(options.vgg)
    trainer: FaceTrainer
    if options.command == "keypoints":
        trainer = KeypointsTrainer(recipe, source, perceptual, options.run, config)
    elif options.command == "mapping":
        trainer = MappingTrainer(recipe, source, perceptual, _finished(options.keypoints), options.run, config)
    else:
        trainer = DirectTrainer(recipe, source, perceptual, options.run, config)
    shown = ReenactmentPairs.open(options.pairs, "validation", tuple(SHARES))

    def sample(step: int) -> None:
        write(options.run / "samples" / f"{step:06d}.png", sheet(trainer.picture, maker, shown))

    trainer.fit(sample)


def _evaluate(options: argparse.Namespace, recipe: RenderRecipe, maker: FaceMaker) -> None:
    """Measure stage 1, which sees the true expression, stage 2, which is told coefficients, and perhaps the run without
    keypoints."""
    perceptual, first, second = PerceptualDistance(), _finished(options.keypoints), _finished(options.mapping)
    trainers: dict[str, FaceTrainer] = {
        "stage 1": KeypointsTrainer(recipe, None, perceptual, first, RunConfig(steps=1)),
        "keypoints": MappingTrainer(recipe, None, perceptual, first, second, RunConfig(steps=1)),
    }
    if options.direct is not None:
        trainers["direct"] = DirectTrainer(recipe, None, perceptual, _finished(options.direct), RunConfig(steps=1))
    methods = {name: method(trainer.picture, maker) for name, trainer in trainers.items()}
    command = command_line("training.sadtalker", sys.argv[1:])
    for table in face_render_tables(methods, options.pairs, options.limit, options.vgg, options.sets, command):
        show(table, options.results)


def _finished(run: Path) -> Path:
    """The folder of a run. Raises SoliloquyError ``run_missing`` if it has no checkpoint."""
    if not (run / CHECKPOINT).is_file():
        raise SoliloquyError(
            "run_missing",
            f"There is no trained network in {run}.",
            "Train it with `python -m training.sadtalker keypoints`, `mapping` or `direct`.",
        )
    return run
