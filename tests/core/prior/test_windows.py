"""Windows use every frame once, and seams close."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.prior.windows import close_seams, frames_to_known, plan_windows


@given(frames=st.integers(1, 3000), size=st.integers(10, 120))
def test_every_frame_is_used_once_and_made_with_a_view_of_its_past(frames, size):
    windows = plan_windows(frames, size)
    assert [w.known for w in windows] == [0] + [w.commit for w in windows[:-1]]
    assert windows[-1].commit == frames
    for window in windows:
        assert 0 <= window.start <= window.known < window.commit <= window.end <= frames
        assert window.end - window.start == min(size, frames)
    for window in windows[1:]:
        assert window.known - window.start >= size * 3 // 20


def test_known_entries_are_bit_identical_and_distant_ones_do_not_change():
    rng = np.random.default_rng(1)
    predicted, known = rng.normal(size=(2, 60, 3)).astype(np.float32)
    mask = np.zeros((60, 3), dtype=bool)
    mask[:10], mask[40:, 1] = True, True
    closed = close_seams(predicted, known, mask)
    np.testing.assert_array_equal(closed[mask], known[mask])
    np.testing.assert_array_equal(closed[20:30], predicted[20:30])
    np.testing.assert_array_equal(closed[40:, [0, 2]], predicted[40:, [0, 2]])


@pytest.mark.parametrize("gap", [1, 2, 5, 30])
def test_a_constant_offset_leaves_no_jump(gap):
    """If the prediction has a constant error, there is no step at the border, and short gaps lose the whole error."""
    known = np.sin(np.arange(80) / 9)[:, None].astype(np.float32)
    mask = np.ones((80, 1), dtype=bool)
    mask[30 : 30 + gap] = False
    closed = close_seams(known + np.float32(0.5), known, mask)
    assert np.abs(np.diff(closed, axis=0)).max() < 0.5 * 0.25 + 0.12
    if gap <= 2:
        np.testing.assert_allclose(closed, known, atol=0.05)


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_slanted_error_leaves_no_jerk(side):
    """If the prediction drifts away from the known motion, the speed does not change at the border."""
    known = np.sin(np.arange(80) / 9)[:, None].astype(np.float32)
    predicted = known + 0.06 * (np.arange(80, dtype=np.float32)[:, None] - 39.5)
    mask = np.zeros((80, 1), dtype=bool)
    mask[:40] = side == "before"
    mask[40:] = side == "after"
    closed = close_seams(predicted, known, mask)
    bend = np.abs(np.diff(closed, n=2, axis=0))[:, 0]
    assert bend[38:40].max() < 0.03, "the sine itself bends by up to 0.012; without the slope, the error would add 0.06"
    np.testing.assert_array_equal(closed[mask], known[mask])


def test_a_single_known_frame_has_no_slope():
    predicted = np.zeros((30, 1), np.float32)
    known, mask = np.full((30, 1), 1.0, np.float32), np.zeros((30, 1), bool)
    mask[15] = True
    closed = close_seams(predicted, known, mask)
    assert closed.max() == 1.0 and closed.min() == 0.0 and np.allclose(closed, closed[::-1].take(range(-1, 29), axis=0))


def test_distance_to_the_nearest_known_frame():
    mask = np.zeros((10, 2), bool)
    mask[[2, 7], 0] = True
    np.testing.assert_array_equal(frames_to_known(mask)[:, 0], [2, 1, 0, 1, 2, 2, 1, 0, 1, 2])
    assert frames_to_known(mask)[:, 1].min() >= 10


def test_known_frames_closer_than_the_transition_fade_into_each_other():
    predicted = np.zeros((40, 1), np.float32)
    mask = np.zeros((40, 1), bool)
    mask[[*range(5, 8), *range(18, 21)]] = True
    known = np.where(np.arange(40)[:, None] < 10, 1.0, -1.0).astype(np.float32)
    joined = close_seams(predicted, known, mask, 30)[:, 0]
    np.testing.assert_array_equal(joined[mask[:, 0]], known[mask])
    assert (np.diff(joined[5:21]) <= 0).all() and np.abs(np.diff(joined)).max() < 1.9 * 2 / 11
