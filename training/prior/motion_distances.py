"""Distances between conditional distributions of motion: many true motions for one speech against many sampled ones.

The synthetic corpus can draw any number of true motions for a speech. So here, unlike on real footage, a prior can be
compared with all possible motions instead of the one motion that happened to be filmed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

WINDOW = 100
"""Frames of the stretches that are compared (4 s)."""
POOL = 5
"""Frames that are averaged to one number of a stretch."""
COMPONENTS = 24
"""Principal components of true motion in which distances are measured. With more, all points are equally far apart."""
NEIGHBOURS = 3


@dataclass(frozen=True)
class Space:
    """The space in which stretches are compared: units, mean and principal directions of true stretches."""

    unit: np.ndarray
    mean: np.ndarray
    directions: np.ndarray

    @classmethod
    def of(cls, real: np.ndarray) -> Space:
        """The space fitted to true motions (N, T, 25), T ≥ ``WINDOW``."""
        unit = np.maximum(real.reshape(-1, real.shape[-1]).std(axis=0), 0.01)
        rows = np.concatenate([_pooled(stretch / unit) for stretch in _stretches(real)])
        mean = rows.mean(axis=0)
        directions = np.linalg.svd(rows - mean, full_matrices=False)[2][:COMPONENTS]
        return cls(unit, mean, directions)

    def points(self, takes: np.ndarray) -> list[np.ndarray]:
        """(N, T, 25) motions of one speech → (N, components) for each of its stretches."""
        return [(_pooled(stretch / self.unit) - self.mean) @ self.directions.T for stretch in _stretches(takes)]


def _stretches(takes: np.ndarray) -> list[np.ndarray]:
    return [takes[:, start : start + WINDOW] for start in range(0, takes.shape[1] - WINDOW + 1, WINDOW)]


def _pooled(stretches: np.ndarray) -> np.ndarray:
    """(N, 100, 25) → (N, 20 · 25)."""
    count, frames, features = stretches.shape
    return stretches.reshape(count, frames // POOL, POOL, features).mean(axis=2).reshape(count, -1)


def _mean_apart(points: np.ndarray) -> float:
    """Mean distance between different points."""
    count = len(points)
    return float(cdist(points, points).sum() / (count * (count - 1)))


def energy_distance(a: np.ndarray, b: np.ndarray) -> float:
    """2 E|X − Y| − E|X − X'| − E|Y − Y'| (Székely & Rizzo 2013) divided by 2 E|X − Y|, from (n, d), (m, d), n, m ≥ 2.

    0 if both have the same distribution (slightly less or more by chance: the estimate is unbiased), near 1 if they are
    far apart.
    """
    between = 2.0 * float(cdist(a, b).mean())
    return (between - _mean_apart(a) - _mean_apart(b)) / between if between > 0 else 0.0


def precision_recall(made: np.ndarray, real: np.ndarray, neighbours: int = NEIGHBOURS) -> tuple[float, float]:
    """Part of the made points (n, d) that are among the real points (m, d), and part of the real among the made.

    A point is among others if it is within the ball around one of them whose radius is the distance to that point's
    ``neighbours``-th nearest neighbour (Kynkäänniemi et al. 2019). n, m > ``neighbours``.
    """

    def among(points: np.ndarray, others: np.ndarray) -> float:
        radius = np.sort(cdist(others, others), axis=1)[:, neighbours]  # entry 0 is the point itself
        return float((cdist(points, others) <= radius).any(axis=1).mean())

    return among(made, real), among(real, made)


def conditional_distances(made: list[np.ndarray], real: list[np.ndarray], space: Space) -> list[dict[str, float]]:
    """``energy``, ``precision`` and ``recall`` of each speech, from its made and its true motions (N, T, 25).

    Means over the speech's stretches of 4 s. Speeches shorter than that are left out.
    """
    rows = []
    for ours, true in zip(made, real, strict=True):
        pairs = list(zip(space.points(ours), space.points(true), strict=True))
        if pairs:
            both = [precision_recall(a, b) for a, b in pairs]
            rows.append(
                {
                    "energy": float(np.mean([energy_distance(a, b) for a, b in pairs])),
                    "precision": float(np.mean([p for p, _ in both])),
                    "recall": float(np.mean([r for _, r in both])),
                }
            )
    return rows
