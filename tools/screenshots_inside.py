"""Inside Blender's window: show the add-on's panels, for ``tools/screenshots.py`` to photograph.

Opens a file that ``tools/demo_blender.py`` made, puts the sequencer and the 3D viewport side by side with the add-on's
tab open, and writes the editors' places in the window to ``--places`` when all is drawn.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))

from demo_blender import register_extension

PAUSE = 0.6


def options() -> argparse.Namespace:
    """What follows ``--`` on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blend", type=Path, required=True)
    parser.add_argument("--places", type=Path, required=True)
    parser.add_argument("--frame", type=int, default=40, help="scene frame to show")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--worker-python", help="interpreter, so that the panel is not asking for its runtime")
    return parser.parse_args(sys.argv[sys.argv.index("--") + 1 :])


def arrange_all(chosen: argparse.Namespace) -> Iterator[None]:
    """Arrange, wait for Blender to draw, say where things are."""
    bpy.ops.wm.open_mainfile(filepath=str(chosen.blend.absolute()), load_ui=False)
    yield
    window = bpy.context.window_manager.windows[0]
    window.workspace = bpy.data.workspaces["Layout"]
    yield
    for kind in ("OUTLINER", "PROPERTIES", "DOPESHEET_EDITOR"):
        area = next(area for area in window.screen.areas if area.type == kind)
        with bpy.context.temp_override(window=window, area=area):
            bpy.ops.screen.area_close()
        yield
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    with bpy.context.temp_override(window=window, area=area):
        bpy.ops.screen.area_split(direction="VERTICAL", factor=0.56)
    yield
    left, right = sorted((area for area in window.screen.areas if area.type == "VIEW_3D"), key=lambda area: area.x)
    left.type, right.type = "SEQUENCE_EDITOR", "VIEW_3D"
    yield
    arrange(window, left, right)
    settings = bpy.context.scene.soliloquy
    settings.portrait_image = bpy.data.images.load(bpy.path.abspath(settings.portrait_file))
    bpy.context.scene.frame_set(chosen.frame)
    for _ in range(6):
        yield
    for _ in range(2):  # the preview needs its first picture before it can be fitted
        frame_views(window, left, right)
        for _ in range(6):
            yield
    open_tab(left)
    open_tab(right)
    for _ in range(6):
        yield
    places = {}
    for area, name in ((left, "sequencer"), (right, "viewport")):
        places[name] = [area.x, area.y, area.width, area.height]
    chosen.places.write_text(json.dumps(places))


def arrange(window: bpy.types.Window, left: bpy.types.Area, right: bpy.types.Area) -> None:
    """Strips with a preview on the left, the textured head seen by the camera on the right."""
    space = left.spaces.active
    space.view_type = "SEQUENCER_PREVIEW"
    space.show_region_ui = True
    if hasattr(window.workspace, "sequencer_scene"):
        window.workspace.sequencer_scene = window.scene
    viewport = right.spaces.active
    viewport.show_region_ui = True
    viewport.show_region_toolbar = False
    viewport.shading.type = "SOLID"
    viewport.shading.color_type = "TEXTURE"
    viewport.region_3d.view_perspective = "CAMERA"
    for thing in window.scene.objects:
        thing.select_set(False)
    viewport.overlay.show_bones = False


def frame_views(window: bpy.types.Window, left: bpy.types.Area, right: bpy.types.Area) -> None:
    """All strips, the whole picture, the head beside the sidebar; only after the editors have been drawn once."""
    views = (
        (left, "WINDOW", bpy.ops.sequencer.view_all),
        (left, "PREVIEW", bpy.ops.sequencer.view_all_preview),
        (right, "WINDOW", bpy.ops.view3d.view_center_camera),
    )
    for area, kind, show_all in views:
        region = next(region for region in area.regions if region.type == kind)
        with bpy.context.temp_override(window=window, area=area, region=region):
            show_all()
    right.spaces.active.region_3d.view_camera_offset = (0.12, 0.0)


def open_tab(area: bpy.types.Area) -> None:
    """Bring the add-on's tab to the front."""
    region = next(region for region in area.regions if region.type == "UI")
    region.active_panel_category = "Soliloquy"
    area.tag_redraw()


def main() -> None:
    """Start the timer that runs `arrange_all` between Blender's own events."""
    chosen = options()
    if chosen.worker_python:
        os.environ["SOLILOQUY_PYTHON"] = chosen.worker_python
    register_extension()
    bpy.context.preferences.view.ui_scale = chosen.scale
    bpy.context.preferences.view.show_splash = False
    running = arrange_all(chosen)

    def tick() -> float | None:
        try:
            next(running)
        except StopIteration:
            return None
        return PAUSE

    bpy.app.timers.register(tick, first_interval=2.0, persistent=True)


main()
