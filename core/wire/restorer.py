"""A program of the user's own that restores finished frames: its command line.

It gets a folder of numbered PNGs and an empty folder, into which it must write pictures of the same names. It is
started without a shell. Only the user's own preferences and command lines name it: files that others may have made, a
.blend, a job, a take or a list of jobs, neither hold nor get such a command. Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

from ..errors import BadInputError
from ..files import is_file
from ..runtime.programs import find_program

IN, OUT = "{in}", "{out}"
"""What stands for the two folders in the arguments."""


def restorer_command(words: Sequence[str], folder: Path | None = None) -> tuple[str, ...]:
    """The command of a restorer: its program as an absolute path, and its arguments with both folders.

    Parameters
    ----------
    words
        The program and its arguments. Without a placeholder the folders come last.
    folder
        What the program's path is relative to; None allows only absolute paths and names on the PATH.

    Raises BadInputError ``bad_setting`` if there is no such program, it may not be run, or only one folder is named.
    """
    name, *arguments = words
    named = [place for place in (IN, OUT) if any(place in argument for argument in arguments)]
    if len(named) == 1:
        missing = OUT if named == [IN] else IN
        raise BadInputError(
            "bad_setting", f"The restorer's arguments have no {missing}.", f"Name both folders, {IN} and {OUT}."
        )
    return (str(_program(name, folder)), *arguments, *(() if named else (IN, OUT)))


def _program(name: str, folder: Path | None) -> Path:
    """The program's file."""
    path: Path | None = Path(name)
    if folder is not None and is_file(folder / name):
        path = folder / name
    elif not Path(name).is_absolute():
        path = find_program(name) if name == Path(name).name else None
    if path is None or not is_file(path):
        raise BadInputError("bad_setting", f"There is no restorer {name}.", "Name the file of a program with its path.")
    if not os.access(path, os.X_OK):
        raise BadInputError("bad_setting", f"The restorer {name} is no program.", "Make the file executable.")
    return path.absolute()


def with_folders(command: Sequence[str], given: Path, wanted: Path) -> list[str]:
    """A command with the two folders in place of the placeholders."""
    places = {IN: str(given), OUT: str(wanted)}
    return [re.sub(r"\{in\}|\{out\}", lambda found: places[found[0]], word) for word in command]


def command_digest(command: Sequence[str]) -> str:
    """Twelve hexadecimal digits that stand for a command, for takes: they can't be turned back into one."""
    return hashlib.sha256(json.dumps(list(command)).encode()).hexdigest()[:12]
