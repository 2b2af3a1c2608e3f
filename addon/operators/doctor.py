"""The doctor's buttons, and what the last check found."""

from __future__ import annotations

import time

import bpy

from ...core.errors import EXIT_CANCELLED, SoliloquyError
from .. import compat
from ..jobs import doctor, jobs
from ..jobs.doctor import Finding
from ..properties import preferences
from ..redrawing import redraw
from ..words import say
from .job import JobOperator, poll_by

_findings: list[Finding] = []


class SOLILOQUY_OT_doctor(JobOperator, bpy.types.Operator):
    """Look whether everything is there that Soliloquy needs, and make a second of a take to see that it works"""

    bl_idname = "soliloquy.doctor"
    bl_label = "Check Everything"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """No job runs."""
        return poll_by(cls, jobs.why_busy())

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Without a runtime there is no worker to ask."""
        return super().execute(context) if self._look() else {"FINISHED"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """The same in the window."""
        if bpy.app.background:
            return self.execute(context)
        return super().invoke(context, event) if self._look() else {"FINISHED"}

    def _look(self) -> bool:
        _findings[:] = doctor.here()
        self._started = time.monotonic()
        redraw()
        return preferences.worker_python() is not None

    def begin(self, context: bpy.types.Context) -> jobs.Job:
        """Ask the worker about itself."""
        return jobs.start(doctor.question(), "Doctor", compat.sequencer_scene(context))

    def _end(self, context: bpy.types.Context) -> set[str]:
        job = self._job
        problem = str(job.error.exception()) if job.error else ""
        probed = job.done.result if job.done else None
        if job.exit_code != EXIT_CANCELLED:
            _findings.extend(doctor.of_worker(probed, problem, time.monotonic() - self._started))
        ended = super()._end(context)
        if job.error is None:
            jobs.tell(doctor.summary(_findings), bad=any(finding.level == doctor.BAD for finding in _findings))
        return ended

    def _refuse(self, error: SoliloquyError) -> set[str]:
        _findings.extend(doctor.of_worker(None, str(error), 0.0))
        return super()._refuse(error)


class SOLILOQUY_OT_copy_report(bpy.types.Operator):
    """Copy the doctor's findings, to be sent with a question"""

    bl_idname = "soliloquy.copy_report"
    bl_label = "Copy Report"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Something was checked."""
        return poll_by(cls, "" if _findings else say("Check everything first"))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """To the clipboard."""
        context.window_manager.clipboard = doctor.report(_findings)
        self.report({"INFO"}, say("Report copied"))
        return {"FINISHED"}


def findings() -> list[Finding]:
    """What the last check of this session found."""
    return list(_findings)


def register() -> None:
    """Nothing was checked yet."""
    _findings.clear()


def unregister() -> None:
    """Forget the findings."""
    _findings.clear()


CLASSES = (SOLILOQUY_OT_doctor, SOLILOQUY_OT_copy_report)
