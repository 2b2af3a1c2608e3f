"""Asking Blender to draw what we show again: those regions alone, and no oftener than anyone can read.

One region tagged has Blender put the whole window on the screen once more, and an editor tagged draws its pictures or
its viewport too, which on a slow screen takes longer than anything that the add-on does.
"""

from __future__ import annotations

import time

import bpy

PAUSE = 0.5
"""Seconds between two drawings of something that goes on, as progress does."""
_REGIONS = {"SEQUENCE_EDITOR": "UI", "VIEW_3D": "UI", "PREFERENCES": "WINDOW"}
_latest = 0.0
_owed = False


def redraw() -> None:
    """Have the sidebars with our panels, the preferences and the status bar drawn again."""
    global _latest, _owed
    _latest, _owed = time.perf_counter(), False
    manager = bpy.context.window_manager
    for window in manager.windows if manager else ():
        for area in window.screen.areas:
            for region in area.regions if area.type in _REGIONS else ():
                if region.type == _REGIONS[area.type] and region.width > 1:
                    region.tag_redraw()
    # The status bar is in no area that Python sees; it draws itself when it hears that a view layer was renamed.
    bpy.msgbus.publish_rna(key=(bpy.types.ViewLayer, "name"))


def redraw_when_due(changed: bool) -> None:
    """The same for what changes many times a second: called at each turn, it draws at most every `PAUSE` seconds."""
    global _owed
    _owed |= changed
    if _owed and time.perf_counter() - _latest >= PAUSE:
        redraw()
