"""The log-mel spectrogram against a slow, independent implementation, and its timing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.sound.mel import log_mel, log_mel_blocks, mel_filterbank


def _reference_row(samples: np.ndarray, row: int) -> np.ndarray:
    """One row by its definition: explicit sums in double precision, without FFT."""
    centre = 160 * row + 80
    segment = np.array([samples[i] if 0 <= i < len(samples) else 0.0 for i in range(centre - 200, centre + 200)])
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    frequencies = np.arange(513) * 16000 / 1024
    phases = np.exp(-2j * np.pi * np.outer(frequencies / 16000, np.arange(400)))
    power = np.abs(phases @ (segment * window)) ** 2 / np.sum(window**2)
    low, high = 2595 * math.log10(1 + 60 / 700), 2595 * math.log10(1 + 7600 / 700)
    edges = [700 * (10 ** ((low + k * (high - low) / 81) / 2595) - 1) for k in range(82)]
    out = []
    for left, centre_hz, right in zip(edges, edges[1:], edges[2:], strict=False):
        weights = np.interp(frequencies, [left, centre_hz, right], [0, 1, 0], left=0, right=0)
        out.append(math.log(float(weights @ power / weights.sum()) + 1e-7))
    return (np.array(out) + 8) / 4


@pytest.mark.parametrize("row", [0, 1, 37, 1003, 1199, 1200, 1239])
def test_rows_equal_the_definition(row: int) -> None:
    samples = np.random.default_rng(0).uniform(-0.3, 0.3, 12 * 16000 + 77).astype(np.float32)
    np.testing.assert_allclose(log_mel(samples, 310)[row], _reference_row(samples, row), atol=2e-4)


def test_filters_cover_the_band_evenly() -> None:
    filters = mel_filterbank()
    assert filters.shape == (80, 513) and filters.min() >= 0.0
    np.testing.assert_allclose(filters.sum(1), 1.0, rtol=1e-5)
    assert np.all(np.diff(filters @ np.arange(513.0)) > 0)


@pytest.mark.parametrize("frame", [0, 3, 249, 250, 251, 700])
def test_a_click_is_in_the_rows_of_its_own_frame(frame: int) -> None:
    samples = np.zeros(640 * 800, np.float32)
    samples[640 * frame + 320] = 1.0  # the middle of the frame: between its second and third row
    energy = np.exp(4 * log_mel(samples, 800)).sum(1)
    assert set(np.argsort(energy)[-2:]) == {4 * frame + 1, 4 * frame + 2}
    assert energy[4 * frame + 1] == pytest.approx(energy[4 * frame + 2], rel=0.02)


@settings(max_examples=20, deadline=None)
@given(frames=st.integers(1, 40), extra=st.integers(-700, 700), block=st.integers(1, 50))
def test_lengths_and_independence_of_the_blocks(frames: int, extra: int, block: int) -> None:
    samples = np.random.default_rng(frames).standard_normal(max(0, 640 * frames + extra)).astype(np.float32)
    mel = log_mel(samples, frames)
    assert mel.shape == (4 * frames, 80) and mel.dtype == np.float32 and np.isfinite(mel).all()
    np.testing.assert_allclose(np.concatenate(list(log_mel_blocks(samples, frames, block))), mel, atol=1e-4)


def test_a_later_start_shifts_whole_rows() -> None:
    samples = np.random.default_rng(4).standard_normal(640 * 20).astype(np.float32)
    np.testing.assert_allclose(log_mel(samples[640 * 5 :], 10)[4:], log_mel(samples, 15)[24:], atol=1e-4)


def test_silence_has_the_value_of_the_floor() -> None:
    assert np.allclose(log_mel(np.zeros(0, np.float32), 3), (math.log(1e-7) + 8) / 4)
