"""Shoulders that follow the head and a breath between phrases: curves of the head, of the seed and of what is said."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BadInputError
from core.motion.body import LIMITS, MEMORY_SECONDS, followed_again, following
from core.motion.breath import LEFT, breathing
from core.motion.channels import BODY, FPS
from core.motion.motion import Motion

MEMORY = round(MEMORY_SECONDS * FPS)
TALK = np.zeros(1500, bool)
"""A minute in which phrases of two to six seconds are parted by pauses of 0.4 to 1.2 seconds."""
for _first, _last in ((20, 90), (105, 200), (220, 350), (380, 430), (440, 560), (600, 700), (715, 900), (930, 1400)):
    TALK[_first:_last] = True


def head(frames: int, seed: int = 0, size: float = 0.2) -> Motion:
    generator = np.random.default_rng(seed)
    steps = generator.normal(0, size, (frames, 6)).cumsum(0) * 0.1
    return Motion(np.zeros((frames, 53)), steps[:, :3], steps[:, 3:])


def peaks(curve: np.ndarray) -> np.ndarray:
    """Frames in which a breath is fullest."""
    return np.flatnonzero((curve[1:-1] > curve[:-2]) & (curve[1:-1] >= curve[2:]) & (curve[1:-1] > 0.25)) + 1


# --------------------------------------------------------------------------------------- the shoulders
def test_shoulders_go_a_little_the_same_way_as_the_head_and_later() -> None:
    frames = 100
    turn, shift = np.zeros((frames, 3)), np.zeros((frames, 3))
    turn[20:, 1], turn[20:, 2], shift[20:, 0], shift[20:, 1] = 0.2, 0.1, 1.0, 0.5
    moved = following(Motion(np.zeros((frames, 53)), turn, shift))
    assert not moved[:20].any() and (moved[21:] > 0).all()
    assert (np.diff(moved[20:45], axis=0) > 0).all(), "it arrives slowly"
    assert (moved[28] < 0.7 * moved[-1]).all() and np.allclose(moved[45:], moved[-1])
    assert 0.2 < moved[-1, 0] < 0.6 and 0.05 < moved[-1, 1] < 0.2 and 0.005 < moved[-1, 2] < 0.03


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 99), size=st.sampled_from([0.1, 1.0, 100.0]), loop=st.booleans())
def test_they_never_go_far_and_never_jump(seed, size, loop) -> None:
    moved = following(head(200, seed, size), loop)
    assert (np.abs(moved) <= LIMITS).all()
    assert (np.abs(np.diff(moved, axis=0)) < 0.2 * np.array(LIMITS)).all()


def test_they_are_smoother_than_the_head() -> None:
    trembling = Motion(np.zeros((200, 53)), np.zeros((200, 3)), np.tile([[0.5], [-0.5]], (100, 3)))
    assert np.abs(following(trembling)[MEMORY:]).max() < 0.01


def test_a_loop_runs_into_its_beginning() -> None:
    motion = head(120, 3)
    twice = Motion(*(np.concatenate([v, v]) for v in (motion.expression, motion.rotation, motion.translation)))
    assert np.allclose(following(motion, loop=True), following(twice)[120:])


def test_an_edit_of_the_head_moves_the_body_there_and_for_a_second() -> None:
    before = head(200)
    shift = before.translation.copy()
    shift[60:70, 0] += 1.0
    after = Motion(before.expression, before.rotation, shift)
    body = np.random.default_rng(1).random((200, 4)).astype(np.float32)
    again = followed_again(body, before, after, strength=0.5)
    changed = np.flatnonzero((again != body).any(1))
    assert changed.min() == 60 and changed.max() < 70 + MEMORY and not (again[:, 3] != body[:, 3]).any()
    moved = 0.5 * (following(after) - following(before))
    assert np.allclose(again[:, :3], body[:, :3] + moved, atol=1e-6)


# --------------------------------------------------------------------------------------- the breath
@pytest.mark.parametrize("seed", range(12))
def test_somebody_at_rest_breathes_12_to_18_times_a_minute_and_not_like_a_clock(seed) -> None:
    curve = breathing(seed, np.zeros(6000, bool))
    found = peaks(curve)
    assert 11.0 <= len(found) / 4 <= 19.5
    assert 0.05 < np.diff(found).std() / np.diff(found).mean() < 0.25
    assert curve.min() >= LEFT[0] and curve.max() <= 1.0 and np.abs(np.diff(curve)).max() < 0.12


@pytest.mark.parametrize("seed", range(12))
def test_who_speaks_breathes_in_before_phrases(seed) -> None:
    curve, rises = breathing(seed, TALK), np.zeros(len(TALK), bool)
    rises[1:] = np.diff(curve) > 0.015
    assert rises[~TALK].mean() > 3 * rises[TALK].mean()
    onsets = np.flatnonzero(np.diff(TALK.astype(int)) == 1) + 1
    near = [np.abs(onsets - peak).min() <= 2 for peak in peaks(curve) if curve[peak] > 0.72]
    assert len(near) >= 4 and all(near)


def test_the_longer_of_two_pauses_is_taken() -> None:
    spoken = np.ones(500, bool)
    for first, last in ((80, 84), (95, 112), (125, 129)):
        spoken[first:last] = False
    full = np.concatenate(
        [[k for k in peaks(curve) if curve[k] > 0.72] for curve in map(breathing, range(20), [spoken] * 20)]
    )
    assert (np.abs(full - 112) <= 1).sum() >= 18
    assert (np.abs(full - 84) <= 1).sum() + (np.abs(full - 129) <= 1).sum() <= 2


def test_every_seed_breathes_in_its_own_way_and_always_in_the_same() -> None:
    curves = [breathing(seed, TALK) for seed in range(20)]
    assert len({curve.tobytes() for curve in curves}) == 20
    assert all(np.array_equal(breathing(seed, TALK), curves[seed]) for seed in range(20))


@pytest.mark.parametrize("seed", range(8))
def test_the_breath_of_a_loop_has_no_seam(seed) -> None:
    curve = breathing(seed, TALK[:400], loop=True)
    around = np.concatenate([curve, curve[:1]])
    assert np.abs(np.diff(around)).max() < 0.12 and curve.min() >= LEFT[0] and curve.max() <= 1.0


@settings(deadline=None, max_examples=60)
@given(frames=st.integers(0, 60), seed=st.integers(0, 2**31 - 1), loop=st.booleans(), word=st.integers(0, 2**60 - 1))
def test_any_take_has_a_breath(frames, seed, loop, word) -> None:
    spoken = np.array([bool(word >> k & 1) for k in range(frames)], bool)
    curve = breathing(seed, spoken, loop)
    assert curve.shape == (frames,) and np.isfinite(curve).all()
    assert ((curve >= LEFT[0]) & (curve <= 1.0)).all()


# --------------------------------------------------------------------------------------- as a part of a motion
def with_body(frames: int, seed: int = 0) -> Motion:
    plain = head(frames, seed)
    body = np.random.default_rng(seed).random((frames, len(BODY)))
    return Motion(plain.expression, plain.rotation, plain.translation, body=body)


def test_a_body_is_kept_in_the_file_and_one_that_rests_leaves_it_as_earlier_versions_wrote_it(tmp_path) -> None:
    motion = with_body(20)
    motion.save(tmp_path / "new.npz")
    assert np.array_equal(Motion.load(tmp_path / "new.npz").body, motion.body)
    resting = Motion.from_table(motion.table())
    with np.load(io.BytesIO(resting.to_bytes())) as stored:
        assert set(stored.files) == {"expression", "rotation", "translation", "fps", "names"}
    resting.save(tmp_path / "old.npz")
    loaded = Motion.load(tmp_path / "old.npz")
    assert loaded.body.shape == (20, 4) and not loaded.body.any()


def test_whatever_copies_a_motion_carries_the_body() -> None:
    motion = with_body(50)
    assert np.array_equal(motion.slice(7, 20).body, motion.body[7:20])
    assert np.array_equal(motion.with_group("gaze", np.zeros((50, 8))).body, motion.body)
    assert np.array_equal(Motion.from_channels(motion.channels(), body=motion.body).body, motion.body)
    assert np.array_equal(motion.sampled(np.arange(50) / 25, 25.0).body, motion.body)
    half = motion.resampled(50.0).body
    assert np.array_equal(half[::2], motion.body)
    assert np.allclose(half[1:-1:2], (motion.body[1:] + motion.body[:-1]) / 2, atol=1e-6)


@pytest.mark.parametrize("body", [np.zeros((3, 4)), np.zeros((4, 3)), np.full((4, 4), np.nan), np.full((4, 4), 1e6)])
def test_a_wrong_body_is_refused(tmp_path, body) -> None:
    with np.load(io.BytesIO(Motion.zeros(4).to_bytes())) as stored:
        np.savez(tmp_path / "motion.npz", **stored, body=body)
    with pytest.raises(BadInputError, match=r"body|far beyond"):
        Motion.load(tmp_path / "motion.npz")
