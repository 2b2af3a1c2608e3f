"""Lip-sync metrics compared with plain loops, and on made-up codes whose offset is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.face.face_view import clip_similarity, face_view
from training.judge import lip_sync_metrics as metrics
from training.judge.data import MOUTH_SIDE
from training.judge.lip_sync_metrics import (
    REACH,
    answers,
    confidence_gap,
    judge_take,
    opening_match,
    reliability,
    shift_distances,
    sync_numbers,
    window_hits,
)
from training.judge.model import Judge, JudgeConfig


def codes(count: int, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=(count, 64))
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def test_distances_are_those_of_a_plain_loop() -> None:
    seen, heard = codes(40, 1), codes(40, 2)
    expected = []
    for shift in range(-REACH, REACH + 1):
        pairs = [(i, i + shift) for i in range(40) if 0 <= i + shift < 40]
        expected.append(np.mean([np.linalg.norm(seen[i] - heard[j]) for i, j in pairs]))
    np.testing.assert_allclose(shift_distances(seen, heard), expected, atol=1e-9)
    numbers = sync_numbers(np.array(expected))
    assert numbers["lse_d"] == min(expected)
    assert numbers["lse_c"] == pytest.approx(sorted(expected)[REACH] - min(expected))
    assert numbers["distance"] == expected[REACH]


@pytest.mark.parametrize("late", [-6, 0, 4])
def test_sound_that_comes_late_has_a_positive_offset(late: int) -> None:
    seen = codes(60)
    heard = np.roll(seen, late, 0) + 0.1 * codes(60, 3)
    heard /= np.linalg.norm(heard, axis=1, keepdims=True)
    numbers = sync_numbers(shift_distances(seen, heard))
    assert numbers["offset"] == late
    assert numbers["lse_d"] < 0.3 and numbers["lse_c"] > 0.8
    assert sync_numbers(shift_distances(seen, codes(60, 9)))["lse_c"] < 0.1


def test_too_short_a_clip_is_refused() -> None:
    with pytest.raises(ValueError, match="15 windows"):
        shift_distances(codes(15), codes(15))


def test_single_windows_are_ranked_against_their_rivals() -> None:
    assert window_hits(codes(70), codes(70)) == 1
    # Neighbours may be equally near: a code that lasts two frames still counts.
    slow = codes(40).repeat(2, 0)
    assert window_hits(slow, slow + 1e-9 * codes(80, 1)) > 0.9
    chance = np.mean([window_hits(codes(70, a), codes(70, a + 100)) for a in range(20)])
    assert 0.01 < chance < 0.07


def test_reliability_of_a_perfect_judge_and_of_a_guessing_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "answers", lambda _, seen, heard: (seen, heard))
    judge = Judge(JudgeConfig.tiny())
    known = reliability(judge, [(codes(70, i), codes(70, i)) for i in range(6)])
    assert known["top1"] == known["top1_pieces"] == known["late_found"] == known["nearest"] == 1
    assert known["lse_c"] > 1 and known["lse_c_late"] > 1 and known["lse_c_other"] < 0.1
    assert known["distance"] < 1e-3 < known["distance_late"]
    guessed = reliability(judge, [(codes(70, i), codes(70, i + 50)) for i in range(40)])
    assert guessed["top1"] < 0.4 and guessed["late_found"] < 0.4 and abs(guessed["lse_c"]) < 0.1


def test_long_takes_are_coded_in_pieces_with_the_same_result() -> None:
    torch.manual_seed(0)
    judge = Judge(JudgeConfig.tiny()).eval()
    mouths = np.random.default_rng(0).integers(0, 256, (230, MOUTH_SIDE, MOUTH_SIDE)).astype(np.uint8)
    mel = np.random.default_rng(1).normal(size=(920, 80)).astype(np.float32)
    seen, heard = answers(judge, mouths, mel)
    assert seen.shape == heard.shape == (226, 24)
    with torch.no_grad():
        np.testing.assert_allclose(seen, judge.see(torch.from_numpy(mouths)[None])[0], atol=1e-5)
    with pytest.raises(ValueError, match="four for each frame"):
        answers(judge, mouths, mel[:-4])


def test_a_take_has_the_same_result_from_frames_and_from_face_views() -> None:
    torch.manual_seed(0)
    judge = Judge(JudgeConfig.tiny()).eval()
    rng = np.random.default_rng(2)
    points = rng.uniform(60, 200, (478, 2))
    for index, place in ((33, (90, 100)), (133, (115, 100)), (362, (145, 100)), (263, (170, 100))):
        points[index] = place
    points[61], points[291] = (110, 165), (150, 165)
    frames = rng.integers(0, 256, (40, 256, 256, 3)).astype(np.uint8)
    mel = rng.normal(size=(160, 80)).astype(np.float32)
    similarity = clip_similarity(points)
    views = [face_view(frame, similarity) for frame in frames]
    whole = judge_take(judge, frames, mel, np.tile(points, (40, 1, 1)))
    cut = judge_take(judge, views, mel)
    assert whole["lse_d"] == pytest.approx(cut["lse_d"], abs=5e-3)
    assert whole["S_c"] == whole["lse_c"]
    with pytest.raises(ValueError, match="face views of 128"):
        judge_take(judge, frames, mel)


def test_a_late_opening_has_a_positive_offset() -> None:
    truth = np.convolve(np.random.default_rng(0).random(120), np.ones(5) / 5, "same")
    match = opening_match(np.roll(truth, 3) * 0.7 + 0.1, truth)
    assert match["offset"] == 3 and match["best"] > 0.99 > match["correlation"]
    assert opening_match(truth, truth)["offset"] == 0


def test_gap_of_confidence_is_relative() -> None:
    assert confidence_gap(0.4, 0.4) == 0
    assert confidence_gap(0.3, 0.4) == pytest.approx(0.25)
    assert confidence_gap(0.5, 0.4) == pytest.approx(0.25)
