"""Which files a .blend may name as its queue: anybody may have made the .blend, so others are asked for first."""

from __future__ import annotations

import os
from pathlib import Path

import bpy

from ..properties import preferences
from ..properties.queue import queue_settings_of
from ..properties.scene import settings_of
from ..storage import paths


def queue_file(scene: bpy.types.Scene) -> Path:
    """The path of the queue's file that a scene names; the disk isn't touched."""
    stored = bpy.path.abspath(queue_settings_of(scene).file)
    return Path(os.path.normpath(stored if paths.is_network(stored) else os.path.abspath(stored)))  # noqa: PTH100


def is_own_place(file: Path, scene: bpy.types.Scene) -> bool:
    """Whether ``file`` lies in the .blend's folder, the scene's output folder or the add-on's own folder.

    A path on a network counts only if the .blend itself was opened from there.
    """
    folders = [Path(bpy.data.filepath).parent] if bpy.data.filepath else []
    if not paths.is_network(file):
        folders += [preferences.output_folder(settings_of(scene).output_dir), preferences.user_folder()]
    return any(_is_below(file, folder) for folder in folders)


def _is_below(file: Path, folder: Path) -> bool:
    """Whether links and ``..`` included, ``file`` is in ``folder``; paths on a network are only compared."""
    if paths.is_network(file) or paths.is_network(folder):
        return file.is_relative_to(os.path.normpath(folder))
    try:
        return file.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):
        return False
