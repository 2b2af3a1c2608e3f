"""core.wire.workload: the share never falls, and the time left doesn't run backwards, whatever the machine's load."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from core.wire.progress import JobContext
from core.wire.protocol import Event, Progress
from core.wire.workload import LEAST, MOST_RISE, Clock, Expected, TimeLeft, ToldTimes, Workload

RATES = {"models": 2.0, "motion": 0.01, "renderer": 2.0, "frames": 0.05, "extract": 0.02, "portrait": 4.0, "head": 5.0}
"""Seconds a unit on this test's machine without load; they differ from the first guesses."""
BATCH = {"motion": 150, "frames": 4}
Load = Callable[[float], float]


def takes(
    count: int, frames: int, *, motion: bool = True, pictures: int | None = None, done: int = 0
) -> list[Expected]:
    """The stages of takes; the first ``done`` frames of the first take are on disk already, and its motion too."""
    shown = frames if pictures is None else pictures
    stages = [Expected("models", None, 1)] if motion else []
    for take in range(1, count + 1):
        there = done if take == 1 else 0
        if motion and not there:
            stages.append(Expected("motion", take, frames))
        if shown:
            stages += [
                Expected("renderer", take, 1),
                Expected("frames", take, shown, there),
                Expected("extract", take, shown),
            ]
    return stages


JOBS = {
    "one take": takes(1, 300),
    "several takes": takes(3, 250),
    "motion only": takes(6, 500, pictures=0),
    "a preview": takes(1, 400, pictures=100),
    "resumed": takes(2, 300, done=160),
    "render from curves": takes(1, 300, motion=False),
    "read back": [Expected("portrait", None, 1), Expected("extract", 1, 300)],
    "head": [Expected("portrait", None, 1), Expected("head", None, 1)],
}


