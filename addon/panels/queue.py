"""Panels for several characters and many jobs: who speaks what, and the queue."""

from __future__ import annotations

import bpy

from .. import compat
from ..drawing import Panel, draw_text, in_editors
from ..jobs import estimate
from ..properties import preferences
from ..properties.portrait import draw_portrait
from ..queue import batch, job_queue
from ..queue.batch import CANCELLED, DONE, FAILED, RUNNING, WAITING, Entry
from ..scene.characters import active_character
from ..sequencer import speech
from ..words import duration, say

_ICONS = {WAITING: "SORTTIME", RUNNING: "PLAY", DONE: "CHECKMARK", FAILED: "ERROR", CANCELLED: "CANCEL"}


class SOLILOQUY_UL_characters(bpy.types.UIList):
    """Characters by name."""

    def draw_item(self, _context, layout, _data, item, _icon, _active_data, _active_property, _index=0) -> None:
        """One row; a double click renames."""
        image = item.portrait_image
        layout.prop(item, "name", text="", emboss=False, icon="USER" if image or item.portrait_file else "ERROR")


class _Characters(Panel):
    bl_label = "Characters"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Who there is, whose portrait is whose, whose the active strip is."""
        layout, scene = self.layout, compat.sequencer_scene(context)
        queue = scene.soliloquy_queue
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
    """Jobs with how they stand."""

    def draw_item(self, _context, layout, _data, item, _icon, _active_data, _active_property, _index=0) -> None:
        """One row; what runs has its progress and a cross."""
        entry = job_queue.entry_of(item.key)
        if entry is None:
            layout.label(text=item.name)
            return
        row = layout.row(align=True)
        if entry.status == RUNNING:
            row.progress(factor=entry.share, text=f"{entry.name} · {entry.share:.0%}")
        else:
            row.label(text=entry.name, icon=_ICONS[entry.status])
            sub = row.row(align=True)
            sub.alignment = "RIGHT"
            sub.label(text=_state_of(entry))
        if job_queue.crew() is not None and entry.status in (WAITING, RUNNING):
            row.operator("soliloquy.queue_cancel", text="", icon="X", emboss=False).key = entry.key


def _state_of(entry: Entry) -> str:
    """Few words beside a name."""
    if entry.status == DONE:
        return say("Takes: {count}", count=len(entry.takes))
    return say(entry.status)


class SOLILOQUY_MT_queue(bpy.types.Menu):
    """What is rarer than adding, running and removing"""

    bl_label = "Queue"

    def draw(self, _context: bpy.types.Context) -> None:
        """Retry, files, clear."""
        layout = self.layout
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
        """The jobs, what they will need, and the button that makes them."""
        layout, scene = self.layout, compat.sequencer_scene(context)
        row = layout.row(align=True)
        row.operator("soliloquy.queue_strip", icon="ADD")
        row.operator("soliloquy.queue_scene", icon="SEQ_STRIP_DUPLICATE")
        lines = context.window_manager.soliloquy_queue
        row = layout.row()
        row.template_list("SOLILOQUY_UL_queue", "", lines, "items", lines, "active", rows=4)
        column = row.column(align=True)
        column.operator("soliloquy.queue_remove", text="", icon="REMOVE")
        column.menu("SOLILOQUY_MT_queue", text="", icon="DOWNARROW_HLT")
        if job_queue.path() is not None:
            layout.label(text=job_queue.path().name, icon="TEXT")
        chosen = job_queue.active()
        if chosen is not None and chosen.error:
            draw_text(layout, chosen.error, "ERROR", alert=chosen.status == FAILED)
        if job_queue.crew() is not None:
            _draw_running(layout)
            return
        layout.prop(scene.soliloquy_queue, "workers")
        row = layout.row()
        row.scale_y = 1.4
        row.operator("soliloquy.queue_run", icon="PLAY")
        if any(entry.status == WAITING for entry in job_queue.entries()):
            _draw_expected(layout, scene)


def _draw_running(layout: bpy.types.UILayout) -> None:
    """How many jobs are done, what runs, how long the rest takes."""
    crew = job_queue.crew()
    entries, running = job_queue.entries(), crew.running
    done = sum(entry.status in (DONE, FAILED, CANCELLED) for entry in entries)
    share = (done + sum(entry.share for entry in running)) / max(1, len(entries))
    left = [entry.left for entry in running]
    rest = job_queue.expected(entries, len(crew.seats))[0].seconds
    known = say(" · {time} left", time=duration(max(left) + rest)) if left and None not in left else ""
    for entry in running:
        layout.label(text=f"{entry.name}: {entry.stage}", icon="SORTTIME")
    row = layout.row(align=True)
    row.progress(factor=share, text=say("{done} of {count}", done=done, count=len(entries)) + known)
    row.operator("soliloquy.queue_stop", text="", icon="X")
    for notice in crew.notices[-3:]:
        draw_text(layout, notice, "INFO")


def _draw_expected(layout: bpy.types.UILayout, scene: bpy.types.Scene) -> None:
    """Time, disk and memory of all that waits; a warning where the disk is too small."""
    entries = job_queue.entries()
    workers = scene.soliloquy_queue.workers or 1
    cost, unknown = job_queue.expected(entries, workers)
    waiting = batch.counts(entries)[WAITING]
    text = say("{needs}; jobs that wait: {count}", needs=cost.words(), count=waiting)
    draw_text(layout, text + (say(", {count} of unknown length left out", count=unknown) if unknown else ""), "TIME")
    lacking = estimate.lack_of_disk(preferences.output_folder(scene.soliloquy.output_dir), cost.disk)
    if lacking:
        draw_text(layout, lacking, "ERROR", alert=True)


CLASSES = (
    SOLILOQUY_UL_characters,
    SOLILOQUY_UL_queue,
    SOLILOQUY_MT_queue,
    *in_editors((_Characters, "speak"), (_Queue, "")),
)
