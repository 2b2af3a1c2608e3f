"""Operators on the folders of takes: collect them into the project, find moved ones, allow a folder; bake all takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import bpy
from bpy.props import BoolProperty, StringProperty

from ...core.errors import BadInputError, SoliloquyError
from ...core.files import is_folder
from .. import compat
from ..jobs import jobs
from ..properties import trusted
from ..properties.scene import settings_of
from ..redrawing import redraw
from ..scene import relinking, saving, take_folders, take_list, takes
from ..steps import SteppedOperator
from ..typed import Result, manager_of, operators
from ..words import say
from .job import poll_by


class SOLILOQUY_OT_collect_into_project(SteppedOperator, bpy.types.Operator):
    """Bring the folders of all takes into the output folder of this .blend; list, strips and Actions follow. Takes of \
other projects are copied"""

    bl_idname = "soliloquy.collect_into_project"
    bl_label = "Collect Takes into Project"
    bl_options = {"REGISTER", "UNDO"}

    waiting: BoolProperty(
        name="Waiting Only", description="Only takes in a place where they don't stay", options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """The file is saved and no job is running."""
        return poll_by(cls, saving.why_waiting())

    def steps(self, context: bpy.types.Context) -> Iterator[object]:
        """Move or copy one folder after another."""
        collecting = take_folders.collect(take_folders.waiting() if self.waiting else take_folders.outside())
        came, problems = yield from jobs.with_progress(collecting)
        lost = len(relinking.missing())
        message = say("Folders of takes brought into the project: {count}", count=came)
        message += ". " + say("Takes whose folder is missing: {count}", count=lost) if lost else ""
        message = ". ".join([message, *(problem.rstrip(".") for problem in problems)]) + "."
        self.report({"WARNING" if problems or lost else "INFO"}, message)
        jobs.tell(message, bad=bool(problems or lost))


class SOLILOQUY_OT_relink_takes(SteppedOperator, bpy.types.Operator):
    """Choose a folder in which to look for takes whose folder has moved; they are known by what is in them"""

    bl_idname = "soliloquy.relink_takes"
    bl_label = "Relink Takes"
    bl_options = {"REGISTER", "UNDO"}

    directory: StringProperty(name="Folder", subtype="DIR_PATH", options={"SKIP_SAVE"})
    filter_folder: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    _chosen_by_hand: bool = False

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """A take's folder is missing."""
        return poll_by(cls, "" if relinking.missing() else say("The folders of all takes are there"))

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """Ask for the folder first."""
        if self.directory:
            return super().invoke(context, event)
        self._chosen_by_hand = True
        manager_of(context).fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> Result:
        """Search at once, or in steps if the user has chosen the folder: Blender's file window can't run steps."""
        if self._chosen_by_hand and self.directory and not bpy.app.background:
            result: Result = operators.soliloquy.relink_takes("INVOKE_DEFAULT", directory=self.directory)
            return result
        return super().execute(context)

    def steps(self, context: bpy.types.Context) -> Iterator[object]:
        """Search, then let everything follow."""
        folder = Path(bpy.path.abspath(self.directory)).absolute()
        if not self.directory or not is_folder(folder):
            raise BadInputError("no_folder", say("There is no folder {folder}.", folder=folder), say("Choose another."))
        trusted.allow(folder)
        looking = relinking.relink(folder)
        found, lost = yield from jobs.with_progress(looking)
        message = say("Takes found again: {count}", count=found)
        message += ". " + say("Takes whose folder is missing: {count}", count=lost) if lost else ""
        self.report({"WARNING" if lost else "INFO"}, f"{message}.")
        jobs.tell(f"{message}.", bad=bool(lost))


class SOLILOQUY_OT_allow_folder(bpy.types.Operator):
    """Let this .blend use the folder that it names for its takes, although it lies outside the .blend's own folders"""

    bl_idname = "soliloquy.allow_folder"
    bl_label = "Allow This Folder"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is such a folder."""
        asked = _asked(compat.sequencer_scene(context))
        return poll_by(cls, say("This .blend names no such folder") if asked is None else "")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """Ask, with the folder's path."""
        question = say("Read and write takes in this folder? {path}", path=_asked(compat.sequencer_scene(context)))
        return manager_of(context).invoke_confirm(self, event, title=say("Takes outside the .blend's folders"),
                                                  message=question)  # fmt: skip

    def execute(self, context: bpy.types.Context) -> Result:
        """Remember the answer and look again for the takes."""
        folder = _asked(compat.sequencer_scene(context))
        if folder is not None:
            trusted.allow(folder)
        for take in take_folders.all_takes():
            take.refresh_status()
        redraw()
        return {"FINISHED"}


def _asked(scene: bpy.types.Scene) -> Path | None:
    """The folder that the user must allow first: the scene's output folder, else that of a take; None without one."""
    asked = trusted.unasked_output(settings_of(scene).output_dir)
    unseen = (take_folders.unit_of(take) for take in settings_of(scene).takes if take.status == "UNSEEN")
    return asked or next(unseen, None)


class SOLILOQUY_OT_bake_all(SteppedOperator, bpy.types.Operator):
    """Bake every take of the list on those of its targets on which it isn't yet; what is baked already stays"""

    bl_idname = "soliloquy.bake_all"
    bl_label = "Bake All Takes"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A take lacks on a target."""
        scene = compat.sequencer_scene(context)
        return poll_by(cls, "" if takes.unbaked(scene) else say("Every take is on all of its targets"))

    def steps(self, context: bpy.types.Context) -> Iterator[object]:
        """Bake one take after another; a take that can't be baked doesn't stop the others."""
        scene = compat.sequencer_scene(context)
        lacking = {key: {target.thing for target in found} for key, found in takes.unbaked(scene).items()}
        done, problems = 0, []
        for key, things in lacking.items():
            index = take_list.index_of(scene, key)
            name = settings_of(scene).takes[index].name
            jobs.tell_of_progress(say("Baking {take}", take=name))
            try:
                yield from takes.bake_take(scene, index, things)
                done += 1
            except SoliloquyError as error:
                problems.append(f"{name}: {error}")
        message = ". ".join([say("Takes baked: {count}", count=done), *(one.rstrip(".") for one in problems)]) + "."
        self.report({"WARNING" if problems else "INFO"}, message)
        jobs.tell(message, bad=bool(problems))


CLASSES = (
    SOLILOQUY_OT_collect_into_project,
    SOLILOQUY_OT_relink_takes,
    SOLILOQUY_OT_allow_folder,
    SOLILOQUY_OT_bake_all,
)
