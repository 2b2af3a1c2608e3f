"""Runs inside Blender's window: sets up each picture of the guide and photographs the editor that it shows.

Started by ``tools/screenshots.py`` on a file that ``tools/example_blend.py`` made. Writes the file ``done`` into the
folder when all pictures are there.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.blender_state import operators, preferences, settings_of, there
from tools.demo_blender import register_extension
from tools.window_pictures import (
    arrange,
    drawn,
    editors,
    frame_views,
    photograph,
    region_of,
    run,
    space_of,
    two_editors,
    until,
    window,
)

PAUSE = 0.5
"""Seconds between two steps."""
LONGEST = 240.0
"""Seconds in which the doctor has ended and the queue's second job runs, on a busy machine."""


def options() -> argparse.Namespace:
    """The options after ``--`` on the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--blend", type=Path, required=True, help="File that is shown.")
    parser.add_argument("--out", type=Path, required=True, help="Folder for the pictures.")
    parser.add_argument("--frame", type=int, default=40, help="Scene frame to show.")
    parser.add_argument("--scale", type=float, default=1.0, help="Size of the interface. Default: 1.")
    parser.add_argument(
        "--worker-python", help="Interpreter of the worker, so that the panel doesn't ask to install it."
    )
    return parser.parse_args(sys.argv[sys.argv.index("--") + 1 :])


def pictures(chosen: argparse.Namespace) -> Iterator[None]:
    """Takes each picture in turn; yields each time Blender should draw."""
    bpy.ops.wm.open_mainfile(filepath=str(chosen.blend.absolute()), load_ui=False)
    yield
    yield from two_editors()
    left, right = editors()
    left.type, right.type = "SEQUENCE_EDITOR", "VIEW_3D"
    yield
    arrange(left, right)
    scene = there(window().scene, "scene")
    settings = settings_of(scene)
    settings.portrait_image = bpy.data.images.load(bpy.path.abspath(settings.portrait_file))
    scene.frame_set(chosen.frame)
    yield from drawn(left, right)
    for _ in range(4):  # the views fit only after the preview has its first picture and the sound its waveform
        frame_views(left, right)
        yield from drawn(left, right)
    yield from photograph(chosen.out / "panel_sequencer.png", left, "speak", "takes")
    settings.source = "sadtalker"
    yield from photograph(chosen.out / "guide_systems.png", left, "advanced", "performance")
    settings.source = "diffusion"
    yield from performance(chosen.out, left)
    yield from phones(chosen.out, left)
    yield from photograph(chosen.out / "panel_viewport.png", right, "targets")
    settings.range_kind, scene.use_preview_range = "PREVIEW", True
    scene.frame_preview_start, scene.frame_preview_end = 38, scene.frame_end
    settings.renew = {"blink"}
    settings.takes[settings.active_take].style.head = 0.6
    yield from photograph(chosen.out / "guide_resample.png", left, "takes", "resample", "style")
    operators.soliloquy.reset_style()
    scene.use_preview_range = False
    settings.active_target = len(settings.targets) - 1
    settings.targets[-1].active_rule = 6
    show_rig(scene, right, settings.targets[-1].thing)
    yield from photograph(chosen.out / "guide_mapping.png", right, "targets", "mapping")
    yield from doctored()
    yield from photograph(chosen.out / "guide_doctor.png", right, "doctor")
    yield from curves(left, settings.targets[0].thing)
    yield from photograph(chosen.out / "guide_curves.png", left)
    operators.soliloquy.edit_curves()
    yield from queue(chosen.out, left)
    (chosen.out / "done").write_text("")


def performance(out: Path, area: bpy.types.Area) -> Iterator[None]:
    """Photographs the settings of a preset, then the same panels in German; afterwards resets both."""
    from soliloquy.addon.panels import presets as style_presets

    subfolder = style_presets.SOLILOQUY_OT_performance_preset.preset_subdir
    view = preferences().view

    def choose(preset: str) -> None:
        find: Any = bpy.utils.preset_find  # returns the path, or None; the type stubs say that it returns nothing
        menu = style_presets.SOLILOQUY_PT_performance_presets.__name__
        operators.script.execute_preset(filepath=find(preset, subfolder, display_name=True), menu_idname=menu)

    choose("Newsreader")
    yield from photograph(out / "guide_performance.png", area, "speak", "performance")
    view.language = "de_DE"
    view.use_translate_interface = view.use_translate_tooltips = True
    yield from photograph(out / "guide_german.png", area, "speak", "takes", "resample")
    view.language = "en_US"
    choose("As Sampled")


def phones(out: Path, area: bpy.types.Area) -> Iterator[None]:
    """Photograph the phones of the chosen take while one of them is chosen, at the current frame."""
    from soliloquy.addon import compat
    from soliloquy.addon.sequencer import phone_lane

    scene = there(window().scene, "scene")
    with bpy.context.temp_override(window=window(), area=area, region=region_of(area)):
        operators.soliloquy.show_phones("EXEC_DEFAULT")
        bpy.ops.screen.area_split(direction="HORIZONTAL", factor=0.5)
    yield
    low = min((other for other in there(window().screen, "screen").areas if other.x == area.x), key=lambda one: one.y)
    space = space_of(low)
    space.view_type, space.show_region_channels, space.show_region_toolbar = "SEQUENCER", False, False
    if hasattr(space, "show_region_footer"):  # Blender 5: buttons for playing
        space.show_region_footer = False
    lane = [strip for strip in compat.all_strips(scene) if phone_lane.take_of(strip)]
    lane.sort(key=compat.left_handle)
    chosen = next(strip for strip in lane if phone_lane.name_of(strip) == "M")
    yield from photograph(out / "guide_phones.png", low, "takes")  # the sidebar has its size now
    view, middle = region_of(low).view2d, compat.left_handle(chosen)
    first, last = (view.region_to_view(x, 0)[0] for x in (0, region_of(low).width))
    before = scene.frame_current
    scene.frame_set(middle)
    phone_lane.choose_at(scene, phone_lane.take_of(chosen), middle)
    with bpy.context.temp_override(window=window(), area=low, region=region_of(low)):
        bpy.ops.view2d.zoom(deltax=(last - first - 12) / 2)  # twelve frames: wide enough for the names
        bpy.ops.view2d.pan(deltax=round((middle - (first + last) / 2) / 12 * region_of(low).width))
    yield from photograph(out / "guide_phones.png", low)
    with bpy.context.temp_override(window=window(), area=low, region=region_of(low)):
        operators.soliloquy.remove_phones()
        bpy.ops.screen.area_close()
    scene.frame_set(before)
    yield


def show_rig(scene: bpy.types.Scene, area: bpy.types.Area, rig: bpy.types.Object) -> None:
    """Show the rig's controls, with its head in the middle of the picture."""
    space_of(area).overlay.show_bones = True
    armature: Any = rig.data
    camera, head = there(scene.camera, "camera"), armature.bones["head"]
    camera.location = rig.matrix_world @ ((head.head_local + head.tail_local) / 2)
    camera.location.y -= 1.5


