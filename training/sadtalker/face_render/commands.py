"""The commands of the face render.

python -m training.sadtalker keypoints --run runs/keypoints [--side 128]        stage 1
python -m training.sadtalker mapping --keypoints runs/keypoints [--side 128]    stage 2, over a run of stage 1
python -m training.sadtalker keypoints-evaluate --keypoints runs/keypoints [--mapping runs/mapping]
python -m training.sadtalker keypoints-export --keypoints runs/keypoints --mapping runs/mapping
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from core.errors import SoliloquyError
from core.head.head_model import HeadModel
from core.keypoints.weights import WEIGHTS

from ...common.engine import CHECKPOINT, RunConfig, add_run_arguments, run_config
from ...common.folders import RUNS
from ...corpus.pairs.dataset import ReenactmentPairs
from ...corpus.pairs.pair import FOLDER
from ...generator.perceptual import PerceptualDistance
from . import keypoints, mapping
from .data import SHARES, FaceMaker, FaceSource
from .evaluate import evaluate
from .keypoints import KeypointsTrainer, RenderRecipe
from .mapping import MappingTrainer, export
from .sheet import sheet, write

COMMANDS = ("keypoints", "mapping", "keypoints-evaluate", "keypoints-export")


def add(commands: Any) -> None:
    """Add the commands to the subparsers of ``training.sadtalker``."""
    helps = (
        "stage 1 of the face render: keypoints and drawing",
        "stage 2 of the face render: MappingNet",
        "PSNR of the face render on held-out people",
        "write the weights that the product reads",
    )
    for name, text in zip(COMMANDS, helps, strict=True):
        command = commands.add_parser(name, help=text)
        command.add_argument("--side", type=int, help="side of the pictures, a multiple of 16")
        if name != "keypoints":
            command.add_argument("--keypoints", type=Path, default=RUNS / "keypoints", help="run of stage 1")
        if name == "keypoints-export":
            command.add_argument("--mapping", type=Path, default=RUNS / "mapping", help="run of stage 2")
            command.add_argument("--size", choices=("tiny", "base"), default="base")
            command.add_argument("--to", type=Path, default=WEIGHTS, help="file to write")
            continue
        command.add_argument("--pairs", type=Path, default=FOLDER, help="folder of the reenactment pairs")
        if name == "keypoints-evaluate":
            command.add_argument("--mapping", type=Path, help="run of stage 2, if it is to be measured")
            command.add_argument("--size", choices=("tiny", "base"), default="base")
            command.add_argument("--limit", type=int, default=40, help="pairs of each set")
            continue
        command.add_argument("--vgg", type=Path, help="weights of VGG-19 (safetensors) or HED's VGG-16 (h5) for L_VGG")
        add_run_arguments(command, RUNS / name, mapping.RUN if name == "mapping" else keypoints.RUN)


def run(options: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    recipe = RenderRecipe.of(options.size, options.side)
    if options.command == "keypoints-export":
        print(export(recipe, _finished(options.keypoints), _finished(options.mapping), options.to))
        return
    maker = FaceMaker(HeadModel.load(), recipe.network.side, recipe.network.radius)
    if options.command == "keypoints-evaluate":
        second = None if options.mapping is None else _finished(options.mapping)
        config = keypoints.RUN if second is None else mapping.RUN
        trainer = _trainer(recipe, (_finished(options.keypoints), second), config)
        results = evaluate(trainer.picture, maker, options.pairs, options.limit)
        print(json.dumps({"step": trainer.run.step, "side": maker.side} | dict(results), indent=1))
        return
    source = FaceSource(maker, ReenactmentPairs.open(options.pairs, "train", tuple(SHARES)))
    first = options.command == "keypoints"
    folders = (options.run, None) if first else (_finished(options.keypoints), options.run)
    config = run_config(options, keypoints.RUN if first else mapping.RUN)
    trainer = _trainer(recipe, folders, config, source, options.vgg)
    shown = ReenactmentPairs.open(options.pairs, "validation", tuple(SHARES))

    def sample(step: int) -> None:
        write(options.run / "samples" / f"{step:06d}.png", sheet(trainer.picture, maker, shown))

    trainer.fit(sample)


def _finished(run: Path) -> Path:
    """The folder of a run. Raises SoliloquyError ``run_missing`` if it has no checkpoint."""
    if not (run / CHECKPOINT).is_file():
        raise SoliloquyError(
            "run_missing",
            f"There is no trained network in {run}.",
            "Train with `python -m training.sadtalker keypoints`, then `mapping`.",
        )
    return run


def _trainer(
    recipe: RenderRecipe,
    folders: tuple[Path, Path | None],
    config: RunConfig,
    source: FaceSource | None = None,
    vgg: Path | None = None,
) -> KeypointsTrainer | MappingTrainer:
    """The trainer of stage 1 in the first folder, or of stage 2 in the second one over it. Without a ``source`` it only
    draws."""
    first, second = folders
    perceptual = PerceptualDistance(vgg)
    if second is None:
        return KeypointsTrainer(recipe, source, perceptual, first, config)
    return MappingTrainer(recipe, source, perceptual, first, second, config)
