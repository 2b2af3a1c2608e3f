"""What Generate will cost before it is pressed: time, disk and memory; first guesses, then this computer's rates.

Each finished take tells how long its stages took and how much memory its worker held; the latest of each is kept for
the next session, by device. First guesses were measured on two processor cores (docs/results/speed.md); those for a
GPU's memory are only guesses until a take was made on it.
"""

from __future__ import annotations

import functools
import json
import shutil
import time
import wave
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ...core.motion.channels import FPS
from ...core.wire.progress import SECONDS_PER_UNIT
from ...core.wire.protocol import Generate
from .. import compat
from ..properties import preferences
from ..properties.scene import settings_of
from ..sequencer import speech
from ..words import duration, say
from . import jobs

START = 8.0
"""Seconds until a worker that does not run yet has loaded its libraries."""
_PER_FRAME = ("motion", "frames", "extract")
_ONCE = ("audio", "portrait")
_SECONDS_PER_FRAME = {"gan": (0.041, 0.057), "warp": (0.023, 0.032)}
"""Seconds a frame on two cores: a part for every frame, and a part that grows with its pixels, given at 512²."""
_BYTES_PER_PIXEL = {"crop": 1.8, "portrait": 7.0}
"""Of PNGs, for each pixel of the face square; a whole portrait has about four times its pixels."""
_MEMORY = (0.70e9, 0.63e9)
"""Bytes a worker holds: always, and for pictures of 512²."""
_GPU_MEMORY = (0.8e9, 0.9e9)
_LOOK_EVERY = 2.0
"""Seconds between two looks at the disk."""
_learned: dict[str, float] = {}
_device: list[str] = []
"""Where the latest take was made: what “auto” has come to here."""


@dataclass(frozen=True)
class Cost:
    """What takes need: seconds, bytes of disk, bytes of memory at once; ``gpu`` is None on a processor."""

    seconds: float
    disk: float
    memory: float
    gpu: float | None = None

    def words(self) -> str:
        """``About 2 min 10 s, 180 MB of disk, 1.3 GB of memory``."""
        parts = [say("About {time}", time=duration(self.seconds))]
        parts += [say("{size} of disk", size=size(self.disk))] if self.disk else []
        parts += [say("{size} of memory", size=size(self.memory))] if self.memory else []
        parts += [say("{size} of GPU memory", size=size(self.gpu))] if self.gpu else []
        return ", ".join(parts)


