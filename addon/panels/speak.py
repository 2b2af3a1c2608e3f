"""The sidebar tab “Soliloquy” in the sequencer and in the 3D viewport."""

from __future__ import annotations

import time
from pathlib import Path

import bpy

from ...core.wire.systems import source_facts
from .. import compat
from ..drawing import Panel, draw_text, in_editors
from ..jobs import doctor, jobs
from ..operators import runtime as operators_runtime
from ..places import ROOT_PACKAGE
from ..properties import output, own_python, preferences, trusted
from ..properties.portrait import draw_portrait
from ..properties.scene import heeds
from ..properties.transcript import SoliloquyTranscript
from ..scene import characters, costs
from ..scene.request import speaker_of, transcript_of, why_not
from ..sequencer import speech
from ..typed import layout_of
from ..words import say, time_left
from . import status

_CHOICE = 5.5
"""Width of the choice of a text, in Blender's units of a button's height; the rest of the row is for the words."""


def draw_runtime(layout: bpy.types.UILayout) -> None:
    """The state of the runtime: installed, being installed, or the button that installs it."""
    latest = operators_runtime.installation()
    if latest is not None and latest.running:
        row = layout.row(align=True)
        turning = time.monotonic() % 2 / 2  # the remaining time is unknown, as it depends only on the network
        row.progress(factor=turning, type="RING", text=say(latest.text))
        row.operator("soliloquy.cancel_install", text="", icon="X")
        return
    if preferences.worker_python() is not None:
        if (chosen := preferences.chosen_python()) is not None:
            _draw_own(layout, chosen)
        else:
            own = preferences.own_python() is not None
            layout.label(text="Your own Python is used" if own else "Runtime installed", icon="CHECKMARK")
        return
    draw_text(
        layout, say("Soliloquy needs a runtime of Python packages ({size}).", size=say(operators_runtime.SIZE)), "INFO"
    )
    if preferences.own_python() is not None:
        draw_text(
            layout,
            say("Your own Python was not found: {path}", path=preferences.own_python()),
            "ERROR",
            alert=True,
        )
    elif preferences.wheels_folder() is not None:
        draw_text(
            layout,
            say("It will be installed from {folder}.", folder=preferences.wheels_folder()),
            "FILE_FOLDER",
        )
    elif not bpy.app.online_access:
        draw_text(layout, say("Online access is off, and the packages have to be downloaded."), "ERROR", alert=True)
        layout.operator(doctor.SHOW_NETWORK, text="Network Preferences", icon="INTERNET_OFFLINE")
    if latest is not None:
        draw_text(layout, say(latest.text), "ERROR" if latest.error else "INFO", alert=bool(latest.error))
    layout.operator("soliloquy.install_runtime", icon="IMPORT")


def _draw_own(layout: bpy.types.UILayout, python: Path) -> None:
    """What is known about the user's own Python."""
    found = own_python.look(python)
    if found is None:
        layout.label(text="Your own Python is being examined…", icon="SORTTIME")
    elif found.usable:
        text = say("Your own Python is used ({version}, torch {torch})", version=found.python, torch=found.torch)
        draw_text(layout, text, "CHECKMARK")
        if remark := own_python.remark(found):
            draw_text(layout, remark, "INFO")
    else:
        reason, fix = own_python.problem(found)
        draw_text(layout, reason, "ERROR", alert=True)
        draw_text(layout, fix)


def _draw_transcript(layout: bpy.types.UILayout, transcript: SoliloquyTranscript) -> None:
    """The words of the speech: a line to type or paste, and the choice of a text in its place."""
    row = layout.row(align=True)
    if transcript.text is not None:
        row.template_ID(transcript, "text", open="text.open")
        return
    row.prop(transcript, "words", text="", placeholder="Transcript (optional)")
    row.operator("soliloquy.paste_transcript", text="", icon="PASTEDOWN")
    row = row.row(align=True)
    row.ui_units_x = _CHOICE
    row.template_ID(transcript, "text", open="text.open")


def _draw_progress(row: bpy.types.UILayout, job: jobs.Job) -> None:
    """The running job, in the place of the button that started it."""
    left = say(" · {time} left", time=time_left(job.left)) if job.left is not None else ""
    row.progress(factor=job.share, text=f"{job.share:.0%}{left}" if not job.cancelling else "")
    row.operator("soliloquy.cancel", text="", icon="X")


