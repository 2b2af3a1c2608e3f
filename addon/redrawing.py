"""Ask Blender to redraw the regions that show our state, no more often than a user can read them.

Tagging one region makes Blender present the whole window again. Tagging an editor also redraws its images or its
viewport, which on a slow screen takes longer than anything that the add-on does.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import bpy

from .session import session

PAUSE = 0.5
"""Seconds between two redraws of something that changes all the time, such as progress."""
_REGIONS = {"SEQUENCE_EDITOR": "UI", "VIEW_3D": "UI", "PREFERENCES": "WINDOW"}


@dataclass
class Redraws:
    """When the regions were last tagged (``time.perf_counter``), and whether something has changed since."""

    latest: float = 0.0
    owed: bool = False


def redraw() -> None:
    """Redraw the sidebars with our panels, the preferences and the status bar."""
    state = session().part(Redraws)
    state.latest, state.owed = time.perf_counter(), False
    manager = bpy.context.window_manager
    for window in manager.windows if manager else ():
        for area in window.screen.areas:
            for region in area.regions if area.type in _REGIONS else ():
                if region.type == _REGIONS[area.type] and region.width > 1:
                    region.tag_redraw()
    # Python has no access to the status bar's area, but it redraws itself when a view layer was renamed.
    name_of_any: Any = (bpy.types.ViewLayer, "name")  # the stubs don't know this form of a key
    bpy.msgbus.publish_rna(key=name_of_any)


def redraw_when_due(changed: bool) -> None:
    """Call this at every turn, with whether something changed: it redraws at most every `PAUSE` seconds."""
    state = session().part(Redraws)
    state.owed |= changed
    if state.owed and time.perf_counter() - state.latest >= PAUSE:
        redraw()
