"""Work cut into steps that a timer runs a few milliseconds at a time, so that the window never stops answering."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import bpy

from ..core.errors import SoliloquyError
from .words import say

BUDGET, MOST = 0.008, 0.012
"""Seconds of work a timer tick, and at most; with one step's own length on top it stays under 50 ms."""
_SHARE = 0.15
INTERVAL = 0.02
_ended = 0.0
"""When the latest turn was over."""
_undone = 0
"""How often an undo or redo has put other data in place of the file's: what was held of it since is gone."""


def budget() -> float:
    """Seconds that a turn may work: `BUDGET`, or a share of what the window took for itself since the latest turn.

    A window that needs long for each redraw would else be redrawn hundreds of times for a few seconds of work.
    """
    return min(MOST, max(BUDGET, _SHARE * (time.perf_counter() - _ended)))


def advance(steps: Iterator[object], seconds: float) -> bool:
    """Run steps for about ``seconds``, one at least; True when none is left."""
    global _ended
    end = time.perf_counter() + seconds
    try:
        return all(time.perf_counter() < end for _ in steps)
    finally:
        _ended = time.perf_counter()


class Landing:
    """Steps that put something into the file and are an undo step of their own when they are done.

    The operators that run them keep all input away meanwhile, yet an undo can come from a script or from a menu that
    was open before. What the steps hold on to is gone then, and so is what they have done: they begin anew.
    """

    def __init__(self, begin: Callable[[], Iterator[object]], name: str) -> None:
        self._begin, self._name = begin, name
        self._start()

    def _start(self) -> None:
        self._steps, self._since = self._begin(), _undone

    def advance(self, seconds: float) -> bool:
        """Run steps for about ``seconds``; True when all are done. Raises what they raise, and is over then."""
        if self._since != _undone:
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
    """Puts the scene's current frame back in the end; an undo in between has done that already."""
    before, since = (scene.frame_current, scene.frame_subframe), _undone
    try:
        yield
    finally:
        if since == _undone:
            scene.frame_set(before[0], subframe=before[1])


class SteppedOperator:
    """Base of operators whose work is a generator of steps.

    Called from the user interface the steps run on a timer, and other input waits until they are done: they hold on
    to strips and curves that an undo in between would free; where one comes all the same, it ends them. Called from a
    script they run at once.
    """

    _steps: Iterator[object] | None = None
    _since: int = 0
    _timer: bpy.types.Timer | None = None

    def steps(self, context: bpy.types.Context) -> Iterator[object]:
        """The work; raises `SoliloquyError` to end with a message."""
        raise AssertionError("each operator has its own steps")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """All steps at once."""
        return self._run(self.steps(context), float("inf"))

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """The first steps now, the others on a timer."""
        if bpy.app.background:
            return self.execute(context)
        self._steps, self._since = self.steps(context), _undone
        result = self._run(self._steps, BUDGET)
        if result == {"RUNNING_MODAL"}:
            self._timer = context.window_manager.event_timer_add(INTERVAL, window=context.window)
            context.window_manager.modal_handler_add(self)
        return result

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Run the next steps on each timer tick."""
        if event.type != "TIMER":
            return {"RUNNING_MODAL"}
        if self._since != _undone:
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
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None

    def _run(self, steps: Iterator[object], seconds: float) -> set[str]:
        try:
            return {"FINISHED"} if advance(steps, seconds) else {"RUNNING_MODAL"}
        except SoliloquyError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}


def times_undone() -> int:
    """Number that is another after each undo and redo."""
    return _undone


@bpy.app.handlers.persistent
def _after_undo(*_: object) -> None:
    global _undone
    _undone += 1


def register() -> None:
    """Notice undo and redo."""
    bpy.app.handlers.undo_post.append(_after_undo)
    bpy.app.handlers.redo_post.append(_after_undo)


def unregister() -> None:
    """Notice them no more."""
    bpy.app.handlers.redo_post.remove(_after_undo)
    bpy.app.handlers.undo_post.remove(_after_undo)
