"""Panels for several characters and many jobs: which character speaks which strips, and the queue."""

from __future__ import annotations

from typing import Any

import bpy

from ...core.batch import summary
from ...core.batch.crew import Crew
from ...core.batch.job_list import BUSY, CANCELLED, DONE, FAILED, RUNNING, WAITING, Entry
from .. import compat
from ..drawing import Panel, draw_mouth, draw_text, in_editors
from ..jobs import disk
from ..properties import output
from ..properties.portrait import draw_portrait
from ..properties.queue import queue_lines_of, queue_settings_of
from ..properties.scene import settings_of
from ..queue import job_queue
from ..scene.characters import active_character
from ..sequencer import speech
from ..typed import IconItems, layout_of, manager_of
from ..words import say, time_left

_ICONS: dict[str, IconItems] = {
    WAITING: "SORTTIME",
    RUNNING: "PLAY",
    DONE: "CHECKMARK",
    FAILED: "ERROR",
    CANCELLED: "CANCEL",
    BUSY: "LOCKED",
}


class SOLILOQUY_UL_characters(bpy.types.UIList):
    """Characters by name."""

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        data: Any,
        item: Any,
        icon: int | None,
        active_data: Any,
        active_property: str | None,
        index: int | None = 0,
        flt_flag: int | None = 0,
    ) -> None:
        """One row; a double click renames."""
        image = item.portrait_image
        layout.prop(item, "name", text="", emboss=False, icon="USER" if image or item.portrait_file else "ERROR")


class _Characters(Panel):
    bl_label = "Characters"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """The characters, the chosen character's portrait, and the character of the active strip."""
        layout, scene = layout_of(self), compat.sequencer_scene(context)
        queue = queue_settings_of(scene)
        row = layout.row()
        row.template_list("SOLILOQUY_UL_characters", "", queue, "characters", queue, "active_character", rows=2)
        column = row.column(align=True)
        column.operator("soliloquy.add_character", text="", icon="ADD")
        column.operator("soliloquy.remove_character", text="", icon="REMOVE")
        character = active_character(scene)
        if character is None:
            draw_text(layout, say("Choose a portrait above, then add a character for each person who speaks."), "INFO")
            return
        draw_portrait(layout, character)
        layout.operator("soliloquy.assign_character", icon="SOUND")
        strip = speech.sound_strip(scene)
        if strip is not None:
            layout.prop_search(strip, "soliloquy_character", queue, "characters", text=strip.name, icon="USER")


class SOLILOQUY_UL_queue(bpy.types.UIList):
    """Jobs with their state."""

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        data: Any,
        item: Any,
        icon: int | None,
        active_data: Any,
        active_property: str | None,
        index: int | None = 0,
        flt_flag: int | None = 0,
    ) -> None:
        """One row; a running job has its progress and a button to cancel it."""
        entry = job_queue.entry_of(item.key)
        if entry is None:
            layout.label(text=item.name)
            return
        row = layout.row(align=True)
        if entry.status == RUNNING:
            stopping = (crew := job_queue.crew()) is not None and crew.is_stopping(entry)
            row.progress(factor=entry.share, text=f"{entry.name} · {entry.stage if stopping else f'{entry.share:.0%}'}")
        else:
            row.label(text=entry.name, icon=_ICONS[entry.status])
            sub = row.row(align=True)
            sub.alignment = "RIGHT"
            sub.label(text=_state_of(entry))
        if job_queue.crew() is not None and entry.status in (WAITING, RUNNING):
            row.operator("soliloquy.queue_cancel", text="", icon="X", emboss=False).key = entry.key


def _state_of(entry: Entry) -> str:
    """The state of an entry in a few words."""
    if entry.status == DONE:
        return say("Takes: {count}", count=len(entry.takes))
    return say(entry.status)


class SOLILOQUY_MT_queue(bpy.types.Menu):
    """Less frequent actions on the queue"""

    bl_label = "Queue"

    def draw(self, _context: bpy.types.Context) -> None:
        """Retry, files, clear."""
        layout = layout_of(self)
        layout.operator("soliloquy.queue_retry", icon="FILE_REFRESH")
        layout.operator("soliloquy.queue_place", icon="SEQ_SEQUENCER")
        layout.operator("soliloquy.queue_folder", icon="FILE_FOLDER")
        layout.separator()
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("soliloquy.queue_open", icon="FILEBROWSER")
        layout.operator("soliloquy.queue_save", icon="FILE_TICK")
        layout.separator()
        layout.operator("soliloquy.queue_clear", text="Clear Done").done = True
        layout.operator("soliloquy.queue_clear", text="Clear All", icon="TRASH").done = False


