"""The metrics against known answers."""

import numpy as np
import pytest

from core.channels import FPS
from core.prior.features import FEATURES, d_nl
from training import motion_metrics as metrics
from training.prosody import Prosody


def test_frechet_distance_of_gaussians_is_the_closed_form():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, size=(200_000, 2)), rng.normal((1, 0), (2, 1), size=(200_000, 2))
    # Diagonal covariances: sum of squared differences of means and of deviations.
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
    motion[750:755, FEATURES.index("blink")] = 0.3  # a lowered lid is no blink
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
