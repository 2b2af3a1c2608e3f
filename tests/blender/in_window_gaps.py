"""How long the window waits between two turns of a modal timer; the times are printed and not checked.

Run by ``tests/blender/run.py --only gaps`` on a virtual screen (``SCREEN=640x480`` before it makes that small). First
in the layout that an artist has: viewport and sequencer with our sidebars open, timeline, outliner and properties; then
with only empty consoles, which a software screen draws quickly. In each layout, takes of the scripted worker, one take
of a minute at 25 frames per second and one of five minutes at 60 are placed and baked. At the end the add-on is
switched off, and plain Python redraws the same file, which gives the time that Blender itself needs on this screen.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import bpy
from harness import addon, ready_scene
from window_harness import (
    baked_curves,
    click,
    idle,
    in_quiet,
    longest_image_strip,
    run_in_window,
    settled,
    take_made_of_nothing,
    until,
    waits_in_words,
    window_override,
)

INTERVAL = 0.01
DRAWN: dict[str, int] = {}
"""Number of redraws of each editor's main region since the last measurement began."""


def both_clocks() -> tuple[float, float]:
    """Seconds of wall-clock time, and of processor time of Blender's main thread.

    What a software screen fills and copies, in threads and a process of its own, counts for the first alone, as a
    graphics card's work would.
    """
    return time.perf_counter(), time.thread_time()


class TEST_OT_turns(bpy.types.Operator):
    """Record when the timer's events come, until it is stopped"""

    bl_idname = "test.turns"
    bl_label = "Note Turns"

    noted: list[tuple[float, float]] = []  # noqa: RUF012 - one at a time runs, and Blender makes the instance
    going_on = False
    _timer = None

    def invoke(self, context, _event):
        """Start."""
        TEST_OT_turns.noted, TEST_OT_turns.going_on = [], True
        self._timer = context.window_manager.event_timer_add(INTERVAL, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context, event):
        """Record a turn."""
        if not TEST_OT_turns.going_on:
            context.window_manager.event_timer_remove(self._timer)
            return {"FINISHED"}
        if event.type == "TIMER":
            self.noted.append(both_clocks())
        return {"PASS_THROUGH"}


def gaps(what: str, going_on: Callable[[], bool], start: Callable[[], None] = lambda: None) -> Generator:
    """Print the times between the timer's turns from ``start`` on while something happens."""
    with window_override():
        bpy.ops.test.turns("INVOKE_DEFAULT")
    yield from settled(5)
    TEST_OT_turns.noted.clear()
    DRAWN.clear()
    TEST_OT_turns.noted.append(both_clocks())
    start()
    while going_on():
        yield
    TEST_OT_turns.going_on = False
    clock, worked = zip(*TEST_OT_turns.noted, strict=True)
    waits, works = ([after - before for before, after in itertools.pairwise(times)] for times in (clock, worked))
    print(
        f"longest gap: {what}: {waits_in_words(waits)}, {sum(gap > 0.05 for gap in waits)} of {len(waits)} over 50, "
        f"{clock[-1] - clock[0]:.2f} s in all; Blender's thread worked: {waits_in_words(works)}; "
        f"drawn: {', '.join(f'{name} {count}' for name, count in sorted(DRAWN.items())) or 'nothing'}",
        flush=True,
    )
    yield from settled(40)


def times(count: int, act: Callable[[int], None]) -> Callable[[], bool]:
    """Continue for a number of turns, and act in each."""
    turns = iter(range(count))

    def next_turn() -> bool:
        turn = next(turns, None)
        if turn is not None:
            act(turn)
        return turn is not None

    return next_turn


def artists_layout() -> Iterator[None]:
    """The factory layout with the sequencer in half of the viewport; the sidebars show our tab."""
    window = bpy.context.window_manager.windows[0]
    viewport = max(window.screen.areas, key=lambda area: (area.type == "VIEW_3D", area.width * area.height))
    with bpy.context.temp_override(window=window, area=viewport):
        bpy.ops.screen.area_split(direction="HORIZONTAL", factor=0.5)
    yield from settled(10)
    split = sorted((a for a in window.screen.areas if a.type == "VIEW_3D"), key=lambda area: area.y)
    split[0].type = "SEQUENCE_EDITOR"
    yield from settled(10)
    for area in split:
        area.spaces[0].show_region_ui = True
    yield from settled(20)
    for area in split:
        next(region for region in area.regions if region.type == "UI").active_panel_category = "Soliloquy"
        area.tag_redraw()
    yield from settled(20)
    print(
        f"longest side of the window {window.width}, areas {[(a.type, a.width, a.height) for a in window.screen.areas]}"
    )


