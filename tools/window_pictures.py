"""What the scripts share that set up Blender's window and photograph it: editors, panels, pictures.

Each function that yields lets Blender draw in between; a timer runs the generators on.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import bpy

CATEGORY = "Soliloquy"


def window() -> bpy.types.Window:
    """The one window."""
    return bpy.context.window_manager.windows[0]


def region_of(area: bpy.types.Area, kind: str = "WINDOW") -> bpy.types.Region:
    """An editor's region of a kind."""
    return next(region for region in area.regions if region.type == kind)


def two_editors() -> Iterator[None]:
    """The layout workspace with nothing but two editors side by side."""
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
    """The two, from left to right."""
    return sorted((area for area in window().screen.areas if area.type == "VIEW_3D"), key=lambda area: area.x)


def arrange(left: bpy.types.Area, right: bpy.types.Area) -> None:
    """Strips with a preview on the left, the textured heads seen by the camera on the right."""
    left.spaces.active.view_type = "SEQUENCER_PREVIEW"
    left.spaces.active.show_region_ui = True
    left.spaces.active.timeline_overlay.show_strip_source = False  # where the files lie is nobody's business
    left.spaces.active.preview_overlay.show_metadata = False  # a picture is too small for it
    if hasattr(window().workspace, "sequencer_scene"):
        window().workspace.sequencer_scene = window().scene
    viewport = right.spaces.active
    viewport.show_region_ui, viewport.show_region_toolbar = True, False
    viewport.shading.type, viewport.shading.color_type = "SOLID", "TEXTURE"
    viewport.region_3d.view_perspective = "CAMERA"
    viewport.overlay.show_bones = False
    for thing in window().scene.objects:
        thing.select_set(False)


def frame_views(left: bpy.types.Area, right: bpy.types.Area) -> None:
    """All strips, the whole picture, the heads beside the sidebar; only after the editors have been drawn once."""
    views = (
        (left, "WINDOW", bpy.ops.sequencer.view_all),
        (left, "PREVIEW", bpy.ops.sequencer.view_all_preview),
        (right, "WINDOW", bpy.ops.view3d.view_center_camera),
    )
    for area, kind, show_all in views:
        with bpy.context.temp_override(window=window(), area=area, region=region_of(area, kind)):
            show_all()
    right.spaces.active.region_3d.view_camera_offset = (0.2, 0.0)


def drawn(*areas: bpy.types.Area) -> Iterator[None]:
    """Give Blender time to draw."""
    for area in areas:
        area.tag_redraw()
    for _ in range(3):
        yield


def photograph(path: Path, area: bpy.types.Area | None, *panels: str) -> Iterator[None]:
    """Save a picture of an editor (None: the whole window); with panels named, they alone are in our tab, all open."""
    if panels:
        show_only(panels)
        area.spaces.active.show_region_ui = True
        yield from drawn(area)
        region_of(area, "UI").active_panel_category = CATEGORY
    crop = []
    if area is not None:
        yield from drawn(area)
        top = window().height - area.y - area.height  # Blender counts from the bottom
        crop = ["-crop", f"{area.width}x{area.height}+{area.x}+{top}", "+repage"]
    # Blender's own screenshots are black under software OpenGL; ImageMagick's show what the screen shows.
    subprocess.run(["import", "-window", "root", *crop, str(path)], check=True, timeout=60)
    yield


def our_panels() -> list[type]:
    """The extension's panels, wherever it is installed; parents before their children."""
    ours = [cls for cls in bpy.types.Panel.__subclasses__() if getattr(cls, "bl_category", "") == CATEGORY]
    return sorted(ours, key=lambda cls: hasattr(cls, "bl_parent_id"))


def show_only(names: tuple[str, ...]) -> None:
    """Register the named panels alone, open and each on its own: a picture has no room for the others."""
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
    """Run ``steps`` on a timer, one every ``pause`` seconds, then quit Blender."""

    def tick() -> float | None:
        try:
            next(steps)
        except StopIteration:
            for cls in our_panels():
                if not cls.is_registered:
                    bpy.utils.register_class(cls)
            bpy.ops.wm.quit_blender()
            return None
        return pause

    bpy.app.timers.register(tick, first_interval=2.0, persistent=True)
