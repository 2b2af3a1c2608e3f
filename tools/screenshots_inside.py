"""Inside Blender's window: sets up each of the guide's pictures and photographs the editor it is about.

For ``tools/screenshots.py``, on a file that ``tools/example_blend.py`` made. Writes ``done`` into the folder when all
pictures are there.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))

from demo_blender import register_extension
from window_pictures import arrange, drawn, editors, frame_views, photograph, region_of, run, two_editors

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
    arrange(left, right)
    scene = window.scene
    settings = scene.soliloquy
    settings.portrait_image = bpy.data.images.load(bpy.path.abspath(settings.portrait_file))
    scene.frame_set(chosen.frame)
    yield from drawn(left, right)
    for _ in range(4):  # the preview needs its first picture before it can be fitted, the sound its waveform
        frame_views(left, right)
        yield from drawn(left, right)
    yield from photograph(chosen.out / "panel_sequencer.png", left, "speak", "takes")
    yield from performance(chosen.out, left)
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
    bpy.ops.soliloquy.edit_curves()
    yield from queue(chosen.out, left)
    (chosen.out / "done").write_text("")


def performance(out: Path, area: bpy.types.Area) -> Iterator[None]:
    """The settings of a preset, then the same panels in German; afterwards all is as it was."""
    from soliloquy.addon.panels import presets as style_presets

    subfolder = style_presets.SOLILOQUY_OT_performance_preset.preset_subdir
    view = bpy.context.preferences.view
    bpy.ops.script.execute_preset(
        filepath=bpy.utils.preset_find("Newsreader", subfolder, display_name=True),
        menu_idname=style_presets.SOLILOQUY_PT_performance_presets.__name__,
    )
    yield from photograph(out / "guide_performance.png", area, "speak", "performance")
    view.language = "de_DE"
    view.use_translate_interface = view.use_translate_tooltips = True
    yield from photograph(out / "guide_german.png", area, "speak", "takes", "resample")
    view.language = "en_US"
    bpy.ops.script.execute_preset(
        filepath=bpy.utils.preset_find("As Sampled", subfolder, display_name=True),
        menu_idname=style_presets.SOLILOQUY_PT_performance_presets.__name__,
    )


def show_rig(window: bpy.types.Window, area: bpy.types.Area, rig: bpy.types.Object) -> None:
    """The rig's controls, its head in the middle."""
    space = area.spaces.active
    space.overlay.show_bones = True
    camera, head = window.scene.camera, rig.data.bones["head"]
    camera.location = rig.matrix_world @ ((head.head_local + head.tail_local) / 2)
    camera.location.y -= 1.5


def doctored() -> Iterator[None]:
    """A check by the doctor, to its end."""
    from soliloquy.addon.jobs import jobs
    from soliloquy.addon.operators import doctor as operators_doctor

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


def queue(out: Path, area: bpy.types.Area) -> Iterator[None]:
    """Two people who take turns: the first has spoken, the second is about to."""
    from soliloquy.addon import compat
    from soliloquy.addon.queue import job_queue
    from soliloquy.addon.queue.batch import DONE

    entries = job_queue.entries
    area.type = "SEQUENCE_EDITOR"
    yield from drawn(area)
    scene = bpy.context.window_manager.windows[0].scene
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
    window = bpy.context.window_manager.windows[0]
    with bpy.context.temp_override(window=window, area=area, region=region_of(area)):
        for strip, motion_only in ((first, True), (second, False)):
            scene.sequence_editor.active_strip, settings.motion_only = strip, motion_only
            bpy.ops.soliloquy.queue_strip()
        bpy.ops.soliloquy.queue_run("INVOKE_DEFAULT")
        bpy.ops.sequencer.view_all()
    while job_queue.crew() is not None and (entries()[0].status != DONE or entries()[-1].share == 0):
        yield
    yield from photograph(out / "guide_queue.png", area, "queue", "characters")
    job_queue.kill()


def main() -> None:
    """Start the timer that runs `pictures` between Blender's own events."""
    chosen = options()
    if chosen.worker_python:
        os.environ["SOLILOQUY_PYTHON"] = chosen.worker_python
    register_extension()
    bpy.context.preferences.view.ui_scale = chosen.scale
    bpy.context.preferences.view.show_splash = False
    run(pictures(chosen), PAUSE)


main()
