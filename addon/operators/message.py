"""Show a message as a whole that the panel has no room for."""

from __future__ import annotations

import bpy
from bpy.props import StringProperty

from ..drawing import draw_text
from ..typed import Result, layout_of, manager_of

_WIDTH = 500


class SOLILOQUY_OT_show_message(bpy.types.Operator):
    """Show the whole message"""

    bl_idname = "soliloquy.show_message"
    bl_label = "Message"
    bl_options = {"INTERNAL"}

    message: StringProperty(options={"SKIP_SAVE"})

    def execute(self, _context: bpy.types.Context) -> Result:
        """Nothing to do: the message was shown."""
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Result:
        """Open a pop-up that closes when the mouse leaves it."""
        return manager_of(context).invoke_popup(self, width=_WIDTH)

    def draw(self, _context: bpy.types.Context) -> None:
        """The sentences below each other."""
        for sentence in self.message.split("\n"):
            draw_text(layout_of(self), sentence, width=_WIDTH)


CLASSES = (SOLILOQUY_OT_show_message,)
