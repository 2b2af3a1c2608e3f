"""The open .blend file, as the commands save it."""

from __future__ import annotations

from pathlib import Path

import bpy

from ...core.errors import BadInputError
from ...core.files import is_folder
from ...core.inputs import shown


def require_place(path: Path) -> None:
    """Make the folder of a .blend; raises BadInputError if the file can't have this name, before any work is done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.lstat()
    except FileNotFoundError:  # as it should be
        pass
    except OSError as error:
        raise _refused(path, error) from error
    if is_folder(path):
        raise _refused(path, "it is a folder")


def save_blend(path: Path) -> None:
    """Save the open file as ``path`` and print that. Raises BadInputError if it can't be written."""
    require_place(path)
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(path))
    except RuntimeError as error:
        raise _refused(path, error) from error
    print(f"saved {path}")


def _refused(path: Path, reason: object) -> BadInputError:
    told = " ".join((getattr(reason, "strerror", None) or str(reason)).split())
    return BadInputError("blend_unwritable", f"Cannot save {shown(path)} ({told}).", "Choose another file.")