def watch_drawing() -> None:
    """Count how often the editors redraw."""
    for name in ("SpaceView3D", "SpaceSequenceEditor", "SpaceDopeSheetEditor"):
        space = getattr(bpy.types, name)

        def drawn(name: str = name) -> None:
            DRAWN[name] = DRAWN.get(name, 0) + 1

        for region in ("WINDOW", "UI"):
            label = f"{name.removeprefix('Space')} {region.lower()}"
            space.draw_handler_add(drawn, (label,), region, "POST_PIXEL")


def placed_and_baked(frames: int, fps: int) -> Iterator[None]:
    """Put a long take into the sequencer and on a head."""
    yield from take_made_of_nothing(frames, fps)
    yield from settled(60)
    length = frames * fps // 25
    what = f"{length} pictures"
    taken = bpy.context.scene.soliloquy.takes[0]
    yield from gaps(f"placing {what}", lambda: not taken.image_strip, lambda: click(bpy.ops.soliloquy.place_take))
    assert longest_image_strip() == length
    before = addon("jobs.jobs").last_message()
    yield from gaps(
        f"baking {what}",
        lambda: addon("jobs.jobs").last_message() == before,
        lambda: click(bpy.ops.soliloquy.bake),
    )
    assert baked_curves() == 73, baked_curves()


def a_job() -> Iterator[None]:
    """Generate one line; its take is placed and baked on arrival."""
    scene, _ = ready_scene("slow")
    click(bpy.ops.soliloquy.add_head)
    yield from until(idle)
    yield from settled(60)
    scene.soliloquy.bake_on_arrival = True
    yield from gaps("a job of two seconds", lambda: not idle(), lambda: click(bpy.ops.soliloquy.generate))
    assert scene.soliloquy.takes[0].image_strip and baked_curves() == 73


def a_minute() -> Iterator[None]:
    """A typical length: one minute at 25 frames per second."""
    yield from placed_and_baked(1500, 25)


def five_minutes() -> Iterator[None]:
    """18,000 scene frames, and then the time that the same file needs without the add-on."""
    yield from placed_and_baked(7500, 60)
    yield from without_the_addon()


def without_the_addon() -> Iterator[None]:
    """With the add-on off: the time to draw one small region, the sidebars, and the file's next frame."""
    package = addon("places").ROOT_PACKAGE
    scene, window = bpy.context.scene, bpy.context.window_manager.windows[0]
    with window_override():
        bpy.ops.preferences.addon_disable(module=package)
    yield from settled(60)

    def drawing(*kinds: str) -> Callable[[int], None]:
        def tag(_turn: int) -> None:
            for area in window.screen.areas:
                for region in area.regions if area.type in ("VIEW_3D", "SEQUENCE_EDITOR", "CONSOLE") else ():
                    if region.type in kinds:
                        region.tag_redraw()

        return tag

    off = "without the add-on"
    yield from gaps(f"{off}, nothing happens", times(60, lambda _: None))
    yield from gaps(f"{off}, headers drawn", times(60, drawing("HEADER")))
    yield from gaps(f"{off}, empty sidebars drawn", times(60, drawing("UI")))
    yield from gaps(f"{off}, main regions drawn", times(30, drawing("WINDOW")))
    yield from gaps(f"{off}, the next frame of the same file", times(30, lambda k: scene.frame_set(100 + k)))
    with window_override():
        bpy.ops.preferences.addon_enable(module=package)


def quit_at_once() -> Iterator[None]:
    """Check that nothing is left over."""
    yield
    print("LEFT 0", flush=True)


def in_the_artists_window() -> Iterator[None]:
    """Use that layout from here on."""
    bpy.utils.register_class(TEST_OT_turns)
    watch_drawing()
    yield from artists_layout()


def in_a_quiet_window() -> Iterator[None]:
    """Use only consoles from here on."""
    in_quiet()
    yield from settled(20)
    print("longest: from here on with empty consoles alone", flush=True)


CASES = [a_job, a_minute, five_minutes]

run_in_window([in_the_artists_window, *CASES, in_a_quiet_window, *CASES], quit_at_once)
