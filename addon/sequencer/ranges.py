"""A part of a take, chosen by the timeline's preview range, markers, the strip's handles, or typed frames."""

from __future__ import annotations

import math

import bpy

from ...core.errors import BadInputError
from ...core.motion.channels import FPS
from .. import compat
from ..words import say
from . import strips
from .timing import Timing

ITEMS = (
    ("WHOLE", "Whole Take", "From its first frame to its last"),
    ("PREVIEW", "Preview Range", "The timeline's preview range (P and drag in the timeline)"),
    ("MARKERS", "Markers", "From the first to the last selected marker, or between the two around the current frame"),
    ("STRIP", "Strip Handles", "What the take's image strip shows between its handles"),
    ("FRAMES", "Frames", "From one scene frame to another"),
)


def scene_frames(scene: bpy.types.Scene, kind: str, image_strip: str, typed: tuple[int, int]) -> tuple[int, int] | None:
    """First and last scene frame of the range, both included. None: the whole take.

    ``kind`` is one of `ITEMS`, ``image_strip`` the link of the take's strip, ``typed`` the range of kind ``FRAMES``.
    Raises BadInputError ``no_range`` if there is no such range.
    """
    if kind == "WHOLE":
        return None
    if kind == "PREVIEW":
        if not scene.use_preview_range:
            raise BadInputError(
                "no_range", say("The timeline has no preview range."), say("Set one: P and drag in the timeline.")
            )
        return scene.frame_preview_start, scene.frame_preview_end
    if kind == "MARKERS":
        return _between_markers(scene)
    if kind == "STRIP":
        strip = strips.find_strip(scene, image_strip)
        if strip is None:
            raise BadInputError(
                "no_range", say("The take has no strip in the sequencer."), say("Place it in the sequencer first.")
            )
        return compat.left_handle(strip), compat.right_handle(strip) - 1
    first, last = typed
    if last < first:
        raise BadInputError(
            "no_range", say("Frame {last} comes before frame {first}.", last=last, first=first), say("Swap them.")
        )
    return typed


def _between_markers(scene: bpy.types.Scene) -> tuple[int, int]:
    chosen = sorted(marker.frame for marker in scene.timeline_markers if marker.select)
    if len(chosen) >= 2:
        return chosen[0], chosen[-1]
    every = sorted(marker.frame for marker in scene.timeline_markers)
    before = [frame for frame in every if frame <= scene.frame_current]
    after = [frame for frame in every if frame > scene.frame_current]
    if not before or not after:
        raise BadInputError(
            "no_range",
            say("There are no markers around the current frame."),
            say("Set two (M in the timeline), or select two."),
        )
    return before[-1], after[0] - 1


def take_frames(timing: Timing, count: int, first: int, last: int, fps: float = FPS) -> tuple[int, int]:
    """First and last of a take's ``count`` frames that start during scene frames ``first`` to ``last``.

    Raises BadInputError ``no_range`` if none of them does.
    """
    start = math.ceil(timing.seconds(first) * fps - 1e-6)
    end = math.ceil(timing.seconds(last + 1) * fps - 1e-6) - 1
    start, end = max(start, 0), min(end, count - 1)
    if end < start:
        own_first = timing.first_frame()
        raise BadInputError(
            "no_range",
            say("Frames {first} to {last} are not part of the take.", first=first, last=last),
            say(
                "It goes from {first} to {last}.",
                first=own_first,
                last=own_first + timing.scene_frames(count, fps) - 1,
            ),
        )
    return start, end
