"""Operators that give the worker a job: generate, resample, render, cancel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import bpy

from ..core.channels import FPS, GROUPS
from ..core.errors import BadInputError
from ..core.protocol import Generate, Render, Resample
from . import characters, compat, jobs, portrait, preferences, ranges, readback, speech, takes
from .job_operator import JobOperator
from .motion import load_motion
from .properties import settings_of
from .words import say


def why_not(context: bpy.types.Context, *, needs_speech: bool = False, needs_take: bool = False) -> str:
    """Why a job can't start now, for tooltips and the panel; empty when it can."""
    scene = compat.sequencer_scene(context)
    if busy := jobs.why_busy():
        return busy
    if preferences.worker_python() is None:
        return say("The runtime is not installed: install it in the add-on's preferences")
    settings = settings_of(scene)
    if needs_speech and settings.sound == "STRIP" and speech.sound_strip(scene) is None:
        return say("No sound strip is active: select one in the sequencer")
    if needs_speech and not portrait.has_portrait(characters.portrait_owner(scene, speaker_of(scene))):
        return say("No portrait is chosen")
    if needs_take and takes.active_take(scene) is None:
        return say("No take is chosen in the list")
    if needs_take and takes.active_take(scene).status == "MISSING":
        return say("The chosen take's folder is gone from the disk")
    if needs_take and takes.active_take(scene).preview:
        return say("The chosen take is a preview: Generate makes the real one")
    return ""


def speaker_of(scene: bpy.types.Scene) -> str:
    """Name of the character who speaks what would be spoken; empty where nobody was assigned."""
    strip = speech.sound_strip(scene) if settings_of(scene).sound == "STRIP" else None
    return getattr(strip, "soliloquy_character", "")


def target_of(scene: bpy.types.Scene) -> bpy.types.Object | None:
    """The object of the target that is chosen in the list, or None."""
    settings = settings_of(scene)
    index = settings.active_target
    return settings.targets[index].thing if 0 <= index < len(settings.targets) else None


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
            raise BadInputError("no_strip", say("No sound strip is active."), say("Select one in the sequencer."))
        spoken = speech.speech_from_strip(scene, strip, inputs)
    return request_for(scene, spoken), spoken


def request_for(scene: bpy.types.Scene, spoken: speech.Speech) -> Generate:
    """The request for a given speech with the scene's other settings."""
    settings = settings_of(scene)
    out = preferences.output_folder(settings.output_dir)
    return Generate(
        audio=str(spoken.path),
        portrait=str(portrait.portrait_path(characters.portrait_owner(scene, spoken.character), out / "inputs")),
        out=str(out),
        start=spoken.start,
        duration=spoken.duration,
        takes=settings.takes_wanted,
        seed=settings.seed,
        guidance_scale=settings.guidance_scale,
        num_inference_steps=settings.num_inference_steps,
        style=settings.performance.style(),
        renderer=settings.renderer,
        size=int(settings.size),
        framing=settings.framing,
        motion_only=settings.motion_only,
        device=preferences.device(),
    )


class OnTake:
    """Base of operators that need a chosen take."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A take is chosen."""
        chosen = takes.active_take(compat.sequencer_scene(context))
        return poll_by(cls, say("No take is chosen in the list") if chosen is None else "")


class OnSpeech(JobOperator):
    """Base of jobs that begin with a speech and a portrait."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A runtime, a sound strip and a portrait are there, and no job runs."""
        return poll_by(cls, why_not(context, needs_speech=True))


class SOLILOQUY_OT_generate(OnSpeech, bpy.types.Operator):
    """Make takes of the speech for the portrait and put their frames above the sound"""

    bl_idname = "soliloquy.generate"
    bl_label = "Generate"
    bl_options = {"REGISTER"}

    def begin(self, context: bpy.types.Context) -> jobs.Job:
        """Send the scene's settings."""
        scene = compat.sequencer_scene(context)
        request, spoken = generate_request(scene)
        return jobs.start(request, say("Generate"), scene, spoken)


def _spoken_by(take: takes.SoliloquyTake) -> speech.Speech:
    """The speech of an existing take, so that further takes of its job land in the same place."""
    place = round(take.origin), take.audio_strip, take.channel, take.character
    return speech.Speech(Path(), take.audio_start, None, *place)


def range_of(scene: bpy.types.Scene, take: takes.SoliloquyTake) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """The range to be resampled as scene frames and as the take's frames; None: the whole take."""
    settings = settings_of(scene)
    typed = (settings.range_first, settings.range_last)
    chosen = ranges.scene_frames(scene, settings.range_kind, take.image_strip, typed)
    if chosen is None:
        return None
    return chosen, ranges.take_frames(takes.timing_of(scene, take), take.frame_count, *chosen, take.fps)


