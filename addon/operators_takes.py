"""Operators that give the worker a job: generate, resample, render, cancel."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..core.errors import BadInputError
from ..core.protocol import Generate, Render, Resample
from . import compat, jobs, portrait, preferences, speech, takes
from .job_operator import JobOperator
from .properties import settings_of


def why_not(context: bpy.types.Context, *, needs_speech: bool = False, needs_take: bool = False) -> str:
    """Why a job can't start now, for tooltips and the panel; empty when it can."""
    scene = compat.sequencer_scene(context)
    if jobs.current() is not None:
        return "A job is running: wait for it or cancel it"
    if preferences.worker_python() is None:
        return "The runtime is not installed: install it in the add-on's preferences"
    settings = settings_of(scene)
    if needs_speech and settings.sound == "STRIP" and speech.sound_strip(scene) is None:
        return "No sound strip is active: select one in the sequencer"
    if needs_speech and not portrait.has_portrait(settings):
        return "No portrait is chosen"
    if needs_take and takes.active_take(scene) is None:
        return "No take is chosen in the list"
    if needs_take and takes.active_take(scene).status == "MISSING":
        return "The chosen take's folder is gone from the disk"
    return ""


def poll_by(cls: type, reason: str) -> bool:
    """The answer of a ``poll`` that explains itself."""
    if reason:
        cls.poll_message_set(reason)
    return not reason


def generate_request(scene: bpy.types.Scene) -> tuple[Generate, speech.Speech]:
    """The request that the scene's settings ask for, and the speech it is about."""
    settings = settings_of(scene)
    inputs = preferences.output_folder(settings.output_dir) / "inputs"
    if settings.sound == "MIX":
        spoken = speech.speech_from_mix(scene, inputs)
    else:
        strip = speech.sound_strip(scene)
        if strip is None:
            raise BadInputError("no_strip", "No sound strip is active.", "Select one in the sequencer.")
        spoken = speech.speech_from_strip(scene, strip, inputs)
    return request_for(scene, spoken), spoken


def request_for(scene: bpy.types.Scene, spoken: speech.Speech) -> Generate:
    """The request for a given speech with the scene's other settings."""
    settings = settings_of(scene)
    out = preferences.output_folder(settings.output_dir)
    return Generate(
        audio=str(spoken.path),
        portrait=str(portrait.portrait_path(settings, out / "inputs")),
        out=str(out),
        start=spoken.start,
        duration=spoken.duration,
        takes=settings.takes_wanted,
        seed=settings.seed,
        guidance_scale=settings.guidance_scale,
        num_inference_steps=settings.num_inference_steps,
        size=int(settings.size),
        framing=settings.framing,
        motion_only=settings.motion_only,
        device=preferences.device(),
    )


class SOLILOQUY_OT_generate(JobOperator, bpy.types.Operator):
    """Make takes of the speech for the portrait and put their frames above the sound"""

    bl_idname = "soliloquy.generate"
    bl_label = "Generate"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A runtime, a sound strip and a portrait are there, and no job runs."""
        return poll_by(cls, why_not(context, needs_speech=True))

    def begin(self, context: bpy.types.Context) -> jobs.Job:
        """Send the scene's settings."""
        scene = compat.sequencer_scene(context)
        request, spoken = generate_request(scene)
        return jobs.start(request, "Generate", scene, spoken)


def _spoken_by(take: takes.SoliloquyTake) -> speech.Speech:
    """The speech of an existing take, so that further takes of its job land in the same place."""
    return speech.Speech(Path(), take.audio_start, None, round(take.origin), take.audio_strip, take.channel)


class SOLILOQUY_OT_resample(JobOperator, bpy.types.Operator):
    """Add takes with new seeds to the chosen take's job; the channel groups under Keep stay as they are"""

    bl_idname = "soliloquy.resample"
    bl_label = "Resample"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A take is chosen and no job runs."""
        return poll_by(cls, why_not(context, needs_take=True))

    def begin(self, context: bpy.types.Context) -> jobs.Job:
        """Ask for new seeds."""
        scene = compat.sequencer_scene(context)
        settings, take = settings_of(scene), takes.active_take(scene)
        request = Resample(
            job=str(take.job_path()),
            takes=settings.takes_wanted,
            take=take.index if settings.keep else None,
            keep=tuple(sorted(settings.keep)),
            device=preferences.device(),
        )
        return jobs.start(request, "Resample", scene, _spoken_by(take))


class SOLILOQUY_OT_render_take(JobOperator, bpy.types.Operator):
    """Render the chosen take's motion as a new take of the face size and framing set above"""

    bl_idname = "soliloquy.render_take"
    bl_label = "Render Frames"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A take is chosen and no job runs."""
        return poll_by(cls, why_not(context, needs_take=True))

    def begin(self, context: bpy.types.Context) -> jobs.Job:
        """Ask for frames of the take's motion."""
        scene = compat.sequencer_scene(context)
        settings, take = settings_of(scene), takes.active_take(scene)
        request = Render(
            job=str(take.job_path()),
            take=take.index,
            size=int(settings.size),
            framing=settings.framing,
            device=preferences.device(),
        )
        return jobs.start(request, "Render", scene, _spoken_by(take))


class SOLILOQUY_OT_cancel(bpy.types.Operator):
    """Stop the job; finished takes stay"""

    bl_idname = "soliloquy.cancel"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """A job runs and was not told to stop yet."""
        job = jobs.current()
        return poll_by(cls, "No job is running" if job is None else "Already stopping" if job.cancelling else "")

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Tell the worker."""
        jobs.current().cancel()
        return {"FINISHED"}


CLASSES = (SOLILOQUY_OT_generate, SOLILOQUY_OT_resample, SOLILOQUY_OT_render_take, SOLILOQUY_OT_cancel)
