"""Blinks at random places: whole bumps, with gaps as in the paper's program."""

import numpy as np
import pytest

from core.sadtalker.blinks import BUMP, GAP, random_blinks


def gaps(shut):
    """Frames before each blink, from the end of the one before."""
    starts = [i for i in range(len(shut)) if shut[i] > 0 and (i == 0 or shut[i - 1] == 0)]
    ends = [0, *(start + len(BUMP) for start in starts)]
    return [start - end for start, end in zip(starts, ends, strict=False)]


@pytest.mark.parametrize("frames", [0, 1, 20])
def test_short_takes_have_no_blinks(frames):
    shut = random_blinks(frames, np.random.default_rng(0))
    assert shut.shape == (frames,) and not shut.any()


@pytest.mark.parametrize("frames", [21, 40, 100, 5000])
def test_blinks_are_whole_and_apart(frames):
    for seed in range(10):
        shut = random_blinks(frames, np.random.default_rng(seed))
        assert shut.shape == (frames,) and shut.dtype == np.float32
        peaks = np.flatnonzero(shut == 1)
        for peak in peaks:
            np.testing.assert_array_equal(shut[peak - 2 : peak + 3], BUMP)
        assert np.count_nonzero(shut) == len(BUMP) * len(peaks)
        assert all(GAP[0] <= gap < GAP[1] for gap in gaps(shut))


def test_gaps_are_drawn_from_the_whole_range():
    found = gaps(random_blinks(20_000, np.random.default_rng(1)))
    assert min(found) == GAP[0] and max(found) == GAP[1] - 1 and abs(np.mean(found) - 39.5) < 2.5


def test_the_seed_decides():
    one, same, other = (random_blinks(400, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, same) and not np.array_equal(one, other)