class SOLILOQUY_OT_resample(JobOperator, bpy.types.Operator):
    """Add takes in which the chosen groups of the chosen range get new seeds; the rest of the take stays to the bit"""

    bl_idname = "soliloquy.resample"
    bl_label = "Resample"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A take of a job is chosen, and something of it is to be sampled anew."""
        reason = why_not(context, needs_take=True)
        settings = settings_of(compat.sequencer_scene(context))
        if not reason and not settings.renew:
            reason = say("Choose what to resample: blink, gaze, brows, head, …")
        if not reason and takes.active_take(compat.sequencer_scene(context)).imported:
            reason = say("The chosen take was imported: render it first, then parts of it can be resampled")
        return poll_by(cls, reason)

    def begin(self, context: bpy.types.Context) -> jobs.Job:
        """Ask for new seeds."""
        scene = compat.sequencer_scene(context)
        settings, take = settings_of(scene), takes.active_take(scene)
        part = range_of(scene, take)
        keep = tuple(group for group in GROUPS if group not in settings.renew)
        request = Resample(
            job=str(take.job_path()),
            takes=settings.takes_wanted,
            take=take.index if keep or part else None,
            keep=keep,
            first_frame=part[1][0] if part else 0,
            last_frame=part[1][1] if part else None,
            transition=round(settings.transition * FPS),
            style=settings.performance.style() if settings.renew_style else None,
            device=preferences.device(),
        )
        groups = ", ".join(group for group in GROUPS if group in settings.renew)
        where = say(", frames {first}–{last}", first=part[0][0], last=part[0][1]) if part else ""
        note = say("{take} with new {groups}{where}", take=take.name, groups=groups, where=where)
        return jobs.start(request, say("Resample"), scene, _spoken_by(take), note)


def no_portrait(take: takes.SoliloquyTake) -> str:
    """Why a take can't be rendered: an imported one may have no job that lends it a portrait."""
    return "" if take.job else say("The take was imported without a job: choose a generated take, then import again")


def render_request(scene: bpy.types.Scene, take: takes.SoliloquyTake, motion: str | None = None) -> Render:
    """Ask for frames of the take, or of another motion in its place, of the face size and framing that are set."""
    settings = settings_of(scene)
    if motion is None and take.imported:  # the motions of the job's own takes are known to the worker
        motion = str(take.path() / "motion.npz")
    return Render(
        job=str(take.job_path()),
        take=take.index,
        motion=motion,
        size=int(settings.size),
        framing=settings.framing,
        renderer=settings.renderer,
        device=preferences.device(),
    )


class SOLILOQUY_OT_render_take(JobOperator, bpy.types.Operator):
    """Render the chosen take's motion as a new take of the face size and framing set above"""

    bl_idname = "soliloquy.render_take"
    bl_label = "Render Frames"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A take is chosen and no job runs."""
        reason = why_not(context, needs_take=True)
        return poll_by(cls, reason or no_portrait(takes.active_take(compat.sequencer_scene(context))))

    def begin(self, context: bpy.types.Context) -> jobs.Job:
        """Ask for frames of the take's motion."""
        scene = compat.sequencer_scene(context)
        take = takes.active_take(scene)
        note = say("Frames of {take}", take=take.name)
        return jobs.start(render_request(scene, take), say("Render"), scene, _spoken_by(take), note)


class SOLILOQUY_OT_render_curves(JobOperator, bpy.types.Operator):
    """Render what the chosen target does now, edits and all, as a new take; unedited curves give the same frames"""

    bl_idname = "soliloquy.render_curves"
    bl_label = "Render from Curves"
    bl_options = {"REGISTER"}

    _motion: str | None = None
    _changed: int = 0

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A take of a job and a target are chosen."""
        scene = compat.sequencer_scene(context)
        reason = why_not(context, needs_take=True)
        if not reason and target_of(scene) is None:
            reason = say("No target is chosen: the curves are read from it")
        return poll_by(cls, reason or no_portrait(takes.active_take(scene)))

    def prepare(self, context: bpy.types.Context) -> Iterator[object]:
        """Play the take on its target and read the motion back."""
        scene = compat.sequencer_scene(context)
        take, thing = takes.active_take(scene), target_of(scene)
        facts = readback.facts_on(thing, take.key, take.name)
        original = load_motion(take.path() / "motion.npz")
        inputs = preferences.output_folder(settings_of(scene).output_dir) / "inputs"
        reading = readback.read(scene, thing, facts, original)
        try:
            while True:
                share = next(reading)
                jobs.tell_of_progress(
                    say("Reading the curves of “{target}”: {share:.0%} (Esc stops)", target=thing.name, share=share)
                )
                yield
        except StopIteration as ended:
            motion, self._changed = ended.value
        finally:
            reading.close()
        self._motion = str(readback.save(motion, inputs)) if self._changed else None

    def begin(self, context: bpy.types.Context) -> jobs.Job:
        """Ask for frames of that motion."""
        scene = compat.sequencer_scene(context)
        take = takes.active_take(scene)
        request = render_request(scene, take, self._motion)
        what = say("{count} frames edited", count=self._changed) if self._changed else say("unedited")
        note = say("From {take}'s curves, {what}", take=take.name, what=what)
        job = jobs.start(request, say("Render from curves"), scene, _spoken_by(take), note)
        job.notices.append(
            say("{changed} of {count} frames were edited.", changed=self._changed, count=take.frame_count)
        )
        return job


class SOLILOQUY_OT_cancel(bpy.types.Operator):
    """Stop the job; finished takes stay"""

    bl_idname = "soliloquy.cancel"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """A job runs and was not told to stop yet."""
        job = jobs.current()
        return poll_by(
            cls, say("No job is running") if job is None else say("Already stopping") if job.cancelling else ""
        )

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Tell the worker."""
        jobs.current().cancel()
        return {"FINISHED"}


CLASSES = (
    SOLILOQUY_OT_generate,
    SOLILOQUY_OT_resample,
    SOLILOQUY_OT_render_take,
    SOLILOQUY_OT_render_curves,
    SOLILOQUY_OT_cancel,
)
