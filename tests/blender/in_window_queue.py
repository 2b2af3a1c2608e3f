"""Cases inside Blender's window: the queue while the user works, and everything that can happen during a job.

Run by ``tests/blender/run.py`` on a virtual screen. The worker is the scripted one.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import bpy
from harness import addon, folder, is_gone, let_go, ready_scene, small_disk, two_characters
from open_panels import all_open, panels_of, watched
from window_harness import (
    click,
    idle,
    image_strips,
    in_quiet,
    push,
    run_in_window,
    settled,
    undo,
    until,
    waits,
    waits_in_words,
    window_override,
)


def entries():
    return addon("queue.job_queue").entries()


def statuses() -> list[str]:
    return [entry.status for entry in entries()]


def still() -> bool:
    return addon("queue.job_queue").crew() is None


def begin(*manners: str) -> Iterator[None]:
    """Start a queue of two characters' strips, with a new file for each case."""
    addon("queue.job_queue")._before_load()
    in_quiet()
    scene = two_characters(*manners)
    scene.soliloquy_queue.workers = 1
    click(bpy.ops.soliloquy.queue_scene)
    yield from settled(10)
    assert statuses() == ["waiting", "waiting"], statuses()
    click(bpy.ops.soliloquy.queue_run)


def let_all_go() -> None:
    """Let the worker finish the takes that it holds."""
    for character in bpy.context.scene.soliloquy_queue.characters:
        let_go(character.portrait_file)


def pid() -> int:
    return next(seat.client.pid for seat in addon("queue.job_queue").crew().seats if seat.client)


def the_queue_runs_beside_the_user() -> Iterator[None]:
    """Takes go to their characters. Prints the longest turn of the add-on, and the times between the window's turns."""
    in_quiet()
    redraws = itertools.count()
    plain = yield from waits(lambda: next(redraws) < 30, drawing=True)
    steps, turns = addon("operators.queue_run").SOLILOQUY_OT_queue_run, []
    tick = steps._tick

    def timed(self, *arguments) -> bool:
        begun = time.perf_counter(), time.thread_time()
        ended = tick(self, *arguments)
        turns.append((time.perf_counter() - begun[0], time.thread_time() - begun[1]))
        return ended

    steps._tick = timed
    try:
        yield from begin("slow", "person")
        assert not bpy.ops.soliloquy.generate.poll() and not bpy.ops.soliloquy.queue_run.poll()
        shares = set()

        def running() -> bool:
            shares.add(round(entries()[0].share, 2))
            return not still()

        found = yield from waits(running)
    finally:
        steps._tick = tick
    wall, worked = (max(turn[k] for turn in turns) * 1000 for k in (0, 1))
    print(
        f"longest turn of the queue {wall:.0f} ms, {worked:.0f} ms of processor time; the window's turns: "
        f"{waits_in_words(found)}; with nothing but its redraw: {waits_in_words(plain)}"
    )
    assert len(shares) > 2 and statuses() == ["done", "done"]
    scene = bpy.context.scene
    assert [take.character for take in scene.soliloquy.takes] == ["Anna", "Ben"] and len(image_strips()) == 2
    nla = addon("animation.nla")
    for take, name, start in zip(scene.soliloquy.takes, ("Anna", "Ben"), (60, 120), strict=True):
        (track,) = nla.tracks_on(bpy.data.objects[f"{name}'s face"].data.shape_keys)
        assert track.key == take.key and track.strip.frame_start == start
    assert addon("jobs.jobs").last_message() == ("Queue: 2 done.", False)


def one_job_is_cancelled_and_the_other_goes_on() -> Iterator[None]:
    yield from begin("held", "person")
    yield from until(lambda: entries()[0].share > 0)
    with window_override():
        bpy.ops.soliloquy.queue_cancel("INVOKE_DEFAULT", key=entries()[0].key)
    yield from until(still)
    assert statuses() == ["cancelled", "done"] and len(image_strips()) == 1
    assert bpy.ops.soliloquy.queue_retry.poll()


