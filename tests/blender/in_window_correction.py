"""From a wrong sound on the lips to corrected frames, with the real worker; the times are printed and not checked.

Run by ``tests/blender/run.py --only correction`` on a virtual screen, with the demonstration's speech and a photograph
that the runner puts into the test folder. The user's time is that of the clicks in `WAY`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import bpy
from harness import WORK, addon
from window_harness import click, idle, longest_image_strip, run_in_window, until

SPEECH = Path(__file__).resolve().parents[2] / "tools" / "assets" / "demo_speech.flac"
POINT, CLICK, THINK = 1.1, 0.2, 1.35
"""Seconds of the operators P, BB and M of the keystroke-level model (Card, Moran and Newell 1980, Communications of the
ACM 23(7); the click as by Kieras)."""
WAY = (("Show Phones", THINK), ("the menu under Update Lips", THINK), ("the right sound", 0.0), ("Update Lips", THINK))
"""Clicks from the stopped picture on, with the time to think before each. A menu and its entry are one thought
(heuristic rule 2 of the model)."""
FRAMES = 75
"""Length of the take. It makes no difference to the correction, which renders only frames that change."""
WRONG_FRAME = 42
"""In the U of "moved", where the user has stopped."""


def from_a_wrong_sound_to_corrected_frames() -> Iterator[None]:
    scene = bpy.context.scene
    settings = scene.soliloquy
    compat, phone_lane, operators = addon("compat"), addon("sequencer.phone_lane"), bpy.ops.soliloquy
    strip = compat.new_sound_strip(scene, "speech", str(SPEECH), 1, 1)
    compat.set_handles(strip, 1, 1 + FRAMES)
    scene.sequence_editor.active_strip = strip
    settings.portrait_file, settings.takes_wanted = str(WORK / "astronaut.png"), 1
    begun = time.monotonic()
    click(operators.generate)
    yield from until(lambda: idle() and len(settings.takes) == 1, 600.0)
    told("the take that has the wrong sound", begun)
    scene.frame_set(WRONG_FRAME)

    begun = time.monotonic()
    click(operators.show_phones)
    yield from until(lambda: phone_lane.exists(scene, settings.takes[0].key) and steps_are_done(scene))
    told("Show Phones", begun)
    chosen = scene.sequence_editor.active_strip
    assert phone_lane.take_of(chosen) and compat.left_handle(chosen) <= WRONG_FRAME < compat.right_handle(chosen)
    operators.set_phone(phone="AA" if phone_lane.name_of(chosen) != "AA" else "UW")

    begun = time.monotonic()
    click(operators.update_lips)
    yield from until(lambda: idle() and len(settings.takes) == 2, 600.0)
    told(f"Update Lips, {longest_image_strip()} frames of {settings.size} px", begun)
    assert phone_lane.exists(scene, settings.takes[1].key)
    thought, clicked = sum(pause for _, pause in WAY), len(WAY) * (POINT + CLICK)
    print(f"took {thought + clicked:.1f} s of the user: {len(WAY)} clicks in {clicked:.1f} s, {thought:.1f} s to think")


def steps_are_done(scene: bpy.types.Scene) -> bool:
    """Whether Show Phones has chosen the phone, which it does last."""
    return bool(addon("sequencer.phone_lane").take_of(scene.sequence_editor.active_strip))


def told(what: str, begun: float) -> None:
    """Print how long something took."""
    print(f"took {time.monotonic() - begun:.2f} s: {what}", flush=True)


def nothing_is_left() -> Iterator[None]:
    """The last case: Blender quits, and the worker with it."""
    print(f"LEFT {addon('jobs.jobs').worker_pid() or 0}", flush=True)
    yield


run_in_window([from_a_wrong_sound_to_corrected_frames], nothing_is_left)
