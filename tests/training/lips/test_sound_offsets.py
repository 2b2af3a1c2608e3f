"""How late the sound of a film is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core.motion.channels import FPS
from training.lips.sound_offsets import INDEX, best, in_time_of_sound, lateness, likeness, offsets


def talk(late: float, seed: int, frames: int = 75) -> tuple[np.ndarray, np.ndarray]:
    """A mouth's opening as filmed, and as predicted from a sound that is ``late`` seconds late, with mistakes."""
    rng = np.random.default_rng(seed)
    waves = [(rng.uniform(1.5, 5.0), rng.uniform(0, 6)) for _ in range(4)]

    def opening(times: np.ndarray) -> np.ndarray:
        return sum(np.sin(2 * np.pi * rate * times + phase) for rate, phase in waves)

    times = np.arange(frames) / FPS
    return opening(times), opening(times - late) + rng.normal(0, 1.0, frames)


@pytest.mark.parametrize("late", [-0.06, 0.0, 0.08])
def test_the_lateness_of_a_recording_is_found(late: float) -> None:
    curves = [likeness(*talk(late, seed)) for seed in range(4)]
    assert abs(best(curves) - late) <= 0.011


def test_a_clip_does_not_choose_its_own_offset() -> None:
    curves = {f"president_{i:02d}": likeness(*talk(0.08, i)) for i in range(1, 9)}
    found = offsets(curves)
    assert all(abs(late - 0.08) <= 0.021 for late in found.values())
    wrong = likeness(*talk(-0.2, 1))
    assert offsets(curves | {"president_01": wrong})["president_01"] == found["president_01"]
    # The only other one of its recording counts as much as all other recordings together.
    others = [curves[f"president_{i:02d}"] for i in (1, 2, 3, 5, 6, 7)]
    assert offsets(curves | {"president_04": wrong})["president_08"] == best([wrong, np.mean(others, axis=0)])
    assert offsets(curves | {"president_04": wrong})["president_04"] == found["president_04"]


def test_the_index_beside_the_tracks_is_read(tmp_path: Path) -> None:
    assert lateness(tmp_path / "president_01.npz") == 0.0
    (tmp_path / INDEX).write_text(json.dumps({"president_01": 0.08}))
    assert lateness(tmp_path / "president_01.npz") == 0.08
    assert lateness(tmp_path / "s1_bbaf2n.npz") == 0.0


def test_a_mouth_moves_to_the_time_of_its_sound(tmp_path: Path) -> None:
    (tmp_path / INDEX).write_text(json.dumps({"president_01": 0.08, "president_02": -0.04}))
    frames = np.arange(5)
    assert in_time_of_sound(frames, tmp_path / "president_01.npz").tolist() == [0, 0, 0, 1, 2]
    assert in_time_of_sound(frames, tmp_path / "president_02.npz").tolist() == [1, 2, 3, 4, 4]
    assert in_time_of_sound(frames, tmp_path / "s1_bbaf2n.npz").tolist() == [0, 1, 2, 3, 4]
