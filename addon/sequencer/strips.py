"""Strips of the sequencer for takes: the sound, and above it the pictures, in sync at the scene's rate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

from ...core.errors import BadInputError
from ...core.files import is_file
from ...core.wire.names import frame_name
from .. import compat
from ..words import say
from .timing import Timing


def image_strip(
    scene: bpy.types.Scene, name: str, frames: Path, count: int, timing: Timing, channel: int
) -> Iterator[Any]:
    """Add the strip in small steps; yields the unfinished strip after each of them, and at last the finished strip.

    Each scene frame shows the take's frame of the same time (`Timing.take_frame`), so each element gets its name from
    its own time. Each element is a step, because Blender copies the whole list of elements to append one.

    Raises
    ------
    BadInputError
        ``take_missing`` if the take's frames are not on disk.
    """
    first = timing.first_frame()
    length = timing.scene_frames(count)
    source = frames / frame_name(timing.take_frame(first, count))
    if not is_file(source):
        raise BadInputError(
            "take_missing", say("The take's frames are missing: {frames}", frames=frames), say("Generate it again.")
        )
    editor = scene.sequence_editor or scene.sequence_editor_create()
    channel = compat.free_channel(scene, channel, first, first + length)
    strip = compat.strips_of(editor).new_image(name, str(source), channel, first, fit_method="FIT")
    for offset in range(1, length):
        strip.elements.append(frame_name(timing.take_frame(first + offset, count)))
        yield strip
    yield strip


def link(scene: bpy.types.Scene, strip: Any) -> str:
    """Give the strip a link that stays when the strip is renamed, and return it.

    The link is the strip's name, with a number if another strip has this link.
    """
    if not strip.soliloquy_link or find_strip(scene, strip.soliloquy_link) != strip:  # a new strip, or a copy
        taken = {other.soliloquy_link for other in compat.all_strips(scene)}
        names = (strip.name, *(f"{strip.name} {number}" for number in range(2, len(taken) + 2)))
        strip.soliloquy_link = next(name for name in names if name not in taken)
    return strip.soliloquy_link


def find_strip(scene: bpy.types.Scene, linked: str) -> Any | None:
    """The strip with the link or the name ``linked``, anywhere in the scene's sequencer. None: there is none.

    A copy has the link of its original; the original is preferred.
    """
    if not linked:
        return None
    every = list(compat.all_strips(scene))
    known = [strip for strip in every if strip.soliloquy_link == linked]
    named = [strip for strip in known or every if strip.name == linked and strip.soliloquy_link in ("", linked)]
    return next(iter(named + known), None)


def remove_strip(scene: bpy.types.Scene, linked: str) -> bool:
    """Remove the top-level strip that `find_strip` finds; returns whether there was one."""
    strip = find_strip(scene, linked)
    editor = scene.sequence_editor
    if strip is None or strip.name not in {s.name for s in compat.strips_of(editor)}:
        return False
    compat.strips_of(editor).remove(strip)
    return True
