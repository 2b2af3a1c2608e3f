"""Operators on the phones of takes: show them as a lane, change them, make the lips from them, import and export."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, StringProperty

from ...core.errors import SoliloquyError
from ...core.phones.documents import PhoneDocument, read_phones
from ...core.phones.phone_set import PHONES, Segment
from ...core.wire.protocol import UpdateLips
from .. import compat
from ..jobs import jobs
from ..properties import preferences, trusted
from ..properties.scene import restorer_of, settings_of
from ..scene import phones, take_list
from ..scene.request import spoken_by, why_not
from ..sequencer import phone_lane
from ..steps import SteppedOperator
from ..storage import paths
from ..typed import OperatorMixin, Result, manager_of
from ..words import say
from .job import JobOperator, OnTake, poll_by


def has_lane(scene: bpy.types.Scene) -> bool:
    """Whether the chosen take has a lane."""
    take = take_list.active_take(scene)
    return take is not None and phone_lane.exists(scene, take.key)


def active_phone(scene: bpy.types.Scene) -> Any | None:
    """The active strip if it is a phone of a lane."""
    editor = scene.sequence_editor
    strip = editor.active_strip if editor else None
    return strip if strip is not None and phone_lane.take_of(strip) else None


class _OnFiles(OperatorMixin):
    """Base of operators that need the files of the chosen take."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A take is chosen, and its folder is there."""
        take = take_list.active_take(compat.sequencer_scene(context))
        return poll_by(cls, say("No take is chosen in the list") if take is None else take_list.why_gone(take))


class SOLILOQUY_OT_show_phones(_OnFiles, SteppedOperator, bpy.types.Operator):
    """Show the phones of the chosen take above its sound, one strip each, and choose the one at the current frame. \
Move, trim, rename (F2), duplicate or delete them, then press Update Lips"""

    bl_idname = "soliloquy.show_phones"
    bl_label = "Show Phones"
    bl_options = {"REGISTER", "UNDO"}

    def steps(self, context: bpy.types.Context) -> Iterator[object]:
        """Make the lane. The artist has mostly stopped at the frame that looks wrong: its phone is chosen."""
        scene = compat.sequencer_scene(context)
        take = take_list.chosen_take(scene)
        told = yield from phones.show(scene, take)
        phone_lane.choose_at(scene, take.key, scene.frame_current)
        self.report({"INFO"}, told)


class SOLILOQUY_OT_remove_phones(OnTake, bpy.types.Operator):
    """Remove the chosen take's phones from the sequencer; changes that Update Lips has not used are lost"""

    bl_idname = "soliloquy.remove_phones"
    bl_label = "Remove Phones"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """The chosen take has a lane."""
        return poll_by(cls, "" if has_lane(compat.sequencer_scene(context)) else say("The take shows no phones"))

    def execute(self, context: bpy.types.Context) -> Result:
        """Remove the strips."""
        scene = compat.sequencer_scene(context)
        phone_lane.remove(scene, take_list.chosen_take(scene).key)
        return {"FINISHED"}


