"""Short motions made long: what repeats is as given, and nothing shows where it does."""

from __future__ import annotations

import numpy as np
import pytest

from core.motion.repeating import BACK, TURN, again, there_and_back


def sway(frames: int) -> np.ndarray:
    """(n, 2) float32 a motion that ends far from where it begins, and fast."""
    time = np.arange(frames)[:, None] / 25.0
    return (time + 0.3 * np.sin(5.0 * time + np.arange(2))).astype(np.float32)


def test_a_motion_that_is_long_enough_is_cut() -> None:
    np.testing.assert_array_equal(there_and_back(sway(100), 60), sway(100)[:60])
    np.testing.assert_array_equal(there_and_back(sway(100), 100), sway(100))
    np.testing.assert_array_equal(there_and_back(sway(1), 30), np.repeat(sway(1), 30, axis=0))


def test_there_and_back_turns_at_rest_and_is_never_faster_than_the_motion() -> None:
    given, made = sway(100), there_and_back(sway(100), 400)
    np.testing.assert_array_equal(made[: 100 - TURN // 2], given[: 100 - TURN // 2])
    turn = 99 + TURN // 2
    np.testing.assert_allclose(made[turn], given[-1], atol=1e-6)
    np.testing.assert_allclose(made[turn + 1 : turn + 50], made[turn - 49 : turn][::-1], atol=1e-6)
    np.testing.assert_allclose(made[turn + 99 + TURN], given[0], atol=1e-6)  # back at the beginning
    speed = np.abs(np.diff(made, axis=0))
    assert speed.max() <= np.abs(np.diff(given, axis=0)).max() + 1e-6
    assert speed[[turn - 1, turn]].max() < 0.1 * speed.max(), "it stands still where it turns"
    assert np.abs(np.diff(made, n=2, axis=0)).max() < 0.2 * speed.max(), "its speed never jumps"


@pytest.mark.parametrize("frames", [2, 3, 5, 13])
def test_the_shortest_motions_turn_too(frames: int) -> None:
    made = there_and_back(sway(frames), 200)
    assert made.shape == (200, 2) and made.dtype == np.float32
    assert (made.min(0) >= sway(frames).min(0) - 1e-6).all() and (made.max(0) <= sway(frames).max(0) + 1e-6).all()


def test_again_finishes_what_the_end_cuts_off_and_leaves_out_what_the_beginning_does() -> None:
    lids = np.zeros((50, 1), np.float32)
    lids[:3], lids[20:24], lids[47:] = 0.8, 1.0, 0.9  # it begins and ends within a blink
    made = again(lids, 130, lids[:, 0] == 0.0)
    np.testing.assert_array_equal(made[:50], np.where(np.arange(50)[:, None] < 3, 0.0, lids).astype(np.float32))
    opening = made[49 : 50 + BACK + 1, 0]
    assert opening[0] == np.float32(0.9) and opening[-1] == 0.0 and (np.diff(opening) < 0.0).all()
    np.testing.assert_array_equal(made[50 + BACK : 100], made[BACK:50])
    assert not again(np.ones((50, 1), np.float32), 60, np.zeros(50, bool)).any(), "a sleeper doesn't blink"
