"""Which files a .blend may name as its queue: anybody may have made the .blend, so others are asked for first."""

from __future__ import annotations

import os
from pathlib import Path

import bpy

from ..properties import trusted
from ..properties.queue import queue_settings_of
from ..storage import paths


def queue_file(scene: bpy.types.Scene) -> Path:
    """The path of the queue's file that a scene names; the disk isn't touched."""
    stored = bpy.path.abspath(queue_settings_of(scene).file)
    return Path(os.path.normpath(stored if paths.is_network(stored) else os.path.abspath(stored)))  # noqa: PTH100


def is_own_place(file: Path) -> bool:
    """Whether ``file`` lies in the .blend's folder, the user's own, or one that the user has chosen for takes.

    The output folder counts only if the user has chosen it, because the .blend may name any. A path on a network counts
    only if the .blend itself was opened from there, or if the user has chosen it.
    """
    return trusted.is_trusted(file)