def recorded() -> Load:
    """The load of two busy cores on which other renders start and end, by the minute."""
    minutes = [9.2, 8.1, 3.4, 1.2, 1.0, 5.6, 12.7, 11.0, 2.3, 1.1]
    return lambda at: minutes[int(at // 60) % len(minutes)]


def random_load(seed: int) -> Load:
    """A load that jumps every ten seconds or so between idle and fifteen times."""
    rng = np.random.default_rng(seed)
    ends = rng.exponential(10.0, 4000).cumsum()
    loads = np.exp(rng.uniform(0.0, np.log(15.0), 4000))
    return lambda at: float(loads[int(np.searchsorted(ends, at))])


LOADS: dict[str, Load] = {
    "idle": lambda at: 1.0,
    "busy": lambda at: 10.0,
    "then busy": lambda at: 8.0 if at > 12 else 1.0,
    "then idle": lambda at: 8.0 if at < 40 else 1.0,
    "recorded": recorded(),
    **{f"random {seed}": random_load(seed) for seed in range(4)},
}


def simulated(stages: list[Expected], load: Load, clock: Clock) -> tuple[list[tuple[float, Progress]], float]:
    """Times and progress events of a job on a simulated clock, and the time at which it ends."""
    now, told = [0.0], []

    def emit(event: Event) -> None:
        assert isinstance(event, Progress)
        told.append((now[0], event))

    def work(seconds: float) -> None:
        while seconds > 1e-9:
            part = min(seconds, 0.1)
            now[0] += part * load(now[0])
            seconds -= part

    job = JobContext("1", emit, clock=clock, now=lambda: now[0])
    job.expect(stages)
    for name, take, units, done in stages:
        with job.stage(name, units, take) as stage:
            if done:
                stage.resume_at(done)
            for first in range(done, units, BATCH.get(name, 1)):
                stop = min(first + BATCH.get(name, 1), units)
                work(RATES[name] * (stop - first))
                for unit in [stop] if name == "motion" else range(first + 1, stop + 1):
                    if units > 1:
                        stage.step(unit)
    return told, now[0]


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("job", JOBS)
@pytest.mark.parametrize("before", [None, "idle", "busy"])
def test_progress_never_runs_backwards(job: str, load: str, before: str | None) -> None:
    """In the first job ever, and after a job in which the machine was idle or busy."""
    clock = Clock()
    if before is not None:
        simulated(takes(1, 200), LOADS[before], clock)
    told, _ = simulated(JOBS[job], LOADS[load], clock)
    shares = [event.share for _, event in told if event.share is not None]
    assert len(shares) == len(told) and all(a <= b for a, b in itertools.pairwise(shares)) and shares[-1] == 1.0
    left = [event.eta for _, event in told if event.eta is not None]
    assert all(later <= MOST_RISE * earlier for earlier, later in itertools.pairwise(left))
    assert all(value >= LEAST and value == int(value) for value in left)


@pytest.mark.parametrize("load", ["idle", "busy"])
def test_the_first_time_of_the_first_job_is_about_right(load: str) -> None:
    told, end = simulated(takes(2, 400), LOADS[load], Clock())
    at, event = next((at, event) for at, event in told if event.eta is not None)
    assert at < 0.2 * end and event.eta == pytest.approx(end - at, rel=0.6)
    half = [event.eta - (end - at) for at, event in told if event.eta is not None and at > 0.4 * end]
    assert np.abs(half).max() < 0.2 * end


def test_the_time_left_approaches_the_truth_after_the_load_has_changed() -> None:
    told, end = simulated(takes(2, 600), lambda at: 4.0 if at > 30 else 1.0, Clock())
    late = [abs(event.eta - (end - at)) for at, event in told if event.eta is not None and at > 30 + 120]
    assert late and max(late) < 0.25 * (end - 150)


def test_frames_of_an_earlier_attempt_count_as_done() -> None:
    told, _ = simulated(takes(1, 400, done=200), LOADS["idle"], Clock())
    assert told[0][1].share is not None and told[0][1].share > 0.3
    clock = Clock()
    simulated(takes(1, 400), LOADS["idle"], clock)
    whole, _ = simulated(takes(1, 400), LOADS["idle"], clock)
    rest, end = simulated(takes(1, 400, done=200), LOADS["idle"], clock)
    assert whole[0][1].eta is not None and rest[0][1].eta is not None
    assert rest[0][1].eta < 0.75 * whole[0][1].eta and rest[0][1].eta == pytest.approx(end, rel=0.3)


def test_nothing_is_told_before_something_is_measured() -> None:
    work = Workload(Clock({"motion": 1.0, "frames": 2.0}), [Expected("motion", 1, 10), Expected("frames", 1, 20)])
    assert work.seconds is None and work.share == 0.0
    known = Workload(Clock({"motion": 1.0, "frames": 2.0}, {"frames"}), [Expected("frames", 1, 20)])
    assert known.seconds == 40.0


def test_stages_that_are_skipped_count_as_done() -> None:
    stages = [
        Expected("motion", 1, 10),
        Expected("frames", 1, 20),
        Expected("motion", 2, 10),
        Expected("frames", 2, 20),
    ]
    work = Workload(Clock({"motion": 1.0, "frames": 2.0}, {"motion", "frames"}), stages)
    assert work.begin("motion", 2) and (work.share, work.seconds) == (0.5, 50.0)
    assert not work.begin("head", None), "one that nobody expected changes nothing"
    assert work.begin("frames", 2) and (work.share, work.seconds) == (0.6, 40.0)


def test_a_shown_time_falls_smoothly_and_rises_slowly() -> None:
    left = TimeLeft()
    assert left.update(100.0, 0.0) == 100
    assert left.update(1000.0, 1.0) == 120 and left.update(1000.0, 2.0) == 120
    assert left.update(1000.0, 11.5) == 144
    assert left.update(10.0, 12.0) > 100, "one low estimate isn't believed at once"
    assert left.update(10.0, 60.0) < 15
    assert left.update(0.0, 100.0) == LEAST


def test_lines_leave_out_a_time_that_would_run_backwards() -> None:
    lines = ToldTimes()
    assert [lines.told(seconds) for seconds in (10.0, 12.0, 15.0, 15.0, None, 8.0)] == [
        10.0,
        12.0,
        None,
        15.0,
        None,
        8.0,
    ]
