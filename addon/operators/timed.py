"""Operators on the lists of settings at times: the head's poses and the face's emotions of new takes."""

from __future__ import annotations

from typing import Any

import bpy

from ...core.errors import SoliloquyError
from .. import compat
from ..properties.scene import settings_of
from ..properties.timed import place_of
from ..sequencer import speech
from ..typed import OperatorMixin, Result
from ..words import later, say
from .job import poll_by


class _OfList:
    """Base of operators on a list of the performance and its active entry."""

    entries = ""
    active = ""

    @classmethod
    def list_of(cls, context: bpy.types.Context) -> tuple[Any, int]:
        """The list, and the place of its active entry."""
        performance = settings_of(compat.sequencer_scene(context)).performance
        return getattr(performance, cls.entries), getattr(performance, cls.active)

    def choose(self, context: bpy.types.Context, place: int) -> None:
        """Make an entry the active one."""
        setattr(settings_of(compat.sequencer_scene(context)).performance, self.active, place)


class _Add(_OfList, OperatorMixin):
    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is a speech that tells the time."""
        scene = compat.sequencer_scene(context)
        missing = settings_of(scene).sound == "STRIP" and speech.sound_strip(scene) is None
        return poll_by(cls, say("No sound strip is active: select one in the sequencer") if missing else "")

    def execute(self, context: bpy.types.Context) -> Result:
        """Measure the time from the beginning of the speech."""
        scene = compat.sequencer_scene(context)
        try:
            first, stop = speech.spoken_frames(scene, mix=settings_of(scene).sound == "MIX")
        except SoliloquyError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if not first <= scene.frame_current <= stop:
            where = say(
                "The current frame is outside the speech, which goes from {first} to {last}.", first=first, last=stop
            )
            self.report({"ERROR"}, where)
            return {"CANCELLED"}
        entries, _ = self.list_of(context)
        self.choose(context, place_of(entries, (scene.frame_current - first) / speech.rate_of(scene)))
        return {"FINISHED"}


class _Remove(_OfList, OperatorMixin):
    nothing = ""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """An entry is chosen."""
        entries, active = cls.list_of(context)
        return poll_by(cls, "" if 0 <= active < len(entries) else say(cls.nothing))

    def execute(self, context: bpy.types.Context) -> Result:
        """Remove it and choose its neighbour."""
        entries, active = self.list_of(context)
        entries.remove(active)
        self.choose(context, max(0, min(active, len(entries) - 1)))
        return {"FINISHED"}


class SOLILOQUY_OT_add_pose(_Add, bpy.types.Operator):
    """Add a pose of the head at the current frame, or choose the one that is there; new takes go through it"""

    bl_idname = "soliloquy.add_pose"
    bl_label = "Add Pose"
    bl_options = {"REGISTER", "UNDO"}
    entries, active = "poses", "active_pose"


class SOLILOQUY_OT_remove_pose(_Remove, bpy.types.Operator):
    """Remove the chosen pose from the list"""

    bl_idname = "soliloquy.remove_pose"
    bl_label = "Remove Pose"
    bl_options = {"REGISTER", "UNDO"}
    entries, active = "poses", "active_pose"
    nothing = later("No pose is chosen in the list")


class SOLILOQUY_OT_add_emotion(_Add, bpy.types.Operator):
    """Add an emotion at the current frame, or choose the one that is there; new takes show it from there on"""

    bl_idname = "soliloquy.add_emotion"
    bl_label = "Add Emotion"
    bl_options = {"REGISTER", "UNDO"}
    entries, active = "emotions", "active_emotion"


class SOLILOQUY_OT_remove_emotion(_Remove, bpy.types.Operator):
    """Remove the chosen emotion from the list"""

    bl_idname = "soliloquy.remove_emotion"
    bl_label = "Remove Emotion"
    bl_options = {"REGISTER", "UNDO"}
    entries, active = "emotions", "active_emotion"
    nothing = later("No emotion is chosen in the list")


CLASSES = (SOLILOQUY_OT_add_pose, SOLILOQUY_OT_remove_pose, SOLILOQUY_OT_add_emotion, SOLILOQUY_OT_remove_emotion)
