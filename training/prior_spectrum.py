"""Find how far each frequency of the prior's takes has to be raised to be as strong as in people.

    python -m training.prior_spectrum --prior core/weights

Least squares (``prior_calibration``) answers with what is likeliest, and wherever the network is unsure that moves less
than people do, fast motion above all. So the table's entries of each frequency and feature, both sides of the face
together, are multiplied by a factor, at all t, found in rounds: sample takes of training voices, compare the power of
their motion with that of the clips', correct. A window's mean, frequencies that heads don't have
(``core.prior.steady``) and blinks stay as they are, and so do the entries of talkers who sit still: raised by the
training clips of the one who is filmed they moved another by half too far. The table is written into the shards;
whoever calibrates anew has to find the factors anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import scipy.fft
import torch

from core.prior.calibration import BANDS, CENTRES, Calibration, frequency_shares
from core.prior.features import d_nl
from core.prior.model import NonlipPrior
from core.prior.steady import CUT
from core.prior.styling import STILL

from .prior_evaluation import HeldOut
from .prior_export import write
from .prior_spread import TOGETHER, command, moving, say, takes_beside, training_voices

ENTRIES = tuple(place for place in range(len(CENTRES) + 1) if place == len(CENTRES) or CENTRES[place] > STILL)
"""The table's entries, by level, that are raised: of talkers who move, and of one of whom nothing is told."""
RATE = 0.15
"""Power of the spectra's ratio that a round corrects by: less than its root, since steps of a sampler compound."""
LEAST, MOST = 0.7, 1.8


def power(motions: Sequence[np.ndarray]) -> np.ndarray:
    """(F, 25) mean power of motions (T_i, 25) by the table's frequencies; that of their means is left out."""
    total = np.zeros((len(BANDS), d_nl))
    for motion in motions:
        spectrum = scipy.fft.dct(motion.astype(np.float64), axis=0, norm="ortho") ** 2 / len(motion)
        spectrum[0] = 0.0
        total += frequency_shares(len(motion)).double().numpy().T @ spectrum
    return total / len(motions)


def power_ratios(held: HeldOut, prior: NonlipPrior, seeds: int) -> dict[str, np.ndarray]:
    """(F,) power of takes over that of the clips themselves, of each of ``TOGETHER`` that moves in these."""
    takes, real = takes_beside(held, prior, seeds)
    ours, theirs = power(takes), power(real)
    columns = {name: list(TOGETHER[name]) for name in moving(real)}
    return {
        name: ours[:, of].sum(axis=1) / np.maximum(theirs[:, of].sum(axis=1), 1e-12) for name, of in columns.items()
    }


def raised(calibration: Calibration, factors: np.ndarray) -> Calibration:
    """The table with (F, 25) factors on ``ENTRIES``, at all t."""
    keep, trust = calibration.keep.clone(), calibration.trust.clone()
    for table in (keep, trust):
        table[list(ENTRIES)] *= torch.from_numpy(factors).float()
    return Calibration(keep, trust)


def calibrate(
    prior: NonlipPrior,
    held: HeldOut,
    rounds: int,
    seeds: int,
    tell: Callable[[str], None] = print,
) -> None:
    """Raise a calibrated prior's table in so many rounds, towards ratios of 1."""
    before = prior.calibration
    if before is None:
        raise ValueError("the prior has to be calibrated first: python -m training.prior_calibration")
    chosen = [place for place, band in enumerate(BANDS) if 0.0 < band < CUT]
    factors = np.ones((len(BANDS), d_nl))
    for number in range(rounds):
        ratios = power_ratios(held, prior, seeds)
        for name, ratio in ratios.items():
            place = np.ix_(chosen, TOGETHER[name])
            factors[place] = (factors[place] * ratio[chosen, None] ** -RATE).clip(LEAST, MOST)
        prior.calibration = raised(before, factors)
        middle = np.median([ratio[chosen] for ratio in ratios.values()], axis=0)
        shown = ", ".join(f"{BANDS[place]:g} Hz {value:.2f}" for place, value in zip(chosen, middle, strict=True))
        tell(f"round {number + 1}: power over the clips': {shown}")


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = command("prior_spectrum", (__doc__ or "").splitlines()[0])
    options = parser.parse_args(arguments)
    prior = NonlipPrior.load(folder=options.prior)
    if prior.calibration is None:
        parser.error(f"{options.prior} isn't calibrated yet: run python -m training.prior_calibration first")
    calibrate(prior, training_voices(parser), options.rounds, options.seeds, say)
    write(prior, options.prior)


if __name__ == "__main__":
    main()
