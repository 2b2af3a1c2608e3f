"""Train SadTalker's networks: ``python -m training.sadtalker posevae``."""

from __future__ import annotations

import argparse

from core.errors import SoliloquyError

from ..common.engine import add_run_arguments, run_config
from ..common.folders import RUNS
from .pose_vae import RUN, TrainConfig, train
from .poses import PoseSampler, recordings


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="training.sadtalker", description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    trainer = commands.add_parser("posevae", help="train PoseVAE, or go on training, in a run folder")
    add_run_arguments(trainer, RUNS / "pose_vae", RUN)
    options = parser.parse_args(arguments)
    config = TrainConfig(size=options.size)
    found = recordings("train")
    if not found:
        raise SoliloquyError(
            "tracks_missing",
            "There are no tracks of filmed talkers.",
            "Make them with `python -m training.tracking grid`, `talkers`, `addresses` and `obama`.",
        )
    train(config, run_config(options, RUN), PoseSampler(found, config.shape(1).frames), options.run)


if __name__ == "__main__":
    main()
