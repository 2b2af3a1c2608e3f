"""The words of a speech, as an artist writes them. Each sound strip has its own, and so has the scene's mix."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import PointerProperty, StringProperty

from ...core.phones.transcripts import checked_transcript
from ..compat import STRIP_TYPE
from ..typed import attach, attached, declarations, detach

_ON_STRIPS = "soliloquy_transcript"
"""Name of the strips' property."""


class SoliloquyTranscript(bpy.types.PropertyGroup):
    """What is said: a line that is typed or pasted, or one of Blender's texts in its place."""

    words: StringProperty(
        name="Transcript",
        description="Optional: the words that are said, without stage directions. The lips are then shaped by the "
        "sounds of these words instead of those that are heard, which helps where speech is hard to understand",
    )
    text: PointerProperty(
        name="Transcript Text",
        type=bpy.types.Text,
        description="A text of this .blend, or one that you open from the disk, with the words that are said",
    )

    def said(self) -> str:
        """The words in one line; empty without a transcript. Raises BadInputError as `checked_transcript`."""
        text: Any = self.text
        return checked_transcript(self.words if text is None else text.as_string())

    def write(self, words: str) -> None:
        """Keep these words, in place of a chosen text."""
        self.text, self.words = None, words


def transcript_of_strip(strip: Any) -> SoliloquyTranscript | None:
    """The transcript of a sound strip; None for what is no strip."""
    return attached(strip, _ON_STRIPS) if isinstance(strip, STRIP_TYPE) else None


CLASSES = (SoliloquyTranscript,)


def register() -> None:
    """Give strips a transcript."""
    attach(STRIP_TYPE, _ON_STRIPS, declarations.PointerProperty(type=SoliloquyTranscript))


def unregister() -> None:
    """Take it away."""
    detach(STRIP_TYPE, _ON_STRIPS)
