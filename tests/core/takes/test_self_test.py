"""core.takes.self_test: one real second of a take, and takes with each of the faults that it looks for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import BadInputError, CancelledError
from core.motion.channels import CHANNELS, FPS
from core.motion.motion import Motion
from core.takes import self_test
from core.takes.studio import Studio
from core.wire.progress import JobContext
from core.wire.protocol import Notice, Probe, Progress
from core.wire.specs import GenerateSpec
from core.wire.take_file import TakeFacts


@pytest.mark.slow
def test_a_second_is_really_made(tmp_path) -> None:
    told = []
    context = JobContext("1", told.append)
    facts = Studio().handle(Probe(self_test=str(tmp_path / "out"), device="cpu"), context)
    tested = facts["self_test"]
    assert tested["problem"] == "" and tested["seconds"] > 0 and facts["weights"]
    take = Path(tested["take"])
    assert len(list((take / "frames").glob("*.png"))) == 25
    timings = json.loads((take / "take.json").read_text(encoding="utf-8"))["timings"]
    assert {"motion", "frames", "extract"} <= set(timings), "what calibrates the estimate"
    assert told and all(isinstance(event, Progress) for event in told), "its take is not announced as a take"


def take_of(out: Path, *, frames: int = 25, jaw: float = 0.4, change: int = 60) -> dict:
    """A take as `Studio` leaves it, good unless an argument spoils it."""
    take = out / "job" / "take-001"
    (take / "frames").mkdir(parents=True)
    channels = np.zeros((frames, len(CHANNELS)), np.float32)
    channels[:, CHANNELS.index("jawOpen")] = np.linspace(0, jaw, frames)
    Motion.from_channels(channels, FPS).save(take / "motion.npz")
    for index in range(frames):
        grey = np.full((8, 8, 3), 100 + change * index // frames, np.uint8)
        Image.fromarray(grey).save(take / "frames" / f"{index + 1:06d}.png")
    facts = TakeFacts(
        index=1, seed=0, spec=GenerateSpec(), job="x", frame_count=frames, fps=FPS, start=0.0, seconds=1.0, device="cpu"
    )
    facts.write(take)
    return {"job": str(take.parent)}


def problem_of(tmp_path: Path, **wrong) -> str:
    def generate(request, context):
        context.emit(Notice(id="1", message="not told"))
        return take_of(Path(request.out), **wrong)

    events: list = []
    answer = self_test.self_test(generate, tmp_path / "out", "cpu", JobContext("1", events.append))
    assert not events and Path(answer.take).is_dir()
    return answer.problem


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({}, ""),
        ({"frames": 24}, "24 frames instead of 25"),
        ({"jaw": 0.0}, "mouth doesn't move"),
        ({"change": 0}, "pictures don't change"),
    ],
)
def test_a_wrong_take_is_told(tmp_path, wrong, words) -> None:
    problem = problem_of(tmp_path, **wrong)
    assert words in problem and bool(problem) == bool(words)


@pytest.mark.parametrize(
    ("raised", "words"),
    [
        (BadInputError("x", "No face was found.", "Choose another."), "No face was found. Choose another."),
        (MemoryError(), "not enough memory"),
        (ValueError("header too large"), "ValueError: header too large"),
    ],
)
def test_a_failure_is_an_answer(tmp_path, raised, words) -> None:
    def generate(*_: object):
        raise raised

    answer = self_test.self_test(generate, tmp_path / "out", "cpu", JobContext("1"))
    assert words in answer.problem and answer.take == ""


def test_a_cancel_is_a_cancel(tmp_path) -> None:
    def generate(_request, context):
        context.check()

    with pytest.raises(CancelledError):
        self_test.self_test(generate, tmp_path / "out", "cpu", JobContext("1", cancelled=lambda: True))


def test_files_of_others_in_the_folder_stay(tmp_path) -> None:
    thesis = tmp_path / "out" / "thesis.txt"
    thesis.parent.mkdir()
    thesis.write_text("precious", encoding="utf-8")
    assert problem_of(tmp_path) == "" and problem_of(tmp_path) == ""
    assert thesis.read_text(encoding="utf-8") == "precious"


def test_a_folder_of_others_with_the_name_of_the_tests_own_stays(tmp_path) -> None:
    thesis = tmp_path / "out" / self_test.SUBFOLDER / "thesis.txt"
    thesis.parent.mkdir(parents=True)
    thesis.write_text("precious", encoding="utf-8")
    answer = self_test.self_test(lambda *_: {}, tmp_path / "out", "cpu", JobContext("1"))
    assert "did not make" in answer.problem and thesis.exists()


def test_an_earlier_take_is_not_found_again(tmp_path) -> None:
    assert problem_of(tmp_path) == "" and problem_of(tmp_path, jaw=0.0) == "The mouth doesn't move."
