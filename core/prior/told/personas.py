"""Personas: who performs a take, as levels (``core.prior.told.levels``) that are drawn from a distribution of people.

Two people say one line differently: one sits still, another nods and shifts all the time. With the same levels for
every take, all takes would look like one person on one day. So each take draws its own persona around the style's
liveliness, by a number: that of its seed, unless the user wants the same persona for several takes.
"""

from __future__ import annotations

import numpy as np

from ...wire.style import TEMPERAMENTS
from .levels import LEVELS

READER = (-3.3, -2.8, -0.6, -1.9, -4.1, -1.1, -1.2)
"""Levels of the stillest people, liveliness −1: means of GRID's talker s1, who reads with a nearly still head."""
TALKER = (1.6, 0.4, -0.6, 0.4, -0.4, 0.0, 0.2)
"""Levels of people who talk freely, liveliness 0. Head and gaze are chosen on eight filmed speakers of the validation
set: takes of their sound swing, shift and move about as they do. The rest lies between the speaker of the training
addresses, whose means are 1.4, 0.4, 1.9, 0.6, −1.3, −0.3 and 0.4, and the median synthetic talker, who has 0 in all."""
LIVELIEST = (2.2, 1.0, 2.2, 1.1, 1.0, 0.9, 0.9)
"""Levels of the liveliest people, liveliness 1: about nineteen in twenty stretches of training people have less."""
_CENTRES = np.array([READER, TALKER, LIVELIEST], np.float32)
_SHARED = np.array(
    [
        (0.55, 0.45, 0.6, 0.4, 0.0, 0.0, 0.1),
        (0.0, 0.0, 0.0, 0.1, 0.7, 0.5, 0.2),
    ],
    np.float32,
)
_OWN = np.array([0.3, 0.3, 0.5, 0.4, 0.5, 0.4, 0.6], np.float32)
"""How people deviate from the centre: rows of what goes together (head and gaze; brows and lids), and each level's own
deviation. Together about three quarters of the deviations and correlations of the synthetic talkers."""
_FURTHEST = 2.0
"""Deviations are drawn up to so many times their size. Nobody is a caricature."""
_BOUNDS = (-2.0, 0.5, 1.6, 2.4)
"""Levels of the head's turns at which a persona's temperament changes."""


def centre_of(liveliness: float) -> np.ndarray:
    """(7,) levels of the people at a liveliness of −1 … 1."""
    return np.array([np.interp(liveliness, (-1.0, 0.0, 1.0), column) for column in _CENTRES.T], np.float32)


def persona_levels(liveliness: float, persona: int) -> np.ndarray:
    """(7,) levels of the persona with this number, 0 or larger, among the people at this liveliness."""
    drawn = np.random.default_rng([persona, 4]).standard_normal(len(_SHARED) + len(LEVELS)).astype(np.float32)
    drawn = np.clip(drawn, -_FURTHEST, _FURTHEST)
    return centre_of(liveliness) + drawn[: len(_SHARED)] @ _SHARED + drawn[len(_SHARED) :] * _OWN


def temperament_of(levels: np.ndarray) -> str:
    """One of ``TEMPERAMENTS`` for levels (7,)."""
    return TEMPERAMENTS[int(np.searchsorted(_BOUNDS, levels[LEVELS.index("head turns")]))]
