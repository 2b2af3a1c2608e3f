"""What the takes will cost that the scene's settings ask for, as sentences for the panel."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..jobs import disk, estimate, jobs
from ..properties import output
from ..properties.scene import settings_of
from ..sequencer import hearing, speech
from ..words import say
from . import characters
from .request import request_without_files, speaker_of


def spoken_seconds(scene: bpy.types.Scene) -> float | None:
    """Length of the speech that Generate would use; None if nothing is chosen."""
    rate = speech.rate_of(scene)
    if settings_of(scene).sound == "MIX":
        return (scene.frame_end + 1 - scene.frame_start) / rate
    strip = speech.sound_strip(scene)
    if strip is None:
        return None
    left, right = hearing.heard_frames(scene, strip)
    return max(0.0, (right - left) / rate)


def _portrait_bytes(scene: bpy.types.Scene) -> int | None:
    """Bytes of the portrait's file, by which earlier takes of it are known; None if there is no file."""
    owner = characters.portrait_owner(scene, speaker_of(scene))
    image = owner.portrait_image
    if image is None:
        return disk.bytes_of(Path(bpy.path.abspath(owner.portrait_file))) if owner.portrait_file.strip() else None
    if image.packed_file is not None:
        return int(image.packed_file.size)
    return disk.bytes_of(Path(bpy.path.abspath(image.filepath, library=image.library))) if image.filepath else None


def words(scene: bpy.types.Scene) -> str:
    """``About 2 min 10 s, 180 MB of disk, … for 9.7 s of speech, 1034 × 1034 px``; empty if nothing is chosen."""
    seconds = spoken_seconds(scene)
    if not seconds:
        return ""
    running = jobs.worker_pid() is not None
    request, picture = request_without_files(scene), _portrait_bytes(scene)
    expected = estimate.cost(request, seconds, running=running, picture=picture)
    told = say("{needs} for {seconds:.1f} s of speech", needs=expected.words(), seconds=seconds)
    frame = None if request.motion_only else estimate.frame_size(request, picture)
    return told if frame is None else say("{told}, {width} × {height} px", told=told, width=frame[0], height=frame[1])


def lack_of_disk(scene: bpy.types.Scene) -> str:
    """A sentence if the takes won't fit on the disk; empty otherwise."""
    seconds, picture = spoken_seconds(scene) or 0.0, _portrait_bytes(scene)
    expected = estimate.cost(request_without_files(scene), seconds, running=True, picture=picture)
    return disk.lack_of_disk(output.output_folder(settings_of(scene).output_dir), expected.disk)
