"""Blinks are whole: a flutter is one blink, half a blink is a whole one, and lids that rest stay as they are."""

import numpy as np

from core.facetalk.blinks import APART, LEAST, with_whole_blinks
from core.motion.channels import CHANNELS

LIDS = [CHANNELS.index(f"eyeBlink_{side}") for side in "LR"]


def take(frames=100, rest=0.1, **peaks):
    made = np.random.default_rng(0).random((frames, len(CHANNELS))).astype(np.float32)
    made[:, LIDS] = rest
    for place, height in peaks.items():
        made[int(place[1:]), LIDS] = height
    return made


def blinks(made):
    """Frames in which the lids are shut."""
    lid = with_whole_blinks(made)[:, LIDS[0]]
    return [i for i in range(len(lid)) if lid[i] > 0.99]


def test_half_a_blink_is_a_whole_one_and_a_flutter_is_one_blink():
    assert blinks(take(f30=0.5, f60=0.9, f63=0.6, f66=0.7)) == [30, 60]
    assert blinks(take(f30=0.9, **{f"f{30 + APART}": 0.9})) == [30, 30 + APART]


def test_lids_that_do_not_reach_a_blink_rest():
    made = take(f50=LEAST - 0.05)
    np.testing.assert_allclose(with_whole_blinks(made)[:, LIDS], 0.1, atol=1e-6)


def test_a_look_down_keeps_its_lids_and_everything_else_stays():
    made = take()
    made[40:80, LIDS] = 0.3
    out = with_whole_blinks(made)
    np.testing.assert_allclose(out[45:75, LIDS], 0.3, atol=1e-6)
    others = [i for i in range(len(CHANNELS)) if i not in LIDS]
    np.testing.assert_array_equal(out[:, others], made[:, others])


def test_blinks_at_the_ends_are_cut_off_there():
    out = with_whole_blinks(take(f0=0.9, f99=0.9))[:, LIDS[0]]
    assert out[0] > 0.99 and out[99] > 0.99 and out.max() <= 1.0 and abs(out[50] - 0.1) < 1e-6
