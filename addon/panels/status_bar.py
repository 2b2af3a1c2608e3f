"""How far a job is, in Blender's status bar, where its own jobs show theirs: seen from every workspace."""

from __future__ import annotations

import bpy

from ..jobs import jobs
from ..words import duration, say

WIDTH = 18.0
"""Of the bar, in buttons: its sentence doesn't fit into what Blender would give it."""


def words(job: jobs.Job) -> str:
    """What a job is doing and how long it will take."""
    if job.cancelling:
        return say("Soliloquy: stopping")
    if job.left is None:
        return say("Soliloquy: {stage}", stage=job.stage)
    return say("Soliloquy: {stage}, {time} left", stage=job.stage, time=duration(job.left))


def _draw(header: bpy.types.Header, _context: bpy.types.Context) -> None:
    job = jobs.current()
    if job is None:
        return
    row = header.layout.row(align=True)
    bar = row.row(align=True)
    bar.ui_units_x = WIDTH
    bar.progress(factor=job.share, text=f"{words(job)} ")
    row.operator("soliloquy.cancel", text="", icon="X")


def register() -> None:
    """Add to the status bar."""
    bpy.types.STATUSBAR_HT_header.append(_draw)


def unregister() -> None:
    """Take it off."""
    bpy.types.STATUSBAR_HT_header.remove(_draw)
