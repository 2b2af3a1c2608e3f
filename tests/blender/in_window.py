"""Cases inside Blender's window: modal jobs, progress, cancel, undo and redo, and that nothing blocks.

Run by ``tests/blender/run.py`` on a virtual screen. Each case is a generator; a timer runs it on between Blender's own
events, so that the modal operators work as under a user's hands. The worker is the scripted one.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import bpy
from harness import addon, folder, ready_scene, report

TICK = 0.01
LIMIT = 60.0


def window_override():
    """Context of the window's sequencer or 3D viewport, as a click in its sidebar has."""
    window = bpy.context.window_manager.windows[0]
    area = max(window.screen.areas, key=lambda area: (area.type == "VIEW_3D", area.width * area.height))
    area.type = "VIEW_3D"  # a case that failed may have left it as something else
    region = next(region for region in area.regions if region.type == "WINDOW")
    return bpy.context.temp_override(window=window, area=area, region=region)


def click(operator) -> None:
    """Call an operator the way a button does."""
    with window_override():
        result = operator("INVOKE_DEFAULT", True)  # True: with its undo step
    assert result & {"RUNNING_MODAL", "FINISHED"}, result


def undo() -> None:
    with window_override():
        bpy.ops.ed.undo()


def redo() -> None:
    with window_override():
        bpy.ops.ed.redo()


def push(name: str) -> None:
    """What came before becomes an undo step of its own."""
    with window_override():
        bpy.ops.ed.undo_push(message=name)


def until(condition) -> Iterator[None]:
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, "waited too long"
        yield


def idle() -> bool:
    return addon("jobs").current() is None


def image_strips() -> list[str]:
    return sorted(strip.name for strip in addon("compat").all_strips(bpy.context.scene) if strip.type == "IMAGE")


def settled(steps: int = 30) -> Iterator[None]:
    """Let short modal operators finish."""
    for _ in range(steps):
        yield


def generate_runs_beside_the_user() -> Iterator[None]:
    ready_scene("slow")
    jobs = addon("jobs")
    push("scene")
    click(bpy.ops.soliloquy.generate)
    assert not bpy.ops.soliloquy.generate.poll()
    shares = set()
    while not idle():
        if jobs.current():
            shares.add(round(jobs.current().share, 2))
        yield
    assert len(shares) > 2, f"progress is seen on the way: {shares}"
    assert len(bpy.context.scene.soliloquy.takes) == 1 and len(image_strips()) == 1
    assert "done" in jobs.last_message()[0]


def a_take_is_one_undo_step() -> Iterator[None]:
    scene, _ = ready_scene()
    scene.soliloquy.takes_wanted = 2
    push("scene")
    click(bpy.ops.soliloquy.generate)
    yield from until(idle)
    both = image_strips()
    assert len(both) == 2
    undo()
    yield
    assert image_strips() == both[:1] and len(bpy.context.scene.soliloquy.takes) == 1
    undo()
    yield
    assert image_strips() == [] and len(bpy.context.scene.soliloquy.takes) == 0
    redo()
    redo()
    yield
    assert image_strips() == both
    assert [take.seed for take in bpy.context.scene.soliloquy.takes] == [0, 1]


def undo_while_a_job_runs_is_harmless() -> Iterator[None]:
    ready_scene("slow")
    push("scene")
    bpy.context.scene.soliloquy.seed = 5
    push("seed")
    bpy.context.scene.soliloquy.takes_wanted = 2
    push("takes")
    click(bpy.ops.soliloquy.generate)
    yield from until(lambda: addon("jobs").current().share > 0)
    undo()
    yield from until(lambda: len(bpy.context.scene.soliloquy.takes) == 1)
    undo()
    yield from until(idle)
    assert len(image_strips()) >= 1


def cancel_keeps_finished_takes() -> Iterator[None]:
    scene, _ = ready_scene("slow")
    scene.soliloquy.takes_wanted = 3
    jobs = addon("jobs")
    click(bpy.ops.soliloquy.generate)
    yield from until(lambda: len(bpy.context.scene.soliloquy.takes) == 1)
    click(bpy.ops.soliloquy.cancel)
    yield from until(idle)
    assert len(image_strips()) == 1
    assert jobs.last_message() == ("Generate: cancelled. 1 finished take stays.", False), jobs.last_message()


def a_killed_worker_is_told_in_the_panel() -> Iterator[None]:
    ready_scene("slow")
    jobs = addon("jobs")
    click(bpy.ops.soliloquy.generate)
    yield from until(lambda: jobs.current().share > 0)
    os.kill(jobs.worker_pid(), 9)
    yield from until(idle)
    message, bad = jobs.last_message()
    assert bad and "stopped unexpectedly" in message, message


def head_and_bake_can_be_undone_and_redone() -> Iterator[None]:
    ready_scene()
    click(bpy.ops.soliloquy.generate)
    yield from until(idle)
    click(bpy.ops.soliloquy.add_head)
    yield from until(idle)
    yield from settled()
    rig = bpy.context.scene.soliloquy.targets[0].thing
    assert rig is not None
    click(bpy.ops.soliloquy.bake)
    yield from settled(60)
    assert baked_curves() == 71
    undo()
    yield
    rig = bpy.context.scene.soliloquy.targets[0].thing
    assert rig is not None and baked_curves() == 0
    undo()
    yield
    assert not bpy.context.scene.soliloquy.targets
    redo()
    redo()
    yield
    assert baked_curves() == 71


