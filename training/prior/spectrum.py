"""Find how much each frequency of the prior's takes must be raised to be as strong as in people.

    python -m training.prior.spectrum --prior core/weights
    python -m training.prior.spectrum --prior core/weights --still --rounds 12

Least squares (``training.prior.calibration``) predicts the mean of the possible motions. Where the network is unsure
this mean moves less than people do, above all in fast motion. So the table's entries of each frequency and feature
(both sides of the face together) are multiplied by a factor at all t. The factors are found in rounds: sample takes of
training clips, compare the power of their motion with that of the clips, correct the factors. A window's mean,
frequencies that heads don't have (``core.prior.steady``) and blinks are not changed.

The factors for talkers who move come from training voices. Those for talkers who sit still (``--still``) come from the
training clips of the one filmed talker, and only follow the shape of his spectrum: fast motion is raised, and slow
motion is lowered until the feature's total power is unchanged. Raised to his full power they moved another talker by
half too far. The table is written into the shards. After a new calibration the factors must be found again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.fft
import torch

from core.prior.calibration import BANDS, CENTRES, Calibration, frequency_shares
from core.prior.features import d_nl
from core.prior.guidance import STILL
from core.prior.model import NonlipPrior
from core.prior.steady import CUT

from .evaluation import TO_CHOOSE_BY, HeldOut
from .export import write
from .spread import CLIPS, DRAWS, SET, TOGETHER, command, moving, say, takes_beside, training_clips

RATE = 0.15
"""A round corrects factors by the ratio of the spectra to this power. It is below 0.5, because the effects of the
sampler's steps multiply."""
LEAST, MOST = 0.7, 1.8


@dataclass(frozen=True)
class Talkers:
    """Talkers whose entries of the table are corrected, and the clips that the corrections come from.

    Attributes
    ----------
    clips
        Name, size and draws of the set (``training.prior.evaluation.held_out``).
    entries
        Places in the table, by level.
    lowest
        Power is matched to the clips from this frequency on, Hz.
    keeps_power
        Whether slower motion is lowered so that the total power of each feature does not change.
    """

    clips: tuple[str, int, int]
    entries: tuple[int, ...]
    lowest: float
    keeps_power: bool


_SITTING = tuple(place for place, centre in enumerate(CENTRES) if centre <= STILL)
SITTING = Talkers((f"{TO_CHOOSE_BY}grid", 40, 1), _SITTING, lowest=1.0, keeps_power=True)
"""Talkers who sit still. Their clips last three seconds, which is too short to measure slow motion."""
MOVING = Talkers(
    (SET, CLIPS, DRAWS),
    tuple(place for place in range(len(CENTRES) + 1) if place not in _SITTING),
    lowest=min(band for band in BANDS if band > 0.0),
    keeps_power=False,
)
"""Talkers who move, and talkers with unknown levels, whose entry is the last."""


def power(motions: Sequence[np.ndarray]) -> np.ndarray:
    """(F, 25) mean power of motions (T_i, 25) at the table's frequencies, without the power of their means."""
    total = np.zeros((len(BANDS), d_nl))
    for motion in motions:
        spectrum = scipy.fft.dct(motion.astype(np.float64), axis=0, norm="ortho") ** 2 / len(motion)
        spectrum[0] = 0.0
        total += frequency_shares(len(motion)).double().numpy().T @ spectrum
    return total / len(motions)


def powers(held: HeldOut, prior: NonlipPrior, seeds: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """(F,) power of takes and (F,) power of the clips, for each moving name of ``TOGETHER``."""
    takes, real = takes_beside(held, prior, seeds)
    ours, theirs = power(takes), power(real)
    return {
        name: (ours[:, list(TOGETHER[name])].sum(axis=1), theirs[:, list(TOGETHER[name])].sum(axis=1))
        for name in moving(real)
    }


def raised(calibration: Calibration, factors: np.ndarray, entries: Sequence[int]) -> Calibration:
    """The table with these entries multiplied by factors (F, 25) at all t."""
    keep, trust = calibration.keep.clone(), calibration.trust.clone()
    for table in (keep, trust):
        table[list(entries)] *= torch.from_numpy(factors).float()
    return Calibration(keep, trust)


def calibrate(
    prior: NonlipPrior,
    held: HeldOut,
    rounds: int,
    seeds: int,
    talkers: Talkers = MOVING,
    tell: Callable[[str], None] = print,
) -> None:
    """Correct a calibrated prior's table in ``rounds`` rounds, towards the power of the clips."""
    before = prior.calibration
    if before is None:
        raise ValueError("the prior must be calibrated first: python -m training.prior.calibration")
    fast = [place for place, band in enumerate(BANDS) if talkers.lowest <= band < CUT]
    slow = [place for place, band in enumerate(BANDS) if 0.0 < band < talkers.lowest]
    factors = np.ones((len(BANDS), d_nl))
    at_first: dict[str, float] = {}
    for number in range(rounds):
        ratios, wholes = [], []
        for name, (ours, theirs) in powers(held, prior, seeds).items():
            ratios.append(ours[fast] / np.maximum(theirs[fast], 1e-12))
            place = np.ix_(fast, TOGETHER[name])
            factors[place] = (factors[place] * ratios[-1][:, None] ** -RATE).clip(LEAST, MOST)
            if talkers.keeps_power:
                now = ours[slow].sum()
                room = at_first.setdefault(name, ours.sum()) - (ours.sum() - now)
                wholes.append(ours.sum() / max(at_first[name], 1e-12))
                place = np.ix_(slow, TOGETHER[name])
                factors[place] = (factors[place] * (now / max(room, 1e-12)) ** -RATE).clip(LEAST, 1.0)
        prior.calibration = raised(before, factors, talkers.entries)
        middle = np.median(ratios, axis=0)
        shown = ", ".join(f"{BANDS[place]:g} Hz {value:.2f}" for place, value in zip(fast, middle, strict=True))
        kept = f"; total power relative to before: {np.mean(wholes):.3f}" if wholes else ""
        tell(f"round {number + 1}: power relative to the clips: {shown}{kept}")


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = command("prior.spectrum", (__doc__ or "").splitlines()[0])
    parser.add_argument("--still", action="store_true", help="correct talkers who sit still instead of those who move")
    options = parser.parse_args(arguments)
    prior = NonlipPrior.load(folder=options.prior)
    if prior.calibration is None:
        parser.error(f"{options.prior} is not calibrated yet: run python -m training.prior.calibration first")
    talkers = SITTING if options.still else MOVING
    calibrate(prior, training_clips(parser, *talkers.clips), options.rounds, options.seeds, talkers, say)
    write(prior, options.prior)


if __name__ == "__main__":
    main()
