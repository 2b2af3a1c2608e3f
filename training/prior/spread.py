"""Find how far the prior's takes must be led away from the mean so that they move as much as people do.

    python -m training.prior.spread --prior core/weights

A network that was trained for too short a time regresses to the mean where it is unsure, and guidance narrows the rest:
takes of speech move too little. Each feature (both sides of the face together) gets a factor
(``core.prior.guidance.early_gain``). The factors are found in rounds: sample takes of training voices, compare their
variance with that of the voices' own motions, correct the factors. Each take gets the levels of the motion that it is
compared with. Held-out clips are not used. Clips without sound are not used either; their takes are led by a part of
these factors (``UNHEARD``). Nor are GRID's clips: factors that fit the brows and lids of its still talker would move
those of everybody else twice too far. The factors are written into the shards.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from core.places import WEIGHTS
from core.prior.features import FEATURES
from core.prior.model import NonlipPrior
from core.prior.told.levels import measure_levels

from .evaluation import TO_CHOOSE_BY, HeldOut, held_out, prior_sampler
from .export import write
from .motion_metrics import ACTIVE_DEVIATION

SET = f"{TO_CHOOSE_BY}voices"
CLIPS, DRAWS = 20, 4
"""Number of training voices, and of motions drawn for each."""
FIRST_SEED = 500
RATE = 0.12
"""A round corrects factors by the ratio of the variances to this power. With factors 1, 1.1 and 1.2 for all parts the
variance of training takes was 0.63, 1.1 and 1.92 of the clips' variance, so it grows with about the sixth power."""
LEAST, MOST = 0.8, 1.5
TOGETHER: dict[str, tuple[int, ...]] = {
    stem: tuple(i for i, name in enumerate(FEATURES) if name.removesuffix("_L").removesuffix("_R") == stem)
    for stem in dict.fromkeys(name.removesuffix("_L").removesuffix("_R") for name in FEATURES)
    if stem != "blink"
}
"""Features that share a factor: both sides of a face. Blinks always have the same size and need no factor."""


def takes_beside(held: HeldOut, prior: NonlipPrior, seeds: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """``seeds`` takes (T, 25) of each training clip, and the true motions with the same levels to compare them with."""
    motions = {
        (clip.name, FIRST_SEED + k): held.lesson(place, k % held.draws)
        for place, clip in enumerate(held.clips)
        for k in range(seeds)
    }
    sampler = prior_sampler(prior, levels=lambda clip, seed: measure_levels(motions[clip.name, seed]))
    takes = [sampler(clip, FIRST_SEED + k) for clip in held.clips for k in range(seeds)]
    return takes, list(motions.values())


def _variance(motions: Sequence[np.ndarray], columns: tuple[int, ...]) -> float:
    return float(np.mean([motion[:, list(columns)].var(axis=0).sum() for motion in motions]))


def moving(motions: Sequence[np.ndarray]) -> list[str]:
    """The names in ``TOGETHER`` that move in these motions. Features that hardly move give no factor."""
    return [name for name, of in TOGETHER.items() if _variance(motions, of) > len(of) * ACTIVE_DEVIATION**2]


def variance_ratios(held: HeldOut, prior: NonlipPrior, seeds: int) -> dict[str, float]:
    """Variance within takes divided by that within the clips, for each moving name of ``TOGETHER``."""
    takes, real = takes_beside(held, prior, seeds)
    return {name: _variance(takes, TOGETHER[name]) / _variance(real, TOGETHER[name]) for name in moving(real)}


def calibrate(prior: NonlipPrior, held: HeldOut, rounds: int, seeds: int, tell: Callable[[str], None] = print) -> None:
    """Correct ``prior.spread`` in ``rounds`` rounds, towards ratios of 1."""
    for number in range(rounds):
        for name, ratio in variance_ratios(held, prior, seeds).items():
            columns = list(TOGETHER[name])
            prior.spread[columns] = (prior.spread[columns] * ratio**-RATE).clip(LEAST, MOST)
            factor = prior.spread[columns[0]]
            tell(f"round {number + 1}: {name}: variance {ratio:.2f} of the clips', factor {factor:.3f}")


def command(program: str, summary: str) -> argparse.ArgumentParser:
    """The options of a command that calibrates in rounds of takes of training clips."""
    parser = argparse.ArgumentParser(prog=f"training.{program}", description=summary)
    parser.add_argument("--prior", type=Path, default=WEIGHTS, help="folder of the shards, which are written again")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=2)
    return parser


def training_clips(parser: argparse.ArgumentParser, name: str = SET, clips: int = CLIPS, draws: int = DRAWS) -> HeldOut:
    """The clips that such a command compares with. Ends with an error that says what to do if there are none."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    held = held_out(name, clips, draws)
    if not held.clips:
        parser.error(
            f"there are no {name.replace('-', ' ')} clips to compare with: see training/README.md for the data"
        )
    return held


def say(line: str) -> None:
    """Print a line immediately, because a round takes minutes."""
    print(line, flush=True)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = command("prior.spread", (__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--steps", type=int, help="new default number of steps of the sampler; default: that of the shards"
    )
    options = parser.parse_args(arguments)
    prior = NonlipPrior.load(folder=options.prior)
    prior.spread[:] = 1.0
    prior.num_inference_steps = options.steps or prior.num_inference_steps
    calibrate(prior, training_clips(parser), options.rounds, options.seeds, say)
    write(prior, options.prior)


if __name__ == "__main__":
    main()
