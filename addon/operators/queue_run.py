"""Operators that run the queue beside its user, stop it, or stop one of its jobs."""

from __future__ import annotations

import time

import bpy
from bpy.props import StringProperty

from ...core.errors import SoliloquyError
from .. import compat, steps
from ..jobs import jobs
from ..properties import preferences
from ..queue import job_queue
from ..queue.batch import RUNNING, WAITING
from ..redrawing import redraw, redraw_when_due
from ..words import say
from .job import poll_by
from .queue import QueueOperator


class SOLILOQUY_OT_queue_run(bpy.types.Operator):
    """Make all jobs that wait, in order; finished takes go above their strips and on their characters' targets"""

    bl_idname = "soliloquy.queue_run"
    bl_label = "Run Queue"
    bl_options = {"REGISTER"}

    _landing: steps.Landing | None = None
    _timer: bpy.types.Timer | None = None

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Something waits and no job runs."""
        reason = jobs.why_busy()
        if not reason and preferences.worker_python() is None:
            reason = say("The runtime is not installed: install it in the add-on's preferences")
        if not reason and not any(entry.status == WAITING for entry in job_queue.entries()):
            reason = say("No job waits: add strips, or retry what failed")
        return poll_by(cls, reason)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Run it to its end, as scripts want."""
        refused = self._begin(context)
        if refused:
            return refused
        while not self._tick(context, float("inf")):
            time.sleep(0.02)
        return self._end()

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Begin and go on by timer."""
        if bpy.app.background:
            return self.execute(context)
        refused = self._begin(context)
        if refused:
            return refused
        self._timer = context.window_manager.event_timer_add(steps.INTERVAL, window=context.window)
        context.window_manager.modal_handler_add(self)
        redraw()
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Let the crew work; input passes unless the file is being changed."""
        if event.type != "TIMER":
            return {"RUNNING_MODAL"} if self._landing is not None else {"PASS_THROUGH"}
        if job_queue.crew() is None:  # ended from elsewhere
            self.cancel(context)
            return {"CANCELLED"}
        if self._tick(context, steps.budget()):
            self.cancel(context)
            return self._end()
        return {"PASS_THROUGH"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator (file closed, quit), or it has ended: the run goes with it."""
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
        if job_queue.crew() is not None and not job_queue.crew().finished:
            job_queue.kill(say("The queue was stopped."))

    def _begin(self, context: bpy.types.Context) -> set[str] | None:
        try:
            job_queue.start(compat.sequencer_scene(context).soliloquy_queue.workers)
        except SoliloquyError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return None

    def _tick(self, context: bpy.types.Context, budget: float) -> bool:
        """One round; True when the run has ended and all of it is in the scene."""
        begun = time.perf_counter()
        crew = job_queue.crew()
        redraw_when_due(crew.poll())
        if self._landing is None:
            arrival = job_queue.next_arrival()
            if arrival is None:
                return crew.finished
            entry, take = arrival
            self._landing = steps.Landing(
                lambda: job_queue.arrive(entry, take, compat.sequencer_scene(bpy.context), crew.notices),
                say("Take {number} of {job}", number=take.index, job=entry.name),
            )
        try:
            if not self._landing.advance(budget - (time.perf_counter() - begun)):
                return False
        except SoliloquyError as error:
            crew.notices.append(str(error))
        self._landing = None
        return False

    def _end(self) -> set[str]:
        message, bad = job_queue.finish()
        self.report({"WARNING" if bad else "INFO"}, message)
        return {"FINISHED"}


class SOLILOQUY_OT_queue_cancel(QueueOperator, bpy.types.Operator):
    """Stop this job alone, or leave it out; its finished takes stay and the others go on"""

    bl_idname = "soliloquy.queue_cancel"
    bl_label = "Cancel Job"

    key: StringProperty(name="Job", description="Key of the job; the chosen one when empty", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """The queue is running."""
        return poll_by(cls, say("The queue isn't running") if job_queue.crew() is None else "")

    def change(self, _context: bpy.types.Context) -> str:
        """Tell the crew."""
        entry = job_queue.entry_of(self.key) if self.key else job_queue.active()
        if entry is not None and entry.status in (WAITING, RUNNING):
            job_queue.crew().cancel(entry)
        return ""


class SOLILOQUY_OT_queue_stop(QueueOperator, bpy.types.Operator):
    """Cancel what runs and begin nothing more; what waits goes on waiting, finished takes stay"""

    bl_idname = "soliloquy.queue_stop"
    bl_label = "Stop Queue"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """It runs."""
        return poll_by(cls, say("The queue isn't running") if job_queue.crew() is None else "")

    def change(self, _context: bpy.types.Context) -> str:
        """Tell the crew."""
        job_queue.crew().stop()
        return ""


CLASSES = (SOLILOQUY_OT_queue_run, SOLILOQUY_OT_queue_cancel, SOLILOQUY_OT_queue_stop)
