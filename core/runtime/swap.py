"""Puts a finished environment in the place of the previous one. Standard library only."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from ..own_folders import delete_own, is_own, mark
from .pythons import environment_python

_LARGEST_SCRIPT = 1 << 20


def put_in_place(new: Path, folder: Path, old: Path) -> None:
    """Rename ``new`` to ``folder``. What is there moves to ``old`` first and is deleted afterwards.

    Both must be ours. If the system refuses, the previous environment is back in its place. Raises OSError.
    """
    delete_own(old)
    _name_place(new, folder)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()  # Windows doesn't rename to an empty folder
    elif folder.exists():
        mark(folder)
        folder.rename(old)
    try:
        new.rename(folder)
    except OSError:
        restore(folder, old)
        raise
    with contextlib.suppress(OSError):  # Windows can't delete what a program still uses; `remove` does it later
        delete_own(old)


def restore(folder: Path, old: Path) -> None:
    """Bring the previous environment back if a process was killed between the two renames. Raises OSError."""
    if is_own(old) and not folder.exists():
        old.rename(folder)


def _name_place(new: Path, folder: Path) -> None:
    """Write the final path into the scripts of an environment that was built elsewhere.

    Python finds its environment wherever that lies, but scripts such as ``pip`` and ``activate`` hold the path.
    Windows' programs hold it in binary form; they aren't used here and stay as they are.
    """
    before, after = os.fsencode(new), os.fsencode(folder)
    for path in [new / "pyvenv.cfg", *environment_python(new).parent.iterdir()]:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _LARGEST_SCRIPT:
            continue
        content = path.read_bytes()
        if before in content and b"\0" not in content:
            path.write_bytes(content.replace(before, after))
