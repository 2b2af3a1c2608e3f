"""Progress of a job: stages, the estimate of the time left, and whether the job was cancelled."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..errors import CancelledError, printable
from ..stopping import hearing
from .protocol import Event, Notice, Progress
from .workload import Clock, Expected, TimeLeft, Workload

_EVERY = 0.2
"""Seconds between two progress events of one stage."""


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
    now
        The time in seconds (tests).
    """

    def __init__(
        self,
        identifier: str,
        emit: Callable[[Event], None] = lambda event: None,
        cancelled: Callable[[], bool] = lambda: False,
        clock: Clock | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.identifier = identifier
        self.emit = emit
        self._cancelled = cancelled
        self._clock = clock or Clock()
        self.now = now
        self._work: Workload | None = None
        self._left = TimeLeft()
        self._share = 0.0

    def quiet(self) -> JobContext:
        """A context for work within this job that passes on only its progress, neither takes nor notices."""

        def progress_only(event: Event) -> None:
            if isinstance(event, Progress):
                self.emit(event)

        return JobContext(self.identifier, progress_only, self._cancelled, self._clock, self.now)

    def expect(self, stages: list[Expected]) -> None:
        """Set the stages to come, in order. Before, the job has neither a share nor a time left."""
        self._work = Workload(self._clock, stages)

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
        expected = self._work is not None and self._work.begin(stage, take)
        return Stage(self, stage, units, take, expected)

    def progress(self, stage: str, done: int, total: int, take: int | None) -> None:
        """Tell how far a stage and the job are."""
        share = eta = None
        if self._work is not None:
            share = self._share = max(self._share, self._work.share)
            seconds = self._work.seconds
            eta = None if seconds is None else self._left.update(seconds, self.now())
        self.emit(Progress(id=self.identifier, stage=stage, done=done, total=total, eta=eta, share=share, take=take))

    def advance(self, done: int, spent: float, resumed: bool = False) -> None:
        """Count finished units of the running stage, which is an expected one (:meth:`Workload.advance`)."""
        if self._work is not None:
            self._work.advance(done, spent, resumed)

    def learn(self, stage: str, units: int, seconds: float) -> None:
        """Remember how long a stage took."""
        self._clock.learn(stage, units, seconds)


class Stage:
    """A running stage. When it has ended, ``seconds`` holds its length. Within it, a cancel is heard anywhere."""

    def __init__(self, context: JobContext, name: str, units: int, take: int | None, expected: bool) -> None:
        self._context, self._name, self._units, self._take = context, name, units, take
        self._expected = expected
        self._begun = self._told = context.now()
        self._first = 0
        self.seconds = 0.0
        self._hearing = hearing(context.check)

    def __enter__(self) -> Stage:
        self._hearing.__enter__()
        self._context.progress(self._name, 0, self._units, self._take)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._hearing.__exit__(None, None, None)
        self.seconds = self._context.now() - self._begun
        if kind is None:
            self._context.learn(self._name, self._units - self._first, self.seconds)
            self._tell(self._units)

    def resume_at(self, done: int) -> None:
        """Note that an earlier run has finished ``done`` units."""
        self._first = done
        self._tell(done, resumed=True)

    def skip(self, done: int, units: int) -> None:
        """Note that ``done`` units are finished, and that the last ``units`` of them cost hardly any time."""
        self._context.check()
        self._first += units
        self._tell(done, resumed=True)

    def step(self, done: int) -> None:
        """Note that ``done`` units are finished. Raises CancelledError if the job was cancelled."""
        self._context.check()
        now = self._context.now()
        if self._expected:
            self._context.advance(done, now - self._begun)
        if now >= self._told + _EVERY:
            self._told = now
            self._context.progress(self._name, done, self._units, self._take)

    def _tell(self, done: int, resumed: bool = False) -> None:
        if self._expected:
            self._context.advance(done, self._context.now() - self._begun, resumed)
        self._context.progress(self._name, done, self._units, self._take)
