"""Import and export of Live Link Face recordings and motion files."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import bpy
from bpy.props import BoolProperty, FloatProperty, StringProperty

from ...core.errors import BadInputError, SoliloquyError
from ...core.files import make_folder
from ...core.motion.channels import FPS
from ...core.motion.live_link import read_live_link_csv, write_live_link_csv
from ...core.motion.motion import Motion, about_file
from .. import compat
from ..properties import trusted
from ..properties.scene import SoliloquyTake, settings_of
from ..scene import take_list
from ..typed import Result, manager_of, operators
from ..words import say
from .job import poll_by

_USUAL_RATE = 60.0
"""Frames per second at which Live Link Face records by default."""


def read_performance(path: Path, rate: float) -> tuple[Motion, float]:
    """(motion at 25 frames per second, rate of the file) of a ``.csv`` or ``.npz``; with ``rate`` 0 a CSV's own."""
    if path.suffix.lower() == ".npz":
        motion = Motion.load(path)
    elif path.suffix.lower() == ".csv":
        motion = read_live_link_csv(path, rate or None, _USUAL_RATE)
    else:
        raise BadInputError(
            "curves_unreadable", say("{path} is neither .csv nor .npz.", path=path.name), say("Choose another file.")
        )
    if not len(motion):
        raise BadInputError(
            "curves_unreadable", say("{path} has no frames.", path=path.name), say("Choose another file.")
        )
    return motion.resampled(FPS), motion.fps


def add_performance(scene: bpy.types.Scene, path: Path, motion: Motion, rate: float) -> SoliloquyTake:
    """Add an imported motion as a take, at the place of the chosen take to compare the two, else at the current frame.

    To be rendered, it uses portrait and settings of the chosen take's job. A motion that says that it is synthetic goes
    on saying so; a recording of a person isn't synthetic.
    """
    settings = settings_of(scene)
    model = take_list.active_take(scene)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    folder = trusted.output_folder(settings.output_dir) / "imported" / f"{path.stem[:40]}-{digest}"
    make_folder(folder)
    motion.save(folder / "motion.npz", about_file(path) if path.suffix.lower() == ".npz" else "")
    write_live_link_csv(motion, folder / "curves.csv")
    facts = {"origin": float(scene.frame_current), "channel": 1}
    if model is not None:
        names = ("origin", "channel", "audio_start", "audio_strip", "character", "job", "job_id", "index")
        facts = {name: getattr(model, name) for name in names}
    take = settings.takes.add()
    take.key, take.name, take.imported = take_list.new_key(), path.stem, True
    take.note = say("Imported from {file}, {rate:g} frames per second", file=path.name, rate=rate)
    take.folder, take.home = take_list.stored_path(folder), str(folder)
    take.frame_count, take.fps = len(motion), FPS
    for name, value in facts.items():
        setattr(take, name, value)
    take.refresh_status()
    settings.active_take = len(settings.takes) - 1
    return take


class SOLILOQUY_OT_import_curves(bpy.types.Operator):
    """Add a Live Link Face recording (CSV) or a motion (.npz) as a take, to bake, compare, edit and render it"""

    bl_idname = "soliloquy.import_curves"
    bl_label = "Import Performance"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(subtype="FILE_PATH")
    filter_glob: StringProperty(default="*.csv;*.npz", options={"HIDDEN"})
    rate: FloatProperty(
        name="Frame Rate",
        description="Frames per second of the CSV; 0 finds them from the timecode",
        min=0.0,
        max=240.0,
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Result:
        """Ask for the file."""
        manager_of(context).fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> Result:
        """Read the file and list it as a take; it is baked on the targets like any other take."""
        scene = compat.sequencer_scene(context)
        path = Path(self.filepath)
        try:
            motion, rate = read_performance(path, self.rate)
            take = add_performance(scene, path, motion, rate)
        except SoliloquyError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report(
            {"INFO"},
            say(
                "{take}: {seconds:.1f} s at {rate:g} frames per second",
                take=take.name,
                seconds=motion.seconds,
                rate=rate,
            ),
        )
        if settings_of(scene).bake_on_arrival and operators.soliloquy.bake.poll():
            operators.soliloquy.bake("EXEC_DEFAULT" if bpy.app.background else "INVOKE_DEFAULT")
        return {"FINISHED"}


class SOLILOQUY_OT_export_curves(bpy.types.Operator):
    """Write the chosen take as a Live Link Face CSV (61 columns) or as a motion (.npz)"""

    bl_idname = "soliloquy.export_curves"
    bl_label = "Export Performance"
    bl_options = {"REGISTER"}

    filepath: StringProperty(subtype="FILE_PATH")
    filter_glob: StringProperty(default="*.csv;*.npz", options={"HIDDEN"})
    check_existing: BoolProperty(default=True, options={"HIDDEN"})
    rate: FloatProperty(name="Frame Rate", description="Frames per second of the file", default=FPS, min=1.0, max=240.0)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A take with motion is chosen."""
        take = take_list.active_take(compat.sequencer_scene(context))
        if take is None:
            return poll_by(cls, say("No take is chosen in the list"))
        return poll_by(cls, take_list.why_gone(take))

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Result:
        """Ask for the path."""
        take = take_list.chosen_take(compat.sequencer_scene(context))
        self.filepath = str(take.path().parent / f"{bpy.path.clean_name(take.name)}.csv")
        manager_of(context).fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> Result:
        """Write the file."""
        source = take_list.chosen_take(compat.sequencer_scene(context)).path() / "motion.npz"
        path = Path(self.filepath)
        try:
            motion = Motion.load(source)
            if path.suffix.lower() == ".npz" and self.rate == motion.fps:
                shutil.copyfile(source, path)
            elif path.suffix.lower() == ".npz":
                motion.resampled(self.rate).save(path, about_file(source))
            else:
                path = path.with_suffix(".csv")
                write_live_link_csv(motion.resampled(self.rate), path)
        except SoliloquyError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        except OSError as error:
            self.report(
                {"ERROR"},
                say("{path} can't be written ({error}): choose another folder", path=path, error=error.strerror),
            )
            return {"CANCELLED"}
        self.report({"INFO"}, say("Written: {path}", path=path))
        return {"FINISHED"}


CLASSES = (SOLILOQUY_OT_import_curves, SOLILOQUY_OT_export_curves)
