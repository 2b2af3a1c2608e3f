"""The metrics of motion, in cases whose answer is known."""

import numpy as np
import pytest

from core.motion.channels import FPS
from core.prior.features import FEATURES, d_nl
from training.prior import motion_metrics as metrics
from training.speech.prosody import Prosody


def test_frechet_distance_of_gaussians_has_its_closed_form():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, size=(200_000, 2)), rng.normal((1, 0), (2, 1), size=(200_000, 2))
    # Diagonal covariances: the sum of the squared differences of means and of standard deviations.
    assert metrics.frechet_distance(a, b) == pytest.approx(1 + (2 - 1) ** 2, rel=0.03)
    assert metrics.frechet_distance(a, a) == pytest.approx(0, abs=1e-6)


def test_frechet_distance_sees_correlation():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100_000, 1))
    same, apart = np.hstack([x, x]), rng.normal(size=(100_000, 2))
    # Σ = [[1,1],[1,1]], Σ' = I: trace 2 + 2 − 2·√2
    assert metrics.frechet_distance(same, apart) == pytest.approx(4 - 2 * np.sqrt(2), abs=0.02)


def wave(amplitude, frames=500, rate=0.5):
    motion = np.zeros((frames, d_nl), np.float32)
    motion[:, :3] = np.deg2rad(amplitude) * np.sin(2 * np.pi * rate * np.arange(frames) / FPS)[:, None]
    return motion


def test_snd_prefers_the_right_motion():
    real = [wave(3.0)]
    assert metrics.snd(real, real)["snd"] == pytest.approx(0, abs=1e-6)
    still, fast = metrics.snd([wave(0.0)], real), metrics.snd([wave(3.0, rate=2.0)], real)
    assert still["snd"] > 1 and fast["fid_fm"] < 0.05 < 1 < fast["fid_delta_fm"]


def test_variance_and_jitter_of_a_sine():
    assert metrics.variance([wave(4.0)]) == pytest.approx(8.0, rel=0.01)
    expected = 4.0 / np.sqrt(2) * (2 * np.pi * 0.5) ** 2
    assert metrics.jitter([wave(4.0)]) == pytest.approx(expected, rel=0.02)
    assert metrics.trembling([wave(4.0)]) < 0.02 < 0.3 < metrics.trembling([wave(1.0, rate=9.0)])


def test_blinks_are_counted():
    motion = np.zeros((1500, d_nl), np.float32)  # one minute
    for start in range(100, 1500, 100):
        motion[start : start + 5, FEATURES.index("blink")] = (0.4, 1, 1, 0.6, 0.2)
    motion[750:755, FEATURES.index("blink")] = 0.3  # a lowered lid is not a blink
    statistics = metrics.blink_statistics([motion])
    assert statistics["blinks_per_minute"] == pytest.approx(14)
    assert statistics["median_interval_s"] == pytest.approx(4.0)
    assert statistics["mean_closure"] == 1 and statistics["half_closed_ms"] == pytest.approx(120)
    assert metrics.longest_stare([motion]) == pytest.approx(4.04, abs=0.1)


def test_diversity_is_the_rms_distance_of_pairs():
    takes = np.stack([wave(0.0), wave(0.0)])
    takes[1, :, :3] += np.deg2rad(2.0)
    assert metrics.diversity(takes) == pytest.approx(2.0, rel=1e-5)


def test_accent_lift_sees_nods_at_accents_only():
    frames, accents = 400, np.arange(40, 380, 40)
    prosody = Prosody(
        np.zeros(frames), np.zeros(frames), np.ones(frames), ((0, frames),), accents, np.ones(len(accents))
    )
    motion = np.zeros((frames, d_nl), np.float32)
    for accent in accents:
        motion[accent - 3 : accent + 6, FEATURES.index("headPitch")] = np.deg2rad(3)
    assert metrics.accent_lift(motion, prosody) == pytest.approx(3.0, abs=0.3)
    assert metrics.accent_lift(np.roll(motion, 20, axis=0), prosody) < 0.5


def test_snd_in_own_units_is_the_frechet_distance_of_the_coefficients():
    rng = np.random.default_rng(0)
    real, made = (rng.normal(0, scale, size=(5000, d_nl)).astype(np.float32) for scale in (0.1, 0.2))
    result = metrics.snd([made], [real], own_units=True)
    assert result["fid_fm"] == pytest.approx(d_nl * 0.1**2, rel=0.05)
    assert result["fid_delta_fm"] == pytest.approx(2 * d_nl * 0.1**2, rel=0.05)
    assert metrics.relative_variance([made], [real]) == pytest.approx(4.0, rel=0.05)


def test_beats_on_accents_score_and_others_do_not():
    frames, rng = 1000, np.random.default_rng(0)
    accents = np.cumsum(rng.integers(14, 40, size=30))
    prosody = Prosody(
        np.zeros(frames), np.zeros(frames), np.ones(frames), ((0, frames),), accents, np.ones(len(accents))
    )
    motion = np.zeros((frames, d_nl), np.float32)
    knots = np.r_[0, accents, frames]
    phase = np.interp(np.arange(frames), knots, np.arange(len(knots)))
    motion[:, 0] = np.deg2rad(5 * np.cos(np.pi * phase))  # changes its direction at each accent
    aligned = metrics.beat_alignment(motion, prosody)
    late = metrics.beat_alignment(np.roll(motion, 9, axis=0), prosody)
    assert aligned > 0.3 and abs(late) < 0.6 * aligned
    noise = np.zeros_like(motion)
    noise[:, :3] = np.cumsum(rng.normal(0, 0.01, size=(frames, 3)), axis=0)
    assert abs(metrics.beat_alignment(noise, prosody)) < 0.1


def test_arc_length_falls_with_tremor_and_not_with_size():
    time = np.arange(250) / FPS
    smooth = np.zeros((250, d_nl), np.float32)
    smooth[:, 0] = 0.05 * np.sin(2 * np.pi * 0.4 * time)
    shaking = smooth.copy()
    shaking[:, 0] += 0.01 * np.sin(2 * np.pi * 7 * time)
    assert metrics.spectral_arc_length(smooth) == pytest.approx(metrics.spectral_arc_length(3 * smooth), abs=1e-4)
    assert metrics.spectral_arc_length(shaking) < metrics.spectral_arc_length(smooth) - 0.5
    assert metrics.spectral_arc_length(np.zeros((50, d_nl))) == 0.0


def test_seams_are_found_where_they_are():
    rng = np.random.default_rng(0)
    motion = np.cumsum(rng.normal(0, 0.01, size=(600, d_nl)), axis=0)
    seams = [[100, 250, 400, 550]]
    same = metrics.seam_statistics([motion], seams)
    assert same["seam_speed"] == pytest.approx(1, abs=0.25) and same["seam_rank"] == pytest.approx(0.5, abs=0.2)
    jumping = motion.copy()
    for seam in seams[0]:
        jumping[seam:] += 0.1
    seen = metrics.seam_statistics([jumping], seams)
    assert seen["seam_speed"] > 3 and seen["seam_acceleration"] > 3 and seen["seam_rank"] > 0.95
    elsewhere = metrics.seam_statistics([jumping], [[50, 180, 300]])
    assert elsewhere["seam_speed"] < 1.2
    assert np.isnan(metrics.seam_statistics([motion], [[]])["seam_rank"])
