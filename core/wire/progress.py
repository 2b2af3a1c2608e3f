"""How far a job is, how long it will take, and whether it is still wanted."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ..errors import CancelledError
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
"""First guesses on two cores: seconds for each whole stage, or each frame of motion, frames and extract.
Measured values take their place as stages end, and stay for the next job of the same worker."""


@dataclass
class Clock:
    """Seconds one unit of each stage takes, learned as jobs go on."""

    rates: dict[str, float] = field(default_factory=lambda: dict(SECONDS_PER_UNIT))

    def learn(self, stage: str, units: int, seconds: float) -> None:
        """Remember a finished stage."""
        if units > 0:
            self.rates[stage] = seconds / units


class JobContext:
    """What a running job tells, and how it learns that it should stop.

    Parameters
    ----------
    identifier
        Id of the request, part of every event.
    emit
        Takes the events; called from the job's thread.
    cancelled
        Asked often; True ends the job with CancelledError at the next check.
    clock
        Rates for the estimate of the time left.
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
        self._ahead: list[tuple[str, int | None, int]] = []

    def quiet(self) -> JobContext:
        """For work within this job whose takes and notices are nobody's: progress is told, nothing else."""

        def progress_only(event: Event) -> None:
            if isinstance(event, Progress):
                self.emit(event)

        return JobContext(self.identifier, progress_only, self._cancelled, self._clock)

    def expect(self, stages: list[tuple[str, int | None, int]]) -> None:
        """The stages to come as (stage, take, units), in order."""
        self._ahead = list(stages)

    def check(self) -> None:
        """Raise CancelledError if the job is no longer wanted."""
        if self._cancelled():
            raise CancelledError

    def notice(self, message: str) -> None:
        """Tell the user something that doesn't end the job."""
        self.emit(Notice(id=self.identifier, message=message))

    def stage(self, stage: str, units: int = 1, take: int | None = None) -> Stage:
        """Begin a stage of ``units`` steps; use as a context manager."""
        self.check()
        while self._ahead and self._ahead[0][:2] != (stage, take):
            if (stage, take) not in [ahead[:2] for ahead in self._ahead]:
                break
            self._ahead.pop(0)  # skipped: it was done before
        if self._ahead and self._ahead[0][:2] == (stage, take):
            self._ahead.pop(0)
        return Stage(self, stage, units, take)

    def seconds_after(self) -> float:
        """Estimated seconds of the stages that have not begun."""
        return sum(self._clock.rates.get(stage, 0.0) * units for stage, _, units in self._ahead)

    def rate(self, stage: str) -> float:
        """Expected seconds a unit of a stage."""
        return self._clock.rates.get(stage, 0.0)

    def learn(self, stage: str, units: int, seconds: float) -> None:
        """Remember how long a stage took."""
        self._clock.learn(stage, units, seconds)


class Stage:
    """A running stage. ``seconds`` holds its length once it is left."""

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
        """Units that an earlier run had done already."""
        self._first = done
        self._tell(done)

    def step(self, done: int) -> None:
        """``done`` units are finished; raises CancelledError if the job is no longer wanted."""
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
