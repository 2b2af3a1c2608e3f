"""Operators on the queue's list: add strips, open and save, retry, clear, bring in takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import bpy
from bpy.props import BoolProperty, StringProperty

from ...core.batch.job_list import BUSY, CANCELLED, DONE, FAILED, RUNNING
from .. import compat
from ..properties import output
from ..properties.queue import queue_settings_of
from ..properties.scene import settings_of
from ..queue import job_queue, scene_jobs
from ..redrawing import redraw
from ..scene import take_list
from ..sequencer import speech
from ..steps import SteppedOperator
from ..typed import OperatorMixin, Result, manager_of, open_path, there
from ..unexpected import as_told
from ..words import say, say_count
from .job import poll_by


class QueueOperator(OperatorMixin):
    """Base of operators that change the queue and report errors."""

    bl_options = {"REGISTER"}

    def change(self, context: bpy.types.Context) -> str:
        """Make the change and return a message about it. Raises `SoliloquyError`."""
        raise AssertionError("each operator makes its own change")

    def execute(self, context: bpy.types.Context) -> Result:
        """Make the change and report it."""
        try:
            told = self.change(context)
        except OSError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        except Exception as error:  # noqa: BLE001 - ends with a sentence, see `unexpected`
            self.report({"ERROR"}, str(as_told(error)))
            return {"CANCELLED"}
        if told:
            self.report({"INFO"}, told)
        redraw()
        return {"FINISHED"}


class SOLILOQUY_OT_queue_strip(QueueOperator, bpy.types.Operator):
    """Add a job to the queue for the active sound strip, with its character's portrait and the settings above"""

    bl_idname = "soliloquy.queue_strip"
    bl_label = "Add Strip"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A sound strip is active and has a portrait."""
        return poll_by(cls, scene_jobs.why_no_portrait(compat.sequencer_scene(context)))

    def change(self, context: bpy.types.Context) -> str:
        """Append a job for the strip."""
        scene = compat.sequencer_scene(context)
        job_queue.open_default(scene)
        entry = scene_jobs.entry_of_strip(scene, speech.sound_strip(scene))
        return "" if job_queue.add_new([entry]) else say("{job} is already in the queue", job=entry.name)


class SOLILOQUY_OT_queue_scene(SteppedOperator, bpy.types.Operator):
    """Add a job to the queue for every sound strip whose character has a portrait; existing jobs stay"""

    bl_idname = "soliloquy.queue_scene"
    bl_label = "Add All Strips"
    bl_options = {"REGISTER"}

    def steps(self, context: bpy.types.Context) -> Iterator[object]:
        """One strip per step, because a strip whose speed was changed is mixed down first."""
        scene = compat.sequencer_scene(context)
        job_queue.open_default(scene)
        found = []
        for entry in scene_jobs.entries_of_scene(scene):
            found.append(entry)
            yield None
        added = job_queue.add_new(found)
        told = say_count(
            len(found),
            "{added} of 1 strip added to the queue",
            "{added} of {count} strips added to the queue",
            added=added,
        )
        self.report({"INFO"}, told)


class SOLILOQUY_OT_queue_remove(QueueOperator, bpy.types.Operator):
    """Remove the chosen job from the list and its file; finished takes stay on disk"""

    bl_idname = "soliloquy.queue_remove"
    bl_label = "Remove Job"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """A job is chosen and not running."""
        entry = job_queue.active()
        if entry is None:
            return poll_by(cls, say("No job is chosen in the queue"))
        return poll_by(cls, say("The chosen job is running: cancel it first") if entry.status == RUNNING else "")

    def change(self, _context: bpy.types.Context) -> str:
        """Remove the job."""
        entry = job_queue.active()
        if entry is not None:
            job_queue.remove(entry)
        return ""


class SOLILOQUY_OT_queue_clear(QueueOperator, bpy.types.Operator):
    """Remove jobs from the list and its file; finished takes stay on disk"""

    bl_idname = "soliloquy.queue_clear"
    bl_label = "Clear"

    done: BoolProperty(name="Done Only", description="Only jobs that are done", default=True, options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """The queue is not empty."""
        return poll_by(cls, "" if job_queue.entries() else say("The queue is empty"))

    def change(self, _context: bpy.types.Context) -> str:
        """Remove the jobs."""
        return say_count(
            job_queue.clear(self.done), "1 job removed from the queue", "{count} jobs removed from the queue"
        )


class SOLILOQUY_OT_queue_retry(QueueOperator, bpy.types.Operator):
    """Queue all failed and cancelled jobs again; their finished takes are not made again"""

    bl_idname = "soliloquy.queue_retry"
    bl_label = "Retry Failed"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """A job failed or was cancelled."""
        again = any(entry.status in (FAILED, CANCELLED, BUSY) for entry in job_queue.entries())
        return poll_by(cls, "" if again else say("No job failed or was cancelled"))

    def change(self, _context: bpy.types.Context) -> str:
        """Let them wait again."""
        return say_count(job_queue.retry(), "1 job queued again", "{count} jobs queued again")


class _ListFile(QueueOperator):
    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default="*.csv;*.json", options={"HIDDEN"})

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """The queue is not running."""
        return poll_by(cls, "" if job_queue.crew() is None else say(job_queue.HELD))

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Result:
        """Ask for the file."""
        here = job_queue.path()
        if not self.filepath:
            folder = output.output_folder(settings_of(compat.sequencer_scene(context)).output_dir)
            self.filepath = str(here or folder / job_queue.FILE_NAME)
        manager_of(context).fileselect_add(self)
        return {"RUNNING_MODAL"}


class SOLILOQUY_OT_queue_open(_ListFile, bpy.types.Operator):
    """Open a job list (CSV or JSON), as the command line runs it, with the known state of its jobs"""

    bl_idname = "soliloquy.queue_open"
    bl_label = "Open List"

    def change(self, context: bpy.types.Context) -> str:
        """Read the list; the scene remembers its path."""
        path = Path(bpy.path.abspath(self.filepath)).absolute()
        job_queue.open_list(path)
        queue_settings_of(compat.sequencer_scene(context)).file = take_list.stored_path(path)
        return say_count(len(job_queue.entries()), "1 job in {file}", "{count} jobs in {file}", file=path.name)


class SOLILOQUY_OT_queue_save(_ListFile, bpy.types.Operator):
    """Save the queue in another file, CSV or JSON by its extension; the command line runs the same file"""

    bl_idname = "soliloquy.queue_save"
    bl_label = "Save List As"

    check_existing: BoolProperty(default=True, options={"HIDDEN"})

    def change(self, context: bpy.types.Context) -> str:
        """Write the list; the scene remembers its path."""
        path = Path(bpy.path.abspath(self.filepath)).absolute()
        if path.suffix.lower() not in (".csv", ".json"):
            path = path.with_name(f"{path.name}.json")
        job_queue.save_as(path)
        queue_settings_of(compat.sequencer_scene(context)).file = take_list.stored_path(path)
        return say("Written: {path}", path=path)


class SOLILOQUY_OT_queue_allow(QueueOperator, bpy.types.Operator):
    """Open the file that this .blend names as its queue, although it lies outside the .blend's own folders"""

    bl_idname = "soliloquy.queue_allow"
    bl_label = "Allow This Queue File"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """The .blend names such a file."""
        asked = job_queue.unasked_file(compat.sequencer_scene(context))
        return poll_by(cls, "" if asked else say("This .blend names no such file"))

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """Ask, with the file's path."""
        path = job_queue.unasked_file(compat.sequencer_scene(context))
        question = say("Read and change this file? {path}", path=path)
        return manager_of(context).invoke_confirm(self, event, title=say("Queue outside the .blend's folders"),
                                                  message=question)  # fmt: skip

    def change(self, context: bpy.types.Context) -> str:
        """Open it."""
        job_queue.allow(compat.sequencer_scene(context))
        return ""


