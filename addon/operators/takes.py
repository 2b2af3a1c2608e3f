"""Operators that give the worker a job: generate, resample, render, cancel."""

from __future__ import annotations

import bpy

from ...core.motion.channels import FPS, GROUPS
from ...core.wire.protocol import Resample
from .. import compat
from ..animation import edited_curves
from ..animation.motion_file import load_motion, save_motion
from ..jobs import jobs
from ..properties import preferences, trusted
from ..properties.scene import restorer_of, settings_of
from ..scene import take_list
from ..scene.request import (
    chosen_target,
    generate_request,
    no_portrait,
    range_of,
    render_request,
    spoken_by,
    target_of,
    why_not,
)
from ..typed import Result
from ..words import say, say_count
from .job import JobOperator, OnSpeech, Steps, poll_by


class SOLILOQUY_OT_generate(OnSpeech, bpy.types.Operator):
    """Make takes in which the portrait speaks the sound, and put their frames above the sound"""

    bl_idname = "soliloquy.generate"
    bl_label = "Generate"
    bl_options = {"REGISTER"}

    def begin(self, context: bpy.types.Context) -> jobs.Job:
        """Send the scene's settings."""
        scene = compat.sequencer_scene(context)
        request, spoken = generate_request(scene)
        return jobs.start(request, say("Generate"), scene, spoken)


class SOLILOQUY_OT_resample(JobOperator, bpy.types.Operator):
    """Add takes in which the chosen groups are sampled again in the chosen range; the rest stays bit for bit"""

    bl_idname = "soliloquy.resample"
    bl_label = "Resample"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A take of a job is chosen, and groups to sample again."""
        reason = why_not(context, needs_take=True)
        settings = settings_of(compat.sequencer_scene(context))
        if not reason and not settings.renew:
            reason = say("Choose what to resample: blink, gaze, brows, head, …")
        if not reason and take_list.chosen_take(compat.sequencer_scene(context)).imported:
            reason = say("The chosen take was imported: render it first, then parts of it can be resampled")
        return poll_by(cls, reason)

    def begin(self, context: bpy.types.Context) -> jobs.Job:
        """Send the request."""
        scene = compat.sequencer_scene(context)
        settings, take = settings_of(scene), take_list.chosen_take(scene)
        part = range_of(scene, take)
        renew = tuple(group for group in GROUPS if group in settings.renew)
        whole = part is None and len(renew) == len(GROUPS)
        request = Resample(
            job=str(take.job_path()),
            takes=settings.takes_wanted,
            take=None if whole else take.index,
            renew=() if whole else renew,
            first_frame=part[1][0] if part else 0,
            last_frame=part[1][1] if part else None,
            transition=round(settings.transition * FPS),
            style=settings.performance.style() if settings.renew_style else None,
            device=preferences.device(),
            restorer=restorer_of(settings),
        )
        where = say(", frames {first}–{last}", first=part[0][0], last=part[0][1]) if part else ""
        note = say("{take} with new {groups}{where}", take=take.name, groups=", ".join(renew), where=where)
        return jobs.start(request, say("Resample"), scene, spoken_by(take), note)


class SOLILOQUY_OT_render_take(JobOperator, bpy.types.Operator):
    """Render the chosen take's motion as a new take, with the sizes, framing and renderer set in the options"""

    bl_idname = "soliloquy.render_take"
    bl_label = "Render Frames"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A take is chosen and no job is running."""
        reason = why_not(context, needs_take=True)
        return poll_by(cls, reason or no_portrait(take_list.chosen_take(compat.sequencer_scene(context))))

    def begin(self, context: bpy.types.Context) -> jobs.Job:
        """Ask for frames of the take's motion."""
        scene = compat.sequencer_scene(context)
        take = take_list.chosen_take(scene)
        note = say("Frames of {take}", take=take.name)
        return jobs.start(render_request(scene, take), say("Render"), scene, spoken_by(take), note)


class SOLILOQUY_OT_render_curves(JobOperator, bpy.types.Operator):
    """Render the chosen target's current motion, with its edits, as a new take; unedited curves give the same frames"""

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
        return poll_by(cls, reason or no_portrait(take_list.chosen_take(scene)))

    def prepare(self, context: bpy.types.Context) -> Steps:
        """Play the take on its target and read the motion back."""
        scene = compat.sequencer_scene(context)
        take, thing = take_list.chosen_take(scene), chosen_target(scene)
        facts = edited_curves.facts_on(thing, take.key, take.name)
        original = load_motion(take.path() / "motion.npz")
        inputs = trusted.output_folder(settings_of(scene).output_dir) / "inputs"
        motion, self._changed = yield from jobs.with_progress(
            edited_curves.read(scene, thing, facts, original),
            lambda share: say(
                "Reading the curves of “{target}”: {share:.0%} (Esc stops)", target=thing.name, share=share
            ),
        )
        self._motion = str(save_motion(motion, inputs)) if self._changed else None

    def begin(self, context: bpy.types.Context) -> jobs.Job:
        """Ask for frames of that motion."""
        scene = compat.sequencer_scene(context)
        take = take_list.chosen_take(scene)
        request = render_request(scene, take, self._motion)
        what = say_count(self._changed, "1 frame edited", "{count} frames edited") if self._changed else say("unedited")
        note = say("From {take}'s curves, {what}", take=take.name, what=what)
        job = jobs.start(request, say("Render from curves"), scene, spoken_by(take), note)
        job.notices.append(
            say_count(
                take.frame_count,
                "{changed} of 1 frame was edited.",
                "{changed} of {count} frames were edited.",
                changed=self._changed,
            )
        )
        return job


class SOLILOQUY_OT_cancel(bpy.types.Operator):
    """Stop the job; finished takes stay"""

    bl_idname = "soliloquy.cancel"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """A job is running and not stopping yet."""
        job = jobs.current()
        return poll_by(
            cls, say("No job is running") if job is None else say("Already stopping") if job.cancelling else ""
        )

    def execute(self, _context: bpy.types.Context) -> Result:
        """Tell the worker to stop."""
        job = jobs.current()
        if job is not None:
            job.cancel()
        return {"FINISHED"}


CLASSES = (
    SOLILOQUY_OT_generate,
    SOLILOQUY_OT_resample,
    SOLILOQUY_OT_render_take,
    SOLILOQUY_OT_render_curves,
    SOLILOQUY_OT_cancel,
)
