"""Takes in the scene: listed when they arrive, put into the sequencer, shown one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import bpy

from ..core.errors import BadInputError
from ..core.protocol import TakeReady
from . import compat, speech, strips
from .properties import SoliloquyTake, settings_of
from .speech import Speech


def stored_path(path: str | Path) -> str:
    """``path`` as it is kept in the .blend: relative when it lies beside or below the saved file."""
    if bpy.data.filepath:
        home = Path(bpy.data.filepath).parent
        if Path(path).is_relative_to(home):
            return bpy.path.relpath(str(path))
    return str(path)


def add_take(scene: bpy.types.Scene, ready: TakeReady, spoken: Speech) -> SoliloquyTake:
    """List a finished take, or bring the entry of the same take up to date."""
    settings = settings_of(scene)
    folder = Path(ready.folder)
    take = next((take for take in settings.takes if take.path() == folder), None)
    if take is None:
        take = settings.takes.add()
    take.name = f"Take {ready.index}"
    take.index, take.seed = ready.index, ready.seed
    take.folder, take.job = stored_path(folder), stored_path(ready.job)
    take.frame_count, take.fps = ready.frame_count, ready.fps
    take.has_frames = ready.frames is not None
    take.audio_start, take.audio_strip = ready.start, spoken.strip
    take.origin, take.channel = float(spoken.origin), spoken.channel
    take.refresh_status()
    return take


def arrive(scene: bpy.types.Scene, spoken: Speech, ready: TakeReady) -> Iterator[object]:
    """List a take that the worker has finished and put its frames into the sequencer, in steps."""
    add_take(scene, ready, spoken)
    yield
    if ready.frames is not None:
        folder = Path(ready.folder)
        yield from place_take(scene, next(i for i, t in enumerate(settings_of(scene).takes) if t.path() == folder))


def place_take(scene: bpy.types.Scene, index: int) -> Iterator[object]:
    """Put the take's frames into the sequencer in steps, in sync with its sound; replaces its earlier strip."""
    settings = settings_of(scene)
    take = settings.takes[index]
    if take.status != "READY":
        raise BadInputError("take_missing", f"Take {take.index} has no frames on disk.", "Render it again.")
    strips.remove_strip(scene, take.image_strip)
    strip = None
    for strip in strips.image_strip(
        scene,
        f"Take {take.index} (seed {take.seed})",
        take.path() / "frames",
        take.frame_count,
        timing_of(scene, take),
        take.channel + 1,
    ):
        yield strip
    take.image_strip = strip.name
    if settings.active_take == index:
        show_take(scene, index)
    else:
        settings.active_take = index


def timing_of(scene: bpy.types.Scene, take: SoliloquyTake) -> speech.Timing:
    """Where the take belongs on the timeline now."""
    return speech.take_timing(scene, take.audio_strip, take.audio_start, take.origin)


def show_take(scene: bpy.types.Scene, index: int) -> None:
    """Unmute the take's strip and mute those of the same job's other takes."""
    takes = settings_of(scene).takes
    if not 0 <= index < len(takes):
        return
    for other in takes:
        strip = strips.find_strip(scene, other.image_strip)
        if strip is not None and other.job == takes[index].job:
            strip.mute = other != takes[index]


def remove_take(scene: bpy.types.Scene, index: int) -> None:
    """Take it off the list and out of the sequencer; its files stay on disk."""
    settings = settings_of(scene)
    strips.remove_strip(scene, settings.takes[index].image_strip)
    settings.takes.remove(index)
    settings.active_take = min(index, len(settings.takes) - 1)


def active_take(scene: bpy.types.Scene) -> SoliloquyTake | None:
    """The take chosen in the list, or None."""
    settings = settings_of(scene)
    if 0 <= settings.active_take < len(settings.takes):
        return settings.takes[settings.active_take]
    return None


def fit_frame_range(scene: bpy.types.Scene) -> None:
    """Let the scene's range end with its last strip."""
    ends = [compat.right_handle(strip) for strip in compat.all_strips(scene)]
    scene.frame_end = max([scene.frame_start, *(end - 1 for end in ends)])
