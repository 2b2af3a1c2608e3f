"""Finds programs on the PATH, never in the current folder. Standard library only."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def find_program(name: str) -> Path | None:
    """The program ``name`` (without ending) in the first folder of the PATH that has it, or None.

    `shutil.which` looks into the current folder first on Windows. In Blender, this is often the folder of the .blend
    file, so a program that somebody put there would be started. Relative folders on the PATH are left out for the same
    reason.
    """
    file = f"{name}.exe" if sys.platform == "win32" else name
    for word in os.environ.get("PATH", os.defpath).split(os.pathsep):
        folder = Path(word.strip('"')) if sys.platform == "win32" else Path(word)
        try:
            if folder.is_absolute() and (folder / file).is_file() and os.access(folder / file, os.X_OK):
                return folder / file
        except (OSError, ValueError):
            continue
    return None
