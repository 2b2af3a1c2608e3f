"""The operator that exports a baked take for other programs."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from ...core.errors import BadInputError
from .. import compat
from ..animation import exports, visibility
from ..drawing import draw_text
from ..scene import take_list
from ..scene.request import chosen_target, target_of
from ..typed import Result, layout_of, manager_of
from ..words import say, say_count
from .job import poll_by


class SOLILOQUY_OT_export_animation(bpy.types.Operator):
    """Write the chosen take as it plays on the chosen target: shape keys and bones as glTF, FBX or USD, moving meshes \
as Alembic"""

    bl_idname = "soliloquy.export_animation"
    bl_label = "Export Animation"
    bl_options = {"REGISTER"}

    filepath: StringProperty(subtype="FILE_PATH")
    filter_glob: StringProperty(default="*.glb;*.gltf;*.fbx;*.abc;*.usd;*.usda;*.usdc;*.usdz", options={"HIDDEN"})
    check_existing: BoolProperty(default=True, options={"HIDDEN"})
    kind: EnumProperty(name="Format", items=[(key, kind.label, kind.about) for key, kind in exports.FORMATS.items()])
    _shown: str = ""
    """The format when the file browser last asked."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A take is chosen that was baked on the chosen target, and no object is being edited."""
        scene = compat.sequencer_scene(context)
        take, thing = take_list.active_take(scene), target_of(scene)
        if take is None:
            return poll_by(cls, say("No take is chosen in the list"))
        if thing is None:
            return poll_by(cls, say("No target is chosen: the animation is read from it"))
        if not visibility.tracks_on(thing, take.key):
            return poll_by(cls, say("The chosen take is not on the chosen target: bake it"))
        return poll_by(cls, "" if context.mode == "OBJECT" else say("Leave edit mode first"))

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Result:
        """Ask for the path."""
        take = take_list.chosen_take(compat.sequencer_scene(context))
        ending = exports.FORMATS[self.kind].ending
        self._shown = self.kind
        self.filepath = str(take.path().parent / f"{bpy.path.clean_name(take.name)}{ending}")
        manager_of(context).fileselect_add(self)
        return {"RUNNING_MODAL"}

    def check(self, _context: bpy.types.Context) -> bool:
        """The name's ending follows a format that is chosen, and the format follows an ending that is typed."""
        before = self.filepath, self.kind
        typed = exports.kind_of(self.filepath)
        if typed is not None and self.kind == self._shown:
            self.kind = typed
        self._shown = self.kind
        self.filepath = str(exports.with_ending(self.filepath, self.kind))
        return (self.filepath, self.kind) != before

    def draw(self, _context: bpy.types.Context) -> None:
        """Show the format, and the reason if it can't be written."""
        layout_of(self).prop(self, "kind")
        kind = exports.FORMATS[self.kind]
        reason = exports.why_not(self.kind)
        draw_text(layout_of(self), reason or say(kind.about), "ERROR" if reason else "INFO", alert=bool(reason))

    def execute(self, context: bpy.types.Context) -> Result:
        """Write the file."""
        scene = compat.sequencer_scene(context)
        take, thing = take_list.chosen_take(scene), chosen_target(scene)
        path = Path(bpy.path.abspath(self.filepath))
        kind = exports.kind_of(path) or self.kind  # the ending that was typed decides
        path = exports.with_ending(path, kind)
        try:
            frames = exports.write(context, thing, take.key, take.name, kind, path)
        except BadInputError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        told = say_count(frames, "1 frame written: {path}", "{count} frames written: {path}", path=path)
        if kind != self.kind and self.properties.is_property_set("kind"):
            written = say(exports.FORMATS[kind].label)
            told += ". " + say("The file is {format}, as its name ends", format=written)
        self.report({"INFO"}, told)
        return {"FINISHED"}


CLASSES = (SOLILOQUY_OT_export_animation,)