def size(count: float) -> str:
    """Bytes in words."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


# --------------------------------------------------------------------------------------------------- what was measured
def _file() -> Path:
    return preferences.user_folder() / "rates.json"


def learn(folder: Path) -> None:
    """Remember the rates of a finished take from its ``take.json``; what can't be read or kept is no loss."""
    try:
        facts = json.loads((folder / "take.json").read_text(encoding="utf-8"))
        device, count = str(facts["device"]), int(facts["frame_count"])
        pixels, renderer, framing = facts["size"], facts["renderer"], facts["framing"]
        for stage, seconds in facts["timings"].items():
            if stage in SECONDS_PER_UNIT and seconds > 0:
                _learned[_name(stage, device, pixels, renderer)] = seconds / (count if stage in _PER_FRAME else 1)
        for kind, held in facts.get("memory", {}).items():
            if held:
                _learned[f"{kind} memory {device} {pixels}"] = float(held)
        pictures = sorted((folder / "frames").glob("*.png"))[:: max(1, count // 8)]
        if pictures:
            _learned[f"bytes {pixels} {framing}"] = sum(path.stat().st_size for path in pictures) / len(pictures)
        _device[:] = [device]
        _file().parent.mkdir(parents=True, exist_ok=True)
        _file().write_text(json.dumps({"device": device, "rates": _learned}), encoding="utf-8")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return


def _name(stage: str, device: str, pixels: object, renderer: object) -> str:
    """Rendering depends on size and renderer of the pictures, the rest doesn't."""
    return f"{stage} {device} {pixels} {renderer}" if stage in ("frames", "renderer") else f"{stage} {device}"


def device_of(request: Generate) -> str:
    """Where a request will run: what it asks for, else where the latest take was made, else the processor."""
    return request.device if request.device != "auto" else _device[0] if _device else "cpu"


# ------------------------------------------------------------------------------------------------------- what it costs
def cost(request: Generate, seconds: float, *, running: bool) -> Cost:
    """What the takes of a request about ``seconds`` of speech will need; ``running``: a worker is there already."""
    device, frames = device_of(request), FPS * seconds
    shown = frames if request.preview is None else min(frames, FPS * request.preview)

    def rate(stage: str, otherwise: float) -> float:
        return _learned.get(_name(stage, device, request.size, request.renderer), otherwise)

    each = frames * rate("motion", SECONDS_PER_UNIT["motion"])
    finer = (request.size / 512) ** 2
    if not request.motion_only:
        always, growing = _SECONDS_PER_FRAME[request.renderer]
        each += shown * rate("frames", always + growing * finer)
        each += shown * rate("extract", SECONDS_PER_UNIT["extract"]) if request.extract else 0.0
    once = sum(rate(stage, SECONDS_PER_UNIT[stage]) for stage in _ONCE)
    once += 0.0 if request.motion_only else rate("renderer", SECONDS_PER_UNIT["renderer"])
    once += 0.0 if running else START + rate("models", SECONDS_PER_UNIT["models"])
    pixels = request.size**2 * _BYTES_PER_PIXEL[request.framing]
    disk = 0.0 if request.motion_only else shown * _learned.get(f"bytes {request.size} {request.framing}", pixels)
    memory, gpu = memory_of(request)
    return Cost(once + each * request.takes, disk * request.takes, memory, gpu)


def memory_of(request: Generate) -> tuple[float, float | None]:
    """Bytes of main memory, and of the GPU's where the request will run on one, that a worker needs for a request."""
    device = device_of(request)
    pixels = None if request.motion_only else request.size
    finer = 0.0 if pixels is None else (pixels / 512) ** 2

    def held(kind: str, always: float, growing: float) -> float:
        return _learned.get(f"{kind} memory {device} {pixels}", always + growing * finer)

    return held("process", *_MEMORY), held("gpu", *_GPU_MEMORY) if device == "cuda" else None


def total(requests: Iterable[tuple[Generate, float]], workers: int) -> Cost:
    """What several requests (each with its seconds of speech) need, done by so many workers at once."""
    costs = [cost(request, seconds, running=True) for request, seconds in requests]
    if not costs:
        return Cost(0.0, 0.0, 0.0)
    count = min(max(workers, 1), len(costs))
    longest = max(each.seconds for each in costs)
    spent = START + SECONDS_PER_UNIT["models"] + max(longest, sum(each.seconds for each in costs) / count)
    gpu = max((each.gpu for each in costs if each.gpu), default=None)
    return Cost(spent, sum(each.disk for each in costs), count * max(each.memory for each in costs), gpu)


# ---------------------------------------------------------------------------------------------------------- the scene's
def request_of(scene: bpy.types.Scene) -> Generate:
    """What the scene's settings ask for, as far as it matters here; names no file."""
    settings = settings_of(scene)
    return Generate(
        audio="",
        portrait="",
        out="",
        takes=settings.takes_wanted,
        size=int(settings.size),
        framing=settings.framing,
        renderer=settings.renderer,
        motion_only=settings.motion_only,
        device=preferences.device(),
    )


def spoken_seconds(scene: bpy.types.Scene) -> float | None:
    """Length of what would be spoken; None where nothing is chosen."""
    rate = speech.rate_of(scene)
    if settings_of(scene).sound == "MIX":
        return (scene.frame_end + 1 - scene.frame_start) / rate
    strip = speech.sound_strip(scene)
    return None if strip is None else max(0.0, (compat.right_handle(strip) - compat.left_handle(strip)) / rate)


def words(scene: bpy.types.Scene) -> str:
    """``About 2 min 10 s, 180 MB of disk, … for 9.7 s of speech``; empty where nothing is chosen."""
    seconds = spoken_seconds(scene)
    if not seconds:
        return ""
    expected = cost(request_of(scene), seconds, running=jobs.worker_pid() is not None)
    return say("{needs} for {seconds:.1f} s of speech", needs=expected.words(), seconds=seconds)


def lack_for(scene: bpy.types.Scene) -> str:
    """A sentence where the scene's takes won't fit on the disk."""
    wanted = cost(request_of(scene), spoken_seconds(scene) or 0.0, running=True).disk
    return lack_of_disk(preferences.output_folder(settings_of(scene).output_dir), wanted)


def lack_of_disk(folder: Path, wanted: float) -> str:
    """A sentence where a folder's disk has less room than wanted (bytes); empty where it has enough."""
    free = _free(str(folder), int(time.monotonic() / _LOOK_EVERY))
    if free is None or wanted <= free:
        return ""
    return say("Only {size} are free for takes in {folder}", size=size(free), folder=folder)


@functools.lru_cache(maxsize=8)
def _free(folder: str, _when: int) -> int | None:
    """Free bytes; asked of the system at most every `_LOOK_EVERY` seconds, because panels ask at every redraw."""
    there = next((path for path in (Path(folder), *Path(folder).parents) if path.is_dir()), None)
    try:
        return None if there is None else shutil.disk_usage(there).free
    except OSError:
        return None


def seconds_of(request: Generate) -> float | None:
    """Length of what a request speaks; None where its sound can't be measured from here."""
    if request.duration is not None:
        return request.duration
    try:
        whole = _length(request.audio, Path(request.audio).stat().st_mtime_ns)
    except OSError:
        return None
    return None if whole is None else max(0.0, whole - request.start)


@functools.lru_cache(maxsize=256)
def _length(path: str, _changed: int) -> float | None:
    """Seconds of a sound file: a WAV's by its header, another's by Blender's sound library where it has one."""
    try:
        with wave.open(path) as sound:
            return sound.getnframes() / sound.getframerate()
    except (OSError, EOFError, wave.Error, ZeroDivisionError):
        pass
    try:
        import aud

        sound = aud.Sound(path)
        return float(sound.length) / float(sound.specs[0])
    except Exception:  # noqa: BLE001 - builds without sound, files it can't read: its error types are its own
        return None


def register() -> None:
    """Read what earlier sessions learned."""
    try:
        stored: dict[str, Any] = json.loads(_file().read_text(encoding="utf-8"))
        _learned.update({str(name): float(rate) for name, rate in stored["rates"].items()})
        _device[:] = [str(stored["device"])]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return


def unregister() -> None:
    """Forget it."""
    _learned.clear()
    _device.clear()
