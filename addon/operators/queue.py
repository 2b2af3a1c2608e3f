"""Operators on the queue's list: add strips, open and save, retry, clear, bring takes in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import bpy
from bpy.props import BoolProperty, StringProperty

from ...core.errors import SoliloquyError
from .. import compat
from ..properties import preferences
from ..queue import job_queue
from ..queue.batch import CANCELLED, DONE, FAILED, RUNNING
from ..redrawing import redraw
from ..scene import takes
from ..sequencer import speech
from ..steps import SteppedOperator
from ..words import say
from .job import poll_by


class QueueOperator:
    """Does something to the queue; what goes wrong is reported."""

    bl_options = {"REGISTER"}

    def change(self, context: bpy.types.Context) -> str:
        """Do it and say what was done; raises `SoliloquyError`."""
        raise AssertionError("each operator makes its own change")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Do it."""
        try:
            told = self.change(context)
        except (SoliloquyError, OSError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if told:
            self.report({"INFO"}, told)
        redraw()
        return {"FINISHED"}


class SOLILOQUY_OT_queue_strip(QueueOperator, bpy.types.Operator):
    """Put a job for the active sound strip on the queue: its character's portrait, the settings above"""

    bl_idname = "soliloquy.queue_strip"
    bl_label = "Add Strip"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A sound strip is active and has a portrait."""
        return poll_by(cls, job_queue.why_no_portrait(compat.sequencer_scene(context)))

    def change(self, context: bpy.types.Context) -> str:
        """Append it."""
        scene = compat.sequencer_scene(context)
        job_queue.open_default(scene)
        entry = job_queue.entry_of_strip(scene, speech.sound_strip(scene))
        return "" if job_queue.add_new([entry]) else say("{job} is on the queue already", job=entry.name)


class SOLILOQUY_OT_queue_scene(SteppedOperator, bpy.types.Operator):
    """Put a job for every sound strip on the queue whose character has a portrait; those that are on it stay"""

    bl_idname = "soliloquy.queue_scene"
    bl_label = "Add All Strips"
    bl_options = {"REGISTER"}

    def steps(self, context: bpy.types.Context) -> Iterator[object]:
        """One strip a step: a strip whose speed was changed is mixed down first."""
        scene = compat.sequencer_scene(context)
        job_queue.open_default(scene)
        found = []
        for entry in job_queue.entries_of_scene(scene):
            found.append(entry)
            yield
        added = job_queue.add_new(found)
        self.report({"INFO"}, say("{added} of {count} strips added to the queue", added=added, count=len(found)))


class SOLILOQUY_OT_queue_remove(QueueOperator, bpy.types.Operator):
    """Take the chosen job off the list and out of its file; finished takes stay on disk"""

    bl_idname = "soliloquy.queue_remove"
    bl_label = "Remove Job"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """A job is chosen that doesn't run."""
        entry = job_queue.active()
        if entry is None:
            return poll_by(cls, say("No job is chosen in the queue"))
        return poll_by(cls, say("The chosen job is running: cancel it first") if entry.status == RUNNING else "")

    def change(self, _context: bpy.types.Context) -> str:
        """Remove it."""
        job_queue.remove(job_queue.active())
        return ""


class SOLILOQUY_OT_queue_clear(QueueOperator, bpy.types.Operator):
    """Take jobs off the list and out of its file; finished takes stay on disk"""

    bl_idname = "soliloquy.queue_clear"
    bl_label = "Clear"

    done: BoolProperty(name="Done Only", description="Only jobs that are done", default=True, options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """There is something to clear."""
        return poll_by(cls, "" if job_queue.entries() else say("The queue is empty"))

    def change(self, _context: bpy.types.Context) -> str:
        """Remove them."""
        return say("{count} jobs taken off the queue", count=job_queue.clear(self.done))


class SOLILOQUY_OT_queue_retry(QueueOperator, bpy.types.Operator):
    """Let all jobs that failed or were cancelled wait again; finished takes of theirs are not made again"""

    bl_idname = "soliloquy.queue_retry"
    bl_label = "Retry Failed"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Something failed or was cancelled."""
        again = any(entry.status in (FAILED, CANCELLED) for entry in job_queue.entries())
        return poll_by(cls, "" if again else say("No job failed or was cancelled"))

    def change(self, _context: bpy.types.Context) -> str:
        """Put them back."""
        return say("{count} jobs wait again", count=job_queue.retry())


class _ListFile(QueueOperator):
    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default="*.csv;*.json", options={"HIDDEN"})

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """The queue isn't running."""
        return poll_by(cls, "" if job_queue.crew() is None else say(job_queue.HELD))

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the file."""
        here = job_queue.path()
        if not self.filepath:
            folder = preferences.output_folder(compat.sequencer_scene(context).soliloquy.output_dir)
            self.filepath = str(here or folder / job_queue.FILE_NAME)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}


class SOLILOQUY_OT_queue_open(_ListFile, bpy.types.Operator):
    """Open a job list (CSV or JSON), the same that the command line runs, with what is known of its jobs"""

    bl_idname = "soliloquy.queue_open"
    bl_label = "Open List"

    def change(self, context: bpy.types.Context) -> str:
        """Read it; the scene remembers which it was."""
        path = Path(bpy.path.abspath(self.filepath)).absolute()
        job_queue.open_list(path)
        compat.sequencer_scene(context).soliloquy_queue.file = takes.stored_path(path)
        return say("{count} jobs in {file}", count=len(job_queue.entries()), file=path.name)


class SOLILOQUY_OT_queue_save(_ListFile, bpy.types.Operator):
    """Keep the queue in another file, CSV or JSON by its ending: the command line runs it as it is"""

    bl_idname = "soliloquy.queue_save"
    bl_label = "Save List As"

    check_existing: BoolProperty(default=True, options={"HIDDEN"})

    def change(self, context: bpy.types.Context) -> str:
        """Write it; the scene remembers where."""
        path = Path(bpy.path.abspath(self.filepath)).absolute()
        if path.suffix.lower() not in (".csv", ".json"):
            path = path.with_name(f"{path.name}.json")
        job_queue.save_as(path)
        compat.sequencer_scene(context).soliloquy_queue.file = takes.stored_path(path)
        return say("Written: {path}", path=path)


class SOLILOQUY_OT_queue_place(SteppedOperator, bpy.types.Operator):
    """Bring finished takes of the queue into the scene that aren't in it: those that the command line made, say"""

    bl_idname = "soliloquy.queue_place"
    bl_label = "Bring In Takes"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Something is done."""
        done = any(entry.takes for entry in job_queue.entries())
        return poll_by(cls, "" if done else say("The queue has no finished takes"))

    def steps(self, context: bpy.types.Context) -> Iterator[object]:
        """Strip and keys for each."""
        scene, notices = compat.sequencer_scene(context), []
        found = job_queue.unplaced(scene)
        for entry, take in found:
            yield from job_queue.arrive(entry, take, scene, notices)
        self.report({"INFO"}, say("{count} takes brought in", count=len(found)))


class SOLILOQUY_OT_queue_folder(bpy.types.Operator):
    """Show the chosen job's folder, or the queue's own where it has none yet"""

    bl_idname = "soliloquy.queue_folder"
    bl_label = "Open Folder"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """There is a queue."""
        return poll_by(cls, "" if job_queue.path() else say("There is no queue yet"))

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Open it in the system's file manager."""
        entry = job_queue.active()
        made = entry is not None and entry.status == DONE and entry.takes
        return bpy.ops.wm.path_open(filepath=entry.takes[0].job if made else str(job_queue.path().parent))


CLASSES = (
    SOLILOQUY_OT_queue_strip,
    SOLILOQUY_OT_queue_scene,
    SOLILOQUY_OT_queue_remove,
    SOLILOQUY_OT_queue_clear,
    SOLILOQUY_OT_queue_retry,
    SOLILOQUY_OT_queue_open,
    SOLILOQUY_OT_queue_save,
    SOLILOQUY_OT_queue_place,
    SOLILOQUY_OT_queue_folder,
)
