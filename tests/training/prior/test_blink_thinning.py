"""Blinks of filmed talkers are removed at random, with all motion that belongs to the blink."""

import numpy as np
import pytest

from core.prior.features import FEATURE_GROUPS, FEATURES, d_nl
from training.corpus.synthetic.performance import BLINK_RATE
from training.prior.blink_thinning import blinks_a_minute, thin_blinks
from training.prior.data import Clip
from training.prior.motion_metrics import BLINK, blink_frames

HEAD = list(FEATURE_GROUPS["head"])
FACE = [i for i in range(d_nl) if i not in HEAD]
GAZE = FEATURES.index("gazePitch")
SHAPE = np.array([0.1, 0.6, 1.0, 0.9, 0.5, 0.2, 0.05], np.float32)


def face(peaks: list[int], frames: int = 75, seed: int = 0) -> np.ndarray:
    """(T, 25): noise, resting lids, and blinks that peak at these frames and lower the gaze."""
    motion = np.random.default_rng(seed).normal(0, 0.01, (frames, d_nl)).astype(np.float32)
    motion[:, BLINK] = 0.0
    for peak in peaks:
        for frame, closure in enumerate(SHAPE, peak - 2):
            if 0 <= frame < frames:
                motion[frame, BLINK] = closure
                motion[frame, GAZE] += 0.3 * closure
    return motion


def test_blinks_are_removed_with_their_motion_and_nothing_else_is():
    motion = face([20, 50])
    thinned = thin_blinks(motion, 0.0, np.random.default_rng(0))
    assert len(blink_frames(thinned[:, BLINK])) == 0
    assert np.array_equal(thinned[:, HEAD], motion[:, HEAD])
    untouched = np.r_[0:17, 26:47, 56:75]
    assert np.array_equal(thinned[untouched], motion[untouched])
    assert motion[20, GAZE] > 0.2 and np.abs(thinned[:, GAZE]).max() < 0.06
    # between its ends the removed part is a straight line: its second difference is zero
    assert np.abs(np.diff(thinned[18:25, FACE], n=2, axis=0)).max() < 1e-6
    assert np.array_equal(motion, face([20, 50])), "the given motion is not changed"


def test_all_blinks_can_be_kept():
    motion = face([20, 50])
    assert np.array_equal(thin_blinks(motion, 1.0, np.random.default_rng(0)), motion)


@pytest.mark.parametrize("peak", [1, 73])
def test_a_blink_at_the_end_of_a_clip_is_removed_too(peak):
    thinned = thin_blinks(face([peak]), 0.0, np.random.default_rng(0))
    assert thinned[:, BLINK].max() < 0.3 and np.abs(thinned[:, GAZE]).max() < 0.06


def test_the_share_of_kept_blinks_is_the_given_chance():
    motions = [face([15, 38, 60], seed=k) for k in range(200)]
    assert blinks_a_minute(motions) == pytest.approx(60.0)
    rng = np.random.default_rng(1)
    assert blinks_a_minute([thin_blinks(m, 0.4, rng) for m in motions]) == pytest.approx(24.0, abs=3.0)


def test_a_lesson_has_a_drawn_blink_rate_and_the_clip_keeps_its_own():
    clips = [Clip(f"c{k}", None, face([15, 38, 60], seed=k), blink_rate=60.0) for k in range(200)]
    rng = np.random.default_rng(2)
    assert BLINK_RATE[0] < blinks_a_minute([clip.lesson(rng)[0] for clip in clips]) < BLINK_RATE[1]
    assert np.array_equal(clips[0].features(rng), clips[0].motion)
    seldom = Clip("seldom", None, face([15]), blink_rate=10.0)
    assert np.array_equal(seldom.lesson(rng)[0], seldom.motion), "blinks are never added"
