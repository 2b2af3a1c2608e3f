"""The head's path through poses: exact, smooth, without overshoot, and periodic in a loop."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.motion.pose_path import PosePath

WAY = 30


def path(rows: dict[int, float], period: int | None = None) -> PosePath:
    return PosePath(np.array(list(rows)), np.array([[v, -v, 0.5 * v] for v in rows.values()]), WAY, period)


@given(
    gaps=st.lists(st.integers(4, 80), min_size=1, max_size=6),
    angles=st.lists(st.floats(-30, 30), min_size=7, max_size=7),
    loop=st.booleans(),
)
def test_it_passes_through_each_pose_and_stays_between_its_neighbours(gaps, angles, loop) -> None:
    places = np.cumsum([10, *gaps])
    rows = dict(zip(places.tolist(), angles, strict=False))
    period = int(places[-1]) + 15 if loop else None
    found = path(rows, period)
    np.testing.assert_array_equal(found.at(places)[:, 0], list(rows.values()))
    for first, last in itertools.pairwise(places):
        between = found.at(np.linspace(first, last, 50))[:, 0]
        low, high = sorted((rows[int(first)], rows[int(last)]))
        assert between.min() >= low - 1e-9 and between.max() <= high + 1e-9
        steps = np.diff(between)
        assert (steps >= -1e-9).all() or (steps <= 1e-9).all(), "it turns back only at poses"
    if not loop:
        curve = found.at(np.arange(-60, places[-1] + 80))[:, 0]
        pace = np.diff([0.0, *rows.values(), 0.0]) / [WAY, *gaps, WAY]
        assert np.abs(np.diff(curve)).max() <= 1.5 * np.abs(pace).max() + 1e-9, "no faster than a cubic at that pace"


def test_a_sweep_does_not_stop_at_its_poses() -> None:
    curve = path({30: 0.0, 60: 10.0, 90: 20.0, 120: 30.0}).at(np.arange(62, 88))[:, 0]
    np.testing.assert_allclose(np.diff(curve), 1 / 3, rtol=0.02)


def test_a_head_rests_far_from_poses() -> None:
    found = path({50: 20.0})
    assert not found.at(np.r_[-5:20, 81:400]).any()
    assert np.abs(found.at(np.arange(21, 80))).min() > 0


@pytest.mark.parametrize("rows", [{0: 10.0}, {5: 10.0, 90: -20.0}, {0: 10.0, 45: -10.0, 99: 9.0}])
@pytest.mark.parametrize("period", [100, 300])
def test_a_loop_comes_back_to_its_beginning(rows, period) -> None:
    found = path(rows, period)
    np.testing.assert_allclose(found.at(np.arange(-60, 60)), found.at(period + np.arange(-60, 60)), atol=1e-9)
    step = np.abs(np.diff(found.at(np.arange(-2, period + 2))[:, 0])).max()
    assert step <= 1.5 * 30 / 15, "the steepest way is 30° in 15 frames"
