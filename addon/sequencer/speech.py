"""The sound to be spoken: the active sound strip, as it is trimmed and placed, or the mix of the whole scene."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ...core.errors import BadInputError, SoliloquyError
from ...core.files import is_file, make_folder, write_bytes
from .. import compat
from ..typed import attached
from ..words import say
from . import hearing, phone_lane, strips
from .timing import Timing, scene_rate


@dataclass(frozen=True)
class Speech:
    """A piece of a sound file and its place on the timeline.

    ``start`` and ``duration`` are seconds of the file (``duration`` None: to its end). ``origin`` is the scene frame at
    which ``start`` is heard. ``strip`` links to the strip with this file (`strips.link`), so that takes follow it when
    it is moved. It is empty for a mix, which is made for one place. ``character`` is the name of the speaker, or empty.
    """

    path: Path
    start: float
    duration: float | None
    origin: int
    strip: str
    channel: int
    character: str = ""


def rate_of(scene: bpy.types.Scene) -> float:
    """The scene's frames a second."""
    return scene_rate(scene.render.fps, scene.render.fps_base)


def sound_strip(scene: bpy.types.Scene) -> Any | None:
    """The strip to be spoken: the active strip if it is sound, the sound of the active movie or take, or the only one.

    A take is active with its strip of pictures and with its phones. The only selected sound strip comes before the only
    existing one.
    """
    active = scene.sequence_editor.active_strip if scene.sequence_editor else None
    if active is not None and active.type == "SOUND":
        return active
    if active is not None and active.type == "MOVIE" and (its := hearing.sound_of_movie(scene, active)) is not None:
        return its
    if active is not None and (its := _sound_of_take(scene, active)) is not None:
        return its
    for among in (compat.selected_strips(scene), compat.all_strips(scene)):
        sounds = [strip for strip in among if strip.type == "SOUND"]
        if len(sounds) == 1:
            return sounds[0]
    return None


def require_sound_strip(scene: bpy.types.Scene) -> Any:
    """The strip that `sound_strip` finds. Raises BadInputError ``no_strip`` without one."""
    strip = sound_strip(scene)
    if strip is None:
        raise BadInputError("no_strip", say("No sound strip is active."), say("Select one in the sequencer."))
    return strip


def _sound_of_take(scene: bpy.types.Scene, strip: Any) -> Any | None:
    """The sound strip of the take whose pictures or phone a strip shows; None for any other strip."""
    key, link = phone_lane.take_of(strip), strip.soliloquy_link or strip.name
    for take in attached(scene, "soliloquy").takes:
        if take.key == key if key else take.image_strip == link:
            its = strips.find_strip(scene, take.audio_strip)
            return its if its is not None and its.type == "SOUND" else None
    return None


def speech_from_strip(scene: bpy.types.Scene, strip: Any, inputs: Path) -> Speech:
    """What is heard of the strip, as a part of its file if it is one.

    A packed sound is written to ``inputs``. A strip that Blender plays in another way (`hearing.needs_mixdown`) is
    mixed down to a file there.

    Raises
    ------
    BadInputError
        ``audio_missing`` if the file is missing, ``audio_unheard`` if the strip is muted or hidden, ``audio_empty`` if
        nothing of the file lies between the handles.
    """
    path = _file_of_sound(strip.sound, inputs)
    if unheard := hearing.why_unheard(scene, strip):
        raise BadInputError("audio_unheard", unheard + ".", say("Only what is heard is spoken."))
    left, right = _spoken_of_strip(scene, strip)
    if hearing.needs_mixdown(scene, strip):
        others = [other for other in compat.all_strips(scene) if other.name != strip.name and other.type != "META"]
        path = _mixdown(scene, left, right, inputs, silence=others)
        return Speech(path, 0.0, None, left, "", strip.channel, strip.soliloquy_character)
    rate = rate_of(scene)
    zero = _content_zero(strip, rate)
    end = compat.content_start(strip) + compat.content_duration(strip)
    if right <= left or left >= end:
        raise BadInputError(
            "audio_empty",
            say("Nothing of the sound lies between the handles of strip “{strip}”.", strip=strip.name),
            say("Pull its handles over the sound."),
        )
    duration = (right - left) / rate if right < end else None
    start = max(0.0, (left - zero) / rate)
    return Speech(path, start, duration, left, strips.link(scene, strip), strip.channel, strip.soliloquy_character)


def spoken_frames(scene: bpy.types.Scene, *, mix: bool) -> tuple[int, int]:
    """Scene frames [first, stop) of the speech: the mix, or the strip to be spoken.

    Raises BadInputError ``no_strip`` without such a strip.
    """
    if mix:
        return scene.frame_start, scene.frame_end + 1
    return _spoken_of_strip(scene, require_sound_strip(scene))


