"""The progress of a job in Blender's status bar, where Blender's own jobs show theirs, visible in every workspace."""

from __future__ import annotations

import bpy

from ..jobs import jobs
from ..typed import layout_of
from ..words import say, time_left

WIDTH = 18.0
"""Width of the bar in units of a button; Blender's own choice is too narrow for the sentence."""


def words(job: jobs.Job) -> str:
    """The job's stage and the time that is left; both as ``Following.stop`` says while the job is stopping."""
    if job.left is None:
        return say("Soliloquy: {stage}", stage=job.stage)
    return say("Soliloquy: {stage}, {time} left", stage=job.stage, time=time_left(job.left))


def _draw(header: bpy.types.Header, _context: bpy.types.Context) -> None:
    job = jobs.current()
    if job is None:
        return
    row = layout_of(header).row(align=True)
    bar = row.row(align=True)
    bar.ui_units_x = WIDTH
    bar.progress(factor=job.share, text=f"{words(job)} ")
    row.operator("soliloquy.cancel", text="", icon="X")


def register() -> None:
    """Add to the status bar."""
    bpy.types.STATUSBAR_HT_header.append(_draw)


def unregister() -> None:
    """Remove it from the status bar."""
    bpy.types.STATUSBAR_HT_header.remove(_draw)
