"""Base of the operators that give the worker a job and receive its results while Blender stays usable."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator

import bpy

from ...core.batch.following import wait_until
from ...core.errors import CancelledError, SoliloquyError
from ...core.wire.protocol import error_event
from .. import compat, steps
from ..jobs import jobs
from ..redrawing import redraw, redraw_when_due
from ..scene import saving, take_list, takes
from ..scene.request import why_not
from ..typed import OperatorMixin, Result, manager_of, there
from ..unexpected import as_told
from ..words import say

Steps = Generator[object, None, None]
"""Work in steps that can be closed early."""


class JobOperator(OperatorMixin):
    """Start a job, receive its results, report how it ended.

    In the user interface this is a modal operator. It passes all input on, except while it puts something into the file
    (`steps.Landing`). Each take is an undo step of its own. In scripts and under ``-b`` the operator returns when the
    job has ended.
    """

    completes: bool = False
    """Whether the operator has a `complete`."""
    _running: jobs.Job | None = None
    _preparing: Steps | None = None
    _since: int = 0
    _landing: steps.Landing | None = None
    _completed: bool = False
    _timer: bpy.types.Timer | None = None

    @property
    def job(self) -> jobs.Job:
        """The job that `begin` started."""
        return there(self._running, "running job")

    def prepare(self, context: bpy.types.Context) -> Steps:
        """Work to do before the job starts, in steps; Esc ends it."""
        yield from ()

    def begin(self, context: bpy.types.Context) -> jobs.Job:
        """Start the job. Raises `SoliloquyError` if that is impossible."""
        raise AssertionError("each operator begins its own job")

    def complete(self, context: bpy.types.Context, scene: bpy.types.Scene, job: jobs.Job) -> Iterator[object]:
        """Use the result of a successful job, in steps."""
        raise AssertionError("an operator that completes defines how")

    def execute(self, context: bpy.types.Context) -> Result:
        """Run the job to its end."""
        try:
            steps.advance(self.prepare(context), float("inf"))
            self._running = self.begin(context)
            wait_until(lambda: self._tick(context, float("inf")))
        except Exception as error:  # noqa: BLE001 - ends with a sentence, see `unexpected`
            return self._fail(context, error)
        return self._end(context)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Result:
        """Start the job and continue on a timer."""
        if bpy.app.background:
            return self.execute(context)
        self._preparing, self._since = self.prepare(context), steps.times_undone()
        try:
            self._begin_when_prepared(context, self._preparing)
        except Exception as error:  # noqa: BLE001 - ends with a sentence, see `unexpected`
            return self._fail(context, error)
        self._timer = manager_of(context).event_timer_add(steps.INTERVAL, window=context.window)
        manager_of(context).modal_handler_add(self)
        redraw()
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """Process the worker's events; other input passes unless the file is being read or changed."""
        if self._preparing is not None:
            return self._prepare_on(context, event, self._preparing)
        if event.type != "TIMER":
            return {"RUNNING_MODAL"} if self._landing is not None else {"PASS_THROUGH"}
        try:
            ended = self._tick(context, steps.budget())
        except Exception as error:  # noqa: BLE001 - ends with a sentence, see `unexpected`
            return self._fail(context, error)
        return self._end(context) if ended else {"PASS_THROUGH"}

    def _prepare_on(self, context: bpy.types.Context, event: bpy.types.Event, preparing: Steps) -> Result:
        undone = self._since != steps.times_undone()
        if undone or (event.type == "ESC" and event.value == "PRESS"):
            preparing.close()
            return self._refuse(CancelledError())
        if event.type == "TIMER":
            try:
                self._begin_when_prepared(context, preparing)
            except Exception as error:  # noqa: BLE001 - ends with a sentence, see `unexpected`
                return self._fail(context, error)
        return {"RUNNING_MODAL"}

    def _begin_when_prepared(self, context: bpy.types.Context, preparing: Steps) -> None:
        if steps.advance(preparing, steps.budget()):
            self._preparing = None
            self._running = self.begin(context)

    def cancel(self, context: bpy.types.Context) -> None:
        """Stop the job when Blender ends the operator because the file is closed or Blender quits."""
        self._stop_timer(context)
        if self._running is not None and jobs.current() is self._running:
            jobs.kill_worker(say("The job was stopped."))

    def _tick(self, context: bpy.types.Context, budget: float) -> bool:
        """One turn; True when the job has ended and all its results are in the scene."""
        begun = time.perf_counter()
        job = self.job
        redraw_when_due(job.poll())
        if self._landing is None:
            self._landing = self._next_landing(job)
        if self._landing is not None:
            self._land(self._landing, job, budget - (time.perf_counter() - begun))
            return False
        return job.finished and not job.arrived

    def _next_landing(self, job: jobs.Job) -> steps.Landing | None:
        if jobs.scene_of(job) is None:
            job.arrived.clear()
        elif job.arrived:
            ready = job.arrived.popleft()
            name = say("Take {number}", number=ready.index)
            return steps.Landing(lambda: _in_scene(job, lambda scene: takes.arrive(scene, job, ready)), name)
        elif job.done is not None and self.completes and not self._completed:
            self._completed = True
            return steps.Landing(
                lambda: _in_scene(job, lambda scene: self.complete(bpy.context, scene, job)), job.title
            )
        return None

    def _land(self, landing: steps.Landing, job: jobs.Job, budget: float) -> None:
        try:
            if not landing.advance(budget):
                return
        except Exception as error:  # noqa: BLE001 - ends with a sentence, see `unexpected`
            told = as_told(error)
            if job.finished:
                job.error = error_event(job.identifier, told)
            else:
                job.notices.append(str(told))
        self._landing = None
        redraw()

    def _end(self, context: bpy.types.Context) -> Result:
        job = self.job
        in_window = self._timer is not None
        self._stop_timer(context)
        if jobs.current() is job:
            jobs.finish(job)
        saving.move_soon()
        message, bad = job.outcome()
        # Without a pop-up in the window, see `_refuse`: the panel says it.
        self.report({"INFO" if not bad else "WARNING" if in_window else "ERROR"}, message)
        return {"CANCELLED"} if job.error is not None else {"FINISHED"}

    def _fail(self, context: bpy.types.Context, error: Exception) -> Result:
        """End the operator and its job after an error, so that another one can be started."""
        told = as_told(error)
        self._landing = None
        in_window = self._timer is not None
        self.cancel(context)
        return self._refuse(told, in_window)

    def _refuse(self, error: SoliloquyError, later: bool = False) -> Result:
        """Tell an error; ``later`` is long after the click, when a pop-up under the mouse would be in the way."""
        self._stop_timer(bpy.context)
        self.report({"WARNING" if later else "ERROR"}, str(error))
        jobs.tell(str(error), bad=True)
        return {"CANCELLED"}

    def _stop_timer(self, context: bpy.types.Context) -> None:
        if self._timer is not None:
            manager_of(context).event_timer_remove(self._timer)
            self._timer = None


def _in_scene(job: jobs.Job, begin: Callable[[bpy.types.Scene], Iterator[object]]) -> Iterator[object]:
    """Steps for the scene that a job works for; no steps if an undo has removed the scene."""
    scene = jobs.scene_of(job)
    return iter(()) if scene is None else begin(scene)


def poll_by(cls: type[bpy.types.Operator], reason: str) -> bool:
    """The result of a ``poll``, False if there is a ``reason``, which Blender then shows in the tooltip."""
    if reason:
        cls.poll_message_set(reason)
    return not reason


class OnTake(OperatorMixin):
    """Base of operators that need a chosen take."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A take is chosen."""
        chosen = take_list.active_take(compat.sequencer_scene(context))
        return poll_by(cls, say("No take is chosen in the list") if chosen is None else "")


class OnSpeech(JobOperator):
    """Base of operators whose job needs a speech and a portrait."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A runtime, a sound strip and a portrait are available, and no job is running."""
        return poll_by(cls, why_not(context, needs_speech=True))
