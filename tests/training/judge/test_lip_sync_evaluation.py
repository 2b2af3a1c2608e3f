"""Evaluation of lip sync: which lips are shown, and that a made-up judge tells good, wrong and still lips apart."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import pytest

from core.errors import BadInputError
from core.motion.channels import EXPRESSIONS, LIP_CHANNELS, LIP_COLUMNS
from core.motion.motion import Motion
from training.common.splits import portrait_split
from training.corpus.dataset import Clip
from training.judge import lip_sync_evaluation as evaluation
from training.judge.lip_sync_evaluation import Line, both_seen, judge_lines, loud_jaw, table
from training.judge.model import Judge, JudgeConfig
from training.lips.evaluation import envelope

FRAMES = 60


class FilmedClip(Clip):
    """A clip that has only the field of the opening."""

    def array(self, field: str) -> np.ndarray:
        assert field == "opening"
        return opening_of(self.name)


def opening_of(name: str) -> np.ndarray:
    return np.convolve(np.random.default_rng(int(name)).random(FRAMES), np.ones(5) / 5, "same")


def line(name: str) -> Line:
    rng = np.random.default_rng(int(name))
    expression = rng.random((FRAMES, len(EXPRESSIONS)))
    expression[:, LIP_COLUMNS] = 0.3 + 0.4 * opening_of(name)[:, None]
    motion = Motion(expression, np.zeros((FRAMES, 3)), np.zeros((FRAMES, 3)))
    mel = np.full((4 * FRAMES, 80), float(name), np.float32)
    return Line(mel, mel + 100.0, motion, FilmedClip(name, "s", "test", FRAMES, None))


def test_only_the_lips_are_replaced() -> None:
    said = line("3")
    other = said.with_lips(np.full((FRAMES, 27), 0.125))
    lips = np.zeros(len(EXPRESSIONS), bool)
    lips[LIP_COLUMNS] = True
    assert (other.expression[:, lips] == 0.125).all()
    assert np.array_equal(other.expression[:, ~lips], said.motion.expression[:, ~lips])


def test_a_jaw_moved_by_loudness_moves_as_far_as_the_lips_it_replaces() -> None:
    rng = np.random.default_rng(0)
    lips = rng.uniform(0.3, 0.6, (FRAMES, 27)).astype(np.float32)
    mel = np.repeat(rng.normal(0, 0.5, FRAMES), 4)[:, None] * np.ones((1, 80))
    jaw = [LIP_CHANNELS[column] == "jawOpen" for column in range(27)]
    loud = loud_jaw(lips, mel)
    assert np.ptp(loud[:, ~np.array(jaw)], axis=0).max() < 1e-6
    assert np.corrcoef(loud[:, jaw][:, 0], envelope(mel))[0, 1] > 0.99
    assert loud[:, jaw].std() == pytest.approx(lips[:, jaw].std(), rel=0.1)


def test_lost_frames_are_bridged_and_lost_takes_left_out() -> None:
    clip = line("3").clip
    opening = np.linspace(0, 1, FRAMES)
    opening[10:13] = np.nan
    pair = both_seen(opening, clip)
    assert pair is not None
    np.testing.assert_allclose(pair[0], np.linspace(0, 1, FRAMES), atol=1e-9)
    opening[20:30] = np.nan
    assert both_seen(opening, clip) is None


def test_kinds_of_lips_are_ranked_by_a_perfect_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    """The made-up judge compares the shown opening with the spoken one directly."""

    def shown(_, motion: Motion):
        opening = motion.expression[:, LIP_COLUMNS].mean(1)
        return opening, opening

    def answers(_, opening, mel):
        def code(curve):
            steps = np.lib.stride_tricks.sliding_window_view(curve - curve.mean(), 5)
            return steps / (np.linalg.norm(steps, axis=1, keepdims=True) + 1e-6)

        return code(opening), code(opening_of(str(int(mel[0, 0]))))

    class Lips:
        def hear_and_predict(self, mel: np.ndarray) -> np.ndarray:
            noise = np.random.default_rng(0).normal(0, 0.03, FRAMES)
            return np.repeat((0.2 + 0.3 * opening_of(str(int(mel[0, 0] - 100))) + noise)[:, None], 27, 1)

    monkeypatch.setattr(evaluation, "shown", shown)
    monkeypatch.setattr(evaluation, "answers", answers)
    cast = [(None, line(str(number))) for number in range(5)]
    made = judge_lines(Judge(JudgeConfig.tiny()), Lips(), cast, 1.0)
    assert made["tracked"]["S_c"] > made["product"]["S_c"] > made["product, other sound"]["S_c"] + 0.2
    assert made["still"]["S_c"] < 0.1
    assert made["tracked"]["opening"] > 0.999 > made["product"]["opening"] > 0.6
    assert made["product"]["offset"] == made["product"]["opening_offset"] == 0
    assert made["product"]["N_c"] == pytest.approx(abs(1 - made["product"]["S_c"]), abs=1e-3)
    assert "opening" not in made["still"] and made["product"]["takes"] == 5
    written = table({"test": made, "awb": {"still": made["still"]}}).markdown(datetime.date(2026, 1, 2))
    assert f"| product | 5 | {made['product']['S_c']:.3f} |" in written
    assert written.count("| still | 5 |") == 2 and "voice awb" in written


def test_a_set_is_cast_only_with_held_out_faces(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Pictures without a detected face are left out; the draw for a set doesn't depend on earlier measurements."""
    (tmp_path / "portraits").mkdir()
    names = [f"face-{number}" for number in range(60)]
    for name in names:
        (tmp_path / "portraits" / f"{name}.jpg").touch()
    held_out = sorted(name for name in names if portrait_split(name) == "test")
    assert 2 < len(held_out) < 30
    (tmp_path / "awb").mkdir()
    for number in range(5):
        (tmp_path / "awb" / f"{number}.wav").touch()

    def load_portrait(path: Path, _cache: Path) -> str:
        if path.stem == held_out[1]:
            raise BadInputError("no_face", "There is no face.", "Choose another picture.")
        return path.stem

    monkeypatch.setattr(evaluation, "SPEECH", tmp_path)
    monkeypatch.setattr(evaluation, "load_portrait", load_portrait)
    monkeypatch.setattr(evaluation, "Renderer", lambda _head, portrait, _size, framing: portrait)
    monkeypatch.setattr(evaluation, "spoken", lambda file, rng: (file.stem, rng.random()))
    monkeypatch.setattr(evaluation, "judge_lines", lambda _judge, _lips, cast, real: {"cast": cast, "real": real})
    found = evaluation.evaluate_set("awb", tmp_path, tmp_path, 3)
    assert found["real"] is None
    assert [face for face, _ in found["cast"]] == [held_out[0], held_out[2]]
    assert [said for _, (said, _) in found["cast"]] == ["0", "2"], "each line has a different face"
    np.random.default_rng(5).random()
    assert evaluation.evaluate_set("awb", tmp_path, tmp_path, 3) == found
