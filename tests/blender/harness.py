"""Shared by the scripts that run inside a real Blender: the installed extension, inputs, results as JSON lines."""

from __future__ import annotations

import importlib
import json
import os
import struct
import sys
import time
import traceback
import wave
from collections.abc import Callable, Iterable
from pathlib import Path

import bpy

PACKAGE = "bl_ext.user_default.soliloquy"
WORK = Path(os.environ["SOLILOQUY_TEST_FOLDER"])
MARK = "RESULT "


def addon(module: str):
    """A module of the installed extension."""
    return importlib.import_module(f"{PACKAGE}.addon.{module}")


def report(name: str, outcome: str, text: str = "", seconds: float = 0.0) -> None:
    """Print one line for the runner."""
    print(MARK + json.dumps({"name": name, "outcome": outcome, "text": text, "seconds": seconds}), flush=True)


def run_cases(cases: Iterable[Callable[[], None]]) -> None:
    """Run each case on a fresh file and report it."""
    for case in cases:
        started = time.monotonic()
        try:
            fresh_file()
            case()
            report(case.__name__, "passed", seconds=time.monotonic() - started)
        except Exception:  # noqa: BLE001 - any error is the result of this case
            report(case.__name__, "failed", traceback.format_exc(), time.monotonic() - started)


def fresh_file() -> None:
    """Factory settings with the extension on, 25 frames a second, takes in the test folder."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 25, 1.0
    scene.soliloquy.output_dir = str(folder("out"))


def folder(name: str, within: Path = WORK) -> Path:
    """A new folder with a difficult name, as users' folders have."""
    path = within / f"{name} ü 声 {time.monotonic_ns()}"
    path.mkdir(parents=True)
    return path


def small_disk() -> Path | None:
    """A folder on a small disk, if the runner could mount one."""
    path = os.environ.get("SOLILOQUY_SMALL_DISK")
    return folder("out", Path(path)) if path else None


def click_sound(seconds: float = 2.0, click: float = 1.0) -> Path:
    """Silence with one click, 16 kHz."""
    path = folder("sound") / "a click.wav"
    samples = [0] * round(16000 * seconds)
    start = round(16000 * click)
    samples[start : start + 40] = [20000] * 40
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return path


def picture(manner: str = "person") -> Path:
    """Make a picture; its name tells the scripted worker how to behave."""
    path = folder("picture") / f"{manner}.png"
    image = bpy.data.images.new(manner, 8, 8)
    image.filepath_raw, image.file_format = str(path), "PNG"
    image.save()
    bpy.data.images.remove(image)
    return path


def let_go(portrait: str | Path, take: int | None = None) -> None:
    """Let the scripted worker finish the takes of a ``held`` portrait, or only one of them."""
    (Path(portrait).parent / ("go" if take is None else f"go {take}")).touch()


def ready_scene(manner: str = "person", frame: int = 11):
    """Add a sound strip and a portrait to the scene, as a user does; returns scene and strip."""
    scene = bpy.context.scene
    strip = addon("compat").new_sound_strip(scene, "speech", str(click_sound()), 1, frame)
    scene.sequence_editor.active_strip = strip
    scene.soliloquy.portrait_file = str(picture(manner))
    return scene, strip


def two_characters(*manners: str):
    """Add two characters who take turns, each with a face; returns the scene. ``manners`` are their portraits'."""
    scene = bpy.context.scene
    for channel, (name, manner) in enumerate(zip(("Anna", "Ben"), manners, strict=True), 1):
        character = scene.soliloquy_queue.characters.add()
        character.name, character.portrait_file = name, str(picture(manner))
        strip = addon("compat").new_sound_strip(scene, f"line {channel}", str(click_sound()), channel, 60 * channel)
        strip.soliloquy_character = name
        mesh = bpy.data.meshes.new(name)
        mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
        face = bpy.data.objects.new(f"{name}'s face", mesh)
        scene.collection.objects.link(face)
        for shape in ("Basis", "jawOpen", "eyeBlinkLeft"):
            face.shape_key_add(name=shape).value = 0.0
        target = scene.soliloquy.targets.add()
        target.thing, target.character = face, name
    return scene


def is_gone(pid: int, seconds: float = 8.0) -> bool:
    """Whether a process ends within some seconds (a zombie has ended)."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        stat = Path(f"/proc/{pid}/stat")
        try:
            if stat.read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


sys.path.insert(0, str(Path(__file__).parent))
