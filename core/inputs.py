"""The gate for the user's files: a decoder only ever sees a plain file of a sensible size.

A path may lead to a pipe, a device, a socket or a folder, and reading a pipe or a device may never end. So every file
that a user, a .blend file or a job names is opened here. Links are followed. What they lead to must be a plain file,
and its size must be within the limit of its kind. Each refusal is one sentence.

Standard library only, because Blender imports this module.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from .errors import BadInputError

_SHOWN_LETTERS = 200
_HIDDEN_CATEGORIES = {"Cc", "Zl", "Zp"}
"""Unicode categories of control characters and line ends."""
_OTHERS = (
    (stat.S_ISDIR, "folder"),
    (stat.S_ISFIFO, "pipe"),
    (stat.S_ISSOCK, "socket"),
    (stat.S_ISCHR, "device"),
    (stat.S_ISBLK, "device"),
)


@dataclass(frozen=True, kw_only=True)
class InputKind:
    """A kind of input file: its name, its limit, and the codes of its errors.

    Attributes
    ----------
    noun
        What an error calls the file: "picture", "audio file".
    code
        Beginning of the codes: ``portrait`` gives ``portrait_missing``, ``portrait_unreadable``, ``portrait_empty`` and
        ``portrait_too_large``.
    empty_code
        Code of an empty file, where it is another one.
    most_bytes
        Size of the largest file that is read; None where nothing of the file is held in memory.
    choose, again
        Hints: for a path that leads to no such file, and for a file whose content is no good.
    """

    noun: str
    code: str
    empty_code: str | None = None
    most_bytes: int | None
    choose: str = "Choose another file."
    again: str = "Export it again."

    def unreadable(self, path: str | Path, reason: str) -> BadInputError:
        """The error for a file whose content can't be used for ``reason``, which is part of a sentence."""
        sentence = f"The {self.noun} {shown(path)} {shown(reason).rstrip('.')}."
        return BadInputError(f"{self.code}_unreadable", sentence, self.again)


def shown(text: str | Path) -> str:
    """A path, or words that hold something of the user's, as text that can be printed.

    It has no control characters, no bytes outside UTF-8, and is never endless.
    """
    text = str(text).encode("utf-8", "backslashreplace").decode("utf-8")
    text = "".join(c if unicodedata.category(c) not in _HIDDEN_CATEGORIES else ascii(c)[1:-1] for c in text)
    half = _SHOWN_LETTERS // 2
    return text if len(text) <= _SHOWN_LETTERS else f"{text[:half]}…{text[-half:]}"


def open_input(path: str | Path, kind: InputKind) -> BinaryIO:
    """Open a plain file for reading.

    Raises BadInputError with one of the codes of ``kind``: ``…_missing`` if there is nothing, ``…_unreadable`` for
    anything but a plain file, for a name that isn't valid and for errors of the system, ``…_empty`` for 0 bytes, and
    ``…_too_large``.
    """
    # Without O_NONBLOCK, opening a pipe would wait for its writer, should one take the place of the file after `stat`.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
    try:
        os.fspath(path).encode("utf-8")
        _check_plain(os.stat(path), path, kind)  # noqa: PTH116 - Path.stat is the same; a device isn't even opened
        stream = os.fdopen(os.open(path, flags), "rb")
    except UnicodeEncodeError:
        raise BadInputError(
            f"{kind.code}_unreadable", f"The name of the {kind.noun} {shown(path)} isn't valid.", "Rename the file."
        ) from None
    except (FileNotFoundError, NotADirectoryError):
        raise BadInputError(f"{kind.code}_missing", f"There is no {kind.noun} at {shown(path)}.", kind.choose) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise _system_error(error, path, kind) from error
    with contextlib.ExitStack() as unless_plain:
        unless_plain.callback(stream.close)
        _check_plain(os.fstat(stream.fileno()), path, kind)
        unless_plain.pop_all()
    return stream


def check_input(path: str | Path, kind: InputKind) -> Path:
    """``path`` if it can be opened; for decoders that open files themselves. Raises the errors of `open_input`."""
    open_input(path, kind).close()
    return Path(path)


def read_input(path: str | Path, kind: InputKind) -> bytes:
    """Content of a plain file. Raises the errors of `open_input`."""
    with open_input(path, kind) as stream:
        try:
            return stream.read(os.fstat(stream.fileno()).st_size)
        except OSError as error:
            raise _system_error(error, path, kind) from error


def read_json(path: str | Path, kind: InputKind) -> Any:
    """The value in a JSON file, in UTF-8. Raises the errors of `open_input`, and ``…_unreadable`` for other content."""
    content = read_input(path, kind)
    try:
        return json.loads(content.decode("utf-8"))
    except RecursionError:
        raise kind.unreadable(path, "can't be read: it is nested too deeply") from None
    except ValueError as error:
        raise kind.unreadable(path, f"can't be read: {error}") from error


def _check_plain(found: os.stat_result, path: str | Path, kind: InputKind) -> None:
    """Raise the error of `open_input` unless ``found`` describes a plain file of a size within the limit."""
    if not stat.S_ISREG(found.st_mode):
        other = next((word for holds, word in _OTHERS if holds(found.st_mode)), "special file")
        article = "an" if kind.noun[0] in "aeiou" else "a"
        raise BadInputError(
            f"{kind.code}_unreadable", f"{shown(path)} is a {other}, not {article} {kind.noun}.", kind.choose
        )
    if found.st_size == 0:
        code = kind.empty_code or f"{kind.code}_empty"
        raise BadInputError(code, f"The {kind.noun} {shown(Path(path).name)} is empty (0 bytes).", kind.again)
    if kind.most_bytes is not None and found.st_size > kind.most_bytes:
        raise BadInputError(
            f"{kind.code}_too_large",
            f"The {kind.noun} {shown(Path(path).name)} has {found.st_size / 1e6:,.0f} MB.",
            f"At most {kind.most_bytes / 1e6:,.0f} MB can be read.",
        )


def _system_error(error: OSError | ValueError, path: str | Path, kind: InputKind) -> BadInputError:
    reason = getattr(error, "strerror", None) or str(error)
    return BadInputError(
        f"{kind.code}_unreadable",
        f"{shown(Path(path).name)} can't be read ({reason}).",
        "Check its name, its permissions and its disk.",
    )
