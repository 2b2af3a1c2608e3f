"""Train SadTalker's motion networks, write them into one file, and measure them.

python -m training.sadtalker posevae     # head motion
python -m training.sadtalker reader      # which phones a mouth says, for a loss of expnet
python -m training.sadtalker expnet      # expressions
python -m training.sadtalker export      # core/weights/sadtalker.safetensors
python -m training.sadtalker evaluate    # both on held-out people; --results DIR also writes the tables
python -m training.sadtalker ablations   # expnet without parts of it
python -m training.sadtalker one-network # one network in the place of both, to compare with
python -m training.sadtalker keypoints   # the face render; then mapping, keypoints-evaluate, keypoints-export
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from core.errors import SoliloquyError
from core.head.head_model import HeadModel
from core.sadtalker.model import WEIGHTS, SadTalkerMotion
from core.sound.lips import LipModel

from ..common.engine import CHECKPOINT, add_run_arguments, run_config
from ..common.folders import RUNS, data_folder, require_tracks
from ..common.results_page import add_results_option, show
from ..lips.data import filmed_utterances
from ..lips.mouth_geometry import MouthGeometry
from . import expression, one_network, pose_vae, reader
from .ablations import VARIANTS, ablation_table
from .clips import Clip, filmed_clips, voice_clips
from .expression_evaluation import HeldOut, control, filmed_opening, mouth_table, shown_mouth
from .face_render import commands as face_render
from .pose_evaluation import pose_table
from .poses import PoseSampler, recordings

READER, EXPRESSION, POSE = RUNS / "lip_reader", RUNS / "exp_net", RUNS / "pose_vae"
"""Folders of the runs."""


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(getattr(options, "threads", 1))
    COMMANDS[options.command](options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="training.sadtalker", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    trainers = {
        "posevae": ("train PoseVAE, or go on training", POSE, pose_vae.RUN),
        "reader": ("train the lip reader, or go on training", READER, reader.RUN),
        "expnet": ("train ExpNet, or go on training", EXPRESSION, expression.RUN),
        "ablations": ("train ExpNet without parts of it, and compare", RUNS / "exp_net_ablations", expression.RUN),
        "one-network": ("train one network in the place of both, and compare", RUNS / "one_network", expression.RUN),
    }
    for name, (what, folder, defaults) in trainers.items():
        trainer = commands.add_parser(name, help=what)
        add_run_arguments(trainer, folder, defaults)
        if name in ("expnet", "ablations", "one-network"):
            trainer.add_argument("--data", type=Path, default=data_folder())
            trainer.add_argument("--reader", type=Path, default=READER, help="folder of the lip reader's run")
        if name in ("ablations", "one-network"):
            add_results_option(trainer)
        if name == "one-network":
            trainer.add_argument("--expnet", type=Path, default=EXPRESSION, help="folder of ExpNet's run")
            trainer.add_argument("--posevae", type=Path, default=POSE, help="folder of PoseVAE's run")
        if name == "expnet":
            trainer.add_argument("--variant", choices=tuple(VARIANTS), default="whole", help="an ablation to train")
    export = commands.add_parser("export", help="write both networks into one file")
    export.add_argument("--expnet", type=Path, default=EXPRESSION, help="folder of ExpNet's run")
    export.add_argument("--posevae", type=Path, default=POSE, help="folder of PoseVAE's run")
    export.add_argument("--size", choices=("tiny", "base"), default="base")
    export.add_argument("--weights", type=Path, default=WEIGHTS, help="file that is written")
    measure = commands.add_parser("evaluate", help="measure the networks on held-out people")
    measure.add_argument("--weights", type=Path, default=WEIGHTS, help="file that is measured")
    add_results_option(measure)
    face_render.add(commands)
    return parser


def _train_pose(options: argparse.Namespace) -> None:
    config = pose_vae.TrainConfig(size=options.size)
    found = recordings("train")
    require_tracks(found)
    sampler = PoseSampler(found, config.shape(1).frames)
    pose_vae.train(config, run_config(options, pose_vae.RUN), sampler, options.run)


def _train_reader(options: argparse.Namespace) -> None:
    lips = LipModel.load()
    config = reader.ReaderConfig(size=options.size)
    reader.train_reader(config, run_config(options, reader.RUN), _filmed(lips), options.run)
    trained = reader.load_reader(options.run, options.size)
    for part in ("test", "validation"):
        if held_out := filmed_clips(part, lips):
            print(f"phones read right, {part} ({len(held_out)} clips): {reader.read_in(trained, held_out):.3f}")


def _train_expression(options: argparse.Namespace) -> None:
    config = replace(VARIANTS[options.variant], size=options.size)
    taught = _reader(options) if config.losses.reading > 0.0 else None
    clips = _clips(options.data, LipModel.load())
    expression.train(config, run_config(options, expression.RUN), clips, taught, options.run)


def _ablations(options: argparse.Namespace) -> None:
    taught, lips = _reader(options), LipModel.load()
    clips = _clips(options.data, lips)
    networks = {}
    for name, variant in VARIANTS.items():
        config = replace(variant, size=options.size)
        used = taught if config.losses.reading > 0.0 else None
        folder = options.run / name.replace(" ", "-")
        expression.train(config, run_config(options, expression.RUN), clips, used, folder)
        networks[name] = expression.trained(folder, config), config
    command = "python -m training.sadtalker ablations"
    show(ablation_table(HeldOut(lips, ("validation",)), networks, command), options.results)


def _one_network(options: argparse.Namespace) -> None:
    config, lips = expression.TrainConfig(size=options.size), LipModel.load()
    clips, taught = _clips(options.data, lips), _reader(options)
    settings = run_config(options, expression.RUN)
    one = one_network.train_both(config, settings, clips, one_network.with_poses(clips), taught, options.run)
    styles = pose_vae.styles_of(options.posevae)
    pose = pose_vae.trained(options.posevae, pose_vae.TrainConfig(size=options.size), styles)
    heads = one_network.with_poses(filmed_clips("validation", lips))
    made = {
        "one network": (one.face.network, {h.clip.name: [[one_network.head_of(one, h.clip)]] for h in heads}),
        "ExpNet and PoseVAE": (
            expression.trained(options.expnet, config),
            {h.clip.name: one_network.heads_of(pose, h) for h in heads},
        ),
    }
    command = "python -m training.sadtalker one-network"
    show(one_network.one_network_table(HeldOut(lips, ("validation",)), heads, made, command), options.results)


def _export(options: argparse.Namespace) -> None:
    config = expression.TrainConfig(size=options.size)
    network = expression.trained(options.expnet, config)
    lips = LipModel.load()
    clips, openings = filmed_clips("validation", lips), filmed_utterances("validation")
    geometry = MouthGeometry.of(HeadModel.load())
    gain = expression.calibrate(network, clips, [filmed_opening(clip) for clip in openings], geometry)
    styles = pose_vae.styles_of(options.posevae)
    pose = pose_vae.trained(options.posevae, pose_vae.TrainConfig(size=options.size), styles)
    SadTalkerMotion(network, pose, styles).save(options.weights)
    print(
        f"{options.weights}: {options.weights.stat().st_size / 1e6:.2f} MB, gain {gain:.2f}, styles {', '.join(styles)}"
    )


def _evaluate(options: argparse.Namespace) -> None:
    motion, lips = SadTalkerMotion.load(path=options.weights), LipModel.load()
    command = "python -m training.sadtalker evaluate"
    models = {"ExpNet": shown_mouth(motion.expression), "the lip model that ships": lips.predict}
    show(mouth_table(HeldOut(lips, ("test", "validation")), models, command), options.results)
    filmed = [*recordings("test"), *recordings("validation")]
    show(pose_table(motion.pose, motion.styles, filmed, command), options.results)
    for name, value in control(motion.expression).items():
        print(f"{name}: {value:.4f}")


def _filmed(lips: LipModel) -> list[Clip]:
    clips = filmed_clips("train", lips)
    require_tracks(clips)
    return clips


def _clips(data: Path, lips: LipModel) -> list[Clip]:
    """What ExpNet is trained on: filmed talkers, and voices."""
    return [*_filmed(lips), *voice_clips(data, lips)]


def _reader(options: argparse.Namespace) -> reader.Reader:
    if not (options.reader / CHECKPOINT).exists():
        raise SoliloquyError(
            "reader_missing", "There is no lip reader.", "Make it with `python -m training.sadtalker reader`."
        )
    return reader.load_reader(options.reader, options.size)


COMMANDS = {
    "posevae": _train_pose,
    "reader": _train_reader,
    "expnet": _train_expression,
    "ablations": _ablations,
    "one-network": _one_network,
    "export": _export,
    "evaluate": _evaluate,
    **dict.fromkeys(face_render.COMMANDS, face_render.run),
}

if __name__ == "__main__":
    main()
