"""Entries in Blender's own menus, so that menu search (F3), Import and Export show what Soliloquy does."""

from __future__ import annotations

import bpy

from ..typed import IconItems, layout_of

_OPERATORS: tuple[tuple[str, IconItems] | None, ...] = (
    ("soliloquy.generate", "PLAY"),
    ("soliloquy.resample", "FILE_REFRESH"),
    ("soliloquy.render_take", "RENDER_STILL"),
    ("soliloquy.render_curves", "RENDER_ANIMATION"),
    ("soliloquy.show_phones", "SEQ_STRIP_DUPLICATE"),
    ("soliloquy.update_lips", "FILE_REFRESH"),
    ("soliloquy.remove_phones", "X"),
    None,
    ("soliloquy.add_head", "USER"),
    ("soliloquy.add_target", "ADD"),
    ("soliloquy.bake", "ACTION"),
    ("soliloquy.bake_all", "ACTION_TWEAK"),
    ("soliloquy.check_moves", "QUESTION"),
    ("soliloquy.unbake", "TRASH"),
    ("soliloquy.edit_curves", "GRAPH"),
    None,
    ("soliloquy.place_take", "SEQ_SEQUENCER"),
    ("soliloquy.duplicate_take", "DUPLICATE"),
    ("soliloquy.compare_takes", "UV_SYNC_SELECT"),
    ("soliloquy.collect_takes", "VIEWZOOM"),
    ("soliloquy.collect_into_project", "IMPORT"),
    ("soliloquy.relink_takes", "VIEWZOOM"),
    None,
    ("soliloquy.doctor", "CHECKMARK"),
)


class SOLILOQUY_MT_soliloquy(bpy.types.Menu):
    """Talking heads from a voice and a portrait"""

    bl_label = "Soliloquy"

    def draw(self, _context: bpy.types.Context) -> None:
        """The sidebar's operators, for menu search."""
        layout = layout_of(self)
        layout.operator_context = "INVOKE_DEFAULT"
        for entry in _OPERATORS:
            if entry is None:
                layout.separator()
            else:
                layout.operator(entry[0], icon=entry[1])


def _editor_entry(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    layout_of(menu).separator()
    layout_of(menu).menu(SOLILOQUY_MT_soliloquy.__name__, icon="SPEAKER")


def _import_entry(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    layout_of(menu).operator("soliloquy.import_curves", text="Live Link Face as Take (.csv, .npz)")
    layout_of(menu).operator("soliloquy.import_phones", text="Phones of the Take (.json, .tsv)")


def _export_entry(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    layout_of(menu).operator("soliloquy.export_curves", text="Take as Live Link Face (.csv, .npz)")
    layout_of(menu).operator("soliloquy.export_animation", text="Take on its Target (.glb, .fbx, .abc, .usdc)")
    layout_of(menu).operator("soliloquy.export_phones", text="Phones of the Take (.json, .tsv)")


_ENTRIES = (
    ("VIEW3D_MT_object", _editor_entry),
    ("SEQUENCER_MT_strip", _editor_entry),
    ("TOPBAR_MT_file_import", _import_entry),
    ("TOPBAR_MT_file_export", _export_entry),
)
CLASSES = (SOLILOQUY_MT_soliloquy,)


def register() -> None:
    """Add the entries."""
    for menu, entry in _ENTRIES:
        getattr(bpy.types, menu).append(entry)


def unregister() -> None:
    """Remove the entries."""
    for menu, entry in _ENTRIES:
        getattr(bpy.types, menu).remove(entry)
