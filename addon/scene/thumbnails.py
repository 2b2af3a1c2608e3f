"""Small pictures of the takes for the list, loaded once per session."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy
import bpy.utils.previews

from ...core.files import is_file
from ...core.wire.names import frame_name
from ..properties import trusted
from ..properties.scene import SoliloquyTake
from ..session import session


@dataclass
class Thumbnails:
    """Blender's collection of small pictures; None before `register` and after `unregister`."""

    pictures: bpy.utils.previews.ImagePreviewCollection | None = None


def icon_of(take: SoliloquyTake) -> int:
    """Icon number of the frame at one third of the take; 0 if there is none."""
    pictures = session().part(Thumbnails).pictures
    if pictures is None or take.status != "READY" or not trusted.may_look(take.path()):
        return 0
    path = take.path() / "frames" / frame_name(take.frame_count // 3)
    key = str(path)
    if key not in pictures:
        if not is_file(Path(path)):
            return 0
        pictures.load(key, key, "IMAGE")
    return pictures[key].icon_id


def register() -> None:
    """Create the collection of pictures."""
    session().part(Thumbnails).pictures = bpy.utils.previews.new()


def unregister() -> None:
    """Free the pictures."""
    thumbnails = session().part(Thumbnails)
    if thumbnails.pictures is not None:
        bpy.utils.previews.remove(thumbnails.pictures)
        thumbnails.pictures = None
