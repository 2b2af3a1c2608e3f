"""Lips in bad sound: what is done to the sound, and what is measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from training.checks import robustness

RATE = 16000


@pytest.fixture
def voices() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(0, 0.02 * (i + 1), RATE) for i in range(8)]


def power(sound: np.ndarray) -> float:
    return float(np.mean(np.square(sound)))


def test_sounds_are_changed_as_the_table_says(voices: list[np.ndarray]) -> None:
    speech = (0.1 * np.sin(2 * np.pi * 200 * np.arange(2 * RATE) / RATE)).astype(np.float32)
    changes = robustness.changes(voices)
    assert len(changes) == 6
    for index, (name, change) in enumerate(changes.items()):
        made = change(speech, index)
        assert made.shape == speech.shape and np.isfinite(made).all(), name
    babbles = [change for name, change in changes.items() if "voices" in name]
    for db, change in zip(robustness.BABBLE_DB, babbles, strict=True):
        babble = change(speech, 1) - speech
        assert 10 * np.log10(power(speech) / power(babble)) == pytest.approx(db, abs=0.1)
    other = babbles[-1](speech, 2) - speech
    assert abs(np.corrcoef(babble, other)[0, 1]) < 0.95  # each recording hears other voices


def test_the_clean_sound_is_the_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "speech").mkdir()
    rng = np.random.default_rng(1)
    for index in range(80):
        loud = np.repeat(rng.uniform(0.02, 0.3, 50), RATE // 25)
        soundfile.write(tmp_path / "speech" / f"{index}-1-0000.flac", loud * rng.normal(size=len(loud)) / 3, RATE)
    monkeypatch.setattr(robustness, "SYNTHESISED", tmp_path / "none")

    def loudness(samples: np.ndarray) -> np.ndarray:
        return np.sqrt(np.square(samples[: len(samples) // 640 * 640].reshape(-1, 640)).mean(1))

    rows = {row[0]: [float(cell) for cell in row[1:]] for row in robustness.table(tmp_path, loudness).rows}
    clipped = next(numbers for name, numbers in rows.items() if "clipped" in name)
    babble = next(numbers for name, numbers in rows.items() if "voices" in name)
    assert clipped[0] > 0.9 and clipped[2] < 1.0  # what is cut off moves less
    assert babble[0] < clipped[0] and babble[1] <= babble[0]
