"""A transcript as users give it: the words that are said, or a text file that holds them. Standard library only.

The request holds the words in one line. A list of jobs and a command line may name a file in their place.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import BadInputError
from ..files import is_file
from ..inputs import InputKind, read_input, shown
from ..tables import text_of

ENDING = ".txt"
"""Ending of a file with a transcript, by which its name is told from words."""
MOST_LETTERS = 100_000
"""Longest transcript, about two hours of speech. It fits into a line of the protocol and into a cell of a table."""
FILE = InputKind(
    noun="transcript",
    code="transcript",
    most_bytes=1_000_000,
    choose=f"Correct its name. Words that end in {ENDING} belong in quotation marks.",
    again="Save it as plain text (UTF-8).",
)
"""A file with a transcript."""
_QUOTE = '"'


def words_in(text: str) -> str:
    """A text of any number of lines as one line with single spaces.

    Raises BadInputError ``transcript_unreadable`` for what is no text, and ``transcript_too_large``.
    """
    if not _is_plain(text):
        raise BadInputError("transcript_unreadable", "The transcript is not plain text.", "Write the words again.")
    words = " ".join(text.removeprefix("\ufeff").split())
    letters = len(words.encode("utf-16-le")) // 2  # a letter beyond Unicode's first plane has two units here
    if letters > MOST_LETTERS:
        raise BadInputError(
            "transcript_too_large",
            f"The transcript has {letters:,} letters, and at most {MOST_LETTERS:,} can be read.",
            "Cut the sound into parts, each with its own words.",
        )
    return words


def named_file(given: str, folder: Path) -> Path | None:
    """The file that ``given`` names, relative to ``folder``; None if it is the words themselves.

    A name is one line that ends in ``.txt``. Words that end so are put in quotation marks (`quoted`).
    """
    name = given.strip()
    return folder / name if name.lower().endswith(ENDING) and "\n" not in name and not _is_quoted(name) else None


def read_words(path: str | Path) -> str:
    """The words in a file, as `words_in`. UTF-8, UTF-16 and Windows' western encoding are read.

    Raises BadInputError ``transcript_missing``, ``transcript_empty``, ``transcript_unreadable`` or
    ``transcript_too_large``.
    """
    data = read_input(path, FILE)
    try:
        text = text_of(data)
    except ValueError as error:
        raise FILE.unreadable(path, "is not plain text") from error
    if not _is_plain(text):
        raise FILE.unreadable(path, "is not plain text")
    words = words_in(text)
    if not words:
        raise FILE.unreadable(path, "holds no words")
    return words


def words_of(given: str, folder: Path) -> str:
    """The words of a transcript that is given as words or as the name of a file in ``folder``.

    Raises the errors of `words_in` and `read_words`. An existing file of another ending is refused too: its name is
    hardly what somebody says.
    """
    path = named_file(given, folder)
    if path is not None:
        return read_words(path)
    name = given.strip()
    if _is_quoted(name):
        return words_in(name[1:-1])
    if len(name.split()) == 1 and Path(name).suffix and is_file(folder / name):
        raise BadInputError(
            "transcript_unreadable", f"The transcript {shown(name)} is no {ENDING} file.", f"Save it as {ENDING}."
        )
    return words_in(given)


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
