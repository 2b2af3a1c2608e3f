"""Operators on the list of takes: place, compare, duplicate, remove, collect from rigs, open the folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import bpy
import numpy as np
from bpy.props import BoolProperty, EnumProperty, IntProperty

from ...core.errors import BadInputError
from ...core.files import is_file, is_folder
from ...core.wire.take_file import TakeFacts
from .. import compat
from ..animation import nla
from ..animation.motion_file import load_motion
from ..jobs import jobs
from ..properties.scene import settings_of
from ..scene import phones, take_folders, take_list, takes
from ..steps import SteppedOperator
from ..storage import paths
from ..typed import Result, manager_of, open_path, view_layer_of
from ..words import say
from .job import OnTake, poll_by


class SOLILOQUY_OT_place_take(SteppedOperator, bpy.types.Operator):
    """Put the chosen take's frames above its sound again, in sync with the sound's current position and at the \
scene's frame rate; baked keys move along"""

    bl_idname = "soliloquy.place_take"
    bl_label = "Place in Sequencer"
    bl_options = {"REGISTER", "UNDO"}

    index: IntProperty(name="Take", description="Position in the list; if negative, the chosen take", default=-1)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """The chosen take has frames."""
        take = take_list.active_take(compat.sequencer_scene(context))
        if take is None:
            return poll_by(cls, say("No take is chosen in the list"))
        return poll_by(cls, "" if take.status == "READY" else say("The chosen take has no frames on disk"))

    def steps(self, context: bpy.types.Context) -> Iterator[object]:
        """Make the strip and move the NLA tracks."""
        scene = compat.sequencer_scene(context)
        index = self.index if self.index >= 0 else settings_of(scene).active_take
        yield from takes.place_take(scene, index)
        takes.follow_sound(scene, settings_of(scene).takes[index])
        yield from phones.follow(scene, settings_of(scene).takes[index])


class SOLILOQUY_OT_compare_takes(bpy.types.Operator):
    """Switch between this take and the one shown before"""

    bl_idname = "soliloquy.compare_takes"
    bl_label = "A/B"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Two takes have been shown."""
        other = take_list.other_take(compat.sequencer_scene(context))
        return poll_by(cls, say("Choose one take and then another to switch between the two") if other is None else "")

    def execute(self, context: bpy.types.Context) -> Result:
        """Choose the other take."""
        scene = compat.sequencer_scene(context)
        settings = settings_of(scene)
        settings.active_take = take_list.index_of(scene, settings.other_take)
        return {"FINISHED"}


class SOLILOQUY_OT_duplicate_take(OnTake, SteppedOperator, bpy.types.Operator):
    """Add a second entry for the take, with its own Actions and strip, to edit it without losing the first"""

    bl_idname = "soliloquy.duplicate_take"
    bl_label = "Duplicate Take"
    bl_options = {"REGISTER", "UNDO"}

    def steps(self, context: bpy.types.Context) -> Iterator[object]:
        """Copy the chosen take."""
        scene = compat.sequencer_scene(context)
        return takes.duplicate_take(scene, settings_of(scene).active_take)


class SOLILOQUY_OT_remove_take(OnTake, bpy.types.Operator):
    """Remove the take from the list, the sequencer and every target; its files stay on disk"""

    bl_idname = "soliloquy.remove_take"
    bl_label = "Remove Take"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> Result:
        """Remove the entry, its strip and its NLA tracks."""
        scene = compat.sequencer_scene(context)
        takes.remove_take(scene, settings_of(scene).active_take)
        return {"FINISHED"}


class SOLILOQUY_OT_delete_take(bpy.types.Operator):
    """Remove the take and delete its folder from the disk; this can't be undone"""

    bl_idname = "soliloquy.delete_take"
    bl_label = "Delete Take and Files"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A take is chosen, no job is running, and no other entry uses its files."""
        scene = compat.sequencer_scene(context)
        take = take_list.active_take(scene)
        if take is None:
            return poll_by(cls, say("No take is chosen in the list"))
        if busy := jobs.why_busy():
            return poll_by(cls, busy)
        folder = paths.canonical(take.path())
        sharing = sum(paths.canonical(other.path()) == folder for other in take_folders.all_takes())
        return poll_by(cls, say("A duplicate of this take uses the same files") if sharing > 1 else "")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """Ask first."""
        return manager_of(context).invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> Result:
        """Delete the take's folder, but only if it looks like one that the worker made."""
        scene = compat.sequencer_scene(context)
        settings = settings_of(scene)
        folder = settings.takes[settings.active_take].path()
        if is_folder(folder) and not (folder.name.startswith("take-") and is_file(folder / "motion.npz")):
            self.report({"ERROR"}, say("{folder} doesn't look like a take: delete it yourself", folder=folder))
            return {"CANCELLED"}
        takes.remove_take(scene, settings.active_take)
        shutil.rmtree(folder, ignore_errors=True)
        bpy.ops.ed.undo_push(message=say("Delete Take"))
        return {"FINISHED"}


class SOLILOQUY_OT_collect_takes(bpy.types.Operator):
    """Add takes to the list that are on rigs of this file but not in the list, for example after appending a rig"""

    bl_idname = "soliloquy.collect_takes"
    bl_label = "Find Takes on Rigs"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> Result:
        """Search all Actions."""
        added = take_list.from_rigs(compat.sequencer_scene(context))
        self.report({"INFO"}, say("Takes found: {count}", count=added) if added else say("No further takes found"))
        return {"FINISHED"}


