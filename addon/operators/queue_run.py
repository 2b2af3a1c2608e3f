"""Operators that run the queue while Blender stays usable, stop it, or stop one of its jobs."""

from __future__ import annotations

import time

import bpy
from bpy.props import StringProperty

from ...core.batch.following import wait_until
from ...core.batch.job_list import RUNNING, WAITING
from ...core.errors import SoliloquyError
from .. import compat, steps
from ..jobs import jobs
from ..properties import preferences
from ..properties.queue import queue_settings_of
from ..properties.scene import restorer_of, settings_of
from ..queue import job_queue, scene_jobs
from ..redrawing import redraw, redraw_when_due
from ..scene import saving
from ..typed import Result, manager_of, there
from ..unexpected import as_told
from ..words import say
from .job import poll_by
from .queue import QueueOperator


class SOLILOQUY_OT_queue_run(bpy.types.Operator):
    """Run all waiting jobs in order; finished takes go above their strips and on their characters' targets"""

    bl_idname = "soliloquy.queue_run"
    bl_label = "Run Queue"
    bl_options = {"REGISTER"}

    _landing: steps.Landing | None = None
    _timer: bpy.types.Timer | None = None

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """A job is waiting and none is running."""
        reason = jobs.why_busy() or preferences.why_no_python()
        if not reason and not any(entry.status == WAITING for entry in job_queue.entries()):
            reason = say("No job is waiting: add strips, or retry failed jobs")
        return poll_by(cls, reason)

    def execute(self, context: bpy.types.Context) -> Result:
        """Run the queue to its end, for scripts."""
        refused = self._begin(context)
        if refused:
            return refused
        try:
            wait_until(lambda: self._tick(context, float("inf")))
        except Exception as error:  # noqa: BLE001 - ends with a sentence, see `unexpected`
            return self._fail(context, error)
        return self._end()

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Result:
        """Start and continue on a timer."""
        if bpy.app.background:
            return self.execute(context)
        refused = self._begin(context)
        if refused:
            return refused
        self._timer = manager_of(context).event_timer_add(steps.INTERVAL, window=context.window)
        manager_of(context).modal_handler_add(self)
        redraw()
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """Let the crew work; other input passes unless the file is being changed."""
        if event.type != "TIMER":
            return {"RUNNING_MODAL"} if self._landing is not None else {"PASS_THROUGH"}
        if job_queue.crew() is None:  # something else ended the run
            self.cancel(context)
            return {"CANCELLED"}
        try:
            ended = self._tick(context, steps.budget())
        except Exception as error:  # noqa: BLE001 - ends with a sentence, see `unexpected`
            return self._fail(context, error)
        if ended:
            self.cancel(context)
            return self._end()
        return {"PASS_THROUGH"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Stop the timer, and the run unless it has finished. Blender calls this when it closes the file or quits."""
        if self._timer is not None:
            manager_of(context).event_timer_remove(self._timer)
            self._timer = None
        crew = job_queue.crew()
        if crew is not None and not crew.finished:
            job_queue.kill(say("The queue was stopped."))

    def _begin(self, context: bpy.types.Context) -> Result | None:
        try:
            scene = compat.sequencer_scene(context)
            job_queue.start(queue_settings_of(scene).workers, restorer_of(settings_of(scene)))
        except SoliloquyError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return None

    def _tick(self, context: bpy.types.Context, budget: float) -> bool:
        """One turn; True when the run has ended and all its takes are in the scene."""
        begun = time.perf_counter()
        crew = there(job_queue.crew(), "crew")
        redraw_when_due(crew.poll())
        if self._landing is None:
            arrival = job_queue.next_arrival()
            if arrival is None:
                return crew.finished
            entry, take = arrival
            self._landing = steps.Landing(
                lambda: scene_jobs.arrive(entry, take, compat.sequencer_scene(bpy.context), crew.notices),
                say("Take {number} of {job}", number=take.index, job=entry.name),
            )
        try:
            if not self._landing.advance(budget - (time.perf_counter() - begun)):
                return False
        except Exception as error:  # noqa: BLE001 - ends with a sentence, see `unexpected`
            crew.notices.append(str(as_told(error)))
        self._landing = None
        return False

    def _fail(self, context: bpy.types.Context, error: Exception) -> Result:
        """End the run after an error, so that the queue can be started again."""
        told = str(as_told(error))
        self.report({"ERROR"}, told)
        self._landing = None
        job_queue.kill(told)
        self.cancel(context)
        return {"CANCELLED"}

    def _end(self) -> Result:
        message, bad = job_queue.finish()
        saving.move_soon()
        self.report({"WARNING" if bad else "INFO"}, message)
        return {"FINISHED"}


class SOLILOQUY_OT_queue_cancel(QueueOperator, bpy.types.Operator):
    """Stop only this job, or leave it out; its finished takes stay and the other jobs continue"""

    bl_idname = "soliloquy.queue_cancel"
    bl_label = "Cancel Job"

    key: StringProperty(name="Job", description="Key of the job; if empty, the chosen job", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """The queue is running."""
        return poll_by(cls, say("The queue isn't running") if job_queue.crew() is None else "")

    def change(self, _context: bpy.types.Context) -> str:
        """Tell the crew to stop."""
        entry = job_queue.entry_of(self.key) if self.key else job_queue.active()
        crew = job_queue.crew()
        if crew is not None and entry is not None and entry.status in (WAITING, RUNNING):
            crew.cancel(entry)
        return ""


class SOLILOQUY_OT_queue_stop(QueueOperator, bpy.types.Operator):
    """Cancel the running jobs and start no others; waiting jobs keep waiting, finished takes stay"""

    bl_idname = "soliloquy.queue_stop"
    bl_label = "Stop Queue"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """The queue is running."""
        return poll_by(cls, say("The queue isn't running") if job_queue.crew() is None else "")

    def change(self, _context: bpy.types.Context) -> str:
        """Tell the crew to stop."""
        crew = job_queue.crew()
        if crew is not None:
            crew.stop()
        return ""


CLASSES = (SOLILOQUY_OT_queue_run, SOLILOQUY_OT_queue_cancel, SOLILOQUY_OT_queue_stop)
