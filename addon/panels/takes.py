"""The list of takes and the actions on the chosen take."""

from __future__ import annotations

from typing import Any

import bpy

from .. import compat
from ..animation import nla
from ..drawing import Panel, draw_mouth, draw_text, in_editors
from ..properties.scene import SoliloquyTake
from ..scene import relinking, take_folders, take_list, takes, thumbnails
from ..typed import IconItems, layout_of, scene_of
from ..words import later, say
from . import phones

_TEMPERAMENTS = {
    "still": later("still"),
    "calm": later("calm"),
    "relaxed": later("relaxed"),
    "lively": later("lively"),
    "animated": later("animated"),
}
"""What the persona of a take is called (``core.wire.style.TEMPERAMENTS``)."""
_STATUS_ICONS: dict[str, IconItems] = {
    "READY": "IMAGE_DATA",
    "MOTION": "FCURVE",
    "MISSING": "ERROR",
    "UNSEEN": "QUESTION",
}


class SOLILOQUY_UL_takes(bpy.types.UIList):
    """Takes with star, thumbnail, name, seed and eye."""

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        data: Any,
        item: Any,
        icon: int | None,
        active_data: Any,
        active_property: str | None,
        index: int | None = 0,
        flt_flag: int | None = 0,
    ) -> None:
        """One row; a double click on the name renames."""
        row = layout.row(align=True)
        row.prop(item, "star", text="", icon="SOLO_ON" if item.star else "SOLO_OFF", emboss=False)
        picture = thumbnails.icon_of(item)
        if picture:
            row.label(text="", icon_value=picture)
        else:
            row.label(text="", icon=_STATUS_ICONS[item.status])
        row.prop(item, "name", text="", emboss=False)
        if item.note:
            row.label(text="", icon="TEXT")
        sub = row.row(align=True)
        sub.alignment = "RIGHT"
        kind = say("seed {seed}", seed=item.seed)
        if item.temperament in _TEMPERAMENTS:
            kind = f"{say(_TEMPERAMENTS[item.temperament])}, {kind}"
        if item.preview or item.imported:
            kind = say("preview") if item.preview else say("imported")
        sub.label(text=say("missing") if item.status == "MISSING" else kind, translate=False)
        sub.prop(item, "shown", text="", icon="HIDE_OFF" if item.shown else "HIDE_ON", emboss=False)

    def draw_filter(self, context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
        """Search by name or note, and a switch for starred takes only."""
        row = layout.row(align=True)
        row.prop(self, "filter_name", text="", icon="VIEWZOOM")
        row.prop(self, "use_filter_sort_reverse", text="", icon="SOLO_ON")

    def filter_items(self, context: bpy.types.Context, data: Any, property: str) -> tuple[Any, Any]:
        """Which rows are shown; Blender's switch for reversed order means “starred only” here."""
        wanted = self.filter_name.lower()
        flags = [
            self.bitflag_filter_item
            if (item.star or not self.use_filter_sort_reverse) and wanted in f"{item.name} {item.note}".lower()
            else 0
            for item in getattr(data, property)
        ]
        return flags, []


def _draw_places(layout: bpy.types.UILayout) -> None:
    """Where takes are that don't stay there, takes that are missing, and the button that helps."""
    waiting = take_folders.waiting()
    if waiting:
        box, folder = layout.box(), waiting[0].parent
        if bpy.data.filepath:
            words = say("Takes still lie in {folder}. They belong beside the .blend.", folder=folder)
            draw_text(box, words, "ERROR", alert=True)
            move = box.operator("soliloquy.collect_into_project", text="Move Takes Beside the .blend", icon="IMPORT")
            move.waiting = True
        else:
            words = say("Takes lie in {folder} until you save. Then they move beside the .blend.", folder=folder)
            draw_text(box, words, "INFO")
    lost = {take.status for _, take in relinking.missing()}
    if "UNSEEN" in lost:
        box = layout.box()
        draw_text(box, say("Takes on another computer are not looked at before you allow it."), "ERROR", alert=True)
        box.operator("soliloquy.allow_folder", icon="CHECKMARK")
    if "MISSING" in lost:
        box = layout.box()
        draw_text(box, say("The folders of some takes are gone. If they were moved, find them."), "ERROR", alert=True)
        box.operator("soliloquy.relink_takes", icon="VIEWZOOM", text="Relink Takes…")


def _draw_unbaked(layout: bpy.types.UILayout, scene: bpy.types.Scene, take: SoliloquyTake) -> None:
    """On which targets the chosen take can't be seen yet, and the button that bakes it there."""
    lacking = takes.unbaked(scene)
    if take.key not in lacking:
        return
    box = layout.box()
    names = ", ".join(f"“{target.thing.name}”" for target in lacking[take.key] if target.thing is not None)
    draw_text(box, say("{take} isn't baked on {targets} yet, so it doesn't move there.", take=take.name, targets=names),
              "INFO")  # fmt: skip
    row = box.row(align=True)
    row.operator("soliloquy.bake", text="Bake This Take", icon="ACTION")
    if len(lacking) > 1:
        row.operator("soliloquy.bake_all", text="Bake All Takes", icon="ACTION_TWEAK")


class _Takes(Panel):
    bl_label = "Takes"

    def draw(self, context: bpy.types.Context) -> None:
        """The list, a larger picture of the chosen take, and the actions on it."""
        layout, settings = layout_of(self), self.settings(context)
        scene = compat.sequencer_scene(context)
        row = layout.row()
        row.template_list("SOLILOQUY_UL_takes", "", settings, "takes", settings, "active_take", rows=4)
        column = row.column(align=True)
        column.operator("soliloquy.duplicate_take", text="", icon="DUPLICATE")
        column.operator("soliloquy.remove_take", text="", icon="REMOVE")
        column.menu("SOLILOQUY_MT_takes", text="", icon="DOWNARROW_HLT")
        _draw_places(layout)
        take = take_list.active_take(scene)
        if take is None:
            return
        _draw_unbaked(layout, scene, take)
        other = take_list.other_take(scene)
        row = layout.row(align=True)
        row.operator(
            "soliloquy.compare_takes",
            text=f"A/B: {other.name}" if other else "A/B",
            translate=False,
            icon="UV_SYNC_SELECT",
        )
        editing = nla.is_editing(take.key)
        row.operator(
            "soliloquy.edit_curves", text="Close Curves" if editing else "Edit Curves", icon="GRAPH", depress=editing
        )
        phones.draw(layout, scene)
        picture = thumbnails.icon_of(take)
        if picture:
            layout.template_icon(icon_value=picture, scale=6.0)
        layout.prop(take, "note", text="", icon="TEXT", placeholder="Note")
        draw_mouth(layout, take.articulation, take.transcript)
        column = layout.column(align=True)
        if take.status == "MOTION":
            column.operator("soliloquy.render_take", icon="RENDER_STILL")
        column.operator("soliloquy.render_curves", icon="RENDER_ANIMATION")
        view = scene_of(context).view_settings
        if view is not None and view.view_transform != "Standard":
            draw_text(
                layout, say("This view transform changes the frames' colours; Standard shows them as they are."), "INFO"
            )
            layout.prop(view, "view_transform", text="")


class SOLILOQUY_MT_takes(bpy.types.Menu):
    """Less frequent actions on takes"""

    bl_label = "Takes"

    def draw(self, _context: bpy.types.Context) -> None:
        """Place, find, folders, delete."""
        layout = layout_of(self)
        layout.operator("soliloquy.place_take", icon="SEQ_SEQUENCER")
        layout.operator("soliloquy.collect_takes", icon="VIEWZOOM")
        layout.separator()
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("soliloquy.bake_all", icon="ACTION_TWEAK")
        layout.separator()
        layout.operator("soliloquy.collect_into_project", icon="IMPORT")
        layout.operator("soliloquy.relink_takes", text="Relink Takes…", icon="VIEWZOOM")
        layout.separator()
        layout.operator("soliloquy.import_curves", icon="IMPORT")
        layout.operator("soliloquy.export_curves", icon="EXPORT")
        layout.operator("soliloquy.export_animation", icon="EXPORT")
        layout.separator()
        layout.operator("soliloquy.open_folder", icon="FILE_FOLDER").job = False
        layout.operator("soliloquy.open_folder", text="Open Job Folder", icon="FILE_FOLDER").job = True
        layout.separator()
        layout.operator("soliloquy.delete_take", icon="TRASH")


CLASSES = (
    SOLILOQUY_UL_takes,
    SOLILOQUY_MT_takes,
    *in_editors((_Takes, "")),
)
