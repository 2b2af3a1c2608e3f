"""Cases inside Blender's window: takes follow the saved file; their phones are shown, changed and made into lips.

Run by ``tests/blender/run.py`` on a virtual screen. The worker is the scripted one.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import bpy
from harness import addon, folder, let_go, ready_scene
from window_harness import (
    click,
    idle,
    in_mid_job,
    push,
    redo,
    run_in_window,
    settled,
    take_made_of_nothing,
    undo,
    until,
)

LONGEST_WAIT = 20.0
"""Seconds in which 2,000 phones must be shown, on a software screen and a busy machine."""


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


def lane(number: int) -> list[str]:
    """Names of the strips of a take's lane, in order; ``number`` is the take's place in the list."""
    compat, phone_lane = addon("compat"), addon("sequencer.phone_lane")
    scene = bpy.context.scene
    strips = phone_lane.strips_in(scene, scene.soliloquy.takes[number].key)
    return [phone_lane.name_of(strip) for strip in sorted(strips, key=compat.left_handle)]


def rename(old: str, new: str) -> None:
    phone_lane, scene = addon("sequencer.phone_lane"), bpy.context.scene
    strips = [strip for strip in addon("compat").all_strips(scene) if phone_lane.take_of(strip)]
    next(strip for strip in strips if phone_lane.name_of(strip) == old).name = new
    push("Rename")


def a_wrong_phone_is_corrected_and_all_of_it_undone() -> Iterator[None]:
    ready_scene()
    push("scene")
    click(bpy.ops.soliloquy.generate)
    yield from until(idle)
    click(bpy.ops.soliloquy.show_phones)
    yield from until(lambda: len(lane(0)) == 28)
    assert lane(0)[:4] == ["HH", "AH", "L", "OW"]
    rename("OW", "uw")
    click(bpy.ops.soliloquy.update_lips)
    yield from until(idle)
    yield from settled()
    assert len(bpy.context.scene.soliloquy.takes) == 2 and lane(0) == []
    assert lane(1)[:4] == ["HH", "AH", "L", "uw"]
    undo()
    yield
    assert len(bpy.context.scene.soliloquy.takes) == 2 and lane(0)[3] == "uw", "the lane goes back to the first take"
    undo()
    yield
    assert len(bpy.context.scene.soliloquy.takes) == 1
    undo()
    yield
    assert lane(0)[3] == "OW"
    undo()
    yield
    assert lane(0) == []
    for _ in range(4):
        redo()
    yield
    assert lane(1)[:4] == ["HH", "AH", "L", "uw"]


def a_job_that_is_cancelled_leaves_the_lane() -> Iterator[None]:
    ready_scene()
    click(bpy.ops.soliloquy.generate)
    yield from until(idle)
    click(bpy.ops.soliloquy.show_phones)
    yield from until(lambda: len(lane(0)) == 28)
    rename("OW", "AA")
    (bpy.context.scene.soliloquy.takes[0].job_path() / "held").touch()
    click(bpy.ops.soliloquy.update_lips)
    yield from in_mid_job()
    rename("W", "F")  # the user goes on
    click(bpy.ops.soliloquy.cancel)
    yield from until(idle)
    assert len(bpy.context.scene.soliloquy.takes) == 1 and lane(0)[3:5] == ["AA", "F"]


def copies_and_cut_strips_are_phones_too() -> Iterator[None]:
    """With Blender's own operators, as Shift D and K call them."""
    compat, phone_lane = addon("compat"), addon("sequencer.phone_lane")
    ready_scene()
    click(bpy.ops.soliloquy.generate)
    yield from until(idle)
    click(bpy.ops.soliloquy.show_phones)
    yield from until(lambda: len(lane(0)) == 28)
    scene = bpy.context.scene
    strips = phone_lane.strips_in(scene, scene.soliloquy.takes[0].key)
    long = max(strips, key=lambda strip: compat.right_handle(strip) - compat.left_handle(strip))
    name, left, right = phone_lane.name_of(long), compat.left_handle(long), compat.right_handle(long)
    for strip in compat.all_strips(scene):
        strip.select = strip == long
    scene.sequence_editor.active_strip = long
    with sequencer_override():
        bpy.ops.sequencer.split(frame=left + 1, channel=long.channel, side="LEFT")
        assert len(lane(0)) == 29
        bpy.ops.sequencer.duplicate()
    yield
    assert len(lane(0)) >= 30 and lane(0).count(name) >= 3
    document = addon("scene.phones").read(scene, scene.soliloquy.takes[0])
    timing = addon("scene.takes").timing_of(scene, scene.soliloquy.takes[0])
    found = [one for one in document.segments if timing.seconds(left) - 0.03 < one.start < timing.seconds(right) - 0.03]
    assert [one.phone for one in found] == [name, name], found
    assert abs(found[1].start - timing.seconds(left + 1)) < 1e-4


def sequencer_override():
    """Context of the window's largest area as a sequencer."""
    window = bpy.context.window_manager.windows[0]
    area = max(window.screen.areas, key=lambda area: area.width * area.height)
    area.type = "SEQUENCE_EDITOR"
    region = next(region for region in area.regions if region.type == "WINDOW")
    if hasattr(window.workspace, "sequencer_scene"):
        window.workspace.sequencer_scene = window.scene
    return bpy.context.temp_override(window=window, area=area, region=region)


def two_thousand_phones_take_a_moment() -> Iterator[None]:
    yield from take_made_of_nothing(4000, 25)
    yield from settled()
    documents = sys.modules[addon("scene.phones").PhoneDocument.__module__]
    segments = [documents.Segment("AH", 0.08 * k, 0.08 * k + 0.07) for k in range(2000)]
    take = bpy.context.scene.soliloquy.takes[0]
    documents.PhoneDocument.of("heard", 160.0, segments).write(take.path() / "phones.json")
    begun = time.monotonic()
    click(bpy.ops.soliloquy.show_phones)
    yield from until(lambda: len(lane(0)) == 2000)
    took = time.monotonic() - begun
    print(f"2000 phones shown in {took:.2f} s")
    assert took < LONGEST_WAIT, took
    begun = time.monotonic()
    click(bpy.ops.soliloquy.remove_phones)
    print(f"and removed in {time.monotonic() - begun:.2f} s")
    yield
    assert lane(0) == []


run_in_window(
    [
        a_job_that_ends_after_the_first_save_brings_its_takes_along,
        takes_come_to_another_disk_after_saving,
        a_wrong_phone_is_corrected_and_all_of_it_undone,
        a_job_that_is_cancelled_leaves_the_lane,
        copies_and_cut_strips_are_phones_too,
        two_thousand_phones_take_a_moment,
    ],
)
