"""Synthetic motion has the statistics of the sources that it cites."""

import numpy as np
import pytest

from core.motion.channels import FPS
from core.prior.features import FEATURES
from core.sound.mel import SAMPLE_RATE
from training.corpus.synthetic.performance import BLINK_RATE, blink_profile, blink_times, smooth_noise, synthesise
from training.prior import motion_metrics as metrics
from training.speech.prosody import Prosody, analyse, track_f0


def voice(seconds=24.0, seed=0):
    """A sound with prosody and its F0: a gliding buzz in phrases of syllables, with pauses between them."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    f0 = 120.0 * 2 ** (0.25 * np.sin(2 * np.pi * time / 3.1))
    buzz = np.sign(np.sin(2 * np.pi * np.cumsum(f0) / SAMPLE_RATE)) * 0.3
    syllables = 0.3 + 0.7 * np.clip(np.sin(2 * np.pi * 2.0 * time), 0, 1)
    phrases = (time % 4.0) < 2.8
    return (buzz * syllables * phrases + 1e-3 * rng.normal(size=len(time))).astype(np.float32), f0, phrases


@pytest.fixture(scope="module")
def prosody():
    samples, _, _ = voice()
    return analyse(samples, round(len(samples) / 640))


@pytest.fixture(scope="module")
def motions(prosody):
    return [synthesise(prosody, seed) for seed in range(40)]


def test_pitch_tracker_finds_the_pitch():
    samples, f0, phrases = voice(8.0)
    tracked = track_f0(samples)
    centre = np.arange(len(tracked)) * 160
    voiced = tracked > 0
    assert voiced.mean() > 0.2
    error = 12 * np.log2(tracked[voiced] / f0[centre][voiced])
    assert np.median(np.abs(error)) < 0.5
    assert np.mean(np.abs(error) > 3) < 0.05
    assert voiced[~phrases[centre]].mean() < 0.05


def test_phrases_and_accents_are_at_the_times_of_the_sound(prosody):
    assert len(prosody.phrases) == 6
    for i, (start, end) in enumerate(prosody.phrases):
        assert abs(start / FPS - 4.0 * i) < 0.25 and abs(end / FPS - 4.0 * i - 2.75) < 0.35
    # One syllable every half second; it is loudest after an eighth of a second.
    inside = [(a / FPS) % 0.5 for a in prosody.accents]
    assert len(inside) > 15 and np.median(np.abs(np.array(inside) - 0.125)) < 0.1


def test_in_silence_there_are_no_phrases_but_the_head_moves():
    still = analyse(np.zeros(16000 * 8, np.float32), 200)
    assert still.phrases == () and len(still.accents) == 0
    motion = synthesise(still, 0)
    assert np.isfinite(motion).all() and np.rad2deg(motion[:, 0]).std() > 0.3


def test_blink_rate_is_in_the_cited_range(motions):
    assert BLINK_RATE[0] < metrics.blink_statistics(motions)["blinks_per_minute"] < BLINK_RATE[1]
    rates = [metrics.blink_statistics([m])["blinks_per_minute"] for m in motions]
    assert np.std(rates) > 2, "people must differ"


def test_blink_intervals_are_lognormal_without_phrases():
    rng = np.random.default_rng(0)
    times = blink_times(rng, Prosody.silent(200_000), 20.0)
    intervals = np.log(np.diff(times) / FPS)
    assert 60 / (200_000 / FPS) * len(times) == pytest.approx(20.0, rel=0.06)
    assert np.std(intervals) == pytest.approx(0.6, abs=0.08)
    standard = (intervals - intervals.mean()) / intervals.std()
    assert abs(np.mean(standard**3)) < 0.4, "the logarithm must not be skewed"


def test_blinks_gather_at_phrase_ends(prosody):
    ends = np.array([end for _, end in prosody.phrases])
    times = np.concatenate([blink_times(np.random.default_rng(k), prosody, 22.0) for k in range(300)])
    near = np.mean(np.min(np.abs(times[:, None] - ends), axis=1) < 0.25 * FPS)
    by_chance = len(ends) * 0.5 * FPS / prosody.frames
    assert near > 1.5 * by_chance


def test_each_blink_closes_fully_and_lasts_100_to_400_ms(motions):
    blink = FEATURES.index("blink")
    for motion in motions:
        for peak in metrics.blink_frames(motion[:, blink]):
            if 3 < peak < len(motion) - 3:
                assert motion[peak, blink] > 0.99
    statistics = metrics.blink_statistics(motions)
    assert 80 < statistics["half_closed_ms"] < 300


def test_lids_close_faster_than_they_open():
    phase = np.linspace(0, 0.4, 4001)
    curve = blink_profile(phase, 0.09, 0.05, 0.18)
    closing = phase[curve > 0.5][0]
    opening = phase[curve > 0.5][-1] - (0.09 + 0.05)
    assert curve.max() == 1 and curve[0] == 0 and curve[-1] == pytest.approx(0, abs=1e-9)
    assert 1.5 * closing < 0.32 - 0.14 and opening > closing


def test_head_moves_more_in_speech_and_nods_on_accents(prosody, motions):
    assert np.mean([metrics.speech_ratio(m, prosody) for m in motions]) > 1.3
    lift = np.array([metrics.accent_lift(m, prosody) for m in motions])
    assert lift.mean() > 3 * lift.std() / np.sqrt(len(lift)) > 0


def test_head_is_small_smooth_and_never_still(motions):
    for motion in motions:
        head = np.rad2deg(motion[:, :3])
        assert np.abs(head).max() < 25
        assert head.std(axis=0).min() > 0.2
    assert 1 < metrics.variance(motions) < 25
    assert metrics.trembling(motions) < 0.1
    speed = np.abs(np.diff(np.rad2deg(np.stack(motions)[..., :3]), axis=1)) * FPS
    assert np.percentile(speed, 99.9) < 120


def test_eyes_stay_on_the_listener_while_the_head_turns(motions):
    """Vestibulo-ocular reflex: the eyes turn in the head against its rotation."""
    gaze, yaw = FEATURES.index("gazeYaw"), FEATURES.index("headYaw")
    correlations = [np.corrcoef(m[:, gaze], m[:, yaw])[0, 1] for m in motions]
    assert np.median(correlations) < -0.3


def test_slow_noise_falls_with_frequency():
    noise = smooth_noise(np.random.default_rng(0), 8192, 0.05, 2.0, 2.0)
    power = np.abs(np.fft.rfft(noise * np.hanning(len(noise)))) ** 2
    frequency = np.fft.rfftfreq(len(noise), 1 / FPS)
    band = [power[(frequency > a) & (frequency < 2 * a)].mean() for a in (0.1, 0.4, 1.0)]
    assert band[0] > 5 * band[1] > 5 * band[2]
    assert power[frequency > 6].mean() < 1e-4 * band[0]


def test_same_seed_same_motion_other_seed_other_motion(prosody, motions):
    np.testing.assert_array_equal(motions[3], synthesise(prosody, 3))
    assert metrics.diversity(np.stack(motions[:6])) > 1.0


def test_real_head_motion_is_used(prosody):
    carrier = np.zeros((prosody.frames, 6), np.float32)
    carrier[:, 1] = np.deg2rad(6) * np.sin(np.arange(prosody.frames) / 30)
    motion = synthesise(prosody, 1, carrier, blinks=[50.0, 120.0])
    assert np.corrcoef(motion[:, FEATURES.index("headYaw")], carrier[:, 1])[0, 1] > 0.8
    assert len(metrics.blink_frames(motion[:, FEATURES.index("blink")])) == 2