class SOLILOQUY_OT_queue_place(SteppedOperator, bpy.types.Operator):
    """Bring in finished takes of the queue that are not in the scene yet, for example those made by the command line"""

    bl_idname = "soliloquy.queue_place"
    bl_label = "Bring In Takes"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """The queue has finished takes."""
        done = any(entry.takes for entry in job_queue.entries())
        return poll_by(cls, "" if done else say("The queue has no finished takes"))

    def steps(self, context: bpy.types.Context) -> Iterator[object]:
        """Add strip and keys for each take."""
        scene = compat.sequencer_scene(context)
        notices: list[str] = []
        found = scene_jobs.unplaced(job_queue.entries(), scene)
        for entry, take in found:
            yield from scene_jobs.arrive(entry, take, scene, notices)
        self.report({"INFO"}, say_count(len(found), "1 take brought in", "{count} takes brought in"))


class SOLILOQUY_OT_queue_folder(bpy.types.Operator):
    """Show the chosen job's folder, or the queue's folder if the job has none yet"""

    bl_idname = "soliloquy.queue_folder"
    bl_label = "Open Folder"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """There is a queue."""
        return poll_by(cls, "" if job_queue.path() else say("There is no queue yet"))

    def execute(self, _context: bpy.types.Context) -> Result:
        """Open it in the system's file manager."""
        entry = job_queue.active()
        if entry is not None and entry.status == DONE and entry.takes:
            return open_path(entry.takes[0].job)
        return open_path(there(job_queue.path(), "queue file").parent)


CLASSES = (
    SOLILOQUY_OT_queue_strip,
    SOLILOQUY_OT_queue_scene,
    SOLILOQUY_OT_queue_remove,
    SOLILOQUY_OT_queue_clear,
    SOLILOQUY_OT_queue_retry,
    SOLILOQUY_OT_queue_open,
    SOLILOQUY_OT_queue_save,
    SOLILOQUY_OT_queue_allow,
    SOLILOQUY_OT_queue_place,
    SOLILOQUY_OT_queue_folder,
)
