"""Levels: seven numbers that tell the prior how lively a talker is, that is, how far each part of the face swings.

One talker reads with an almost still head, another nods through every sentence, and nothing in their voices says which.
Without the levels, a network could only show the same mixture of both for everybody.
"""

from __future__ import annotations

import numpy as np

from ...motion.channels import FPS
from ..features import FEATURE_GROUPS, FEATURES, GAZE_FULL

LEVELS = ("head turns", "head speed", "head shifts", "gaze", "brows", "lids", "cheeks")
"""Names of the levels. "lids" covers squints and widened eyes but not blinks, which are events of one size."""
PARTS: dict[str, tuple[int, ...]] = {
    "head turns": FEATURE_GROUPS["head"][:3],
    "head shifts": FEATURE_GROUPS["head"][3:],
    "gaze": FEATURE_GROUPS["gaze"],
    "brows": FEATURE_GROUPS["brows"],
    "lids": tuple(i for i in FEATURE_GROUPS["blink"] if FEATURES[i] != "blink"),
    "cheeks": FEATURE_GROUPS["cheeks"],
}
"""Features scaled by each level. "head speed" also uses the head turns; blinks belong to no level."""

_TYPICAL = np.array([4.1, 16.2, 0.71, 3.9, 0.094, 0.046, 0.015], np.float32)
"""Root mean squares at level 0 (°, °/s, cm, °, weights): medians of the synthetic talkers in the training data."""
LEVEL_STEP = 0.5
"""Natural logarithm of the factor that one level stands for. Among those talkers its deviation is 0.3 to 0.7."""
_FURTHEST = 6.0


def _swing(motion: np.ndarray) -> float:
    """Root of the summed variances of (T, C) about their means."""
    return float(np.sqrt(motion.var(axis=0).sum()))


def measure_levels(features: np.ndarray) -> np.ndarray:
    """(7,) float32 levels of a motion (T, 25), T ≥ 2, in the order of ``LEVELS``.

    0 is a typical talker, and each unit is a factor of √e. A part that stands still has −6.
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
