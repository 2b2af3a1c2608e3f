"""Distances of conditional distributions, in cases whose answer is known."""

import numpy as np
import pytest
from scipy.stats import energy_distance as distance_on_a_line

from core.prior.features import d_nl
from training.prior.motion_distances import WINDOW, Space, conditional_distances, energy_distance, precision_recall


def gaussians(seed, shift=0.0, scale=1.0, count=200, width=4):
    rng = np.random.default_rng(seed)
    return rng.normal(shift, scale, size=(count, width))


def test_energy_distance_agrees_with_scipy_in_one_dimension():
    a, b = gaussians(0, count=400, width=1), gaussians(1, 1.5, count=400, width=1)
    between = 2 * np.abs(a - b.T).mean()
    # scipy returns the root, and counts each point's distance to itself: a few thousandths at this size.
    assert energy_distance(a, b) * between == pytest.approx(distance_on_a_line(a[:, 0], b[:, 0]) ** 2, abs=0.02)


def test_energy_distance_is_zero_for_equal_distributions_and_grows():
    same = np.mean([energy_distance(gaussians(i), gaussians(1000 + i)) for i in range(20)])
    assert abs(same) < 0.003
    shifted = [energy_distance(gaussians(0), gaussians(1, shift)) for shift in (0.3, 1.0, 3.0)]
    assert shifted == sorted(shifted) and shifted[0] > 0.005 and shifted[-1] > 0.5
    assert energy_distance(gaussians(0), gaussians(1, scale=0.3)) > 0.05, "too little spread counts too"


def test_precision_and_recall_tell_too_little_spread_from_too_much():
    real = gaussians(0)
    narrow, wide, apart = (precision_recall(gaussians(1, *spec), real) for spec in ((0, 0.2), (0, 3.0), (9, 1)))
    both = precision_recall(gaussians(2), real)
    assert min(both) > 0.85
    assert narrow[0] > 0.95 and narrow[1] < 0.4
    assert wide[0] < 0.4 and wide[1] > 0.8
    assert apart == (0.0, 0.0)


def takes(seed, count, scale=1.0, frames=2 * WINDOW + 30):
    rng = np.random.default_rng(seed)
    return (scale * np.cumsum(rng.normal(0, 0.02, size=(count, frames, d_nl)), axis=1)).astype(np.float32)


def test_conditional_distances_prefer_the_right_spread():
    real = [takes(i, 12) for i in range(3)]
    space = Space.of(np.concatenate(real))
    rows = {
        name: conditional_distances([takes(10 + i, 12, scale) for i in range(3)], real, space)
        for name, scale in (("right", 1.0), ("still", 0.1), ("wild", 4.0))
    }
    energy = {name: np.mean([row["energy"] for row in values]) for name, values in rows.items()}
    assert abs(energy["right"]) < 0.05 < min(energy["still"], energy["wild"])
    assert np.mean([row["recall"] for row in rows["still"]]) < 0.2 < np.mean([r["recall"] for r in rows["right"]])
    assert np.mean([row["precision"] for row in rows["wild"]]) < np.mean([r["precision"] for r in rows["right"]])
    assert len(rows["right"]) == 3 and not conditional_distances(
        [takes(0, 4, frames=50)], [takes(1, 4, frames=50)], space
    )