def stopped_it_goes_on_where_it_was() -> Iterator[None]:
    yield from begin("person", "held")
    yield from until(lambda: entries()[1].share > 0)
    click(bpy.ops.soliloquy.queue_stop)
    yield from until(still)
    assert statuses() == ["done", "cancelled"]
    motion = Path(entries()[0].takes[0].motion)
    made = motion.stat().st_mtime_ns
    let_all_go()
    click(bpy.ops.soliloquy.queue_retry)
    click(bpy.ops.soliloquy.queue_run)
    yield from until(still)
    assert statuses() == ["done", "done"] and motion.stat().st_mtime_ns == made


def a_killed_worker_is_replaced() -> Iterator[None]:
    yield from begin("held", "person")
    yield from until(lambda: entries()[0].share > 0)
    os.kill(pid(), 9)
    let_all_go()
    yield from until(still)
    assert statuses() == ["done", "done"] and entries()[0].attempts == 2


def a_portrait_that_is_pulled_away_fails_its_job_alone() -> Iterator[None]:
    yield from begin("held", "person")
    yield from until(lambda: entries()[0].share > 0)
    for character in bpy.context.scene.soliloquy_queue.characters:
        Path(character.portrait_file).unlink()
    let_all_go()
    yield from until(still)
    assert statuses() == ["done", "failed"] and "no picture" in entries()[1].error
    assert addon("jobs.jobs").last_message()[1] and idle()


def saving_over_the_file_in_mid_queue_is_harmless() -> Iterator[None]:
    yield from begin("held", "held")
    yield from until(lambda: entries()[0].share > 0)
    path = folder("blend") / "in mid queue.blend"
    with window_override():
        bpy.ops.wm.save_as_mainfile(filepath=str(path))
        bpy.ops.wm.save_as_mainfile(filepath=str(path))
    let_all_go()
    yield from until(still)
    assert statuses() == ["done", "done"] and len(image_strips()) == 2


def an_undo_in_mid_queue_loses_nothing() -> Iterator[None]:
    """Undo once while a take is put into the file and once after it; check list of takes, queue and its file."""
    yield from begin("person", "held")
    push("before the takes")
    bpy.context.scene.soliloquy.seed = 5
    push("seed")
    taking_in = addon("steps").Landing
    advance = taking_in.advance
    taking_in.advance = lambda self, _seconds: advance(self, 0.0)  # one step at a time, so that the case can see it
    try:
        yield from until(lambda: len(heads_listed()) == 1)
        undo()
        assert heads_listed() == [] and bpy.context.scene.soliloquy.seed == 0
    finally:
        taking_in.advance = advance
    yield from until(lambda: len(image_strips()) == 1 and entries()[1].share > 0)
    yield from settled()
    assert heads_listed() == ["Anna"] and statuses() == ["done", "running"], "it began again"
    undo()
    assert heads_listed() == [] and image_strips() == []
    assert statuses() == ["done", "running"], "what is on the disk is done, whatever the file shows of it"
    let_all_go()
    yield from until(still)
    assert statuses() == ["done", "done"] and addon("jobs.jobs").last_message() == ("Queue: 2 done.", False)
    assert heads_listed() == ["Ben"]
    click(bpy.ops.soliloquy.queue_place)
    yield from until(lambda: len(image_strips()) == 2)
    yield from settled()
    assert sorted(heads_listed()) == ["Anna", "Ben"]


def heads_listed() -> list[str]:
    """The characters of the takes in the scene's list."""
    return [take.character for take in bpy.context.scene.soliloquy.takes]


