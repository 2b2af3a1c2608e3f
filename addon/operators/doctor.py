"""The doctor's buttons, and the findings of the last check."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import bpy

from ...core.errors import EXIT_CANCELLED, SoliloquyError
from .. import compat
from ..jobs import doctor, jobs
from ..jobs.doctor import Finding
from ..properties import preferences
from ..redrawing import redraw
from ..session import session
from ..typed import Result, manager_of
from ..words import say
from .job import JobOperator, poll_by


@dataclass
class Report:
    """The findings of the last check."""

    findings: list[Finding] = field(default_factory=list)


class SOLILOQUY_OT_doctor(JobOperator, bpy.types.Operator):
    """Check that everything that Soliloquy needs is available, and make one second of a take as a test"""

    bl_idname = "soliloquy.doctor"
    bl_label = "Check Everything"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """No job runs."""
        return poll_by(cls, jobs.why_busy())

    def execute(self, context: bpy.types.Context) -> Result:
        """Check without the worker, and ask the worker if there is a runtime."""
        return super().execute(context) if self._look() else {"FINISHED"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """The same in the window."""
        if bpy.app.background:
            return self.execute(context)
        return super().invoke(context, event) if self._look() else {"FINISHED"}

    def _look(self) -> bool:
        session().part(Report).findings = doctor.here()
        self._started = time.monotonic()
        redraw()
        return preferences.worker_python() is not None

    def begin(self, context: bpy.types.Context) -> jobs.Job:
        """Send the question to the worker."""
        return jobs.start(doctor.question(), "Doctor", compat.sequencer_scene(context))

    def _end(self, context: bpy.types.Context) -> Result:
        job = self.job
        problem = str(job.error.exception()) if job.error else ""
        probed = job.done.result if job.done else None
        if job.exit_code != EXIT_CANCELLED:
            findings().extend(doctor.of_worker(probed, problem, time.monotonic() - self._started))
        ended = super()._end(context)
        if job.error is None:
            jobs.tell(doctor.summary(findings()), bad=any(finding.level == doctor.BAD for finding in findings()))
        return ended

    def _refuse(self, error: SoliloquyError, later: bool = False) -> Result:
        findings().extend(doctor.of_worker(None, str(error), 0.0))
        return super()._refuse(error, later)


class SOLILOQUY_OT_copy_report(bpy.types.Operator):
    """Copy the doctor's findings to the clipboard, to send them with a question"""

    bl_idname = "soliloquy.copy_report"
    bl_label = "Copy Report"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """There are findings."""
        return poll_by(cls, "" if findings() else say("Check everything first"))

    def execute(self, context: bpy.types.Context) -> Result:
        """Copy the report to the clipboard."""
        manager_of(context).clipboard = doctor.report(findings())
        self.report({"INFO"}, say("Report copied"))
        return {"FINISHED"}


def findings() -> list[Finding]:
    """The findings of the last check in this session."""
    return session().part(Report).findings


CLASSES = (SOLILOQUY_OT_doctor, SOLILOQUY_OT_copy_report)
