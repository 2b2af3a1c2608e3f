"""The kept part of a take, one window at a time, and what is known of n⁰ next to it."""

import numpy as np
import pytest
import torch

from core.prior.kept import Kept, Known


def test_kept_parts_reach_past_the_take_and_single_entries_give_way():
    keep = np.arange(2 * 10 * 32, dtype=np.float32).reshape(2, 10, 32)
    mask = np.zeros((10, 32), bool)
    mask[4:6] = True
    kept = Kept(2, 10, keep, mask, [(0, 7, -1.0), (5, 7, -2.0)])
    channels, given_ = kept.part(-3, 14)
    assert channels.shape == (2, 17, 32) and given_.shape == (17, 32)
    assert not given_[:3].any() and not given_[13:].any() and given_.sum() == 2 * 32 + 1
    np.testing.assert_array_equal(channels[:, 7:9], keep[:, 4:6])
    assert (channels[:, 3, 7] == -1).all() and not channels[:, 4].any()
    np.testing.assert_array_equal(kept.takes([1]).part(0, 10)[0], channels[1:, 3:13])


def test_corrections_grow_over_a_second_away_from_known_entries():
    """Each feature of each take has its own known entries; where none is known, corrections apply in full."""
    mask = torch.zeros(2, 60, 3, dtype=torch.bool)
    mask[0, :10, 0] = True
    away = Known(torch.zeros(2, 60, 3), mask).away
    assert away.shape == mask.shape and away.dtype == torch.float32
    assert not away[0, :10, 0].any() and (away[0, 34:, 0] == 1).all()
    assert (away[1] == 1).all() and (away[0, :, 1:] == 1).all()
    assert (away[0, 9:34, 0].diff() > 0).all()
    assert away[0, 22, 0] == pytest.approx(0.5, abs=0.1)
