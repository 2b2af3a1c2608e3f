"""Inside Blender's window: sets up each of the guide's pictures and photographs the editor it is about.

For ``tools/screenshots.py``, on a file that ``tools/example_blend.py`` made. Writes ``done`` into the folder when all
pictures are there.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))

from demo_blender import register_extension

PAUSE = 0.5


def options() -> argparse.Namespace:
    """What follows ``--`` on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blend", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--frame", type=int, default=40, help="scene frame to show")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--worker-python", help="interpreter, so that the panel is not asking for its runtime")
    return parser.parse_args(sys.argv[sys.argv.index("--") + 1 :])


def pictures(chosen: argparse.Namespace) -> Iterator[None]:
    """Each picture in turn; yields whenever Blender should draw."""
    bpy.ops.wm.open_mainfile(filepath=str(chosen.blend.absolute()), load_ui=False)
    yield
    yield from two_editors()
    left, right = editors()
    left.type, right.type = "SEQUENCE_EDITOR", "VIEW_3D"
    yield
    window = bpy.context.window_manager.windows[0]
    arrange(window, left, right)
    scene = window.scene
    settings = scene.soliloquy
    settings.portrait_image = bpy.data.images.load(bpy.path.abspath(settings.portrait_file))
    scene.frame_set(chosen.frame)
    yield from drawn(left, right)
    for _ in range(2):  # the preview needs its first picture before it can be fitted
        frame_views(window, left, right)
        yield from drawn(left, right)
    yield from photograph(chosen.out / "panel_sequencer.png", left, "speak", "takes")
    yield from photograph(chosen.out / "panel_viewport.png", right, "targets")
    settings.range_kind, scene.use_preview_range = "PREVIEW", True
    scene.frame_preview_start, scene.frame_preview_end = 38, scene.frame_end
    settings.renew = {"blink"}
    settings.takes[settings.active_take].style.head = 0.6
    yield from photograph(chosen.out / "guide_resample.png", left, "takes", "resample", "style")
    bpy.ops.soliloquy.reset_style()
    scene.use_preview_range = False
    settings.active_target = len(settings.targets) - 1
    settings.targets[-1].active_rule = 6
    show_rig(window, right, settings.targets[-1].thing)
    yield from photograph(chosen.out / "guide_mapping.png", right, "targets", "mapping")
    yield from doctored()
    yield from photograph(chosen.out / "guide_doctor.png", right, "doctor")
    yield from curves(window, left, settings.targets[0].thing)
    yield from photograph(chosen.out / "guide_curves.png", left)
    (chosen.out / "done").write_text("")


def two_editors() -> Iterator[None]:
    """The layout workspace with nothing but two editors side by side."""
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
        bpy.ops.screen.area_split(direction="VERTICAL", factor=0.5)
    yield


def editors() -> list[bpy.types.Area]:
    """The two, from left to right."""
    areas = bpy.context.window_manager.windows[0].screen.areas
    return sorted((area for area in areas if area.type == "VIEW_3D"), key=lambda area: area.x)


def arrange(window: bpy.types.Window, left: bpy.types.Area, right: bpy.types.Area) -> None:
    """Strips with a preview on the left, the textured heads seen by the camera on the right."""
    left.spaces.active.view_type = "SEQUENCER_PREVIEW"
    left.spaces.active.show_region_ui = True
    left.spaces.active.timeline_overlay.show_strip_source = False  # where the files lie is nobody's business
    if hasattr(window.workspace, "sequencer_scene"):
        window.workspace.sequencer_scene = window.scene
    viewport = right.spaces.active
    viewport.show_region_ui, viewport.show_region_toolbar = True, False
    viewport.shading.type, viewport.shading.color_type = "SOLID", "TEXTURE"
    viewport.region_3d.view_perspective = "CAMERA"
    viewport.overlay.show_bones = False
    for thing in window.scene.objects:
        thing.select_set(False)