def doctored() -> Iterator[None]:
    """Run the doctor and wait until it has ended."""
    from soliloquy.addon.jobs import jobs
    from soliloquy.addon.operators import doctor as operators_doctor

    area = next(area for area in there(window().screen, "screen").areas if area.type == "VIEW_3D")
    with bpy.context.temp_override(window=window(), area=area, region=region_of(area)):
        operators.soliloquy.doctor("INVOKE_DEFAULT")
    yield from until(lambda: jobs.current() is None and bool(operators_doctor.findings()), LONGEST)


def curves(area: bpy.types.Area, rig: bpy.types.Object) -> Iterator[None]:
    """Show the chosen take's curves of the brows in the graph editor."""
    for thing in there(window().scene, "scene").objects:
        thing.select_set(thing == rig)
    window().view_layer.objects.active = rig
    operators.soliloquy.edit_curves()
    area.type = "GRAPH_EDITOR"
    space_of(area).show_region_ui = False
    space_of(area).dopesheet.filter_text = "brow"
    yield from drawn(area)
    with bpy.context.temp_override(window=window(), area=area, region=region_of(area)):
        operators.graph.view_all()


def queue(out: Path, area: bpy.types.Area) -> Iterator[None]:
    """Photograph a queue of two people who take turns, while the first is finished and the second is next."""
    from soliloquy.addon import compat
    from soliloquy.addon.jobs import jobs
    from soliloquy.addon.queue import job_queue
    from soliloquy.core.batch.job_list import DONE

    entries = job_queue.entries
    area.type = "SEQUENCE_EDITOR"
    yield from drawn(area)
    scene: Any = window().scene  # the extension's properties are on it, which the type stubs don't know
    settings, persons = scene.soliloquy, scene.soliloquy_queue.characters
    first = next(strip for strip in compat.all_strips(scene) if strip.type == "SOUND")
    path, start, end = bpy.path.abspath(first.sound.filepath), compat.left_handle(first), compat.right_handle(first)
    second = compat.new_sound_strip(scene, "answer", path, first.channel, end + 10)
    compat.set_handles(second, end + 10, 2 * end + 10 - start)
    for name, strip in (("Anna", first), ("Ben", second)):
        person = persons.add()
        person.name, person.portrait_image = name, settings.portrait_image
        strip.soliloquy_character = name
    settings.takes_wanted, settings.seed, settings.size, settings.bake_on_arrival = 2, 20, "256", False
    with bpy.context.temp_override(window=window(), area=area, region=region_of(area)):
        for strip, motion_only in ((first, True), (second, False)):
            scene.sequence_editor.active_strip, settings.motion_only = strip, motion_only
            operators.soliloquy.queue_strip()
        operators.soliloquy.queue_run("INVOKE_DEFAULT")
        bpy.ops.sequencer.view_all()
    yield from until(
        lambda: job_queue.crew() is None or (entries()[0].status == DONE and entries()[-1].share > 0), LONGEST
    )
    if job_queue.crew() is None:
        raise RuntimeError(f"The queue ended too early. {jobs.last_message()[0]}")
    yield from photograph(out / "guide_queue.png", area, "queue", "characters")
    job_queue.kill()


def main() -> None:
    """Start the timer that runs `pictures` between Blender's own events."""
    chosen = options()
    if chosen.worker_python:
        os.environ["SOLILOQUY_PYTHON"] = chosen.worker_python
    register_extension()
    view = preferences().view
    view.ui_scale, view.show_splash = chosen.scale, False
    run(pictures(chosen), PAUSE)


main()
