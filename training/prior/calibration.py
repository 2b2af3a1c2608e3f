"""Measure how to combine the prior's prediction with nᵗ: ``python -m training.prior.calibration``.

    python -m training.prior.calibration --prior core/weights

Uses batches as in training, without known parts of n⁰. n⁰ is fitted by least squares from the network's prediction n̂⁰
and from its disagreement with nᵗ, nᵗ / √ᾱ_t − n̂⁰. There is one fit for each t, frequency, feature and level of
liveliness of ``core.prior.calibration``. Held-out clips are not used. The table is written into the shards.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.places import WEIGHTS
from core.prior.calibration import (
    BANDS,
    CENTRES,
    GOES_BY,
    SHAPE,
    TIMES,
    Calibration,
    cosines,
    disagreement_of,
    frequency_shares,
)
from core.prior.denoiser import EXACT_UP_TO, predict_clean
from core.prior.model import NonlipPrior
from core.prior.told.levels import LEVELS

from .batches import Batch, BatchSource, MixConfig, add_mix_argument, conditions
from .data import load_clips
from .export import write

REACH = 0.5
"""Windows count for an entry of the table by a Gaussian of their levels with this standard deviation. It is narrow: the
fast motion of tracked cheeks has thousands of times the power of synthetic cheeks, and even a hundredth of it would be
too much."""
RIDGE = 1e-3
"""Strength with which the fit is drawn towards the unchanged prediction, relative to the power of n⁰. It decides where
the prediction has no power and thus gives no information about its factor."""
MOST = 3.0
"""Largest factor on a prediction."""


def level_weights(levels: Tensor) -> Tensor:
    """Levels (B, 7) → (B, C + 1) weight of each window for each entry. A window with unknown levels counts for the last
    entry."""
    unknown = levels.isnan().any(dim=1)
    distance = levels.nan_to_num()[:, LEVELS.index(GOES_BY), None] - torch.tensor(CENTRES)  # (B, C)
    told = torch.exp(-0.5 * (distance / REACH).square())
    return torch.cat([told * ~unknown[:, None], unknown[:, None].float()], dim=1)


class Moments:
    """Sums of products over windows, for one t, from which the factors are solved."""

    def __init__(self) -> None:
        size = (SHAPE[0], *SHAPE[2:])
        self.answer, self.disagreement, self.both = torch.zeros(size), torch.zeros(size), torch.zeros(size)
        self.missing_answer, self.missing_disagreement = torch.zeros(size), torch.zeros(size)
        self.truth = torch.zeros(size)

    def add(self, truth: Tensor, answer: Tensor, disagreement: Tensor, levels: Tensor) -> None:
        """Add windows (B, L, d) of n⁰, n̂⁰ and the disagreement, with their levels (B, 7)."""
        frames = truth.shape[1]
        bands, weights = frequency_shares(frames), level_weights(levels)
        truth, answer, disagreement = (cosines(frames) @ windows for windows in (truth, answer, disagreement))
        missing = truth - answer
        for total, first, second in (
            (self.answer, answer, answer),
            (self.disagreement, disagreement, disagreement),
            (self.both, answer, disagreement),
            (self.missing_answer, answer, missing),
            (self.missing_disagreement, disagreement, missing),
            (self.truth, truth, truth),
        ):
            total += torch.einsum("kf,bkd,bc->cfd", bands, first * second, weights)

    def solve(self, trusted: bool) -> tuple[Tensor, Tensor]:
        """(C + 1, F, d) factors of the prediction and of the disagreement. The latter are 0 if not ``trusted``."""
        pull = RIDGE * self.truth + 1e-9
        answer, disagreement, both = self.answer + pull, self.disagreement + pull, self.both
        if trusted:
            determinant = answer * disagreement - both.square()
            more = (self.missing_answer * disagreement - self.missing_disagreement * both) / determinant
            trust = (self.missing_disagreement * answer - self.missing_answer * both) / determinant
        else:
            more, trust = self.missing_answer / answer, torch.zeros_like(answer)
        return (1.0 + more).clamp(0.0, MOST), trust.clamp(0.0, 1.0)


@torch.inference_mode()
def calibrate(prior: NonlipPrior, batches: Sequence[Batch], seed: int = 0) -> Calibration:
    """The table for a prior, from batches of training windows."""
    schedule, noise = prior.schedule, torch.Generator().manual_seed(seed)
    keep, trust = torch.ones(SHAPE), torch.zeros(SHAPE)
    for place, share in enumerate(TIMES):
        t = max(1, round(share * schedule.steps))
        network = prior.coarse if t > EXACT_UP_TO * schedule.steps else prior.network  # as in sampling
        moments = Moments()
        for batch in batches:
            audio = conditions(network, batch).float()
            noisy = schedule.alpha(t) * batch.clean
            noisy = noisy + schedule.sigma(t) * torch.randn(batch.clean.shape, generator=noise)
            nothing = torch.zeros_like(batch.clean)
            times = torch.full((len(batch.clean),), t)
            answer = predict_clean(network, schedule, noisy, times, audio, nothing, nothing.bool())
            moments.add(batch.clean, answer, disagreement_of(schedule, answer, noisy, t), batch.levels)
        keep[:, place], trust[:, place] = moments.solve(trusted=share < 1.0)
    return Calibration(keep, trust)


def in_words(calibration: Calibration) -> str:
    """A summary for typical talkers: for each t the factors on slow motion (below 0.7 Hz) and on fast motion (above
    3 Hz)."""
    typical = CENTRES.index(0.0)
    slow, fast = slice(0, BANDS.index(0.69)), slice(BANDS.index(3.06), None)
    return "; ".join(
        f"t/T {share:g}: slow × {calibration.keep[typical, i, slow].mean():.2f}, "
        f"fast × {calibration.keep[typical, i, fast].mean():.2f}"
        for i, share in enumerate(TIMES)
    )


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="training.prior.calibration", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--prior", type=Path, default=WEIGHTS, help="folder of the shards, which are written again")
    parser.add_argument("--batches", type=int, default=60, help="number of batches, each of 16 windows")
    parser.add_argument("--seed", type=int, default=0)
    add_mix_argument(parser)
    options = parser.parse_args(arguments)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    prior = NonlipPrior.load(folder=options.prior)
    mix = MixConfig(shares=options.shares)
    source = BatchSource(load_clips("train"), mix, prior.network.config.window, prior.mean, prior.deviation)
    batches = [source.batch(np.random.default_rng([options.seed, 71, i])) for i in range(options.batches)]
    prior.calibration = calibrate(prior, batches, options.seed)
    print(in_words(prior.calibration), flush=True)
    write(prior, options.prior)


if __name__ == "__main__":
    main()
