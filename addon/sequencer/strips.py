"""Strips of the sequencer that takes belong to: the sound, and the pictures above it, in sync at the scene's rate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

from ...core.errors import BadInputError
from .. import compat
from ..words import say
from .timing import Timing


def frame_name(index: int) -> str:
    """File name of the take's frame ``index`` (from 0)."""
    return f"{index + 1:06d}.png"


def image_strip(
    scene: bpy.types.Scene, name: str, frames: Path, count: int, timing: Timing, channel: int
) -> Iterator[Any]:
    """Add the strip in small steps; yields the unfinished strip between them, lastly the finished one.

    Scene frame k shows the take's frame of the same moment (`Timing.take_frame`), so each element is named from its
    own time. Blender copies the whole element list for each one appended, hence a step for each.

    Raises
    ------
    BadInputError
        If the take's frames are not on disk.
    """
    first = timing.first_frame()
    length = timing.scene_frames(count)
    source = frames / frame_name(timing.take_frame(first, count))
    if not source.is_file():
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
    """What stands for the strip from now on, however it is renamed: its name, where that isn't another one's link."""
    if not strip.soliloquy_link or find_strip(scene, strip.soliloquy_link) != strip:  # new, or a copy of another
        taken = {other.soliloquy_link for other in compat.all_strips(scene)}
        names = (strip.name, *(f"{strip.name} {number}" for number in range(2, len(taken) + 2)))
        strip.soliloquy_link = next(name for name in names if name not in taken)
    return strip.soliloquy_link


def find_strip(scene: bpy.types.Scene, linked: str) -> Any | None:
    """The strip that was linked as ``linked``, or that is called so, anywhere in the scene's sequencer; or None.

    A copy carries the link of its original, and comes after it.
    """
    if not linked:
        return None
    every = list(compat.all_strips(scene))
    known = [strip for strip in every if strip.soliloquy_link == linked]
    called_so = [strip for strip in known or every if strip.name == linked and strip.soliloquy_link in ("", linked)]
    return next(iter(called_so + known), None)


def remove_strip(scene: bpy.types.Scene, linked: str) -> bool:
    """Remove the top-level strip that :func:`find_strip` finds; says whether there was one."""
    strip = find_strip(scene, linked)
    editor = scene.sequence_editor
    if strip is None or strip.name not in {s.name for s in compat.strips_of(editor)}:
        return False
    compat.strips_of(editor).remove(strip)
    return True
