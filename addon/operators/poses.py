"""Operators on the poses that new takes go through."""

from __future__ import annotations

import bpy

from ...core.errors import SoliloquyError
from .. import compat
from ..properties.poses import place_of
from ..properties.scene import settings_of
from ..sequencer import speech
from ..typed import Result
from ..words import say
from .job import poll_by


class SOLILOQUY_OT_add_pose(bpy.types.Operator):
    """Add a pose of the head at the current frame, or choose the one that is there; new takes go through it"""

    bl_idname = "soliloquy.add_pose"
    bl_label = "Add Pose"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is a speech that tells the time."""
        scene = compat.sequencer_scene(context)
        missing = settings_of(scene).sound == "STRIP" and speech.sound_strip(scene) is None
        return poll_by(cls, say("No sound strip is active: select one in the sequencer") if missing else "")

    def execute(self, context: bpy.types.Context) -> Result:
        """Measure the time from the beginning of the speech."""
        scene = compat.sequencer_scene(context)
        settings = settings_of(scene)
        try:
            first, stop = speech.spoken_frames(scene, mix=settings.sound == "MIX")
        except SoliloquyError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if not first <= scene.frame_current <= stop:
            where = say(
                "The current frame is outside the speech, which goes from {first} to {last}.", first=first, last=stop
            )
            self.report({"ERROR"}, where)
            return {"CANCELLED"}
        performance = settings.performance
        seconds = (scene.frame_current - first) / speech.rate_of(scene)
        performance.active_pose = place_of(performance.poses, seconds)
        return {"FINISHED"}


class SOLILOQUY_OT_remove_pose(bpy.types.Operator):
    """Remove the chosen pose from the list"""

    bl_idname = "soliloquy.remove_pose"
    bl_label = "Remove Pose"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A pose is chosen."""
        performance = settings_of(compat.sequencer_scene(context)).performance
        chosen = 0 <= performance.active_pose < len(performance.poses)
        return poll_by(cls, "" if chosen else say("No pose is chosen in the list"))

    def execute(self, context: bpy.types.Context) -> Result:
        """Remove it and choose its neighbour."""
        performance = settings_of(compat.sequencer_scene(context)).performance
        performance.poses.remove(performance.active_pose)
        performance.active_pose = max(0, min(performance.active_pose, len(performance.poses) - 1))
        return {"FINISHED"}


CLASSES = (SOLILOQUY_OT_add_pose, SOLILOQUY_OT_remove_pose)
