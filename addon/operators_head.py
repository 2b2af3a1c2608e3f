"""Operators for the 3D head: add it, bake a take on it."""

from __future__ import annotations

from collections.abc import Iterator

import bpy

from . import bake, compat, head, jobs, portrait, preferences, takes
from .job_operator import JobOperator
from .motion import load_motion
from .operators_takes import why_not
from .properties import settings_of
from .steps import SteppedOperator


class SOLILOQUY_OT_add_head(JobOperator, bpy.types.Operator):
    """Add a head with the portrait's shape and texture, ARKit shape keys and an armature, at the 3D cursor"""

    bl_idname = "soliloquy.add_head"
    bl_label = "Add Head"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A portrait is chosen, no job runs, and no object is being edited."""
        reason = why_not(context)
        if not reason and not portrait.has_portrait(settings_of(compat.sequencer_scene(context))):
            reason = "No portrait is chosen"
        if not reason and context.mode != "OBJECT":
            reason = "Leave edit mode first"
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def begin(self, context: bpy.types.Context) -> jobs.Job:
        """Ask the worker to measure the portrait."""
        scene = compat.sequencer_scene(context)
        settings = settings_of(scene)
        out = preferences.output_folder(settings.output_dir)
        path = portrait.portrait_path(settings, out / "inputs")
        return jobs.start(head.request_for(str(path), out, preferences.device()), "Head", scene)

    def complete(self, context: bpy.types.Context, scene: bpy.types.Scene, job: jobs.Job) -> Iterator[object]:
        """Build it."""
        return head.build(context, scene, job.done.result)


class SOLILOQUY_OT_bake(SteppedOperator, bpy.types.Operator):
    """Key the chosen take on the head's armature where its speech is on the timeline; other keys and Actions stay"""

    bl_idname = "soliloquy.bake"
    bl_label = "Bake to Head"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A take and a head are chosen."""
        scene = compat.sequencer_scene(context)
        take, armature = takes.active_take(scene), settings_of(scene).head
        if take is None:
            cls.poll_message_set("No take is chosen in the list")
        elif take.status == "MISSING":
            cls.poll_message_set("The chosen take's folder is gone from the disk")
        elif armature is None:
            cls.poll_message_set("No head is chosen: add one or pick its armature")
        elif not armature.is_editable:
            cls.poll_message_set("The head is linked from another file: make a library override of it first")
        else:
            return True
        return False

    def steps(self, context: bpy.types.Context) -> Iterator[object]:
        """Key it, then say where."""
        scene = compat.sequencer_scene(context)
        take, armature = takes.active_take(scene), settings_of(scene).head
        motion = load_motion(take.path() / "motion.npz")
        label = f"{take.name} (seed {take.seed})"
        baked = yield from bake.bake(armature, motion, takes.timing_of(scene, take), label)
        message = f"{take.name}: frames {baked.first} to {baked.last} keyed in “{baked.action}”"
        if baked.on_nla:
            message += " on an NLA track, below the armature's own Action"
        self.report({"INFO"}, message)
        jobs.tell(message)


CLASSES = (SOLILOQUY_OT_add_head, SOLILOQUY_OT_bake)
