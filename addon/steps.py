"""Work cut into steps that a timer runs a few milliseconds at a time, so that the window never stops answering."""

from __future__ import annotations

import time
from collections.abc import Iterator

import bpy

from ..core.errors import SoliloquyError

BUDGET = 0.012
"""Seconds of work a timer tick; with one step's own length on top it stays under 50 ms."""
INTERVAL = 0.03


def advance(steps: Iterator[object], seconds: float = BUDGET) -> bool:
    """Run steps for about ``seconds``; True when none is left."""
    end = time.perf_counter() + seconds
    return all(time.perf_counter() < end for _ in steps)


class SteppedOperator:
    """Base of operators whose work is a generator of steps.

    Called from the user interface the steps run on a timer, and other input waits until they are done: they hold on
    to strips and curves that an undo in between would free. Called from a script they run at once.
    """

    _steps: Iterator[object] | None = None
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
        self._steps = self.steps(context)
        result = self._run(self._steps, BUDGET)
        if result == {"RUNNING_MODAL"}:
            self._timer = context.window_manager.event_timer_add(INTERVAL, window=context.window)
            context.window_manager.modal_handler_add(self)
        return result

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Run the next steps on each timer tick."""
        if event.type != "TIMER":
            return {"RUNNING_MODAL"}
        result = self._run(self._steps, BUDGET)
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
