"""The filter against rumble: what it takes away, what it leaves, no delay, and no seams."""

from __future__ import annotations

import numpy as np
import pytest

from core.sound import high_pass
from core.sound.high_pass import PASS_HZ, STOP_HZ, remove_rumble


def filtered(samples: np.ndarray) -> np.ndarray:
    out = samples.astype(np.float32)
    remove_rumble(out)
    return out


def tone(frequency: float, count: int = 32000) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * frequency * np.arange(count) / 16000)


@pytest.mark.parametrize("frequency", [5.0, 20.0, 30.0, STOP_HZ])
def test_rumble_is_reduced_by_sixty_decibels(frequency: float) -> None:
    assert np.abs(filtered(tone(frequency))[4000:-4000]).max() < 0.3 * 1.2e-3


@pytest.mark.parametrize("frequency", [PASS_HZ, 85.0, 300.0, 7000.0])
def test_voices_stay_as_they_are_without_delay(frequency: float) -> None:
    sound = tone(frequency)
    assert np.abs(filtered(sound) - sound)[4000:-4000].max() < 0.3 * 3e-3


@pytest.mark.parametrize("count", [1, 5, 600, 20000, 3 * high_pass._BLOCK + 11])
def test_an_offset_goes_away_from_the_first_sample_to_the_last(count: int) -> None:
    assert np.abs(filtered(np.full(count, 0.3))).max() < 1e-6


def test_blocks_leave_no_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = np.random.default_rng(0).normal(0.2, 0.1, 100_000)
    whole = filtered(sound)
    monkeypatch.setattr(high_pass, "_BLOCK", 3001)
    assert np.abs(filtered(sound) - whole).max() < 1e-6