def _spoken_of_strip(scene: bpy.types.Scene, strip: Any) -> tuple[int, int]:
    """Scene frames [first, stop) that are heard of a strip, from the first of its content on."""
    left, right = hearing.heard_frames(scene, strip)
    if hearing.needs_mixdown(scene, strip):
        return left, right
    return max(left, int(-(-_content_zero(strip, rate_of(scene)) // 1))), right


def speech_from_mix(scene: bpy.types.Scene, inputs: Path) -> Speech:
    """All sound of the scene over its frame range, mixed down to a file in ``inputs``."""
    path = _mixdown(scene, scene.frame_start, scene.frame_end + 1, inputs, silence=())
    sounds = [strip.channel for strip in compat.all_strips(scene) if strip.type == "SOUND"]
    return Speech(path, 0.0, None, scene.frame_start, "", max(sounds, default=1))


def take_timing(scene: bpy.types.Scene, linked: str, audio_start: float, origin: float) -> Timing:
    """A take's place on the timeline now: at its strip, which may have been moved, else where it was made."""
    rate = rate_of(scene)
    strip = strips.find_strip(scene, linked)
    if strip is not None and strip.type == "SOUND":
        return Timing(_content_zero(strip, rate) + audio_start * rate, rate)
    return Timing(origin, rate)


def _content_zero(strip: Any, rate: float) -> float:
    """Scene frame of second 0 of the strip's file. The formula was measured on mixdowns of a rising tone."""
    return compat.content_start(strip) - compat.content_trim(strip) + getattr(strip, "sound_offset", 0.0) * rate


def _file_of_sound(sound: bpy.types.Sound, inputs: Path) -> Path:
    if sound.packed_file is not None:
        return write_packed(sound.packed_file, sound.filepath or sound.name, inputs)
    path = Path(bpy.path.abspath(sound.filepath, library=sound.library))
    if not is_file(path):
        raise BadInputError(
            "audio_missing",
            say("The strip's sound file is missing: {path}", path=path),
            say("Find it with File > External Data."),
        )
    return path.resolve()


def write_packed(packed: bpy.types.PackedFile, name: str, inputs: Path) -> Path:
    """Write a packed file's bytes into ``inputs``, once, under a name made of their hash."""
    data = packed.data
    suffix = Path(bpy.path.basename(name)).suffix or ".bin"
    return write_once(inputs / f"{hashlib.sha256(data).hexdigest()[:16]}{suffix}", data)


def write_once(path: Path, data: bytes) -> Path:
    """Write ``data`` to ``path`` unless the file exists. The file is never left half-written.

    Several Blenders may write the same file at the same time. Raises BadInputError ``output_unwritable``.
    """
    try:
        if not is_file(path):
            make_folder(path.parent)
            write_bytes(path, data)
    except (OSError, SoliloquyError) as error:
        refusal = error if isinstance(error, OSError) else error.__cause__
        raise BadInputError(
            "output_unwritable",
            say("Cannot write to {parent} ({error}).", parent=path.parent, error=getattr(refusal, "strerror", error)),
            say("Choose another output folder."),
        ) from error
    return path


def _mixdown(scene: bpy.types.Scene, start: int, end: int, inputs: Path, silence: Any) -> Path:
    """Mix the scene frames [start, end) to a WAV file named after its content. The scene stays unchanged."""
    if not compat.HAS_SOUND:
        raise BadInputError(
            "no_mixdown",
            say("This Blender was built without sound."),
            say("Use a sound strip whose speed is unchanged."),
        )
    muted = [(strip, strip.mute) for strip in silence]
    frames = scene.frame_start, scene.frame_end
    target = Path(bpy.app.tempdir) / "soliloquy-mix.wav"
    try:
        for strip, _ in muted:
            strip.mute = True
        scene.frame_start, scene.frame_end = start, end - 1
        compat.mixdown(scene, target)
    except RuntimeError as error:
        raise SoliloquyError(
            "mixdown_failed",
            say("Blender could not mix the sound down ({error}).", error=str(error).strip()),
            say("Use a sound strip whose speed is unchanged, or mix to a file and add that."),
        ) from error
    finally:
        scene.frame_start, scene.frame_end = frames
        for strip, mute in muted:
            strip.mute = mute
    data = target.read_bytes()
    target.unlink()
    return write_once(inputs / f"{hashlib.sha256(data).hexdigest()[:16]}.wav", data)
