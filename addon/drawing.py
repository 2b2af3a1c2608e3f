"""Helpers that all panels share: the sidebar tab, text over several lines, one class for each editor."""

from __future__ import annotations

import bpy

from . import compat
from .properties.scene import SoliloquySettings, settings_of
from .typed import IconItems, PanelMixin, preferences_of
from .words import say

EDITORS = (("SEQUENCE_EDITOR", "sequencer"), ("VIEW_3D", "viewport"))


class Panel(PanelMixin):
    """Base of all panels: the sidebar tab, and the settings of the scene whose strips the user sees."""

    bl_category = "Soliloquy"
    bl_region_type = "UI"

    @staticmethod
    def settings(context: bpy.types.Context) -> SoliloquySettings:
        """Settings of the scene whose strips the user sees."""
        return settings_of(compat.sequencer_scene(context))


def wrapped(text: str, width: int) -> list[str]:
    """``text`` split into lines that fit ``width`` pixels of a panel, since Blender's labels don't wrap."""
    room = max(20, int((width - 40) / (7 * preferences_of(bpy.context).system.ui_scale)))
    lines = [""]
    for word in text.split():
        while len(word) > room:  # a path
            lines.append(word[:room])
            word = word[room:]
        if lines[-1] and len(lines[-1]) + 1 + len(word) > room:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return [line for line in lines if line]


def draw_text(
    layout: bpy.types.UILayout, text: str, icon: IconItems = "NONE", alert: bool = False, width: int | None = None
) -> None:
    """A message over several lines, for ``width`` pixels or the region that is drawn."""
    column = layout.column(align=True)
    column.scale_y = 0.85
    column.alert = alert
    region = bpy.context.region
    for index, line in enumerate(wrapped(text, width or (region.width if region else 300))):
        column.label(text=line, icon=icon if index == 0 else "BLANK1")


def draw_mouth(layout: bpy.types.UILayout, articulation: float, transcript: str) -> None:
    """How the mouth was asked to move, in one line; nothing where it moves as people do and as is heard."""
    told = [say("Articulation {amount:g}", amount=round(articulation, 2))] if round(articulation, 2) != 1.0 else []
    if transcript:
        told.append(f"“{transcript}”")
    if told:
        layout.label(text=" · ".join(told), icon="SPEAKER", translate=False)


def in_editors(*panels: tuple[type[Panel], str]) -> tuple[type, ...]:
    """A class for each editor, which Blender requires, from each (panel, name of its parent or "")."""
    classes = []
    for space, suffix in EDITORS:
        for base, parent in panels:
            name = f"SOLILOQUY_PT_{base.__name__.strip('_').lower()}_{suffix}"
            fields: dict[str, object] = {"bl_space_type": space, "bl_idname": name, "__doc__": base.draw.__doc__}
            if parent:
                fields["bl_parent_id"] = f"SOLILOQUY_PT_{parent}_{suffix}"
            classes.append(type(name, (base, bpy.types.Panel), fields))
    return tuple(classes)