def a_full_disk_is_told_and_nothing_is_left_half_done() -> Iterator[None]:
    """One job fits on the disk and the next doesn't; with free space again it is made."""
    small = small_disk()
    if small is None:
        print("no small disk could be mounted: not tried")
        return
    ballast = small.parent / "ballast"
    ballast.mkdir()
    free = shutil.disk_usage(small).free
    (ballast / "file").write_bytes(bytes(free - 600_000))  # two takes of 50 small pictures fit, a third doesn't
    bpy.context.scene.soliloquy.output_dir = str(small)
    bpy.context.scene.soliloquy.takes_wanted = 2
    yield from begin("person", "slow")
    yield from until(still)
    assert "failed" in statuses(), statuses()
    failed = next(entry for entry in entries() if entry.status == "failed")
    assert "disk is full" in failed.error, failed.error
    assert addon("jobs.jobs").last_message()[1] and idle()
    whole = len(list(small.rglob("take.json")))
    shutil.rmtree(small.parent / "ballast")
    click(bpy.ops.soliloquy.queue_retry)
    click(bpy.ops.soliloquy.queue_run)
    yield from until(still)
    assert statuses() == ["done", "done"] and whole < len(list(small.rglob("take.json"))) == 4


def generate_on_a_full_disk_is_told() -> Iterator[None]:
    small = small_disk()
    if small is None:
        print("no small disk could be mounted: not tried")
        return
    scene, _ = ready_scene("slow")
    scene.soliloquy.output_dir, scene.soliloquy.takes_wanted = str(small), 20
    click(bpy.ops.soliloquy.generate)
    yield from until(idle)
    message, bad = addon("jobs.jobs").last_message()
    assert bad and "disk is full" in message, message
    finished = [take for take in scene.soliloquy.takes if take.status == "READY"]
    assert len(image_strips()) == len(finished) == len(scene.soliloquy.takes)


def panels_draw_in_every_state() -> Iterator[None]:
    """Draw queue and characters while waiting, running and failed; any error in a draw fails the case."""
    yield from begin("slow", "noface")
    window = bpy.context.window_manager.windows[0]
    area = max(window.screen.areas, key=lambda area: area.width * area.height)
    area.type = "SEQUENCE_EDITOR"
    area.spaces[0].show_region_ui = True
    yield from settled(5)
    panels, wrong = panels_of("SEQUENCE_EDITOR"), {}
    originals = [cls.draw for cls in panels]
    try:
        with all_open(panels):
            for cls in panels:
                cls.draw = watched(cls, cls.draw, wrong)
            region = next(region for region in area.regions if region.type == "UI")
            region.active_panel_category = "Soliloquy"
            while not still():
                area.tag_redraw()
                yield
            yield from settled(5)
    finally:
        for cls, original in zip(panels, originals, strict=True):
            cls.draw = original
        area.type = "CONSOLE"
    assert not [error for error in wrong.values() if error], wrong
    assert {"SOLILOQUY_PT_queue_sequencer", "SOLILOQUY_PT_characters_sequencer"} <= set(wrong), sorted(wrong)


def another_file_in_mid_queue_ends_it() -> Iterator[None]:
    yield from begin("held", "person")
    yield from until(lambda: entries()[0].share > 0)
    worker, summary = pid(), addon("queue.job_queue").summary.summary_path(addon("queue.job_queue").path())
    with window_override():
        bpy.ops.wm.read_homefile(use_factory_startup=True)
    yield
    assert is_gone(worker) and still() and entries() == []
    assert '"cancelled": 1' in summary.read_text(encoding="utf-8")


def the_queue_dies_with_the_window() -> Iterator[None]:
    """The last case: quit Blender while the queue runs; the runner checks that the process ends."""
    yield from begin("held", "held")
    yield from until(lambda: entries()[0].share > 0)
    print(f"LEFT {pid()}", flush=True)


run_in_window(
    [
        the_queue_runs_beside_the_user,
        one_job_is_cancelled_and_the_other_goes_on,
        stopped_it_goes_on_where_it_was,
        a_killed_worker_is_replaced,
        a_portrait_that_is_pulled_away_fails_its_job_alone,
        saving_over_the_file_in_mid_queue_is_harmless,
        an_undo_in_mid_queue_loses_nothing,
        a_full_disk_is_told_and_nothing_is_left_half_done,
        generate_on_a_full_disk_is_told,
        panels_draw_in_every_state,
        another_file_in_mid_queue_ends_it,
    ],
    the_queue_dies_with_the_window,
)
