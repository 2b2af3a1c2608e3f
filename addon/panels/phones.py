"""The phones of the chosen take: buttons in its panel, and a menu of phones for a right click in the sequencer."""

from __future__ import annotations

import bpy

from .. import compat
from ..operators.phones import active_phone, has_lane
from ..sequencer import phone_lane
from ..typed import layout_of

_EXAMPLES = {
    "AA": "father", "AE": "cat", "AH": "cut", "AO": "law", "AW": "cow", "AY": "hide", "EH": "red", "ER": "bird",
    "EY": "ate", "IH": "it", "IY": "eat", "OW": "oat", "OY": "toy", "UH": "hood", "UW": "two",
    "B": "be", "CH": "cheese", "D": "dee", "DH": "thee", "F": "fee", "G": "green", "HH": "he", "JH": "gee", "K": "key",
    "L": "lee", "M": "me", "N": "knee", "NG": "ping", "P": "pea", "R": "read", "S": "sea", "SH": "she", "T": "tea",
    "TH": "theta", "V": "vee", "W": "we", "Y": "yield", "Z": "zee", "ZH": "seizure",
}  # fmt: skip
"""A word in which each phone is heard: vowels first, then consonants."""
_VOWELS = 15


def draw(layout: bpy.types.UILayout, scene: bpy.types.Scene) -> None:
    """Show Phones, or Update Lips once they are shown, the menu of the rest, and the name of the active phone."""
    column = layout.column(align=True)
    row = column.row(align=True)
    if has_lane(scene):
        row.operator("soliloquy.update_lips", icon="FILE_REFRESH")
        row.operator("soliloquy.remove_phones", text="", icon="X")
    else:
        row.operator("soliloquy.show_phones", icon="SEQ_STRIP_DUPLICATE")
    row.menu(SOLILOQUY_MT_phones.__name__, text="", icon="DOWNARROW_HLT")
    strip = active_phone(scene)
    if strip is not None:  # the sequencer doesn't write names on narrow strips
        column.menu(SOLILOQUY_MT_set_phone.__name__, text=_with_example(phone_lane.name_of(strip)), translate=False)


def _with_example(phone: str) -> str:
    return f"{phone}  {_EXAMPLES.get(phone.upper(), '')}".strip()


class SOLILOQUY_MT_phones(bpy.types.Menu):
    """Phones of the chosen take: show, remove, import, export"""

    bl_label = "Phones"

    def draw(self, _context: bpy.types.Context) -> None:
        """All operators on phones."""
        layout = layout_of(self)
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("soliloquy.show_phones", icon="SEQ_STRIP_DUPLICATE")
        layout.operator("soliloquy.update_lips", icon="FILE_REFRESH")
        layout.operator("soliloquy.remove_phones", icon="X")
        layout.separator()
        layout.operator("soliloquy.import_phones", text="Import Phones…", icon="IMPORT")
        layout.operator("soliloquy.export_phones", text="Export Phones…", icon="EXPORT")


class SOLILOQUY_MT_set_phone(bpy.types.Menu):
    """The phones of English, each with a word in which it is heard"""

    bl_label = "Set Phone"

    def draw(self, _context: bpy.types.Context) -> None:
        """Vowels on the left, consonants in two columns beside them."""
        row = layout_of(self).row()
        phones = list(_EXAMPLES)
        middle = (_VOWELS + len(phones) + 1) // 2
        for part in (phones[:_VOWELS], phones[_VOWELS:middle], phones[middle:]):
            column = row.column()
            for phone in part:
                button = column.operator("soliloquy.set_phone", text=_with_example(phone), translate=False)
                button.phone = phone


def strip_entries(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    """Entries of the sequencer's context menu while a phone is active."""
    if active_phone(compat.sequencer_scene(context)) is not None:
        layout = layout_of(menu)
        layout.separator()
        layout.menu(SOLILOQUY_MT_set_phone.__name__)
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("soliloquy.update_lips", icon="FILE_REFRESH")


CLASSES = (SOLILOQUY_MT_phones, SOLILOQUY_MT_set_phone)


def register() -> None:
    """Add the entries to the sequencer's context menu."""
    bpy.types.SEQUENCER_MT_context_menu.append(strip_entries)


def unregister() -> None:
    """Remove them."""
    bpy.types.SEQUENCER_MT_context_menu.remove(strip_entries)
