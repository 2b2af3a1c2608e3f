"""The words of a speech from the clipboard: Blender's own paste into a line takes only the first line of a text."""

from __future__ import annotations

import bpy

from ...core.errors import SoliloquyError
from ...core.phones.transcripts import checked_transcript
from .. import compat
from ..redrawing import redraw
from ..scene.request import transcript_of
from ..typed import Result, manager_of
from ..words import say
from .job import poll_by


class SOLILOQUY_OT_paste_transcript(bpy.types.Operator):
    """Paste the words of this speech, with all lines of the copied text, in place of what is there"""

    bl_idname = "soliloquy.paste_transcript"
    bl_label = "Paste Transcript"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is a speech to which words belong."""
        found = transcript_of(compat.sequencer_scene(context))
        return poll_by(cls, say("No sound strip is active: select one in the sequencer") if found is None else "")

    def execute(self, context: bpy.types.Context) -> Result:
        """Keep the words with the speech."""
        transcript = transcript_of(compat.sequencer_scene(context))
        try:
            words = checked_transcript(manager_of(context).clipboard)
        except SoliloquyError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if transcript is None or not words:
            self.report({"ERROR"}, say("The clipboard holds no text."))
            return {"CANCELLED"}
        transcript.write(words)
        redraw()
        return {"FINISHED"}


CLASSES = (SOLILOQUY_OT_paste_transcript,)
