"""Other voices for a recording: harmonics and formants each move by their own factor; the timing stays."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

from core.sound.mel import MEL_SCALE, SAMPLE_RATE, log_mel, mel_filterbank
from training.speech.revoice import FORMANTS, PITCH, draw, revoiced_mel

PITCH_HZ, FORMANT_HZ = 120.0, 1500.0


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    """One second of pulses through one formant, with half a second of silence before and after."""
    count = SAMPLE_RATE
    pulses = np.diff(np.floor(np.arange(count + 1) * PITCH_HZ / SAMPLE_RATE))
    radius, angle = np.exp(-np.pi * 100.0 / SAMPLE_RATE), 2 * np.pi * FORMANT_HZ / SAMPLE_RATE
    sound = scipy.signal.lfilter([1.0], [1.0, -2 * radius * np.cos(angle), radius**2], pulses)
    return np.concatenate([np.zeros(8000), 0.05 * sound, np.zeros(8000)]).astype(np.float32)


@pytest.fixture(scope="module")
def whisper() -> np.ndarray:
    """Two seconds of noise through the same formant, without harmonics."""
    radius, angle = np.exp(-np.pi * 100.0 / SAMPLE_RATE), 2 * np.pi * FORMANT_HZ / SAMPLE_RATE
    noise = np.random.default_rng(0).normal(0.0, 0.01, 2 * SAMPLE_RATE)
    return scipy.signal.lfilter([1.0], [1.0, -2 * radius * np.cos(angle), radius**2], noise).astype(np.float32)


def _loudest_hz(mel: np.ndarray, low: float, high: float) -> float:
    """Mean frequency of the power between two frequencies, in the middle of two seconds."""
    filters = mel_filterbank()
    centres = (filters @ np.linspace(0.0, SAMPLE_RATE / 2, filters.shape[1])) / filters.sum(1)
    inside = (centres >= low) & (centres <= high)
    power = np.exp(MEL_SCALE * mel[80:120, inside]).mean(0)
    return float(np.average(centres[inside], weights=power**2))


def test_factors_of_one_change_nothing(voice):
    np.testing.assert_allclose(revoiced_mel(voice, 50, 1.0, 1.0), log_mel(voice, 50), atol=0.01)


@pytest.mark.parametrize("factor", [0.9, 1.2])
def test_formants_move_and_the_pitch_stays(voice, whisper, factor):
    assert _loudest_hz(log_mel(whisper, 50), 900, 3000) == pytest.approx(FORMANT_HZ, rel=0.02)
    assert _loudest_hz(revoiced_mel(whisper, 50, 1.0, factor), 900, 3000) == pytest.approx(
        factor * FORMANT_HZ, rel=0.03
    )
    assert _loudest_hz(revoiced_mel(voice, 50, 1.0, factor), 60, 170) == pytest.approx(PITCH_HZ, abs=15)


def test_the_pitch_moves_and_formants_stay(voice, whisper):
    assert _loudest_hz(revoiced_mel(whisper, 50, 1.7, 1.0), 900, 3000) == pytest.approx(FORMANT_HZ, rel=0.03)
    assert _loudest_hz(revoiced_mel(voice, 50, 1.7, 1.0), 60, 290) == pytest.approx(1.7 * PITCH_HZ, abs=20)


def test_the_timing_stays(voice):
    loud = revoiced_mel(voice, 50, 1.8, 1.15).mean(1)
    own = log_mel(voice, 50).mean(1)
    assert np.corrcoef(loud, own)[0, 1] > 0.97
    assert abs(int(np.argmax(np.diff(loud))) - int(np.argmax(np.diff(own)))) <= 2


def test_high_voices_mostly_have_short_tracts():
    rng = np.random.default_rng(0)
    pitch, formants = np.array([draw(rng) for _ in range(500)]).T
    assert PITCH[0] <= pitch.min() < 0.85 and 1.8 < pitch.max() <= PITCH[1]
    assert FORMANTS[0] <= formants.min() and formants.max() <= FORMANTS[1]
    assert 0.4 < np.corrcoef(np.log(pitch), np.log(formants))[0, 1] < 0.95
