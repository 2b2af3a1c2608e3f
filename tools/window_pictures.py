"""Sets up Blender's window and photographs it: editors, panels, pictures. Shared by the scripts that make pictures.

Functions that yield let Blender draw at each ``yield``; a timer (`run`) continues them.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy

from tools.blender_state import manager

CATEGORY = "Soliloquy"
"""The sidebar tab that holds the extension's panels."""
FIRST_STEP = 2.0
"""Seconds before the first step: Blender has drawn its window by then."""
END = object()
"""Stands for the end of the steps."""


def window() -> bpy.types.Window:
    """Blender's window; the scripts open no second one."""
    return manager().windows[0]


def region_of(area: bpy.types.Area, kind: str = "WINDOW") -> Any:
    """The region of an editor that has the given type."""
    return next(region for region in area.regions if region.type == kind)


def space_of(area: bpy.types.Area) -> Any:
    """The active space of an editor. Its class depends on the editor's type, which the type stubs can't express."""
    return area.spaces.active


def two_editors() -> Iterator[None]:
    """Change the layout workspace so that it holds only two editors, side by side."""
    window().workspace = bpy.data.workspaces["Layout"]
    yield
    for kind in ("OUTLINER", "PROPERTIES", "DOPESHEET_EDITOR"):
        area = next(area for area in window().screen.areas if area.type == kind)
        with bpy.context.temp_override(window=window(), area=area):
            bpy.ops.screen.area_close()
        yield
    area = next(area for area in window().screen.areas if area.type == "VIEW_3D")
    with bpy.context.temp_override(window=window(), area=area):
        bpy.ops.screen.area_split(direction="VERTICAL", factor=0.5)
    yield


def editors() -> list[bpy.types.Area]:
    """The two editors, from left to right."""
    return sorted((area for area in window().screen.areas if area.type == "VIEW_3D"), key=lambda area: area.x)


def arrange(left: bpy.types.Area, right: bpy.types.Area) -> None:
    """Show strips and a preview on the left, and on the right the textured heads as the camera sees them."""
    sequencer = space_of(left)
    sequencer.view_type = "SEQUENCER_PREVIEW"
    sequencer.show_region_ui = True
    sequencer.timeline_overlay.show_strip_source = False  # the pictures are published: no paths of this machine
    sequencer.preview_overlay.show_metadata = False  # a picture is too small for it
    workspace: Any = window().workspace
    if hasattr(workspace, "sequencer_scene"):
        workspace.sequencer_scene = window().scene
    viewport = space_of(right)
    viewport.show_region_ui, viewport.show_region_toolbar = True, False
    viewport.shading.type, viewport.shading.color_type = "SOLID", "TEXTURE"
    viewport.region_3d.view_perspective = "CAMERA"
    viewport.overlay.show_bones = False
    viewport.overlay.show_extras = viewport.overlay.show_cursor = False  # lines of lights would cross the faces
    for thing in window().scene.objects:
        thing.select_set(False)


def frame_views(left: bpy.types.Area, right: bpy.types.Area) -> None:
    """Zoom to all strips, the whole picture, and the heads next to the sidebar. The editors must have been drawn."""
    views = (
        (left, "WINDOW", bpy.ops.sequencer.view_all),
        (left, "PREVIEW", bpy.ops.sequencer.view_all_preview),
        (right, "WINDOW", bpy.ops.view3d.view_center_camera),
    )
    for area, kind, show_all in views:
        with bpy.context.temp_override(window=window(), area=area, region=region_of(area, kind)):
            show_all()
    space_of(right).region_3d.view_camera_offset = (0.2, 0.0)


def drawn(*areas: bpy.types.Area) -> Iterator[None]:
    """Give Blender time to draw the given editors."""
    for area in areas:
        area.tag_redraw()
    for _ in range(3):
        yield


def enter_pressed() -> Iterator[None]:
    """Press and release the Enter key. Blender must run with ``--enable-event-simulate``."""
    window().event_simulate(type="RET", value="PRESS")
    yield
    window().event_simulate(type="RET", value="RELEASE")
    yield


def wait(seconds: float) -> Iterator[None]:
    """Let Blender work for some time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield


def until(condition: Callable[[], bool], seconds: float) -> Iterator[None]:
    """Wait until ``condition`` holds; fails after ``seconds``."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        yield


def photograph(path: Path, area: bpy.types.Area, *panels: str) -> Iterator[None]:
    """Save a picture of an editor. If ``panels`` are named, our tab holds only those, and all of them are open."""
    if panels:
        show_only(panels)
        space_of(area).show_region_ui = True
        yield from drawn(area)
        region_of(area, "UI").active_panel_category = CATEGORY
    yield from drawn(area)
    top = window().height - area.y - area.height  # Blender counts from the bottom
    crop = ["-crop", f"{area.width}x{area.height}+{area.x}+{top}", "+repage"]
    # Blender's own screenshots are black under software OpenGL. ImageMagick photographs the screen itself.
    subprocess.run(["import", "-window", "root", *crop, str(path)], check=True, timeout=60)
    yield


def our_panels() -> list[Any]:
    """The classes of the extension's panels, in whichever place it is installed; parents before their children."""
    ours: list[Any] = [cls for cls in bpy.types.Panel.__subclasses__() if getattr(cls, "bl_category", "") == CATEGORY]
    return sorted(ours, key=lambda cls: hasattr(cls, "bl_parent_id"))


def show_only(names: tuple[str, ...]) -> None:
    """Register only the named panels, open and without parents: a picture has no room for the others."""
    classes = our_panels()
    for cls in reversed(classes):
        if cls.is_registered:
            bpy.utils.unregister_class(cls)
    for cls in classes:
        if cls.bl_idname.split("_")[-2] in names:
            cls.bl_options = set()
            if hasattr(cls, "bl_parent_id"):
                del cls.bl_parent_id
            bpy.utils.register_class(cls)


def run(steps: Iterator[None], pause: float) -> None:
    """Run ``steps`` on a timer, one every ``pause`` seconds, then quit Blender.

    It also quits after a step that fails: nobody is there to close the window. Blender prints the traceback.
    """

    def tick() -> float | None:
        goes_on = False
        try:
            goes_on = next(steps, END) is None
        finally:
            if not goes_on:
                leave()
        return pause if goes_on else None

    def leave() -> None:
        for cls in our_panels():
            if not cls.is_registered:
                bpy.utils.register_class(cls)
        bpy.ops.wm.quit_blender()

    bpy.app.timers.register(tick, first_interval=FIRST_STEP, persistent=True)
