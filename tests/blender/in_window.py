"""Cases inside Blender's window: modal jobs, progress, cancel, undo and redo.

Run by ``tests/blender/run.py`` on a virtual screen. The worker is the scripted one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import bpy
from harness import addon, let_go, ready_scene
from window_harness import (
    baked_curves,
    click,
    idle,
    image_strips,
    in_mid_job,
    push,
    redo,
    run_in_window,
    settled,
    undo,
    until,
)


def generate_runs_beside_the_user() -> Iterator[None]:
    scene, _ = ready_scene("held")
    scene.soliloquy.takes_wanted = 2
    jobs = addon("jobs.jobs")
    push("scene")
    click(bpy.ops.soliloquy.generate)
    assert not bpy.ops.soliloquy.generate.poll() and jobs.current().share == 0
    yield from in_mid_job()
    first = jobs.current().share
    let_go(scene.soliloquy.portrait_file, take=1)
    yield from until(lambda: jobs.current().share != first and len(image_strips()) == 1)
    let_go(scene.soliloquy.portrait_file)
    yield from until(idle)
    assert len(bpy.context.scene.soliloquy.takes) == 2 and len(image_strips()) == 2
    assert "done" in jobs.last_message()[0]


def the_status_bar_follows_a_job() -> Iterator[None]:
    """No input reaches the window meanwhile, because input would make Blender redraw the bar anyway."""
    ready_scene("slow")
    shown: list[float] = []

    def note(_header, _context) -> None:
        job = addon("jobs.jobs").current()
        shown.append(job.share if job else -1.0)

    click(bpy.ops.soliloquy.generate)
    yield from in_mid_job()
    bpy.types.STATUSBAR_HT_header.append(note)
    try:
        yield from until(idle)
        yield from settled()
    finally:
        bpy.types.STATUSBAR_HT_header.remove(note)
    assert len({share for share in shown if share > 0}) >= 3 and shown[-1] == -1.0, shown


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
    portrait = ready_scene("held")[0].soliloquy.portrait_file
    push("scene")
    bpy.context.scene.soliloquy.seed = 5
    push("seed")
    bpy.context.scene.soliloquy.takes_wanted = 2
    push("takes")
    click(bpy.ops.soliloquy.generate)
    yield from in_mid_job()
    undo()
    let_go(portrait, take=1)
    yield from until(lambda: len(bpy.context.scene.soliloquy.takes) == 1)
    undo()  # while a take arrives, the window blocks the user's undo, but not this call, so the take starts again
    let_go(portrait)
    yield from until(idle)
    assert len(image_strips()) >= 1 and len(bpy.context.scene.soliloquy.takes) == len(image_strips())
    assert not addon("jobs.jobs").last_message()[1], addon("jobs.jobs").last_message()


def cancel_keeps_finished_takes() -> Iterator[None]:
    scene, _ = ready_scene("held")
    scene.soliloquy.takes_wanted = 3
    jobs = addon("jobs.jobs")
    click(bpy.ops.soliloquy.generate)
    let_go(scene.soliloquy.portrait_file, take=1)
    yield from until(lambda: len(bpy.context.scene.soliloquy.takes) == 1)
    click(bpy.ops.soliloquy.cancel)
    yield from until(idle)
    assert len(image_strips()) == 1
    assert jobs.last_message() == ("Generate: cancelled. Finished takes stay: 1.", False), jobs.last_message()


def a_killed_worker_is_told_in_the_panel() -> Iterator[None]:
    ready_scene("held")
    jobs = addon("jobs.jobs")
    click(bpy.ops.soliloquy.generate)
    yield from in_mid_job()
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
    assert baked_curves() == 73
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
    assert baked_curves() == 73


run_in_window(
    [
        generate_runs_beside_the_user,
        the_status_bar_follows_a_job,
        a_take_is_one_undo_step,
        undo_while_a_job_runs_is_harmless,
        cancel_keeps_finished_takes,
        a_killed_worker_is_told_in_the_panel,
        head_and_bake_can_be_undone_and_redone,
    ]
)
