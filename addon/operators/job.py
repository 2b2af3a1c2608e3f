"""Base of the operators that give the worker a job and take in its results while Blender stays usable."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import bpy

from ...core.errors import CancelledError, SoliloquyError
from ...core.wire.protocol import error_event
from .. import compat, steps
from ..jobs import jobs
from ..redrawing import redraw, redraw_when_due
from ..scene import takes
from ..scene.request import why_not
from ..words import say


class JobOperator:
    """Begin a job, take in what it brings, say how it ended.

    In the user interface this is a modal operator that lets all input pass, except while it puts something into the
    file (`steps.Landing`). Each take is an undo step of its own. In scripts and under ``-b`` the operator returns when
    the job has ended.
    """

    completes = False
    """Whether `complete` has something to do."""
    _job: jobs.Job | None = None
    _preparing: Iterator[object] | None = None
    _since: int = 0
    _landing: steps.Landing | None = None
    _completed: bool = False
    _timer: bpy.types.Timer | None = None

    def prepare(self, context: bpy.types.Context) -> Iterator[object]:
        """What has to be found out before the job can begin, in steps; Esc ends it."""
        return iter(())

    def begin(self, context: bpy.types.Context) -> jobs.Job:
        """Start the job; raises `SoliloquyError` when that is impossible."""
        raise AssertionError("each operator begins its own job")

    def complete(self, context: bpy.types.Context, scene: bpy.types.Scene, job: jobs.Job) -> Iterator[object]:
        """Use the job's result, in steps, after it was done without an error."""
        raise AssertionError("an operator that completes says how")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Run the job to its end."""
        try:
            steps.advance(self.prepare(context), float("inf"))
            self._job = job = self.begin(context)
        except SoliloquyError as error:
            return self._refuse(error)
        while not self._tick(context, float("inf")):
            job.wait()
        return self._end(context)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Start the job and go on by timer."""
        if bpy.app.background:
            return self.execute(context)
        self._preparing, self._since = self.prepare(context), steps.times_undone()
        try:
            self._begin_when_prepared(context)
        except SoliloquyError as error:
            return self._refuse(error)
        self._timer = context.window_manager.event_timer_add(steps.INTERVAL, window=context.window)
        context.window_manager.modal_handler_add(self)
        redraw()
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Take in what the worker said; other events pass unless the file is being read or changed."""
        if self._preparing is not None:
            return self._prepare_on(context, event)
        if event.type != "TIMER":
            return {"RUNNING_MODAL"} if self._landing is not None else {"PASS_THROUGH"}
        if self._tick(context, steps.budget()):
            return self._end(context)
        return {"PASS_THROUGH"}

    def _prepare_on(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        undone = self._since != steps.times_undone()
        if undone or (event.type == "ESC" and event.value == "PRESS"):
            self._preparing.close()
            return self._refuse(CancelledError())
        if event.type == "TIMER":
            try:
                self._begin_when_prepared(context)
            except SoliloquyError as error:
                return self._refuse(error)
        return {"RUNNING_MODAL"}

    def _begin_when_prepared(self, context: bpy.types.Context) -> None:
        if steps.advance(self._preparing, steps.budget()):
            self._preparing = None
            self._job = self.begin(context)

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator (file closed, quit): the job goes with it."""
        self._stop_timer(context)
        if self._job is not None and jobs.current() is self._job:
            jobs.kill_worker(say("The job was stopped."))

    def _tick(self, context: bpy.types.Context, budget: float) -> bool:
        """One round; True when the job has ended and all of it is in the scene."""
        begun = time.perf_counter()
        job = self._job
        redraw_when_due(job.poll())
        if self._landing is None:
            self._landing = self._next_landing(job)
        if self._landing is not None:
            self._land(job, budget - (time.perf_counter() - begun))
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

    def _land(self, job: jobs.Job, budget: float) -> None:
        try:
            if not self._landing.advance(budget):
                return
        except SoliloquyError as error:
            if job.finished:
                job.error = error_event(job.identifier, error)
            else:
                job.notices.append(str(error))
        self._landing = None
        redraw()

    def _end(self, context: bpy.types.Context) -> set[str]:
        job = self._job
        self._stop_timer(context)
        if jobs.current() is job:
            jobs.finish(job)
        message, bad = job.outcome()
        self.report({"ERROR" if bad else "INFO"}, message)
        return {"CANCELLED"} if job.error is not None else {"FINISHED"}

    def _refuse(self, error: SoliloquyError) -> set[str]:
        self._stop_timer(bpy.context)
        self.report({"ERROR"}, str(error))
        jobs.tell(str(error), bad=True)
        return {"CANCELLED"}

    def _stop_timer(self, context: bpy.types.Context) -> None:
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None


def _in_scene(job: jobs.Job, begin: Callable[[bpy.types.Scene], Iterator[object]]) -> Iterator[object]:
    """Steps for the scene that a job works for; none where an undo took that away."""
    scene = jobs.scene_of(job)
    return iter(()) if scene is None else begin(scene)


def poll_by(cls: type, reason: str) -> bool:
    """The answer of a ``poll`` that explains itself."""
    if reason:
        cls.poll_message_set(reason)
    return not reason


class OnTake:
    """Base of operators that need a chosen take."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A take is chosen."""
        chosen = takes.active_take(compat.sequencer_scene(context))
        return poll_by(cls, say("No take is chosen in the list") if chosen is None else "")


class OnSpeech(JobOperator):
    """Base of jobs that begin with a speech and a portrait."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A runtime, a sound strip and a portrait are there, and no job runs."""
        return poll_by(cls, why_not(context, needs_speech=True))
