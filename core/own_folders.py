"""Folders that Soliloquy made itself. Each carries a mark, and nothing without a mark is ever deleted as a whole.

Standard library only.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from .errors import BadInputError

MARK = "made-by-soliloquy.txt"
"""Name of the file that marks a folder as ours."""
_WORDS = "Soliloquy made this folder and may delete it with everything in it.\n"


def is_own(folder: Path) -> bool:
    """Whether the folder carries our mark."""
    return (folder / MARK).is_file()


def may_fill(folder: Path) -> bool:
    """Whether we may put our files there: the folder is ours or empty, or there is nothing at that path."""
    if folder.is_dir():
        return is_own(folder) or not any(folder.iterdir())
    return not folder.exists() and not folder.is_symlink()


def make_own(folder: Path) -> None:
    """Make the folder with its parents and mark it. A folder that is ours already stays as it is.

    Raises OSError, and BadInputError ``folder_taken`` if it holds other files.
    """
    if not may_fill(folder):
        raise BadInputError(
            "folder_taken",
            f"{folder} holds files that Soliloquy did not make, and stays as it is.",
            "Move them, or choose another folder.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    mark(folder)


def mark(folder: Path) -> None:
    """Mark a folder as ours; only for folders that are known to be. Raises OSError."""
    (folder / MARK).write_text(_WORDS, encoding="utf-8")


def delete_own(folder: Path) -> bool:
    """Delete a folder that carries our mark. Returns False, and does nothing, for any other path.

    The mark goes last. If a file in the folder can't be deleted, the folder is still ours afterwards. Raises OSError.
    """
    if not is_own(folder):
        return False
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != MARK:
            path.unlink()
    (folder / MARK).unlink()
    if not folder.is_symlink():
        folder.rmdir()
    return True
