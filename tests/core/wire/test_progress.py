"""core.wire.progress: the order of stages, the estimate of the time left, and cancelling."""

from __future__ import annotations

import pytest

from core.errors import CancelledError
from core.wire.progress import JobContext
from core.wire.protocol import Event, Notice, Progress
from core.wire.workload import Clock, Expected

STAGES = [Expected("motion", 1, 10), Expected("frames", 1, 20), Expected("motion", 2, 10), Expected("frames", 2, 20)]


def context(events: list[Event], cancelled: bool = False) -> JobContext:
    """A context in which a frame of motion takes 1 s and a rendered frame 2 s, as an earlier job has shown."""
    clock = Clock({"motion": 1.0, "frames": 2.0}, {"motion", "frames"})
    return JobContext("7", events.append, lambda: cancelled, clock)


def test_progress_tells_share_and_time_of_the_whole_job() -> None:
    events: list[Event] = []
    job = context(events)
    with job.stage("audio"):
        pass
    first = events[0]
    assert isinstance(first, Progress) and first.share is None and first.eta is None, "nobody knows what will come"
    job.expect(STAGES)
    with job.stage("motion", 10, 1):
        pass
    begun = events[2]
    assert isinstance(begun, Progress) and (begun.id, begun.stage, begun.take) == ("7", "motion", 1)
    assert (begun.share, begun.eta) == (0.0, 100.0)
    ended = events[3]
    assert isinstance(ended, Progress) and ended.share == 0.1


def test_rates_are_learned_from_units_that_were_done_now() -> None:
    clock = Clock()
    job = JobContext("7", clock=clock)
    with job.stage("frames", 20) as stage:
        stage.resume_at(20)
    assert clock.rates["frames"] == Clock().rates["frames"], "a stage without work teaches nothing"
    with job.stage("frames", 20) as stage:
        stage.resume_at(10)
    assert clock.rates["frames"] == pytest.approx(stage.seconds / 10)


def test_a_cancelled_job_stops_at_the_next_stage_and_the_next_step() -> None:
    wanted = True
    job = JobContext("7", cancelled=lambda: not wanted)
    with pytest.raises(CancelledError), job.stage("frames", 20) as stage:
        stage.step(1)
        wanted = False
        stage.step(2)
    with pytest.raises(CancelledError):
        job.stage("extract")


def test_a_quiet_context_passes_on_progress_only() -> None:
    events: list[Event] = []
    quiet = context(events).quiet()
    quiet.notice("not told")
    with quiet.stage("frames", 20):
        pass
    assert events and not any(isinstance(event, Notice) for event in events)
