"""What all panels share: the sidebar tab, text over several lines, one class for each editor."""

from __future__ import annotations

import bpy

from . import compat
from .properties.scene import SoliloquySettings, settings_of

EDITORS = (("SEQUENCE_EDITOR", "sequencer"), ("VIEW_3D", "viewport"))


class Panel:
    """Base of all panels: the sidebar tab and the settings of the scene in view."""

    bl_category = "Soliloquy"
    bl_region_type = "UI"

    @staticmethod
    def settings(context: bpy.types.Context) -> SoliloquySettings:
        """Settings of the scene in view."""
        return settings_of(compat.sequencer_scene(context))


def wrapped(text: str, width: int) -> list[str]:
    """``text`` in lines that fit ``width`` pixels of a panel; Blender's labels don't wrap by themselves."""
    room = max(20, int((width - 40) / (7 * bpy.context.preferences.system.ui_scale)))
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


def draw_text(layout: bpy.types.UILayout, text: str, icon: str = "NONE", alert: bool = False) -> None:
    """A message over several lines."""
    column = layout.column(align=True)
    column.scale_y = 0.85
    column.alert = alert
    region = bpy.context.region
    for index, line in enumerate(wrapped(text, region.width if region else 300)):
        column.label(text=line, icon=icon if index == 0 else "BLANK1")


def in_editors(*panels: tuple[type, str]) -> tuple[type, ...]:
    """A class of each (panel, name of its parent or nothing) for each editor; Blender needs one for each."""
    classes = []
    for space, suffix in EDITORS:
        for base, parent in panels:
            name = f"SOLILOQUY_PT_{base.__name__.strip('_').lower()}_{suffix}"
            fields = {"bl_space_type": space, "bl_idname": name, "__doc__": base.draw.__doc__}
            if parent:
                fields["bl_parent_id"] = f"SOLILOQUY_PT_{parent}_{suffix}"
            classes.append(type(name, (base, bpy.types.Panel), fields))
    return tuple(classes)
