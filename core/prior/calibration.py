"""n̂⁰ as the network answers it, weighed against nᵗ itself by what was measured of both.

A network that was trained for a finite time answers too little of what it is unsure of, mistakes nᵗ's noise for fine
motion, and moves still talkers too far; a sampler multiplies that step by step. How far it errs can be measured: on
training motion, n⁰ is fitted by least squares from the answer n̂⁰ and from the disagreement nᵗ / √ᾱ_t − n̂⁰, for each
frequency of a window's motion (cosine transform), each feature, each of some t and each level of liveliness
(``training.prior.calibration``), then raised where takes move less than people do at that frequency
(``training.prior.spectrum``). Here the table is applied. It is the linear part of Karras et al. 2022's
preconditioning (eq. 7), found afterwards and for each frequency, where theirs is set beforehand for all of them.
"""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

from ..motion.channels import FPS
from .features import d_nl
from .kept import Known
from .levels import LEVELS
from .schedule import CosineSchedule

TIMES = (1.0, 0.977, 0.955, 0.914, 0.835, 0.747, 0.646, 0.535, 0.414, 0.296, 0.2, 0.146, 0.079)
"""t / T of the table's entries, about evenly spaced in λ; between them it is interpolated in λ."""
BANDS = (0.0, 0.125, 0.25, 0.44, 0.69, 1.0, 1.44, 2.06, 3.06, 4.94, 9.31)
"""Hz of the table's entries; the first is a window's mean."""
GOES_BY = "head turns"
"""The level that the table goes by: it tells talkers who sit still from all others."""
CENTRES = (-4.0, -2.5, -1.0, 0.0, 1.0, 2.5)
"""Levels of the table's entries; one more, the last, is of talkers of whom nothing is told."""
SHAPE = (len(CENTRES) + 1, len(TIMES), len(BANDS), d_nl)
_FAINTEST = 1e-3
"""Least √ᾱ_t that nᵗ is divided by: at t = T nothing is left of n⁰, and nothing is trusted."""


@functools.lru_cache(maxsize=8)
def cosines(frames: int) -> Tensor:
    """(L, L) the orthonormal cosine transform (DCT-II) of L frames: coefficient k is of k · 12.5 / L Hz."""
    k, n = torch.arange(frames, dtype=torch.float64)[:, None], torch.arange(frames, dtype=torch.float64)
    matrix = torch.cos(math.pi / frames * k * (n + 0.5)) * math.sqrt(2.0 / frames)
    matrix[0] /= math.sqrt(2.0)
    return matrix.float()


def _between(values: Tensor, places: tuple[float, ...] | Tensor) -> Tensor:
    """(…, P) shares that linear interpolation at ``values`` (…) gives the rising ``places`` (P,); the ends go on."""
    places = torch.as_tensor(places, dtype=torch.float32)
    values = values.float().clamp(places[0], places[-1])[..., None]
    rising = (values - places[:-1]) / places.diff()  # (…, P − 1) where between each two
    upper = rising.clamp(0.0, 1.0)
    ones = torch.ones_like(upper[..., :1])
    return torch.cat([ones, upper], dim=-1) - torch.cat([upper, torch.zeros_like(ones)], dim=-1)


def frequency_shares(frames: int) -> Tensor:
    """(L, F) shares of ``BANDS`` in each coefficient of L frames."""
    return _between(torch.arange(frames) * (FPS / 2.0 / frames), BANDS)


def level_shares(levels: Tensor) -> Tensor:
    """(7,) levels → (C + 1,) shares of the table's levels; NaN is "unknown"."""
    unknown = levels.isnan().any().float().cpu()[None]
    told = _between(levels.nan_to_num().cpu()[LEVELS.index(GOES_BY)], CENTRES)
    return torch.cat([told * (1.0 - unknown), unknown])


class Calibration:
    """What is kept of n̂⁰ and how far nᵗ is trusted instead.

    Parameters
    ----------
    keep, trust
        ``SHAPE``: factors of the answer (1: as it is), and of the disagreement (0: none), by level, t, frequency and
        feature.
    """

    def __init__(self, keep: Tensor, trust: Tensor) -> None:
        if tuple(keep.shape) != SHAPE or tuple(trust.shape) != SHAPE:
            raise ValueError(f"keep and trust must be {SHAPE}, not {tuple(keep.shape)} and {tuple(trust.shape)}")
        self.keep, self.trust = keep, trust

    def factors(self, schedule: CosineSchedule, t: int, frames: int, levels: Tensor) -> tuple[Tensor, Tensor]:
        """(L, d) of the answer and of the disagreement at this t, by coefficient of a window of so many frames."""
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
        """(N, L, d) what to add to n̂⁰.

        Parameters
        ----------
        clean, noisy
            (N, L, d) n̂⁰ and nᵗ.
        levels
            (7,) that the network was told; NaN where nothing was.
        given, mask
            (N, L, d) n⁰ and bool, where it is known: there the answer is right and nothing disagrees.
        """
        frames = clean.shape[1]
        keep, trust = (factor.to(clean.device) for factor in self.factors(schedule, t, frames, levels))
        transform = cosines(frames).to(clean.device)
        answer = torch.where(known.mask, known.values, clean)
        disagreement = disagreement_of(schedule, clean, noisy, t).masked_fill(known.mask, 0.0)
        return transform.T @ ((keep - 1.0) * (transform @ answer) + trust * (transform @ disagreement))


def disagreement_of(schedule: CosineSchedule, clean: Tensor, noisy: Tensor, t: int) -> Tensor:
    """nᵗ / √ᾱ_t − n̂⁰."""
    return noisy / max(schedule.alpha(t), _FAINTEST) - clean
