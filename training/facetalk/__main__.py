"""Train FaceTalk's diffusion decoder, write it into a file, and measure it.

python -m training.facetalk diffusion  # trains, or goes on training
python -m training.facetalk export     # core/weights/facetalk.safetensors
python -m training.facetalk evaluate   # on held-out people; --results DIR also writes the tables
python -m training.facetalk ablations  # equal runs without parts of it
python -m training.facetalk landmarks  # trains the landmark-driven decoder, or goes on training
python -m training.facetalk readings   # readers of films side by side
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from core.facetalk.expression_code import ExpressionCode
from core.facetalk.model import WEIGHTS, FaceTalkMotion
from core.head.head_model import HeadModel
from core.sadtalker.model import SadTalkerMotion
from core.sound.lips import LipModel

from ..common.engine import RunConfig, add_run_arguments, run_config
from ..common.folders import RUNS, data_folder, require_tracks
from ..common.results_page import add_results_option, show
from ..sadtalker.expression_evaluation import HeldOut, shown_mouth
from . import diffusion
from .ablations import VARIANTS, ablation_table
from .code_fit import CodeFitSettings, read_codes
from .data import Recording, filmed, mouth_at_rest, voices
from .evaluation import mouth_table, mouths, product, spread_table, takes_of
from .film import films
from .landmarks import LandmarkWindows, read_landmarks, watched
from .readings import Read, reading_table
from .windows import WindowSampler

DECODER = RUNS / "facetalk"
"""Folder of the decoder's run."""
WATCHER = RUNS / "facetalk_landmarks"
"""Folder of the landmark-driven decoder's run."""
WATCHING = diffusion.TrainConfig(watches=True, voices=0.7)
_LANDMARKS = RunConfig(steps=1_000, ema=0.998, save_every=200)
_ABLATIONS = RunConfig(steps=400, ema=0.98, save_every=200)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(getattr(options, "threads", 1))
    COMMANDS[options.command](options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="training.facetalk", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    trainer = commands.add_parser("diffusion", help="train the decoder, or go on training")
    add_run_arguments(trainer, DECODER, diffusion.RUN)
    without = commands.add_parser("ablations", help="train equal runs without parts of it, and compare")
    add_run_arguments(without, RUNS / "facetalk_ablations", _ABLATIONS)
    watcher = commands.add_parser("landmarks", help="train the landmark-driven decoder, or go on training")
    add_run_arguments(watcher, WATCHER, _LANDMARKS)
    without.add_argument("--seeds", type=int, default=2, help="trainings of each variant; the first has --seed")
    for command in (trainer, without, watcher):
        command.add_argument("--data", type=Path, default=data_folder())
    export = commands.add_parser("export", help="write the decoder into its file")
    export.add_argument("--run", type=Path, default=DECODER, help="folder of the run")
    export.add_argument("--size", choices=("tiny", "base"), default="base")
    export.add_argument("--weights", type=Path, default=WEIGHTS, help="file that is written")
    measure = commands.add_parser("evaluate", help="measure the decoder on held-out people")
    measure.add_argument("--weights", type=Path, default=WEIGHTS, help="file that is measured")
    readers = commands.add_parser("readings", help="compare readers of films")
    readers.add_argument("--run", type=Path, default=WATCHER, help="folder of the landmark-driven decoder's run")
    for command in (measure, without, readers):
        add_results_option(command)
    return parser


def _recordings(options: argparse.Namespace) -> list[Recording]:
    """What the decoder is trained on: filmed talkers, and voices."""
    lips = LipModel.load()
    found = filmed("train", lips)
    require_tracks(found)
    return [*found, *voices(options.data, lips)]


def _train(config: diffusion.TrainConfig, settings: RunConfig, recordings: Sequence[Recording], folder: Path) -> None:
    code = ExpressionCode.of(HeadModel.load())
    sampler = WindowSampler(recordings, code, config.shape().window, config.voices, config.hidden, config.scaled)
    diffusion.train(config, settings, sampler, folder)


def _motion(folder: Path, config: diffusion.TrainConfig) -> FaceTalkMotion:
    """The decoder of a run, ready to make takes."""
    lesson = diffusion.trained(folder, config)
    rest = torch.from_numpy(mouth_at_rest(filmed("train", LipModel.load())))
    return FaceTalkMotion(lesson.network, lesson.mean, lesson.deviation, rest, ExpressionCode.of(HeadModel.load()))


def _diffusion(options: argparse.Namespace) -> None:
    config = diffusion.TrainConfig(size=options.size)
    _train(config, run_config(options, diffusion.RUN), _recordings(options), options.run)


def _landmarks(options: argparse.Namespace) -> None:
    found = watched()
    require_tracks(found)
    recordings = [*found, *voices(options.data, LipModel.load())]
    config = replace(WATCHING, size=options.size)
    code = ExpressionCode.of(HeadModel.load())
    sampler = LandmarkWindows(recordings, code, config.shape().window, config.voices, config.hidden, config.scaled)
    diffusion.train(config, run_config(options, _LANDMARKS), sampler, options.run)


def _ablations(options: argparse.Namespace) -> None:
    recordings = _recordings(options)
    trained: dict[int, dict[str, FaceTalkMotion]] = {}
    for seed in range(options.seed, options.seed + options.seeds):
        settings = replace(run_config(options, _ABLATIONS), seed=seed)
        trained[seed] = {}
        for name, variant in VARIANTS.items():
            config = replace(variant, size=options.size)
            folder = options.run / f"seed-{seed}" / name.replace(" ", "-")
            _train(config, settings, recordings, folder)
            trained[seed][name] = _motion(folder, config)
    command = "python -m training.facetalk ablations"
    held_out = HeldOut(LipModel.load(), ("validation",))
    show(ablation_table(held_out, trained, command, options.steps), options.results)


def _export(options: argparse.Namespace) -> None:
    motion = _motion(options.run, diffusion.TrainConfig(size=options.size))
    motion.save(options.weights)
    print(f"{options.weights}: {options.weights.stat().st_size / 1e6:.2f} MB")


def _evaluate(options: argparse.Namespace) -> None:
    motion, lips = FaceTalkMotion.load(path=options.weights), LipModel.load()
    command = "python -m training.facetalk evaluate"
    held_out = HeldOut(lips, ("validation",))
    takes = {name: takes_of(held_out, name, product(motion)) for name in held_out.sets}
    others = {"ExpNet": shown_mouth(SadTalkerMotion.load().expression), "the lip model that ships": lips.predict}
    made = {"FaceTalk": {name: mouths(held_out, name, takes[name]) for name in held_out.sets}}
    made |= {model: {name: held_out.mouths(name, mouth) for name in held_out.sets} for model, mouth in others.items()}
    show(mouth_table(held_out, made, command), options.results)
    show(spread_table({name: list(of_set.values()) for name, of_set in takes.items()}, command), options.results)


def _readings(options: argparse.Namespace) -> None:
    code, found = ExpressionCode.of(HeadModel.load()), list(films("validation"))
    require_tracks(found)
    decoder = _motion(options.run, WATCHING)
    readers: dict[str, Read] = {
        "the product's reading": lambda film: film.channels,
        "z_ex, frame by frame": lambda film: read_codes(film, code, CodeFitSettings(temporal=0.0)),
        "z_ex, sliding windows": lambda film: read_codes(film, code, CodeFitSettings()),
        "landmark-driven decoder": lambda film: read_landmarks(decoder, film),
    }
    show(reading_table(found, readers, code, "python -m training.facetalk readings"), options.results)


COMMANDS = {
    "diffusion": _diffusion,
    "export": _export,
    "evaluate": _evaluate,
    "ablations": _ablations,
    "landmarks": _landmarks,
    "readings": _readings,
}

if __name__ == "__main__":
    main()
