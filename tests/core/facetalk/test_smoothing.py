"""Smoothing by region: a tremble of the head goes, blinks and fast mouths stay, a constant speed stays to the ends."""

import numpy as np

from core.facetalk.smoothing import smoothed
from core.motion.channels import CHANNELS, GROUPS

YAW, JAW, LID = (CHANNELS.index(name) for name in ("headYaw", "jawOpen", "eyeBlink_L"))


def test_every_channel_is_in_one_group():
    assert sorted(name for group in GROUPS.values() for name in group) == sorted(CHANNELS)


def test_heads_are_smoothed_more_than_mouths_and_lids():
    fast = np.zeros((80, len(CHANNELS)), np.float32)
    fast[:] = np.sin(2 * np.pi * 4 * np.arange(80) / 25)[:, None]
    size = np.abs(smoothed(fast)[20:60]).max(0)
    assert size[YAW] < 0.2 and size[JAW] > 0.7 and size[LID] > 0.7


def test_a_steady_turn_goes_on_to_the_last_frame():
    turn = np.zeros((60, len(CHANNELS)), np.float32)
    turn[:] = 0.01 * np.arange(60)[:, None]
    np.testing.assert_allclose(smoothed(turn), turn, atol=1e-5)


def test_short_takes_are_taken():
    for frames in (1, 2, 5):
        same = np.full((frames, len(CHANNELS)), 0.5, np.float32)
        np.testing.assert_allclose(smoothed(same), same, atol=1e-6)
