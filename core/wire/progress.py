"""Progress of a job: stages, the estimate of the time left, and whether the job was cancelled."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from ..errors import CancelledError, printable
from .protocol import Event, Notice, Progress

_EVERY = 0.2
"""Seconds between two progress events of one stage."""

SECONDS_PER_UNIT = {
    "models": 1.0,
    "audio": 0.5,
    "portrait": 3.0,
    "motion": 0.006,
    "renderer": 1.0,
    "frames": 0.07,
    "extract": 0.013,
    "head": 3.0,
}
"""First guesses on two cores: seconds of a whole stage, and seconds a frame for motion, frames and extract.
When a stage ends, its measured value replaces the guess and stays for the next jobs of the same worker."""


class Expected(NamedTuple):
    """A stage that is still to come: its name, the take that it belongs to, and its number of units."""

    stage: str
    take: int | None
    units: int


@dataclass
class Clock:
    """Seconds that one unit of each stage takes, learned while jobs run."""

    rates: dict[str, float] = field(default_factory=lambda: dict(SECONDS_PER_UNIT))

    def learn(self, stage: str, units: int, seconds: float) -> None:
        """Remember a finished stage."""
        if units > 0:
            self.rates[stage] = seconds / units


class JobContext:
    """Receives the events of a running job, and tells the job if it should stop.

    Parameters
    ----------
    identifier
        Id of the request, part of every event.
    emit
        Receives the events; called in the job's thread.
    cancelled
        Called often. True ends the job with CancelledError at the next check.
    clock
        Seconds a unit, for the estimate of the time left.
    """

    def __init__(
        self,
        identifier: str,
        emit: Callable[[Event], None] = lambda event: None,
        cancelled: Callable[[], bool] = lambda: False,
        clock: Clock | None = None,
    ) -> None:
        self.identifier = identifier
        self.emit = emit
        self._cancelled = cancelled
        self._clock = clock or Clock()
        self._ahead: list[Expected] = []

    def quiet(self) -> JobContext:
        """A context for work within this job that passes on only its progress, neither takes nor notices."""

        def progress_only(event: Event) -> None:
            if isinstance(event, Progress):
                self.emit(event)

        return JobContext(self.identifier, progress_only, self._cancelled, self._clock)

    def expect(self, stages: list[Expected]) -> None:
        """Set the stages to come, in order. The estimate of the time left is their sum."""
        self._ahead = list(stages)

    def check(self) -> None:
        """Raise CancelledError if the job was cancelled."""
        if self._cancelled():
            raise CancelledError

    def notice(self, message: str) -> None:
        """Tell the user something that doesn't end the job."""
        self.emit(Notice(id=self.identifier, message=printable(message)))

    def stage(self, stage: str, units: int = 1, take: int | None = None) -> Stage:
        """Begin a stage of ``units`` steps; use as a context manager. Expected stages up to this one are over."""
        self.check()
        for place, ahead in enumerate(self._ahead):
            if (ahead.stage, ahead.take) == (stage, take):
                del self._ahead[: place + 1]
                break
        return Stage(self, stage, units, take)

    def seconds_after(self) -> float:
        """Estimated seconds of the stages that have not begun."""
        return sum(self.rate(ahead.stage) * ahead.units for ahead in self._ahead)

    def rate(self, stage: str) -> float:
        """Expected seconds of one unit of a stage."""
        return self._clock.rates.get(stage, 0.0)

    def learn(self, stage: str, units: int, seconds: float) -> None:
        """Remember how long a stage took."""
        self._clock.learn(stage, units, seconds)


class Stage:
    """A running stage. When it has ended, ``seconds`` holds its length."""

    def __init__(self, context: JobContext, name: str, units: int, take: int | None) -> None:
        self._context, self._name, self._units, self._take = context, name, units, take
        self._begun = self._told = time.monotonic()
        self._first = 0
        self.seconds = 0.0

    def __enter__(self) -> Stage:
        self._tell(0)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.seconds = time.monotonic() - self._begun
        if kind is None:
            self._context.learn(self._name, self._units - self._first, self.seconds)
            self._tell(self._units)

    def resume_at(self, done: int) -> None:
        """Note that an earlier run has finished ``done`` units."""
        self._first = done
        self._tell(done)

    def step(self, done: int) -> None:
        """Note that ``done`` units are finished. Raises CancelledError if the job was cancelled."""
        self._context.check()
        now = time.monotonic()
        if now >= self._told + _EVERY:
            self._told = now
            self._tell(done)

    def _tell(self, done: int) -> None:
        fresh, spent = done - self._first, time.monotonic() - self._begun
        rate = spent / fresh if fresh > 0 else self._context.rate(self._name)
        eta = (self._units - done) * rate + self._context.seconds_after()
        self._context.emit(
            Progress(
                id=self._context.identifier,
                stage=self._name,
                done=done,
                total=self._units,
                eta=round(eta, 1),
                take=self._take,
            )
        )
