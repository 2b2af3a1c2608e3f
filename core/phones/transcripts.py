"""Transcripts as users give them: a text, or a file with it.

Standard library only, because Blender imports this module.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import BadInputError
from ..files import is_file
from ..inputs import InputKind, read_input
from ..tables import text_of

MOST_LETTERS = 150_000
"""About two and a half hours of speech."""
FILE = InputKind(
    noun="transcript",
    code="transcript",
    most_bytes=4 * MOST_LETTERS,
    again="Save it again as plain text (UTF-8).",
)
"""A file with a transcript: plain text, or subtitles."""


def read_transcript(path: str | Path) -> str:
    """The text in a file, without the spaces around it.

    Raises BadInputError ``transcript_missing``, ``transcript_empty``, ``transcript_too_large``,
    ``transcript_unreadable`` or ``transcript_too_long``.
    """
    data = read_input(path, FILE)
    try:
        text = text_of(data)
    except ValueError as error:
        raise FILE.unreadable(path, "is no text") from error
    if "\0" in text:
        raise FILE.unreadable(path, "is no text")
    return checked_transcript(text.removeprefix("\ufeff"))


def transcript_of(text_or_file: str) -> str:
    """The text in the file of this name if there is one, otherwise the text itself. Raises as `read_transcript`."""
    if "\n" not in text_or_file and "\0" not in text_or_file and is_file(text_or_file):
        return read_transcript(text_or_file)
    return checked_transcript(text_or_file)


def checked_transcript(text: str) -> str:
    """``text`` without the spaces around it. Raises BadInputError ``transcript_too_long``."""
    text = text.strip()
    if len(text) > MOST_LETTERS:
        raise BadInputError(
            "transcript_too_long",
            f"The transcript has {len(text):,} letters.",
            f"At most {MOST_LETTERS:,} can be used: cut the sound and its transcript into parts.",
        )
    return text
