"""The open .blend file, as the commands save it."""

from __future__ import annotations

from pathlib import Path

import bpy

from ...core.errors import BadInputError


def save_blend(path: Path) -> None:
    """Save the open file as ``path`` and print that. Raises BadInputError if it can't be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        bpy.ops.wm.save_as_mainfile(filepath=str(path))
    except (OSError, RuntimeError) as error:
        raise BadInputError("blend_unwritable", f"Cannot save {path} ({error}).", "Choose another file.") from error
    print(f"saved {path}")
