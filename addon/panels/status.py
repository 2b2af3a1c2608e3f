"""What the panel says about the job, in a block of constant height, so that no button moves when a sentence appears."""

from __future__ import annotations

from typing import NamedTuple

import bpy

from ..drawing import wrapped
from ..operators.message import SOLILOQUY_OT_show_message
from ..typed import IconItems

LINES = 5
"""Height of the block in lines of text."""


class Told(NamedTuple):
    """A sentence with its icon; ``alert`` shows it in red."""

    text: str
    icon: IconItems = "NONE"
    alert: bool = False


def draw(layout: bpy.types.UILayout, sentences: list[Told]) -> None:
    """The sentences in `LINES` lines. Where they are longer, the last line is a button that shows all of them."""
    region = bpy.context.region
    width = region.width if region else 300
    lines = [
        Told(line, told.icon if index == 0 else "BLANK1", told.alert)
        for told in sentences
        for index, line in enumerate(wrapped(told.text, width))
    ]
    column = layout.column(align=True)
    column.scale_y = 0.85
    shown = lines if len(lines) <= LINES else lines[: LINES - 1]
    for line in shown:
        row = column.row()
        row.alert = line.alert
        row.label(text=line.text, icon=line.icon)
    if len(shown) < len(lines):
        more = column.operator(SOLILOQUY_OT_show_message.bl_idname, text="More…", icon="DOWNARROW_HLT", emboss=False)
        more.message = "\n".join(told.text for told in sentences)
        return
    for _ in range(LINES - len(shown)):
        column.label(text="")
