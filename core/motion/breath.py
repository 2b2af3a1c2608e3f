"""Breath: how far it is drawn in, over a take. Every seed breathes in its own way.

Somebody at rest breathes 12 to 18 times a minute, breathes in for about two fifths of that time, and out for the rest.
Who speaks breathes in quickly in a pause, and out during the phrase (Conrad and Schönle, "Speech and respiration",
1979; Winkworth and others, "Breathing patterns during spontaneous speech", 1995). So a breath that is due is moved to
a pause nearby, and is deeper there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .channels import FPS

RATE = (12.0, 18.0)
"""Breaths a minute. Each take has a rate within these."""
UNEVEN = 0.12
"""Standard deviation of the logarithm of the time between two breaths."""
AT_REST = 0.4
"""Part of the time of a quiet breath in which it is drawn in."""
QUICK_SECONDS = (0.45, 1.1)
"""Least and most time in which a breath is drawn in before a phrase."""
PAUSE_SECONDS = (0.1, 0.8)
"""Shortest silence in which somebody breathes in, and one that no longer silence is better for."""
DISTANCE = 0.5
"""What a time between two breaths counts against the length of a pause, when a breath is moved to one."""
EARLIER, LATER = 0.5, 1.8
"""Limits between which a breath is moved to a pause, in times between two breaths."""
DEEP, QUIET, SHALLOW = (0.75, 1.0), (0.5, 0.7), (0.3, 0.4)
"""Depth of a breath before a phrase, of one without speech, and of one that is drawn in while somebody speaks on."""
LEFT = (0.02, 0.12)
"""What is left of it before the next one."""
EXHALED = 0.85
"""Part of the time between two breaths after which a breath is out."""
LOOP_SECONDS = 2.0
"""Time over which the end of a loop passes into its beginning."""
_STREAM = 6172
"""Keeps these random numbers apart from those of the sampler."""


class Breath(NamedTuple):
    """One breath: seconds at which it begins and is fullest, its depth, and what was left before it."""

    begin: float
    full: float
    depth: float
    left: float


def breathing(seed: int, spoken: np.ndarray, loop: bool = False) -> np.ndarray:
    """(T,) float64 in 0–1, never quite 0: how far a breath is drawn in.

    Parameters
    ----------
    seed
        Of the take.
    spoken
        (T,) bool: the frames in which somebody speaks.
    loop
        The end runs into the beginning without a seam.
    """
    frames = len(spoken)
    blend = min(round(LOOP_SECONDS * FPS), frames // 2) if loop else 0
    breaths = _breaths(np.random.default_rng([_STREAM, seed]), spoken)
    curve = _drawn(breaths, np.arange(-blend, frames) / FPS)
    own = curve[blend:].copy()
    if blend:
        share = np.arange(1, blend + 1) / (blend + 1)
        own[-blend:] += share * (curve[:blend] - own[-blend:])
    return own


def _breaths(rng: np.random.Generator, spoken: np.ndarray) -> list[Breath]:
    """The breaths of a take, from some seconds before its beginning until after its end."""
    usual = 60.0 / rng.uniform(*RATE)
    onsets = _onsets(spoken)
    seconds = len(spoken) / FPS
    full = -usual * rng.uniform(1.0, 2.0)
    breaths = [Breath(full - AT_REST * usual, full, rng.uniform(*QUIET), rng.uniform(*LEFT))]
    while full < seconds + usual:
        period = usual * np.exp(UNEVEN * rng.standard_normal())
        due, depths, taken = full + period, QUIET, AT_REST * period
        near = onsets[(onsets[:, 1] > full + EARLIER * period) & (onsets[:, 1] < full + LATER * period)]
        if len(near):
            pauses = np.minimum((near[:, 1] - near[:, 0]) / PAUSE_SECONDS[1], 1.0)
            silent, due = near[(pauses - DISTANCE * np.abs(near[:, 1] - due) / period).argmax()]
            depths, taken = DEEP, np.clip(due - silent, *QUICK_SECONDS)
        elif 0 <= due < seconds and spoken[int(due * FPS)]:
            depths = SHALLOW
        breaths.append(Breath(due - taken, due, rng.uniform(*depths), rng.uniform(*LEFT)))
        full = due
    return breaths


def _onsets(spoken: np.ndarray) -> np.ndarray:
    """(n, 2) seconds: where each silence begins that somebody breathes in, and where the phrase after it begins."""
    steps = np.flatnonzero(np.diff(spoken.astype(int), prepend=0, append=0))
    begins, ends = steps[::2] / FPS, steps[1::2] / FPS
    silent = np.concatenate([[-np.inf], ends[:-1]])[: len(begins)]
    return np.stack([silent, begins], axis=1)[begins - silent >= PAUSE_SECONDS[0]]


def _drawn(breaths: list[Breath], seconds: np.ndarray) -> np.ndarray:
    """(n,) how far a breath is drawn in at times (n,)."""
    begin, full, depth, left = (np.array(values) for values in zip(*breaths, strict=True))
    at = np.clip(np.searchsorted(full, seconds, side="right") - 1, 0, len(breaths) - 2)
    out = np.clip((seconds - full[at]) / (EXHALED * (begin[at + 1] - full[at])), 0.0, 1.0)
    drawn = np.clip((seconds - begin[at + 1]) / (full[at + 1] - begin[at + 1]), 0.0, 1.0)
    low = left[at + 1]
    return low + (depth[at] - low) * (1 - _eased(out)) + (depth[at + 1] - low) * _eased(drawn)


def _eased(share: np.ndarray) -> np.ndarray:
    """0 to 1 without a jerk at either end."""
    return (1 - np.cos(np.pi * share)) / 2
