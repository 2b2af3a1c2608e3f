"""Small pictures of the takes for the list, read once and kept for the session."""

from __future__ import annotations

from pathlib import Path

import bpy
import bpy.utils.previews

from ...core.wire.names import frame_name
from ..properties.scene import SoliloquyTake

_collections: list[bpy.utils.previews.ImagePreviewCollection] = []


def icon_of(take: SoliloquyTake) -> int:
    """Icon number of a frame a third into the take; 0 where there is none."""
    if not _collections or take.status != "READY":
        return 0
    pictures = _collections[0]
    path = take.path() / "frames" / frame_name(take.frame_count // 3)
    key = str(path)
    if key not in pictures:
        if not Path(path).is_file():
            return 0
        pictures.load(key, key, "IMAGE")
    return pictures[key].icon_id


def register() -> None:
    """Make the collection."""
    _collections.append(bpy.utils.previews.new())


def unregister() -> None:
    """Free the pictures."""
    for collection in _collections:
        bpy.utils.previews.remove(collection)
    _collections.clear()