def _told(context: bpy.types.Context, job: jobs.Job | None) -> list[status.Told]:
    """What there is to say: the job's stage and notices; else how the last one ended, and what the next would need."""
    if job is not None:
        return [status.Told(job.stage, "SORTTIME"), *(status.Told(notice, "INFO") for notice in job.notices)]
    scene = compat.sequencer_scene(context)
    message, bad = jobs.last_message()
    told = [status.Told(message, "ERROR" if bad else "CHECKMARK", bad)] if message else []
    if reason := why_not(context, needs_speech=True):
        told.append(status.Told(reason, "INFO"))
    elif expected := costs.words(scene):
        if picture := costs.picture(scene):
            told.append(status.Told(picture, "IMAGE_DATA"))
        told.append(status.Told(expected, "TIME"))
        if lacking := costs.lack_of_disk(scene):
            told.insert(0, status.Told(lacking, "ERROR", True))
    return told


class _Speak(Panel):
    bl_label = "Speak"

    def draw(self, context: bpy.types.Context) -> None:
        """Speech, portrait, Generate."""
        layout = layout_of(self)
        if preferences.worker_python() is None or preferences.why_unusable() is not None:
            draw_runtime(layout)
            show = layout.operator("preferences.addon_show", text="Preferences", icon="PREFERENCES")
            show.module = ROOT_PACKAGE
            return
        scene, settings = compat.sequencer_scene(context), self.settings(context)
        column = layout.column()
        column.label(text="Speech")
        column.row().prop(settings, "sound", expand=True)
        if settings.sound == "STRIP":
            strip = speech.sound_strip(scene)
            column.label(text=strip.name if strip else "Select a sound strip", icon="SOUND" if strip else "ERROR")
        if (transcript := transcript_of(scene)) is not None:
            _draw_transcript(column, transcript)
        column = layout.column()
        column.label(text="Portrait")
        owner = characters.portrait_owner(scene, speaker_of(scene))
        if owner != settings:
            column.label(text=owner.name, icon="USER")
        else:
            draw_portrait(column, settings)
        row = layout.row(align=True)
        row.prop(settings, "takes_wanted")
        row.prop(settings, "seed")
        job = jobs.current()
        row = layout.row(align=job is not None)
        row.scale_y = 1.4
        if job is None:
            row.operator("soliloquy.generate", icon="PLAY")
            row.operator("soliloquy.preview", text="", icon="HIDE_OFF")
        else:
            _draw_progress(row, job)
        if job is None and (asked := trusted.unasked_output(settings.output_dir)) is not None:
            words = say("This .blend keeps its takes outside its own folders: {path}", path=asked)
            draw_text(layout, words, "ERROR", alert=True)
            layout.operator("soliloquy.allow_folder", icon="CHECKMARK")
        status.draw(layout, _told(context, job))


class _Options(Panel):
    bl_label = "Options"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Settings that rarely change."""
        layout, settings = layout_of(self), self.settings(context)
        layout.use_property_split = True
        layout.use_property_decorate = False
        column = layout.column()
        column.prop(settings, "motion_only")
        sub = column.column()
        sub.active = not settings.motion_only
        sub.prop(settings, "size")
        if needless := costs.needless_size(compat.sequencer_scene(context)):
            draw_text(sub, needless, "INFO")
        whole = sub.column()
        whole.active = settings.framing == "portrait"
        whole.prop(settings, "picture")
        if settings.picture == "pixels":
            whole.prop(settings, "picture_side")
        sub.prop(settings, "framing")
        restoring = sub.column()
        restoring.active = preferences.has_restorer()
        restoring.prop(settings, "restore")
        if settings.restore and not preferences.has_restorer():
            draw_text(restoring, say("Choose a restorer in the add-on's preferences") + ".", "INFO")
        folder = output.output_folder(settings.output_dir)
        layout.prop(settings, "output_dir", placeholder=str(folder))
        if not bpy.data.filepath and output.passing_root(folder) is not None:
            draw_text(layout, say("Until the .blend is saved, takes are kept in {folder}.", folder=folder), "INFO")
        elif settings.output_dir.strip() and str(folder) != settings.output_dir:
            draw_text(layout, say("Takes are kept in {folder}.", folder=folder), "INFO")


class _Advanced(Panel):
    bl_label = "Advanced"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """What makes the motion and what draws the frames."""
        layout, settings = layout_of(self), self.settings(context)
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(settings, "source")
        if source_facts(settings.source).has_pose_styles:
            layout.prop(settings, "pose_style")
        sub = layout.column()
        sub.active = heeds(settings, "num_inference_steps")
        sub.prop(settings, "num_inference_steps")
        sub = layout.column()
        sub.active = not settings.motion_only
        sub.prop(settings, "renderer")


CLASSES = in_editors((_Speak, ""), (_Options, "speak"), (_Advanced, "options"))