def baked_curves() -> int:
    """F-curves of takes on the first target."""
    rig = bpy.context.scene.soliloquy.targets[0].thing
    return sum(len(addon("compat").action_fcurves(track.action)) for track in addon("nla").tracks_on(rig))


def long_takes_do_not_block() -> Iterator[None]:
    """Five minutes at 60 frames a second: 18,000 scene frames. The longest wait is printed, not judged."""
    import numpy as np

    takes, scene = addon("takes"), ready_scene()[0]
    scene.render.fps = 60
    where = folder("long")
    count = 7500
    (where / "frames").mkdir()
    first = addon("portrait").portrait_path(scene.soliloquy, where).read_bytes()
    (where / "frames" / "000001.png").write_bytes(first)
    t = np.arange(count)[:, None] / 25
    np.savez(
        where / "motion.npz",
        fps=25.0,
        expression=0.5 + 0.5 * np.sin(t + np.arange(53)),
        rotation=0.2 * np.sin(t + np.arange(3)),
        translation=np.zeros((count, 3)),
    )
    take = scene.soliloquy.takes.add()
    take.key = takes.new_key()
    take.name, take.index, take.folder, take.job = "Take 1", 1, str(where), str(where)
    take.frame_count, take.has_frames, take.origin, take.channel = count, True, 1.0, 1
    take.refresh_status()
    assert takes.active_take(scene).status == "READY"
    click(bpy.ops.soliloquy.add_head)
    yield from until(idle)
    ours: list[float] = []
    steps = addon("steps")
    advance = steps.advance

    def timed(*arguments) -> bool:
        begun = time.perf_counter()
        ended = advance(*arguments)
        ours.append(time.perf_counter() - begun)
        return ended

    steps.advance = timed
    for name, operator in (("placing 18000 frames", bpy.ops.soliloquy.place_take), ("baking", bpy.ops.soliloquy.bake)):
        longest, started, before = 0.0, time.perf_counter(), time.perf_counter()
        click(operator)
        longest = time.perf_counter() - before
        for _ in range(3000):
            before = time.perf_counter()
            yield
            longest = max(longest, time.perf_counter() - before)
            done = take_strip_length() >= 18000 if name.startswith("placing") else baked_curves() == 71
            if done:
                break
        assert done, name
        print(
            f"longest turn of the add-on while {name}: {max(ours) * 1000:.0f} ms; with Blender's redraw on this "
            f"machine {longest * 1000:.0f} ms, {time.perf_counter() - started:.1f} s in all"
        )
        ours.clear()
        yield from settled(10)
    steps.advance = advance


def take_strip_length() -> int:
    compat = addon("compat")
    lengths = [
        compat.right_handle(strip) - compat.left_handle(strip)
        for strip in compat.all_strips(bpy.context.scene)
        if strip.type == "IMAGE"
    ]
    return max(lengths, default=0)


def panels_draw_without_errors() -> Iterator[None]:
    """Every panel of the tab, drawn in the viewport's and the sequencer's sidebar, in all states met so far."""
    ready_scene()
    click(bpy.ops.soliloquy.generate)
    yield from until(idle)
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type in {"VIEW_3D", "SEQUENCE_EDITOR"})
    for kind in ("SEQUENCE_EDITOR", "VIEW_3D"):
        area.type = kind
        area.spaces[0].show_region_ui = True
        yield from settled(20)
        modules = (addon("panels"), addon("panels_takes"), addon("panels_targets"))
        panels = [cls for module in modules for cls in module.CLASSES if getattr(cls, "bl_space_type", "") == kind]
        assert len(panels) >= 6
        for region in area.regions:
            if region.type == "UI" and hasattr(region, "active_panel_category"):
                assert region.width > 1
        area.tag_redraw()
        yield from settled(5)


def the_worker_dies_with_the_window() -> Iterator[None]:
    """Last: quits Blender in mid-job; the runner looks whether the process is gone."""
    ready_scene("slow")
    jobs = addon("jobs")
    click(bpy.ops.soliloquy.generate)
    yield from until(lambda: jobs.current().share > 0)
    print(f"LEFT {jobs.worker_pid()}", flush=True)


CASES = [
    generate_runs_beside_the_user,
    a_take_is_one_undo_step,
    undo_while_a_job_runs_is_harmless,
    cancel_keeps_finished_takes,
    a_killed_worker_is_told_in_the_panel,
    head_and_bake_can_be_undone_and_redone,
    long_takes_do_not_block,
    panels_draw_without_errors,
    the_worker_dies_with_the_window,
]


def all_cases() -> Iterator[None]:
    for case in CASES:
        started = time.monotonic()
        try:
            scene = new_scene()
            yield
            yield from case()
            report(case.__name__, "passed", seconds=time.monotonic() - started)
        except Exception:  # noqa: BLE001 - whatever it is, it is this case's result
            report(case.__name__, "failed", traceback.format_exc(), time.monotonic() - started)
            addon("jobs").kill_worker()
        del scene
    with window_override():
        bpy.ops.wm.quit_blender()


def new_scene():
    """Another scene in the same file: loading a file would end this timer."""
    old = bpy.context.window_manager.windows[0].scene
    scene = bpy.data.scenes.new("Case")
    bpy.context.window_manager.windows[0].scene = scene
    if old.name.startswith("Case"):
        bpy.data.scenes.remove(old)
    scene.render.fps, scene.render.fps_base = 25, 1.0
    scene.soliloquy.output_dir = str(folder("out"))
    return scene


_running = all_cases()


def tick() -> float | None:
    try:
        next(_running)
    except StopIteration:
        return None
    return TICK


bpy.app.timers.register(tick, first_interval=1.0, persistent=True)
