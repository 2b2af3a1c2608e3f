"""Work in steps that a timer runs a few milliseconds at a time, so that the window stays responsive."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TypeVar

import bpy

from .session import session
from .typed import OperatorMixin, Result, manager_of
from .unexpected import as_told
from .words import say

Step = TypeVar("Step")
Changed = TypeVar("Changed")
Outcome = TypeVar("Outcome")

BUDGET, MOST = 0.008, 0.012
"""Usual and longest seconds of work per timer tick. With the length of one step added, a tick stays under 50 ms."""
_SHARE = 0.15
"""Share of the time that the window needed since the last turn, which a turn may use (see `budget`)."""
INTERVAL = 0.02
"""Seconds between two timer ticks."""


@dataclass
class Turns:
    """State of the stepped work.

    ``ended`` is the time (``time.perf_counter``) at which the last turn ended. ``undone`` counts undos and redos: each
    replaces the file's data, so references that were taken before it are no longer valid.
    """

    ended: float = 0.0
    undone: int = 0


def budget() -> float:
    """Seconds that a turn may work: `BUDGET`, or a share of the time that the window used since the last turn.

    Without that share, a window that redraws slowly would be redrawn hundreds of times during a few seconds of work.
    """
    return min(MOST, max(BUDGET, _SHARE * (time.perf_counter() - session().part(Turns).ended)))


def advance(steps: Iterator[object], seconds: float) -> bool:
    """Run steps for about ``seconds``, but at least one; True when none is left."""
    end = time.perf_counter() + seconds
    try:
        return all(time.perf_counter() < end for _ in steps)
    finally:
        session().part(Turns).ended = time.perf_counter()


def at_once(work: Generator[object, None, Outcome]) -> Outcome:
    """Do ``work`` with all of its steps and return what it returns."""
    try:
        while True:
            next(work)
    except StopIteration as ended:
        outcome: Outcome = ended.value
        return outcome


def changed_steps(
    work: Generator[Step, None, Outcome], change: Callable[[Step], Changed]
) -> Generator[Changed, None, Outcome]:
    """Do ``work``, whose steps yield what ``change`` makes of what they yielded; returns what the work returns."""
    with closing(work):
        while True:
            try:
                step = next(work)
            except StopIteration as ended:
                outcome: Outcome = ended.value
                return outcome
            yield change(step)


class Landing:
    """Steps that put something into the file. When they are done they become one undo step.

    The operators that run the steps block all input meanwhile, but an undo can still come from a script, or from a menu
    that was open before. An undo removes what the steps have done and invalidates their references: they start again.
    """

    def __init__(self, begin: Callable[[], Iterator[object]], name: str) -> None:
        self._begin, self._name = begin, name
        self._start()

    def _start(self) -> None:
        self._steps, self._since = self._begin(), times_undone()

    def advance(self, seconds: float) -> bool:
        """Run steps for about ``seconds``; True when all are done. If a step raises, the landing is over."""
        if self._since != times_undone():
            self._start()
        over = True
        try:
            over = advance(self._steps, seconds)
        finally:
            if over and not bpy.app.background:
                bpy.ops.ed.undo_push(message=self._name)
        return over


@contextmanager
def frame_kept(scene: bpy.types.Scene) -> Iterator[None]:
    """Restore the scene's current frame at the end, unless an undo in between has done that already."""
    before, since = (scene.frame_current, scene.frame_subframe), times_undone()
    try:
        yield
    finally:
        if since == times_undone():
            scene.frame_set(before[0], subframe=before[1])


class SteppedOperator(OperatorMixin):
    """Base of operators whose work is a generator of steps.

    From the user interface, the steps run on a timer and block other input until they are done: they hold references
    to strips and curves that an undo would free. If an undo comes nevertheless, it ends the operator. From a script,
    all steps run at once.
    """

    _steps: Iterator[object] | None = None
    _since: int = 0
    _timer: bpy.types.Timer | None = None

    def steps(self, context: bpy.types.Context) -> Iterator[object]:
        """The work. Raises `SoliloquyError` to end with a message."""
        raise AssertionError("each operator has its own steps")

    def execute(self, context: bpy.types.Context) -> Result:
        """All steps at once."""
        return self._run(self.steps(context), float("inf"))

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Result:
        """The first steps now, the others on a timer."""
        if bpy.app.background:
            return self.execute(context)
        self._steps, self._since = self.steps(context), times_undone()
        result = self._run(self._steps, BUDGET)
        if result == {"RUNNING_MODAL"}:
            self._timer = manager_of(context).event_timer_add(INTERVAL, window=context.window)
            manager_of(context).modal_handler_add(self)
        return result

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """Run the next steps on each timer tick."""
        if event.type != "TIMER":
            return {"RUNNING_MODAL"}
        result: Result
        if self._steps is None or self._since != times_undone():
            self.report({"WARNING"}, say("An undo stopped this: start it again"))
            result = {"CANCELLED"}
        else:
            result = self._run(self._steps, budget())
        if result != {"RUNNING_MODAL"}:
            self.cancel(context)
        return result

    def cancel(self, context: bpy.types.Context) -> None:
        """Stop the timer."""
        if self._timer is not None:
            manager_of(context).event_timer_remove(self._timer)
            self._timer = None

    def _run(self, steps: Iterator[object], seconds: float) -> Result:
        try:
            return {"FINISHED"} if advance(steps, seconds) else {"RUNNING_MODAL"}
        except Exception as error:  # noqa: BLE001 - ends with a sentence, see `unexpected`
            self.report({"ERROR"}, str(as_told(error)))
            return {"CANCELLED"}


def times_undone() -> int:
    """A number that changes with each undo and redo."""
    return session().part(Turns).undone


@bpy.app.handlers.persistent
def _after_undo(*_: object) -> None:
    session().part(Turns).undone += 1


def register() -> None:
    """Start counting undo and redo."""
    bpy.app.handlers.undo_post.append(_after_undo)
    bpy.app.handlers.redo_post.append(_after_undo)


def unregister() -> None:
    """Stop counting them."""
    bpy.app.handlers.redo_post.remove(_after_undo)
    bpy.app.handlers.undo_post.remove(_after_undo)