class SOLILOQUY_OT_edit_curves(OnTake, bpy.types.Operator):
    """Open the chosen take's Actions for editing in the graph editor (NLA tweak mode); press again to close them"""

    bl_idname = "soliloquy.edit_curves"
    bl_label = "Edit Curves"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """The chosen take is on a target and can be edited."""
        take = take_list.active_take(compat.sequencer_scene(context))
        return poll_by(cls, nla.why_not_editable(take.key) if take else say("No take is chosen in the list"))

    def execute(self, context: bpy.types.Context) -> Result:
        """Enter tweak mode on each of the take's tracks, or leave it."""
        take = take_list.chosen_take(compat.sequencer_scene(context))
        try:
            opened = nla.toggle_editing(take.key)
        except BadInputError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if opened:
            select_carriers(context, take.key)
        self.report(
            {"INFO"},
            say("{take}: curves open in the graph editor", take=take.name)
            if opened
            else say("{take}: closed", take=take.name),
        )
        return {"FINISHED"}


def select_carriers(context: bpy.types.Context, key: str) -> None:
    """Select the objects that have the take if none of them is selected, so that the graph editor shows them."""
    blocks = {found.block for found in nla.tracks_of(key)}
    layer = view_layer_of(context).objects
    carriers = [thing for thing in layer if thing in blocks or getattr(thing.data, "shape_keys", None) in blocks]
    if context.mode == "OBJECT" and carriers and not any(thing.select_get() for thing in carriers):
        for thing in carriers:
            thing.select_set(True)
        layer.active = carriers[0]


class SOLILOQUY_OT_reset_style(OnTake, bpy.types.Operator):
    """Show the chosen take as it was sampled"""

    bl_idname = "soliloquy.reset_style"
    bl_label = "Reset Style"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> Result:
        """Set all properties of the style to their defaults."""
        style = take_list.chosen_take(compat.sequencer_scene(context)).style
        for prop in style.bl_rna.properties:
            if prop.type == "FLOAT" and getattr(style, prop.identifier) != prop.default:
                setattr(style, prop.identifier, prop.default)
        return {"FINISHED"}


class SOLILOQUY_OT_pose_from_take(OnTake, bpy.types.Operator):
    """Copy the head's pose from the chosen take at the current frame, so that another take goes through it"""

    bl_idname = "soliloquy.pose_from_take"
    bl_label = "Pose from Take"
    bl_options = {"REGISTER", "UNDO"}

    which: EnumProperty(
        name="Pose",
        items=(
            ("start", "Start", "The pose to begin with"),
            ("end", "End", "The pose to end with"),
            ("chosen", "Chosen", "The pose that is chosen in the list of poses"),
        ),
    )

    def execute(self, context: bpy.types.Context) -> Result:
        """Read the head's pose from the take's motion."""
        scene = compat.sequencer_scene(context)
        take, performance = take_list.chosen_take(scene), settings_of(scene).performance
        try:
            motion = load_motion(take.path() / "motion.npz")
        except BadInputError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        seconds = takes.timing_of(scene, take).seconds(scene.frame_current)
        pose = motion.sampled(np.array([seconds]), motion.fps).rotation[0]
        if self.which == "chosen":
            if not 0 <= performance.active_pose < len(performance.poses):
                self.report({"ERROR"}, say("No pose is chosen in the list"))
                return {"CANCELLED"}
            performance.poses[performance.active_pose].angles = pose
            return {"FINISHED"}
        setattr(performance, f"{self.which}_pose", pose)
        setattr(performance, f"set_{self.which}_pose", True)
        return {"FINISHED"}


class SOLILOQUY_OT_persona_from_take(OnTake, bpy.types.Operator):
    """Let the persona that performs the chosen take perform all new takes"""

    bl_idname = "soliloquy.persona_from_take"
    bl_label = "Persona from Take"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> Result:
        """Read the persona's number from the take's file."""
        scene = compat.sequencer_scene(context)
        performance = settings_of(scene).performance
        try:
            persona = TakeFacts.read(take_list.chosen_take(scene).path()).persona
        except BadInputError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if persona is None:
            self.report({"ERROR"}, say("That take has no persona: another motion source or an older version made it"))
            return {"CANCELLED"}
        performance.persona, performance.set_persona = persona, True
        return {"FINISHED"}


class SOLILOQUY_OT_open_folder(OnTake, bpy.types.Operator):
    """Show the chosen take's folder: frames, motion, curves"""

    bl_idname = "soliloquy.open_folder"
    bl_label = "Open Folder"

    job: BoolProperty(name="Job", description="The whole job's folder instead of the take's")

    def execute(self, context: bpy.types.Context) -> Result:
        """Open it in the system's file manager."""
        take = take_list.chosen_take(compat.sequencer_scene(context))
        return open_path(take.job_path() if self.job else take.path())


CLASSES = (
    SOLILOQUY_OT_place_take,
    SOLILOQUY_OT_compare_takes,
    SOLILOQUY_OT_duplicate_take,
    SOLILOQUY_OT_remove_take,
    SOLILOQUY_OT_delete_take,
    SOLILOQUY_OT_collect_takes,
    SOLILOQUY_OT_edit_curves,
    SOLILOQUY_OT_reset_style,
    SOLILOQUY_OT_pose_from_take,
    SOLILOQUY_OT_persona_from_take,
    SOLILOQUY_OT_open_folder,
)
