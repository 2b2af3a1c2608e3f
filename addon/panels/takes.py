"""The list of takes and the actions on the chosen take."""

from __future__ import annotations

from typing import Any

import bpy

from .. import compat
from ..animation import nla
from ..drawing import Panel, draw_text, in_editors
from ..scene import take_list, thumbnails
from ..typed import IconItems, layout_of, scene_of
from ..words import say

_STATUS_ICONS: dict[str, IconItems] = {"READY": "IMAGE_DATA", "MOTION": "FCURVE", "MISSING": "ERROR"}


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
        take = take_list.active_take(scene)
        if take is None:
            return
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
        picture = thumbnails.icon_of(take)
        if picture:
            layout.template_icon(icon_value=picture, scale=6.0)
        layout.prop(take, "note", text="", icon="TEXT", placeholder="Note")
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
