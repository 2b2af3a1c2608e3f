"""Curves are read back from exactly the frames of a take, while they are made."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import CancelledError, SoliloquyError
from core.motion.motion import Motion
from core.takes import extraction, frames, take_maker
from core.wire.protocol import Extract, Notice, Progress, TakeReady
from tests.core.job_runs import Heard, run

FRAMES = 30


@pytest.fixture
def seen(models, monkeypatch) -> list[np.ndarray]:
    """The pictures that curves are read from."""
    found: list[np.ndarray] = []

    def keep(pictures: Iterable[np.ndarray], *_: object) -> Motion:
        found[:] = [picture.copy() for picture in pictures]
        return Motion.zeros(len(found))

    monkeypatch.setattr(extraction, "extract", keep)
    return found


def on_disk(take: TakeReady) -> list[np.ndarray]:
    return list(frames.read_frames(Path(take.folder) / "frames", FRAMES))


def same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return len(one) == len(other) and all(map(np.array_equal, one, other))


def test_they_are_read_from_the_frames_of_the_take(seen, request_) -> None:
    take = run(replace(request_, takes=1)).takes()[0]
    assert len({picture.tobytes() for picture in seen}) > 1
    assert same(seen, on_disk(take))


def test_a_take_that_goes_on_reads_its_first_frames_from_the_disk(seen, request_, monkeypatch) -> None:
    drawn = take_maker.render_from

    def stops(renderer, motion, frames):
        for index, picture in zip(frames, drawn(renderer, motion, frames), strict=True):
            if index == 20:
                raise CancelledError
            yield picture

    monkeypatch.setattr(take_maker, "render_from", stops)
    with pytest.raises(CancelledError):
        run(replace(request_, takes=1))
    monkeypatch.setattr(take_maker, "render_from", drawn)
    take = run(replace(request_, takes=1)).takes()[0]
    assert same(seen, on_disk(take))


def test_they_can_be_read_later(seen, request_) -> None:
    take = run(replace(request_, takes=1, extract=False)).takes()[0]
    assert not seen
    run(Extract(job=str(take.job), take=take.index))
    assert same(seen, on_disk(take))


def test_no_thread_is_left_after_a_cancel(models, request_, monkeypatch) -> None:
    before = threading.active_count()
    with pytest.raises(CancelledError):
        run(request_, Heard(lambda event: isinstance(event, Progress) and event.stage == "frames"))
    assert threading.active_count() == before


def test_frames_without_a_face_in_their_middle_are_all_made(models, request_, monkeypatch) -> None:
    def lost(pictures: Iterable[np.ndarray], *_: object) -> Motion:
        next(iter(pictures))
        raise SoliloquyError("extract_no_face", "No face.", "Look.")

    monkeypatch.setattr(extraction, "extract", lost)
    heard = run(replace(request_, takes=1))
    take = heard.takes()[0]
    assert len(on_disk(take)) == FRAMES and take.curves_extracted is None
    assert any("has no curves from its frames" in event.message for event in heard if isinstance(event, Notice))
