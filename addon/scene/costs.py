"""What the takes will cost that the scene's settings ask for, as sentences for the panel."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..jobs import disk, estimate, jobs, portrait_file
from ..jobs.portrait_file import PortraitFile
from ..properties import output
from ..properties.scene import FACE_SIZES, settings_of
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


def _portrait_file(scene: bpy.types.Scene) -> PortraitFile:
    """What is known of the portrait; Blender's image says how large it is where the file doesn't."""
    owner = characters.portrait_owner(scene, speaker_of(scene))
    image = owner.portrait_image
    if image is None:
        file = owner.portrait_file.strip()
        return portrait_file.look(Path(bpy.path.abspath(owner.portrait_file))) if file else portrait_file.UNKNOWN
    if image.packed_file is None and image.filepath and not image.is_dirty:
        found = portrait_file.look(Path(bpy.path.abspath(image.filepath, library=image.library)))
    else:
        found = PortraitFile(None if image.packed_file is None else int(image.packed_file.size))
    width, height = image.size
    return found._replace(size=(width, height)) if found.size is None and width and height else found


def words(scene: bpy.types.Scene) -> str:
    """``About 2 min 10 s, 180 MB of disk, … for 9.7 s of speech``; empty if nothing is chosen."""
    seconds = spoken_seconds(scene)
    if not seconds:
        return ""
    running = jobs.worker_pid() is not None
    expected = estimate.cost(request_without_files(scene), seconds, running=running, portrait=_portrait_file(scene))
    return say("{needs} for {seconds:.1f} s of speech", needs=expected.words(), seconds=seconds)


def picture(scene: bpy.types.Scene) -> str:
    """``A picture of 1034 × 1034, face 512``; empty if there will be none, or if its size isn't known yet."""
    request = request_without_files(scene)
    frame = None if request.motion_only else estimate.frame_size(request, _portrait_file(scene))
    if frame is None:
        return ""
    return say("A picture of {width} × {height}, face {face}", width=frame[0], height=frame[1], face=request.size)


def needless_size(scene: bpy.types.Scene) -> str:
    """A sentence if a smaller *Face Size* holds all that the photograph has of the face; empty where nobody knows."""
    request = request_without_files(scene)
    face = None if request.motion_only else estimate.face_pixels(_portrait_file(scene))
    if face is None:
        return ""
    enough = next((size for size in FACE_SIZES if size >= face), max(FACE_SIZES))
    if enough >= request.size:
        return ""
    return say("The face has {face} px in this photograph: {enough} px are enough", face=face, enough=enough)


def lack_of_disk(scene: bpy.types.Scene) -> str:
    """A sentence if the takes won't fit on the disk; empty otherwise."""
    seconds, portrait = spoken_seconds(scene) or 0.0, _portrait_file(scene)
    expected = estimate.cost(request_without_files(scene), seconds, running=True, portrait=portrait)
    return disk.lack_of_disk(output.output_folder(settings_of(scene).output_dir), expected.disk)
