"""Cases inside Blender's window: takes follow the file after it was saved.

Run by ``tests/blender/run.py`` on a virtual screen. The worker is the scripted one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import bpy
from harness import addon, folder, let_go, ready_scene
from window_harness import click, idle, in_mid_job, run_in_window, until


def unsaved_scene(manner: str = "person"):
    """A file that was never saved, ready to generate."""
    if bpy.data.filepath:  # an earlier case has saved
        bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene, _ = ready_scene(manner)
    scene.soliloquy.output_dir = ""
    return scene


def all_below(place: Path) -> bool:
    takes = bpy.context.scene.soliloquy.takes
    return all(take.status == "READY" and take.path().is_relative_to(place) for take in takes) and len(takes) > 0


def a_job_that_ends_after_the_first_save_brings_its_takes_along() -> Iterator[None]:
    scene, project = unsaved_scene("held"), folder("project")
    click(bpy.ops.soliloquy.generate)
    yield from in_mid_job()
    bpy.ops.wm.save_as_mainfile(filepath=str(project / "talk.blend"))
    let_go(scene.soliloquy.portrait_file)
    yield from until(lambda: idle() and all_below(project / "soliloquy"))
    assert bpy.context.scene.soliloquy.takes[0].folder.startswith("//")


def takes_come_to_another_disk_after_saving() -> Iterator[None]:
    unsaved_scene()
    project, carrying = folder("project"), addon("storage.carrying")
    click(bpy.ops.soliloquy.generate)
    yield from until(lambda: idle() and len(bpy.context.scene.soliloquy.takes) == 1)
    before = bpy.context.scene.soliloquy.takes[0].path()
    real, carrying.can_link = carrying.can_link, lambda *_: False
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(project / "talk.blend"))
        assert before.is_dir()
        yield from until(lambda: all_below(project / "soliloquy"))
    finally:
        carrying.can_link = real
    yield from until(lambda: not before.exists())


run_in_window(
    [a_job_that_ends_after_the_first_save_brings_its_takes_along, takes_come_to_another_disk_after_saving],
)