def frame_views(window: bpy.types.Window, left: bpy.types.Area, right: bpy.types.Area) -> None:
    """All strips, the whole picture, the heads beside the sidebar; only after the editors have been drawn once."""
    views = (
        (left, "WINDOW", bpy.ops.sequencer.view_all),
        (left, "PREVIEW", bpy.ops.sequencer.view_all_preview),
        (right, "WINDOW", bpy.ops.view3d.view_center_camera),
    )
    for area, kind, show_all in views:
        region = next(region for region in area.regions if region.type == kind)
        with bpy.context.temp_override(window=window, area=area, region=region):
            show_all()
    right.spaces.active.region_3d.view_camera_offset = (0.2, 0.0)


def show_rig(window: bpy.types.Window, area: bpy.types.Area, rig: bpy.types.Object) -> None:
    """The rig's controls, its head in the middle."""
    space = area.spaces.active
    space.overlay.show_bones = True
    camera, head = window.scene.camera, rig.data.bones["head"]
    camera.location = rig.matrix_world @ ((head.head_local + head.tail_local) / 2)
    camera.location.y -= 1.5


def doctored() -> Iterator[None]:
    """A check by the doctor, to its end."""
    from soliloquy.addon import jobs, operators_doctor

    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.soliloquy.doctor("INVOKE_DEFAULT")
    while jobs.current() is not None or not operators_doctor.findings():
        yield


def curves(window: bpy.types.Window, area: bpy.types.Area, rig: bpy.types.Object) -> Iterator[None]:
    """The chosen take's curves in the graph editor, the brows selected."""
    for thing in window.scene.objects:
        thing.select_set(thing == rig)
    window.view_layer.objects.active = rig
    bpy.ops.soliloquy.edit_curves()
    area.type = "GRAPH_EDITOR"
    area.spaces.active.show_region_ui = False
    area.spaces.active.dopesheet.filter_text = "brow"
    yield from drawn(area)
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.graph.view_all()


def drawn(*areas: bpy.types.Area) -> Iterator[None]:
    """Give Blender time to draw."""
    for area in areas:
        area.tag_redraw()
    for _ in range(3):
        yield


def photograph(path: Path, area: bpy.types.Area, *panels: str) -> Iterator[None]:
    """Save a picture of an editor with nothing but the named panels in our tab, all of them open."""
    from soliloquy.addon import panels as ours

    show_only(panels)
    if panels:
        region = next(region for region in area.regions if region.type == "UI")
        area.spaces.active.show_region_ui = True
        yield from drawn(area)
        region.active_panel_category = ours.Panel.bl_category
    yield from drawn(area)
    top = bpy.context.window_manager.windows[0].height - area.y - area.height  # Blender counts from the bottom
    place = f"{area.width}x{area.height}+{area.x}+{top}"
    # Blender's own screenshots are black under software OpenGL; ImageMagick's show what the screen shows.
    subprocess.run(["import", "-window", "root", "-crop", place, "+repage", str(path)], check=True, timeout=60)
    yield


def show_only(names: tuple[str, ...]) -> None:
    """Register the named panels alone, open and each on its own: a picture has no room for the others."""
    from soliloquy.addon import operators_doctor, panels, panels_takes, panels_targets

    modules = (panels, panels_takes, panels_targets, operators_doctor)
    classes = [cls for module in modules for cls in module.CLASSES if issubclass(cls, bpy.types.Panel)]
    for cls in reversed(classes):
        if cls.is_registered:
            bpy.utils.unregister_class(cls)
    for cls in classes:
        if cls.bl_idname.split("_")[-2] in names:
            cls.bl_options = set()
            if hasattr(cls, "bl_parent_id"):
                del cls.bl_parent_id
            bpy.utils.register_class(cls)


def main() -> None:
    """Start the timer that runs `pictures` between Blender's own events."""
    chosen = options()
    if chosen.worker_python:
        os.environ["SOLILOQUY_PYTHON"] = chosen.worker_python
    register_extension()
    bpy.context.preferences.view.ui_scale = chosen.scale
    bpy.context.preferences.view.show_splash = False
    running = pictures(chosen)

    def tick() -> float | None:
        try:
            next(running)
        except StopIteration:
            bpy.ops.wm.quit_blender()
            return None
        return PAUSE

    bpy.app.timers.register(tick, first_interval=2.0, persistent=True)


main()