class _Queue(Panel):
    bl_label = "Queue"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """The jobs, what they will need, and the button that runs them."""
        layout, scene = layout_of(self), compat.sequencer_scene(context)
        row = layout.row(align=True)
        row.operator("soliloquy.queue_strip", icon="ADD")
        row.operator("soliloquy.queue_scene", icon="SEQ_STRIP_DUPLICATE")
        lines = queue_lines_of(manager_of(context))
        row = layout.row()
        row.template_list("SOLILOQUY_UL_queue", "", lines, "items", lines, "active", rows=4)
        column = row.column(align=True)
        column.operator("soliloquy.queue_remove", text="", icon="REMOVE")
        column.menu("SOLILOQUY_MT_queue", text="", icon="DOWNARROW_HLT")
        path = job_queue.path()
        if path is not None:
            layout.label(text=path.name, icon="TEXT")
        elsewhere = job_queue.unasked_file(scene)
        if elsewhere is not None:
            text = say("This .blend keeps its queue outside its own folders: {path}", path=elsewhere)
            draw_text(layout, text, "ERROR", alert=True)
            layout.operator("soliloquy.queue_allow", icon="CHECKMARK")
        chosen = job_queue.active()
        if chosen is not None:
            words = chosen.request.transcript if chosen.transcript_file is None else chosen.transcript_file.name
            draw_mouth(layout, chosen.request.articulation, words)
        if chosen is not None and chosen.error:
            draw_text(layout, chosen.error, "ERROR", alert=chosen.status == FAILED)
        crew = job_queue.crew()
        if crew is not None:
            _draw_running(layout, crew)
            return
        layout.prop(queue_settings_of(scene), "workers")
        row = layout.row()
        row.scale_y = 1.4
        row.operator("soliloquy.queue_run", icon="PLAY")
        if any(entry.status == WAITING for entry in job_queue.entries()):
            _draw_expected(layout, scene)


def _draw_running(layout: bpy.types.UILayout, crew: Crew) -> None:
    """Number of finished jobs, the running ones, and the time that is left."""
    entries, running = job_queue.entries(), crew.running
    done = sum(entry.status in (DONE, FAILED, CANCELLED, BUSY) for entry in entries)
    share = (done + sum(entry.share for entry in running)) / max(1, len(entries))
    rest = job_queue.expected(entries, len(crew.seats))[0].seconds
    left = crew.seconds_left(rest)
    known = "" if left is None else say(" · {time} left", time=time_left(left))
    for entry in running:
        layout.label(text=f"{entry.name}: {entry.stage}", icon="SORTTIME")
    row = layout.row(align=True)
    row.progress(factor=share, text=say("{done} of {count}", done=done, count=len(entries)) + known)
    row.operator("soliloquy.queue_stop", text="", icon="X")
    for notice in crew.notices[-3:]:
        draw_text(layout, notice, "INFO")


def _draw_expected(layout: bpy.types.UILayout, scene: bpy.types.Scene) -> None:
    """Time, disk and memory of all waiting jobs; a warning if the disk is too small."""
    entries = job_queue.entries()
    workers = queue_settings_of(scene).workers or 1
    cost, unknown = job_queue.expected(entries, workers)
    waiting = summary.counts(entries)[WAITING]
    text = say("{needs}; waiting jobs: {count}", needs=cost.words(), count=waiting)
    draw_text(layout, text + (say(", {count} of unknown length left out", count=unknown) if unknown else ""), "TIME")
    lacking = disk.lack_of_disk(output.output_folder(settings_of(scene).output_dir), cost.disk)
    if lacking:
        draw_text(layout, lacking, "ERROR", alert=True)


CLASSES = (
    SOLILOQUY_UL_characters,
    SOLILOQUY_UL_queue,
    SOLILOQUY_MT_queue,
    *in_editors((_Characters, "speak"), (_Queue, "")),
)
