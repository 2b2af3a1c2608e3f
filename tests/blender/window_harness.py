"""Shared by the scripts that run inside Blender's window: clicks, waiting, and cases that run on a timer.

Each case is a generator. A timer continues it between Blender's own events, so that modal operators work as they do
for a user.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Generator, Iterator

import bpy
from harness import addon, folder, ready_scene, report

TICK = 0.01
LIMIT = 180.0
"""Seconds that a case waits for something; on a busy machine a step of the add-on can take seconds."""


_editors = ["VIEW_3D"]


def in_quiet() -> None:
    """Make the window cheap to draw from here on; cases that need no picture are faster this way."""
    _editors[:] = ["CONSOLE"]
    for area in bpy.context.window_manager.windows[0].screen.areas:
        area.type = "CONSOLE"


def window_override():
    """Context of the window's sequencer or 3D viewport, as for a click in its sidebar."""
    window = bpy.context.window_manager.windows[0]
    kind = _editors[0]
    area = max(window.screen.areas, key=lambda area: (area.type == kind, area.width * area.height))
    area.type = kind  # a failed case may have changed it
    region = next(region for region in area.regions if region.type == "WINDOW")
    return bpy.context.temp_override(window=window, area=area, region=region)


def click(operator) -> None:
    """Call an operator as a button does."""
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
    """Make an undo step of everything before."""
    with window_override():
        bpy.ops.ed.undo_push(message=name)


def until(condition, seconds: float = LIMIT) -> Iterator[None]:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        yield


def idle() -> bool:
    return addon("jobs.jobs").current() is None


def in_mid_job() -> Iterator[None]:
    """Wait until the worker makes a take of a ``held`` portrait, which it finishes only after `let_go`."""
    yield from until(lambda: addon("jobs.jobs").current().share > 0)


def take_made_of_nothing(frames: int, fps: int) -> Iterator[None]:
    """Make a take of ``frames`` pictures at 25 per second without a worker, and a head, in a scene of ``fps``."""
    import numpy as np

    take_list, scene = addon("scene.take_list"), ready_scene()[0]
    scene.render.fps = fps
    where = folder("long")
    (where / "frames").mkdir()
    first = addon("scene.portrait").portrait_path(scene.soliloquy, where).read_bytes()
    for number in (1, frames):  # Blender's sequencer needs no more
        (where / "frames" / f"{number:06d}.png").write_bytes(first)
    t = np.arange(frames)[:, None] / 25
    expression, rotation = 0.5 + 0.5 * np.sin(2 * t + np.arange(53)), 0.2 * np.sin(t + np.arange(3))
    motion = addon("animation.motion_file").Motion(expression, rotation, np.zeros((frames, 3)), 25.0)
    motion.save(where / "motion.npz")
    take = scene.soliloquy.takes.add()
    take.key = take_list.new_key()
    take.name, take.index, take.folder, take.job = "Take 1", 1, str(where), str(where)
    take.frame_count, take.has_frames, take.origin, take.channel = frames, True, 1.0, 1
    take.refresh_status()
    assert take_list.active_take(scene).status == "READY"
    click(bpy.ops.soliloquy.add_head)
    yield from until(idle)


def image_strips() -> list[str]:
    return sorted(strip.name for strip in addon("compat").all_strips(bpy.context.scene) if strip.type == "IMAGE")


def longest_image_strip() -> int:
    """Length of the strip in frames; 0 if there is none."""
    compat = addon("compat")
    strips = [strip for strip in compat.all_strips(bpy.context.scene) if strip.type == "IMAGE"]
    return max((compat.right_handle(strip) - compat.left_handle(strip) for strip in strips), default=0)


def settled(steps: int = 30) -> Iterator[None]:
    """Let short modal operators finish."""
    for _ in range(steps):
        yield


def waits(going_on: Callable[[], bool], drawing: bool = False) -> Generator[None, None, list[float]]:
    """Seconds between the timer's turns while something happens; ``drawing``: the whole window is drawn each time."""
    found, before = [], time.perf_counter()
    while going_on():
        for area in bpy.context.window_manager.windows[0].screen.areas if drawing else ():
            area.tag_redraw()
        yield
        found.append(time.perf_counter() - before)
        before = time.perf_counter()
    return found


def waits_in_words(found: list[float]) -> str:
    """Median, 95th percentile and maximum."""
    middle, most, longest = (sorted(found)[round(share * (len(found) - 1))] * 1000 for share in (0.5, 0.95, 1.0))
    return f"middle {middle:.0f}, 95 in 100 under {most:.0f}, longest {longest:.0f} ms"


def baked_curves() -> int:
    """Number of F-curves of takes on the first target."""
    rig = bpy.context.scene.soliloquy.targets[0].thing
    return sum(len(addon("compat").action_fcurves(track.action)) for track in addon("animation.nla").tracks_on(rig))


def the_worker_dies_with_the_window() -> Iterator[None]:
    """The last case: quit Blender during a job; the runner checks that the process ends."""
    ready_scene("held")
    jobs = addon("jobs.jobs")
    click(bpy.ops.soliloquy.generate)
    yield from in_mid_job()
    print(f"LEFT {jobs.worker_pid()}", flush=True)


def all_cases(cases: list[Callable[[], Iterator[None]]], last: Callable[[], Iterator[None]]) -> Iterator[None]:
    """Run the cases, each in a fresh scene, then the one that quits."""
    for case in [*cases, last]:
        started = time.monotonic()
        try:
            scene = new_scene()
            yield
            yield from case()
            report(case.__name__, "passed", seconds=time.monotonic() - started)
        except Exception:  # noqa: BLE001 - whatever it is, it is this case's result
            report(case.__name__, "failed", traceback.format_exc(), time.monotonic() - started)
            addon("queue.job_queue").kill()
            addon("jobs.jobs").kill_worker()
        del scene
    with window_override():
        bpy.ops.wm.quit_blender()


def new_scene():
    """Make another scene in the same file, because loading a file would end this timer."""
    old = bpy.context.window_manager.windows[0].scene
    scene = bpy.data.scenes.new("Case")
    bpy.context.window_manager.windows[0].scene = scene
    if old.name.startswith("Case"):
        bpy.data.scenes.remove(old)
    scene.render.fps, scene.render.fps_base = 25, 1.0
    scene.soliloquy.output_dir = str(folder("out"))
    return scene


def run_in_window(
    cases: list[Callable[[], Iterator[None]]], last: Callable[[], Iterator[None]] = the_worker_dies_with_the_window
) -> None:
    """Start the timer that runs the cases; ``last`` quits Blender while a worker is busy."""
    running = all_cases(cases, last)

    def tick() -> float | None:
        try:
            next(running)
        except StopIteration:
            return None
        return TICK

    bpy.app.timers.register(tick, first_interval=1.0, persistent=True)
