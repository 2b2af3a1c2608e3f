"""Blinks at a given rate, in pieces of any size."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.motion.channels import FPS
from core.prior.blinks import AWAKE, CLOSED, DELAY, OPEN, PROFILE, STARE, BlinkPacer


def lids(frames, peaks, level=0.1):
    """A lid curve with blinks at ``peaks``."""
    curve = np.full(frames, level, np.float32)
    for peak in peaks:
        for offset, value in enumerate(PROFILE):
            at = peak - 2 + offset
            if 0 <= at < frames:
                curve[at] = max(curve[at], value)
    return curve


def paced(lid, rate, seed=0, fixed=None, loudness=None, pieces=(10**9,), loop=False):
    pacer, out, at = BlinkPacer(seed, rate, loop), [], 0
    fixed = np.zeros(len(lid), bool) if fixed is None else fixed
    loudness = np.zeros(len(lid), np.float32) if loudness is None else loudness
    sizes = iter(pieces * len(lid))
    while at < len(lid):
        end = min(at + next(sizes), len(lid))
        out.append(pacer.push(lid[at:end], loudness[at:end], fixed[at:end], end == len(lid)))
        at = end
    return np.concatenate(out)


def peaks_of(lid):
    closed = lid > 0.5
    return np.flatnonzero(closed & ~np.r_[False, closed[:-1]])


def natural(frames, seed=1, every=80):
    return list(np.cumsum(np.random.default_rng(seed).integers(every // 2, every * 3 // 2, size=frames // every)))


@pytest.mark.parametrize("rate", [6, 17, 30, 45])
def test_blinks_come_at_the_given_rate(rate):
    frames = round(10 * 60 * FPS)
    counts = [len(peaks_of(paced(lids(frames, natural(frames)), rate, seed))) / 10 for seed in range(3)]
    assert np.mean(counts) == pytest.approx(rate, rel=0.12)


def test_without_a_rate_sampled_blinks_stay_and_stares_end():
    frames = 1500
    lid = lids(frames, [50, 130, 200, 900])
    out = paced(lid, None)
    peaks = peaks_of(out)
    assert {48, 128, 198, 898} <= {p - 1 for p in peaks} | {p - 2 for p in peaks} | set(peaks)
    gaps = np.diff(np.r_[0, peaks, frames]) / FPS
    assert gaps.max() <= STARE + 0.5 and len(peaks) > 4
    calm = lids(frames, range(40, frames, 100))
    np.testing.assert_array_equal(paced(calm, None), calm)


def test_rate_zero_opens_the_eyes():
    lid = lids(1000, [20, 400, 998])
    out = paced(lid, 0.0)
    assert out.max() <= 0.36  # from the blink that is cut off by the end of the take
    assert np.abs(out[100:300] - lid[100:300]).max() == 0


def test_fixed_frames_do_not_change():
    rng = np.random.default_rng(0)
    lid = lids(2000, natural(2000))
    fixed = np.zeros(2000, bool)
    fixed[300:700] = fixed[1500:1600] = True
    for rate in (0.0, 5.0, 40.0):
        out = paced(lid, rate, int(rng.integers(100)), fixed)
        np.testing.assert_array_equal(out[fixed], lid[fixed])
        assert (out != lid).any()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    rate=st.sampled_from([None, 0.0, 8.0, 25.0, 50.0]),
    pieces=st.lists(st.integers(1, 130), min_size=1, max_size=4),
    frames=st.integers(1, 700),
    loop=st.booleans(),
)
@example(seed=142, rate=25.0, pieces=[1], frames=80, loop=False)  # a sampled blink came in the slack's last frame
def test_the_size_of_the_pieces_makes_no_difference(seed, rate, pieces, frames, loop):
    rng = np.random.default_rng(seed)
    lid = np.clip(lids(frames, natural(frames, seed)) + rng.normal(0, 0.03, frames), 0, 1).astype(np.float32)
    loudness = rng.normal(size=frames).astype(np.float32)
    fixed = np.zeros(frames, bool)
    fixed[frames // 3 : frames // 2] = bool(seed % 2)
    whole = paced(lid, rate, seed, fixed, loudness, loop=loop)
    np.testing.assert_array_equal(paced(lid, rate, seed, fixed, loudness, tuple(pieces), loop), whole)
    assert len(whole) == frames


def held(frames, peaks, length):
    """Lids that close at each of ``peaks`` and stay closed for ``length`` frames."""
    curve = np.full(frames, 0.1, np.float32)
    for peak in peaks:
        curve[peak - 1] = 0.5
        curve[peak : peak + length] = 1.0
        curve[peak + length : peak + length + 2] = (0.6, 0.3)
    return curve


@pytest.mark.parametrize("rate", [None, 15.0])
@pytest.mark.parametrize("length", [4, 6, 8])
def test_blinks_are_short_and_lids_are_only_opened(rate, length):
    """Sampled blinks only become shorter. Only added blinks close the lids further."""
    peaks = natural(1500, every=90)
    lid = held(1500, peaks, length)
    out = paced(lid, rate)
    edges = np.flatnonzero(np.diff(np.r_[0, out > 0.5, 0].astype(int)))
    shut = (edges[1::2] - edges[::2]) / FPS
    assert len(shut) >= 10 and shut.max() <= 0.2 and out.max() == 1.0, "the blinks remain, and close fully"
    assert (out <= np.maximum(lid, paced(lids(1500, peaks), rate))).all()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_short_blinks_do_not_change(seed):
    lid = lids(1500, natural(1500, seed, every=90))
    np.testing.assert_array_equal(paced(lid, None), lid)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_pacing_twice_changes_nothing_more(seed):
    stares = lids(3000, natural(3000, seed, every=500))
    once = paced(stares, None)
    assert (once != stares).any()
    np.testing.assert_array_equal(paced(once, None), once)


def test_eyes_that_are_closed_for_long_stay_closed():
    lid = held(600, [200], 40)
    np.testing.assert_array_equal(paced(lid, None)[190:250], lid[190:250])


def test_added_blinks_fall_into_pauses():
    frames = 3000
    loudness = np.where((np.arange(frames) // 25) % 2 == 0, 1.0, 0.0).astype(np.float32)
    out = paced(np.zeros(frames, np.float32), 20.0, 3, loudness=loudness)
    peaks = peaks_of(out) + 1
    assert len(peaks) > 20 and loudness[peaks].mean() < 0.15


def test_only_the_delay_is_held_back():
    pacer = BlinkPacer(0, 20.0)
    none = np.zeros(200, np.float32)
    assert len(pacer.push(none, none, none.astype(bool), False)) == 200 - DELAY
    for _ in range(50):
        assert len(pacer.push(none, none, none.astype(bool), False)) == 200
    assert len(pacer._lid) < 500, "an hour needs no more memory than a minute"
    assert len(pacer.push(none[:7], none[:7], none[:7].astype(bool), True)) == 7 + DELAY


def begun_anywhere(seed, frames=250, rate=20.0):
    """Sampled lids as the prior gives them: blinks at ``rate`` a minute, and one take in five begins inside a blink."""
    rng = np.random.default_rng([seed, 5])
    peaks = [int(p) for p in np.cumsum(15 + rng.exponential(60 / rate * FPS - 15, size=20)) - 750 if p < frames]
    if seed % 5 == 0:
        peaks = [int(rng.integers(-2, 3)), *(p for p in peaks if p > 15)]
    return lids(frames, peaks)


def quiet_start(frames):
    """Loudness of a recording that begins with half a second of silence."""
    return np.where(np.arange(frames) < 12, 0.0, np.random.default_rng(0).uniform(1, 2, frames)).astype(np.float32)


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("rate", [None, 17.0, 45.0])
def test_takes_begin_awake_and_blink_no_more_than_later(rate, silent, loop):
    frames, seeds = 250, range(200)
    loudness = np.zeros(frames, np.float32) if silent else quiet_start(frames)
    shut = []
    for seed in seeds:
        pacer = BlinkPacer(seed, rate, loop)
        lid = pacer.push(begun_anywhere(seed), loudness, np.zeros(frames, bool), True)
        assert lid[:AWAKE].max() <= OPEN, seed
        assert not loop or lid[-1] < CLOSED
        shut.append(lid > CLOSED)
    blinking = np.array(shut)
    begins = blinking[:, 1:] & ~blinking[:, :-1]
    later = begins[:, 50:-25].mean() * len(seeds)  # blinks a frame, of all seeds together
    for first, stop in ((0, 12), (0, 25), (12, 25), (25, 50)):
        expected = later * (stop - max(first, AWAKE))
        assert begins[:, first:stop].sum() <= expected + 3 * np.sqrt(expected), f"{first} … {stop}"
    assert begins[:, :50].sum() >= 0.7 * later * (50 - AWAKE), "not many fewer either"


def test_lids_that_are_shut_for_long_open_for_the_beginning():
    lid = np.ones(100, np.float32)
    out = paced(lid, None)
    assert out[:AWAKE].max() <= OPEN
    np.testing.assert_array_equal(out[AWAKE:], lid[AWAKE:])


@pytest.mark.parametrize("rate", [None, 20.0])
@pytest.mark.parametrize("first", [0, 3, 10])
def test_a_kept_beginning_stays(rate, first):
    """Frames that are kept stay, and the frames next to kept ones are not torn away from them."""
    lid = lids(200, [4, 60])
    fixed = np.zeros(200, bool)
    fixed[first : first + 8] = True
    out = paced(lid, rate, fixed=fixed)
    np.testing.assert_array_equal(out[fixed], lid[fixed])
    assert out[:first].max(initial=0.0) <= OPEN or first == 10
    if first == 0:
        np.testing.assert_array_equal(out[:15], lid[:15])
