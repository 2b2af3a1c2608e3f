"""Weigh the network's answer n̂⁰ against nᵗ itself, by a table of measured errors.

A network that was trained for a finite time predicts too little motion where it is unsure, mistakes noise in nᵗ for
fine motion, and moves still talkers too far. A sampler multiplies these errors step by step. They can be measured: on
training motion, n⁰ is fitted by least squares from the answer n̂⁰ and from the disagreement nᵗ / √ᾱ_t − n̂⁰. There is
one fit for each frequency of a window's motion (cosine transform), each feature, several t and each level of liveliness
(``training.prior.calibration``). Then the table is raised where takes move less than people do at that frequency
(``training.prior.spectrum``). This module applies the table.

It is the linear part of the preconditioning of Karras et al. 2022 (eq. 7). Theirs is set before training and is the
same for all frequencies; this one is found after training, for each frequency.
"""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

from ..motion.channels import FPS
from .features import d_nl
from .kept import Known
from .schedule import CosineSchedule
from .told.levels import LEVELS

TIMES = (1.0, 0.977, 0.955, 0.914, 0.835, 0.747, 0.646, 0.535, 0.414, 0.296, 0.2, 0.146, 0.079)
"""t / T of the table's entries, about evenly spaced in λ. Values between them are interpolated in λ."""
BANDS = (0.0, 0.125, 0.25, 0.44, 0.69, 1.0, 1.44, 2.06, 3.06, 4.94, 9.31)
"""Frequencies of the table's entries in Hz. The first is the mean of a window."""
GOES_BY = "head turns"
"""The level that selects from the table: it separates talkers who sit still from all others."""
CENTRES = (-4.0, -2.5, -1.0, 0.0, 1.0, 2.5)
"""Levels of the table's entries. One more entry, the last, is for talkers whose level is unknown."""
SHAPE = (len(CENTRES) + 1, len(TIMES), len(BANDS), d_nl)
_FAINTEST = 1e-3
"""Smallest √ᾱ_t that nᵗ is divided by. At t = T nothing is left of n⁰, and nᵗ is not trusted."""


@functools.lru_cache(maxsize=8)
def cosines(frames: int) -> Tensor:
    """(L, L) the orthonormal cosine transform (DCT-II) of L frames. Coefficient k has k · 12.5 / L Hz."""
    k, n = torch.arange(frames, dtype=torch.float64)[:, None], torch.arange(frames, dtype=torch.float64)
    matrix = torch.cos(math.pi / frames * k * (n + 0.5)) * math.sqrt(2.0 / frames)
    matrix[0] /= math.sqrt(2.0)
    return matrix.float()


def _between(values: Tensor, places: tuple[float, ...] | Tensor) -> Tensor:
    """(…, P) weights of linear interpolation at ``values`` (…) between the rising ``places`` (P,).

    Values outside the places get the entry at that end.
    """
    places = torch.as_tensor(places, dtype=torch.float32)
    values = values.float().clamp(places[0], places[-1])[..., None]
    rising = (values - places[:-1]) / places.diff()  # (…, P − 1) position between each two
    upper = rising.clamp(0.0, 1.0)
    ones = torch.ones_like(upper[..., :1])
    return torch.cat([ones, upper], dim=-1) - torch.cat([upper, torch.zeros_like(ones)], dim=-1)


def frequency_shares(frames: int) -> Tensor:
    """(L, F) weights of ``BANDS`` for each coefficient of L frames."""
    return _between(torch.arange(frames) * (FPS / 2.0 / frames), BANDS)


def level_shares(levels: Tensor) -> Tensor:
    """(7,) levels → (C + 1,) weights of the table's levels. A NaN means "unknown"."""
    unknown = levels.isnan().any().float().cpu()[None]
    shares = _between(levels.nan_to_num().cpu()[LEVELS.index(GOES_BY)], CENTRES)
    return torch.cat([shares * (1.0 - unknown), unknown])


class Calibration:
    """The table: how much of n̂⁰ is kept, and how far nᵗ is trusted.

    Parameters
    ----------
    keep, trust
        ``SHAPE``: factors of the answer (1 leaves it unchanged) and of the disagreement (0 ignores it), by level, t,
        frequency and feature.

    Raises
    ------
    ValueError
        If a table has another shape.
    """

    def __init__(self, keep: Tensor, trust: Tensor) -> None:
        if tuple(keep.shape) != SHAPE or tuple(trust.shape) != SHAPE:
            raise ValueError(f"keep and trust must be {SHAPE}, not {tuple(keep.shape)} and {tuple(trust.shape)}")
        self.keep, self.trust = keep, trust

    def factors(self, schedule: CosineSchedule, t: int, frames: int, levels: Tensor) -> tuple[Tensor, Tensor]:
        """(L, d) factors of the answer and of the disagreement at this t, for each coefficient of L frames."""
        times = torch.tensor([schedule.lambda_(max(1, round(share * schedule.steps))) for share in TIMES])
        at = _between(torch.tensor(schedule.lambda_(t)), times)
        shares, bands = level_shares(levels), frequency_shares(frames)
        keep, trust = (
            bands @ torch.einsum("p,cpfd,c->fd", at, table.cpu(), shares) for table in (self.keep, self.trust)
        )
        return keep, trust

    def correction(
        self,
        schedule: CosineSchedule,
        clean: Tensor,
        noisy: Tensor,
        t: int,
        levels: Tensor,
        known: Known,
    ) -> Tensor:
        """(N, L, d) the correction that is added to n̂⁰.

        Parameters
        ----------
        clean, noisy
            (N, L, d) n̂⁰ and nᵗ.
        t
            1 … T.
        levels
            (7,) levels that the network was given; NaN means unknown.
        known
            What is known of n⁰. There the answer is taken as right, and the disagreement as 0.
        """
        frames = clean.shape[1]
        keep, trust = (factor.to(clean.device) for factor in self.factors(schedule, t, frames, levels))
        transform = cosines(frames).to(clean.device)
        answer = torch.where(known.mask, known.values, clean)
        disagreement = disagreement_of(schedule, clean, noisy, t).masked_fill(known.mask, 0.0)
        return transform.T @ ((keep - 1.0) * (transform @ answer) + trust * (transform @ disagreement))


def disagreement_of(schedule: CosineSchedule, clean: Tensor, noisy: Tensor, t: int) -> Tensor:
    """nᵗ / √ᾱ_t − n̂⁰ of the same shape."""
    return noisy / max(schedule.alpha(t), _FAINTEST) - clean
