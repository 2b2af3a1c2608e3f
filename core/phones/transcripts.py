"""Transcripts as users give them: the words that are said, or a text file that holds them.

Requests hold the words in one line. A list of jobs and a command line may name a file in their place. Standard library
only, because Blender imports this module.
"""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import BadInputError
from ..files import is_file
from ..inputs import InputKind, read_input, shown
from ..plurals import counted
from ..tables import text_of

ENDINGS = (".txt", ".srt", ".vtt")
"""Endings of files with a transcript, plain or as subtitles. By its ending the name of a file is told from words."""
MOST_LETTERS = 100_000
"""About two hours of speech. It fits into a line of the protocol and into a cell of a table."""
FILE = InputKind(
    noun="transcript",
    code="transcript",
    most_bytes=1_000_000,
    choose="Correct its name. Words that end like a file belong in quotation marks.",
    again="Save it again as plain text (UTF-8).",
)
"""A file with a transcript: plain text, or subtitles."""
_TIMING = re.compile(r"(?:^\s*\d+\s*\n)?^.*\d:\d\d.*-->.*$", re.MULTILINE)
"""Timings of subtitles (SRT, WebVTT) with the number above them."""
_HEADER = re.compile(r"\AWEBVTT.*$", re.MULTILINE)
_ARROW = "-->"
"""Subtitles have it in each timing."""
_QUOTE = '"'
NO_WORDS = "The transcript holds no English words: the lips follow the sound."
OTHER_SOUND = "The transcript does not fit the sound: the lips follow the sound."
FITS_IN_PART = "The transcript fits only a part of the speech: elsewhere the lips follow the sound."


def checked_transcript(text: str) -> str:
    """A text of any number of lines as one line with single spaces, without timings of subtitles.

    Raises BadInputError ``transcript_unreadable`` for what is no text, and ``transcript_too_long``.
    """
    if not _is_plain(text):
        raise BadInputError("transcript_unreadable", "The transcript is not plain text.", "Write the words again.")
    line = " ".join(without_timings(text.removeprefix("\ufeff")).split())
    letters = len(line.encode("utf-16-le")) // 2  # a letter beyond Unicode's first plane has two units here
    if letters > MOST_LETTERS:
        raise BadInputError(
            "transcript_too_long",
            f"The transcript has {counted(letters, 'letter')}.",
            f"At most {MOST_LETTERS:,} can be used: cut the sound and its transcript into parts.",
        )
    return line


def without_timings(text: str) -> str:
    """A text with the line ends of Unix, and of subtitles without their header, numbers and timings."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _TIMING.sub(" ", _HEADER.sub(" ", text)).replace(_ARROW, " ") if _ARROW in text else text


def named_file(given: str, folder: Path) -> Path | None:
    """The file that ``given`` names, relative to ``folder``; None if it is the words themselves.

    A name is one line that ends in one of `ENDINGS`. Words that end so are put in quotation marks (`quoted`).
    """
    name = given.strip()
    is_name = name.lower().endswith(ENDINGS) and "\n" not in name and not _is_quoted(name)
    return folder / name if is_name else None


def read_transcript(path: str | Path) -> str:
    """The words in a file, as `checked_transcript`. UTF-8, UTF-16 and Windows' western encoding are read.

    Raises BadInputError ``transcript_missing``, ``transcript_empty``, ``transcript_unreadable``,
    ``transcript_too_large`` or ``transcript_too_long``.
    """
    data = read_input(path, FILE)
    try:
        text = text_of(data)
    except ValueError as error:
        raise FILE.unreadable(path, "is not plain text") from error
    if not _is_plain(text):
        raise FILE.unreadable(path, "is not plain text")
    words = checked_transcript(text)
    if not words:
        raise FILE.unreadable(path, "holds no words")
    return words


def given_transcript(text_or_file: str, folder: Path) -> str:
    """The words of a transcript that is given as words or as the name of a file in ``folder``.

    Raises the errors of `checked_transcript` and `read_transcript`. An existing file of another ending is refused too:
    its name is hardly what somebody says.
    """
    path = named_file(text_or_file, folder)
    if path is not None:
        return read_transcript(path)
    name = text_or_file.strip()
    if _is_quoted(name):
        return checked_transcript(name[1:-1])
    if len(name.split()) == 1 and Path(name).suffix and is_file(folder / name):
        raise BadInputError(
            "transcript_unreadable",
            f"The file {shown(name)} can't be read as a transcript.",
            f"Save it as plain text, with the ending {ENDINGS[0]}.",
        )
    return checked_transcript(text_or_file)


def quoted(words: str) -> str:
    """Words as a list of jobs holds them: in quotation marks where they would be taken for a file's name."""
    return f"{_QUOTE}{words}{_QUOTE}" if _is_quoted(words) or named_file(words, Path()) is not None else words


def _is_quoted(text: str) -> bool:
    return len(text) > 1 and text.startswith(_QUOTE) and text.endswith(_QUOTE)


def _is_plain(text: str) -> bool:
    """Whether a text can be sent: no NUL and no lone surrogates."""
    try:
        return b"\0" not in text.encode("utf-8")
    except UnicodeEncodeError:
        return False