class SOLILOQUY_OT_set_phone(bpy.types.Operator):
    """Give the selected phones this name"""

    bl_idname = "soliloquy.set_phone"
    bl_label = "Set Phone"
    bl_options = {"REGISTER", "UNDO"}

    phone: StringProperty(options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A phone is active."""
        active = active_phone(compat.sequencer_scene(context))
        return poll_by(cls, say("Select a phone in the sequencer") if active is None else "")

    def execute(self, context: bpy.types.Context) -> Result:
        """Rename the active strip and all selected ones that are phones."""
        if self.phone not in PHONES:
            return {"CANCELLED"}
        scene = compat.sequencer_scene(context)
        active = active_phone(scene)
        chosen = [strip for strip in compat.all_strips(scene) if strip.select or strip == active]
        phone_lane.rename(scene, [strip for strip in chosen if phone_lane.take_of(strip)], self.phone)
        return {"FINISHED"}


class SOLILOQUY_OT_update_lips(JobOperator, bpy.types.Operator):
    """Add a take whose mouth is made from the phones that the sequencer shows, with the articulation that is set; \
all else stays bit for bit"""

    bl_idname = "soliloquy.update_lips"
    bl_label = "Update Lips"
    bl_options = {"REGISTER"}
    completes = True

    _key: str = ""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A take of a job is chosen, and it has a lane."""
        reason = why_not(context, needs_take=True)
        scene = compat.sequencer_scene(context)
        if not reason and take_list.chosen_take(scene).imported:
            reason = say("The chosen take was imported: render it first, then its lips can be updated")
        if not reason and not has_lane(scene):
            reason = say("The take shows no phones: press Show Phones first")
        return poll_by(cls, reason)

    def begin(self, context: bpy.types.Context) -> jobs.Job:
        """Send the phones of the lane."""
        scene = compat.sequencer_scene(context)
        settings, take = settings_of(scene), take_list.chosen_take(scene)
        inputs = trusted.output_folder(settings.output_dir) / "inputs"
        self._key = take.key
        request = UpdateLips(
            job=str(take.job_path()),
            take=take.index,
            phones=str(phones.save(phones.read(scene, take), inputs)),
            articulation=round(settings.articulation, 4),  # Blender stores single precision
            device=preferences.device(),
            restorer=restorer_of(settings),
        )
        note = say("{take} with other lips", take=take.name)
        return jobs.start(request, say("Update Lips"), scene, spoken_by(take), note)

    def complete(self, context: bpy.types.Context, scene: bpy.types.Scene, job: jobs.Job) -> Iterator[object]:
        """The lane belongs to the new take from now on, so that the next change begins from it."""
        made = job.result()
        folders = [Path(made["job"]) / f"take-{index:03d}" for index in made["takes"]]
        for take in settings_of(scene).takes:
            if any(paths.same(take.path(), folder) for folder in folders):
                phone_lane.hand_over(scene, self._key, take.key)
                yield None


class SOLILOQUY_OT_import_phones(_OnFiles, SteppedOperator, bpy.types.Operator):
    """Show the phones of a file in place of the chosen take's: JSON, or a cue list (TSV) such as Rhubarb Lip Sync's"""

    bl_idname = "soliloquy.import_phones"
    bl_label = "Import Phones"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(subtype="FILE_PATH")
    filter_glob: StringProperty(default="*.json;*.tsv;*.txt", options={"HIDDEN"})
    whole_sound: BoolProperty(
        name="Times of Whole Sound",
        description="The times count from the beginning of the sound file, and not from that of the take",
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Result:
        """Ask for the file."""
        manager_of(context).fileselect_add(self)
        return {"RUNNING_MODAL"}

    def steps(self, context: bpy.types.Context) -> Iterator[object]:
        """Read the file and make the lane."""
        scene = compat.sequencer_scene(context)
        take = take_list.chosen_take(scene)
        document = read_phones(Path(self.filepath))
        if self.whole_sound:
            document = _earlier(document, take.audio_start)
        told = yield from phones.show(scene, take, document)
        self.report({"INFO"}, told + " " + say("Press Update Lips to use them."))


class SOLILOQUY_OT_export_phones(_OnFiles, bpy.types.Operator):
    """Write the phones that the sequencer shows, or the chosen take's, as JSON or as a cue list (TSV)"""

    bl_idname = "soliloquy.export_phones"
    bl_label = "Export Phones"
    bl_options = {"REGISTER"}

    filepath: StringProperty(subtype="FILE_PATH")
    filter_glob: StringProperty(default="*.json;*.tsv;*.txt", options={"HIDDEN"})
    check_existing: BoolProperty(default=True, options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Result:
        """Ask for the path."""
        take = take_list.chosen_take(compat.sequencer_scene(context))
        self.filepath = str(take.path().parent / f"{bpy.path.clean_name(take.name)}.tsv")
        manager_of(context).fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> Result:
        """Write the file."""
        scene = compat.sequencer_scene(context)
        path = Path(self.filepath)
        try:
            document = phones.current(scene, take_list.chosen_take(scene))
            if path.suffix.lower() == ".json":
                document.write(path)
            else:
                path = path if path.suffix.lower() in (".tsv", ".txt") else path.with_suffix(".tsv")
                document.write_cues(path)
        except SoliloquyError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, say("Written: {path}", path=path))
        return {"FINISHED"}


def _earlier(document: PhoneDocument, seconds: float) -> PhoneDocument:
    """The same phones ``seconds`` earlier, without those before the beginning."""
    moved = [Segment(one.phone, max(0.0, one.start - seconds), one.end - seconds) for one in document.segments]
    return PhoneDocument.of(document.source, max(0.0, document.seconds - seconds), [s for s in moved if s.end > 0.0])


CLASSES = (
    SOLILOQUY_OT_show_phones,
    SOLILOQUY_OT_remove_phones,
    SOLILOQUY_OT_set_phone,
    SOLILOQUY_OT_update_lips,
    SOLILOQUY_OT_import_phones,
    SOLILOQUY_OT_export_phones,
)
