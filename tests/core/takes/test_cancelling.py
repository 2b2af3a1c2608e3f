"""A cancel is heard in the middle of every stage, also in those that are a single step."""

from __future__ import annotations

import threading

import pytest

from core.compute.threads import side_by_side
from core.errors import CancelledError
from core.places import ASSETS
from core.stopping import check_cancelled, hearing
from core.wire.protocol import Generate, Progress

from ..job_runs import Heard, run


def cancel() -> None:
    raise CancelledError


def test_without_a_job_nothing_is_heard() -> None:
    check_cancelled()
    with pytest.raises(CancelledError), hearing(cancel):
        check_cancelled()
    check_cancelled()


def test_threads_hear_it_too() -> None:
    done = threading.Event()

    def work(number: int) -> int:
        if number == 1:
            done.set()
        return number

    with hearing(lambda: cancel() if done.is_set() else None), pytest.raises(CancelledError):
        list(side_by_side(work, iter(range(1000))))


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["portrait", "motion", "renderer", "frames", "extract"])
def test_every_stage_stops_in_its_middle(stage, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SOLILOQUY_CACHE", str(tmp_path / "cache"))
    request = Generate(
        audio=str(ASSETS / "self_test.flac"),
        portrait=str(ASSETS / "self_test.jpg"),
        out=str(tmp_path / "out"),
        duration=1.0,
        size=256,
    )
    heard = Heard(lambda event: isinstance(event, Progress) and event.stage == stage)
    with pytest.raises(CancelledError):
        run(request, heard)
    last = heard[-1]
    assert isinstance(last, Progress) and last.stage == stage and last.done < last.total, "the stage didn't end"
