"""Train and export the diffusion prior P_a2nl.

    python -m training.prior train --size base --steps 2000 --run runs/prior
    python -m training.prior train --size base --steps 4000 --run runs/prior        # goes on from the checkpoint
    python -m training.prior train --start core/weights --decay-from 0 --run runs/prior_on   # starts from the shipped
    python -m training.prior train --size small --without-velocity --run runs/prior_small_without_velocity
    python -m training.prior export --run runs/prior

Calibration, distillation, the baseline and the evaluation have commands of their own: ``training.prior.calibration``,
``.spread``, ``.spectrum``, ``.distil``, ``.autoregressive`` and ``.evaluate``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from core.places import WEIGHTS

from ..common.engine import add_run_arguments, run_config
from ..common.folders import RUNS
from .batches import SIZES, add_mix_argument
from .data import load_clips
from .export import export
from .train import RUN, TrainConfig, train


def main(arguments: list[str] | None = None) -> None:
    """Command line: ``train``, ``export``."""
    options = _parser().parse_args(arguments)
    if options.command == "export":
        export(options.run, options.steps, options.guidance_scale, options.out)
        return
    config = TrainConfig(
        batch=options.batch,
        shares=options.shares,
        size=options.size,
        learning_rate=options.learning_rate,
        decay_from=options.decay_from,
        snr_cap=options.snr_cap,
        still_cap=options.still_cap,
        listening_weight=options.listening_weight,
        velocity_weight=0.0 if options.without_velocity else TrainConfig.velocity_weight,
        editing=not options.without_editing,
        learned=options.learned,
        levels=not options.without_levels,
    )
    clips = load_clips("train")
    print({name: f"{sum(c.frames for c in source) / 1500:.1f} min" for name, source in clips.items()}, flush=True)
    train(config, run_config(options, RUN), clips, options.run, options.start)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="training.prior", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    trainer = commands.add_parser("train", help="train, or go on training, in a run folder")
    add_run_arguments(trainer, RUNS / "prior", RUN, SIZES)
    trainer.add_argument("--start", type=Path, help="folder of exported weights that a new run begins with")
    trainer.add_argument(
        "--decay-from",
        type=float,
        default=TrainConfig.decay_from,
        help="part of the steps after which the learning rate falls",
    )
    trainer.add_argument("--batch", type=int, default=TrainConfig.batch)
    trainer.add_argument("--learning-rate", type=float, default=TrainConfig.learning_rate)
    add_mix_argument(trainer)
    trainer.add_argument(
        "--snr-cap", type=float, default=TrainConfig.snr_cap, help="largest additional weight of clean nᵗ"
    )
    trainer.add_argument(
        "--still-cap", type=float, default=TrainConfig.still_cap, help="largest weight of errors of still talkers"
    )
    trainer.add_argument(
        "--listening-weight",
        type=float,
        default=TrainConfig.listening_weight,
        help="weight of the loss on hearing accents and pauses",
    )
    trainer.add_argument("--without-velocity", action="store_true", help="without L_vel, as in the paper's ablation")
    trainer.add_argument("--without-editing", action="store_true", help="show nothing of n⁰ in training")
    trainer.add_argument("--learned", action="store_true", help="diffuse f_nl of the representation, not the channels")
    trainer.add_argument("--without-levels", action="store_true", help="do not give the talker's liveliness")
    exporter = commands.add_parser("export", help="write core/weights/prior-* or learned_prior-* from a run")
    exporter.add_argument("--run", type=Path, default=RUNS / "prior")
    exporter.add_argument("--out", type=Path, default=WEIGHTS, help="folder of the shards")
    exporter.add_argument("--steps", type=int, default=10, help="default number of steps of the sampler")
    exporter.add_argument("--guidance-scale", type=float, default=1.0)
    return parser


if __name__ == "__main__":
    main()
