"""What is done to the network's answer n̂⁰ in each step: guidance, calibration, and a lead away from the mean."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from .calibration import Calibration
from .kept import Known
from .schedule import CosineSchedule
from .told.levels import LEVELS

STILL = -2.5
"""Level of the head's turns (0.3 of the typical swing) at which a talker counts as still."""
UNHEARD = 0.2
"""Fraction of the trained lead factors that is applied to takes without audio. On eight training addresses, head
variance relative to the truth was 0.89 at 0, 0.98 at 0.2 and 1.05 at 0.35, where SND grew from 0.48 to 0.54."""


@dataclass(frozen=True, eq=False)
class Guidance:
    """How the network's answers are turned into the n̂⁰ that a sampler receives.

    Attributes
    ----------
    scale
        s in s·P(n | audio) + (1 − s)·P(n | ∅) (eq. 10).
    levels
        (7,) how lively the talker is (``core.prior.told.levels``); NaN means unknown.
    calibration
        Weighs n̂⁰ against nᵗ. None if it was not measured for the network.
    gain
        (d,) factors of n̂⁰ in the early steps, those with t > T / 3. Above 1 a sample is led away from the mean of all
        motion, below 1 towards it: a guidance whose weak model is that mean. The later steps turn the result into
        plausible motion again. None means 1.
    """

    scale: float = 1.0
    levels: Tensor = field(default_factory=lambda: torch.full((len(LEVELS),), torch.nan))
    calibration: Calibration | None = None
    gain: Tensor | None = None

    def lead(self, clean: Tensor, noisy: Tensor, t: int, schedule: CosineSchedule, known: Known) -> Tensor:
        """(N, L, d) n̂⁰, weighed against nᵗ and led away from the mean, except next to known entries.

        Parameters
        ----------
        clean, noisy
            (N, L, d) n̂⁰ and nᵗ.
        t
            1 … T, the same for all takes.
        known
            What is known of n⁰ in the window.
        """
        if self.calibration is not None:
            clean = clean + known.away * self.calibration.correction(schedule, clean, noisy, t, self.levels, known)
        if self.gain is not None and 3 * t > schedule.steps:
            clean = clean * (1.0 + (self.gain - 1.0) * known.away)
        return clean


def spread_for(spread: np.ndarray, levels: np.ndarray, heard: float = 1.0) -> np.ndarray:
    """(d,) the trained lead factors as they apply to one talker.

    The factors were found on speech of talkers who move. A talker who is to sit nearly still is not led away from
    stillness: the factors are 1 at level ``STILL`` and below, and ``spread`` from the typical talker on. A take without
    audio is led by ``UNHEARD`` of that, because guidance has not narrowed it.

    Parameters
    ----------
    spread
        (d,) the weights' own factors.
    levels
        (7,) levels of the talker. If one is NaN, the talker counts as typical.
    heard
        0 for a take without audio (the empty condition) … 1 for a take that follows the audio.
    """
    turns = 0.0 if np.isnan(levels).any() else float(levels[LEVELS.index("head turns")])
    moves = min(max(1.0 - turns / STILL, 0.0), 1.0) * (UNHEARD + (1.0 - UNHEARD) * min(max(heard, 0.0), 1.0))
    return (1.0 + moves * (spread - 1.0)).astype(np.float32)


def early_gain(spread: np.ndarray, steps: int, own_steps: int) -> np.ndarray | None:
    """(d,) factors of n̂⁰ in each early step (``Guidance.gain``); None if all are 1.

    Parameters
    ----------
    spread
        (d,) lead factors from :func:`spread_for`. A network regresses to the mean where it is unsure, and more so the
        less it has been trained. Without a lead, takes would move too little.
    steps, own_steps
        Steps of this sampling, and the number of steps for which ``spread`` was found.
    """
    gain = spread.astype(np.float32)
    if steps > own_steps:  # more steps lead more often, so each leads less; fewer steps are not compensated
        gain **= np.float32(own_steps / steps)
    return None if (gain == 1.0).all() else gain
