"""How lively somebody is, as numbers that the prior is told: how far each part of the face swings over a recording.

One talker reads with an almost still head, another nods through every sentence, and nothing in their voices says which.
A network that isn't told can only show everybody the same mixture of both.
"""

from __future__ import annotations

import numpy as np

from ..channels import FPS
from .features import FEATURE_GROUPS, FEATURES, GAZE_FULL, d_nl

LEVELS = ("head turns", "head speed", "head shifts", "gaze", "brows", "lids", "cheeks")
"""What each number of the levels is of; of the lids what isn't a blink, since blinks are events of one size."""
PARTS: dict[str, tuple[int, ...]] = {
    "head turns": FEATURE_GROUPS["head"][:3],
    "head shifts": FEATURE_GROUPS["head"][3:],
    "gaze": FEATURE_GROUPS["gaze"],
    "brows": FEATURE_GROUPS["brows"],
    "lids": tuple(i for i in FEATURE_GROUPS["blink"] if FEATURES[i] != "blink"),
    "cheeks": FEATURE_GROUPS["cheeks"],
}
"""Features that swing by one level; "head speed" is of the turns too, and a blink is nobody's."""
LIVELY_REACH = 1.0
"""Levels at liveliness 1: 1.6 times the usual swing, to which the early gain adds (``styling.LIVELY_GAIN``)."""

_TYPICAL = np.array([4.1, 16.2, 0.71, 3.9, 0.094, 0.046, 0.015], np.float32)
"""Root mean squares at level 0 (°, °/s, cm, °, weights), medians of the synthetic talkers of training."""
LEVEL_STEP = 0.5
"""Natural logarithm of the factor that one level stands for; 0.3 to 0.7 is their deviation among those talkers."""
_FURTHEST = 6.0
UNITS_REACH = (-4.5, 2.0)
"""Levels between which a head's units follow the told ones: a tenth to e times the typical talker's."""


def _swing(motion: np.ndarray) -> float:
    """Root of the summed variances of (T, C) about their means."""
    return float(np.sqrt(motion.var(axis=0).sum()))


def measure_levels(features: np.ndarray) -> np.ndarray:
    """(7,) float32 levels of a motion (T, 25), T ≥ 2, in the order of ``LEVELS``.

    0 is a typical talker, each unit a factor of √e; a part that stands still is at −6.
    """
    parts = {name: features[:, list(columns)] for name, columns in PARTS.items()}
    turns = np.rad2deg(parts["head turns"])
    speed = np.diff(turns, axis=0) * FPS
    weights = (parts[name] for name in ("brows", "lids", "cheeks"))
    found = np.array(
        [
            _swing(turns),
            np.sqrt(np.square(speed).sum(axis=1).mean()),
            _swing(parts["head shifts"]),
            _swing(parts["gaze"] * GAZE_FULL),
            *(_swing(part) / np.sqrt(part.shape[1]) for part in weights),
        ]
    )
    levels = np.log(np.maximum(found / _TYPICAL, 1e-9)) / LEVEL_STEP
    return np.clip(levels, -_FURTHEST, _FURTHEST).astype(np.float32)


def head_units(levels: np.ndarray) -> np.ndarray:
    """(…, 7) levels, some perhaps NaN → (…, 25) units to diffuse features in: the told head's swing over the typical
    one's, 1 for all that isn't of the head and wherever nothing is told.

    A still head swings by a fifth of what a typical one does, and what a network or a sampler of few steps leaves of
    the noise is as large as that. In units of its own it is no smaller than anybody's. Faces rest elsewhere than at
    the mean, each differently, so they are not measured so.
    """
    told = np.exp(LEVEL_STEP * np.clip(np.nan_to_num(levels), *UNITS_REACH))
    told = np.where(np.isnan(levels).any(axis=-1, keepdims=True), 1.0, told)
    units = np.ones((*levels.shape[:-1], d_nl), np.float32)
    for name in ("head turns", "head shifts"):
        units[..., list(PARTS[name])] = told[..., LEVELS.index(name), None]
    return units


def levels_of(liveliness: float) -> np.ndarray:
    """(7,) levels of a style's liveliness: all of them up or down together, the typical talker at 0."""
    return np.full(len(LEVELS), LIVELY_REACH * liveliness, np.float32)
