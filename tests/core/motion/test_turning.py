"""Turns ease into their limits: unchanged well inside, smooth, in order, and never beyond."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.motion.turning import FREE, TurningLimits

limit = st.floats(0.05, 1.0)
limits = st.builds(lambda a, b, c, d: TurningLimits((-a, b), (-c, d)), limit, limit, limit, limit)
RANGE = np.linspace(-3.0, 3.0, 20001)


def swept(limits: TurningLimits) -> np.ndarray:
    """(20001, 2) eased pitch and yaw of a turn that goes far beyond every limit at an even speed."""
    return limits.eased(np.stack([RANGE, RANGE], 1))


@given(limits)
def test_inside_the_limits_turns_stay_bit_for_bit(limits: TurningLimits) -> None:
    for axis, (low, high) in enumerate((limits.pitch, limits.yaw)):
        turns = np.zeros((101, 2), np.float32)
        turns[:, axis] = np.linspace(low, high, 101) * FREE * (1 - 1e-6)
        eased = limits.eased(turns)
        assert eased.dtype == np.float32
        np.testing.assert_array_equal(eased, turns)


@given(limits)
def test_no_turn_goes_beyond_and_each_comes_near(limits: TurningLimits) -> None:
    for column, (low, high) in zip(swept(limits).T, (limits.pitch, limits.yaw), strict=True):
        assert low - 1e-9 <= column.min() <= 0.99 * low
        assert 0.99 * high <= column.max() <= high + 1e-9


@given(limits)
def test_speed_falls_smoothly_and_order_is_kept(limits: TurningLimits) -> None:
    speed = np.diff(swept(limits), axis=0) / (RANGE[1] - RANGE[0])
    assert speed.min() >= 0 and speed.max() <= 1 + 1e-9
    # tanh's steepest fall of speed is 4 / (3 √3) for each unit of room.
    room = (1 - FREE) * min(np.abs([*limits.pitch, *limits.yaw]))
    assert np.abs(np.diff(speed, axis=0)).max() <= (RANGE[1] - RANGE[0]) / room * 0.78


@given(limits)
def test_one_axis_does_not_change_the_other(limits: TurningLimits) -> None:
    both = swept(limits)
    only = limits.eased(np.stack([np.zeros_like(RANGE), RANGE], 1))
    np.testing.assert_array_equal(only[:, 1], both[:, 1])
    assert not only[:, 0].any()
