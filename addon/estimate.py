"""How long Generate will take and how much disk it needs, before it is pressed: guesses, then this computer's rates.

Each finished take tells how long its stages took; the latest of each stage is kept for the next session.
"""

from __future__ import annotations

import json
from pathlib import Path

import bpy

from ..core.progress import SECONDS_PER_UNIT
from . import compat, jobs, preferences, speech
from .properties import SoliloquySettings, settings_of

START = 8.0
"""Seconds until a worker that does not run yet has loaded its libraries."""
_PER_FRAME = ("motion", "frames", "extract")
_ONCE = ("models", "audio", "portrait")
_BYTES_PER_PIXEL = 1.6
_learned: dict[str, float] = {}


def _file() -> Path:
    return preferences.user_folder() / "rates.json"


def learn(folder: Path) -> None:
    """Remember the rates of a finished take from its ``take.json``; what can't be read or kept is no loss."""
    try:
        facts = json.loads((folder / "take.json").read_text(encoding="utf-8"))
        count = int(facts["frame_count"])
        for stage, seconds in facts["timings"].items():
            if stage in SECONDS_PER_UNIT and seconds > 0:
                _learned[_name(stage, facts["size"])] = seconds / (count if stage in _PER_FRAME else 1)
        pictures = sorted((folder / "frames").glob("*.png"))[:: max(1, count // 8)]
        if pictures:
            size = sum(path.stat().st_size for path in pictures) / len(pictures)
            _learned[_name("bytes", facts["size"])] = size
        _file().parent.mkdir(parents=True, exist_ok=True)
        _file().write_text(json.dumps(_learned), encoding="utf-8")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return


def _name(stage: str, size: object) -> str:
    """Rendering depends on the size of the pictures, the rest doesn't."""
    return f"{stage} {size}" if stage in ("frames", "renderer", "bytes") else stage


def _rate(stage: str, size: int, otherwise: float) -> float:
    return float(_learned.get(_name(stage, size), otherwise))


def spoken_seconds(scene: bpy.types.Scene) -> float | None:
    """Length of what would be spoken; None where nothing is chosen."""
    rate = speech.rate_of(scene)
    if settings_of(scene).sound == "MIX":
        return (scene.frame_end + 1 - scene.frame_start) / rate
    strip = speech.sound_strip(scene)
    return None if strip is None else max(0.0, (compat.right_handle(strip) - compat.left_handle(strip)) / rate)


def cost(settings: SoliloquySettings, seconds: float) -> tuple[float, float]:
    """(seconds, bytes) that takes of a speech of that length will need."""
    frames, size = 25.0 * seconds, int(settings.size)
    stages = ["motion"] if settings.motion_only else ["motion", "frames", "extract"]
    finer = (size / 512) ** 2
    each = sum(
        frames * _rate(stage, size, SECONDS_PER_UNIT[stage] * (finer if stage == "frames" else 1.0)) for stage in stages
    )
    once = sum(_rate(stage, size, SECONDS_PER_UNIT[stage]) for stage in _ONCE)
    once += 0.0 if jobs.worker_pid() else START
    disk = 0.0 if settings.motion_only else frames * _rate("bytes", size, size * size * _BYTES_PER_PIXEL)
    return once + each * settings.takes_wanted, disk * settings.takes_wanted


def words(scene: bpy.types.Scene) -> str:
    """``About 2 min 10 s, 180 MB`` for the scene's settings; empty where nothing is chosen."""
    seconds = spoken_seconds(scene)
    if not seconds:
        return ""
    time, size = cost(settings_of(scene), seconds)
    disk = f", {size / 1e9:.1f} GB" if size >= 1e9 else f", {size / 1e6:.0f} MB" if size else ""
    return f"About {jobs.duration(time)}{disk} for {seconds:.1f} s of speech"


def register() -> None:
    """Read what earlier sessions learned."""
    try:
        stored = json.loads(_file().read_text(encoding="utf-8"))
        _learned.update({str(name): float(rate) for name, rate in stored.items()})
    except (OSError, ValueError, TypeError, AttributeError):
        return


def unregister() -> None:
    """Forget it."""
    _learned.clear()
