"""What is heard of a sound strip: what metastrips cut off, what is muted, and what fades."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from .. import compat
from ..words import say

_READ_BY_THE_WORKER = (
    *(".wav", ".wave", ".bwf", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus", ".mp1", ".mp2", ".mp3", ".aif"),
    *(".aiff", ".aifc", ".caf", ".au", ".snd", ".m4a", ".m4b", ".m4r", ".aac", ".ac3", ".eac3", ".dts", ".wma"),
    *(".amr", ".awb", ".wv", ".ape", ".tta", ".mka", ".mp4", ".m4v", ".mov", ".qt", ".3gp", ".3g2", ".mkv"),
    *(".webm", ".avi", ".wmv", ".asf", ".flv", ".f4v", ".ogv", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".vob"),
    *(".mxf", ".dv"),
)
"""Endings of the files that the worker decodes itself (``core/sound/sound_file.py``, ``core/sound/media_file.py``)."""


def metas_around(scene: bpy.types.Scene, strip: Any) -> list[Any]:
    """The metastrips that the strip lies in, the outermost first."""
    editor = scene.sequence_editor
    return (_path_to(strip.name, compat.strips_of(editor)) if editor else None) or []


def _path_to(name: str, among: Any) -> list[Any] | None:
    for strip in among:
        if strip.name == name:  # names are unique in a scene's sequencer
            return []
        if strip.type == "META" and (path := _path_to(name, compat.strips_of(strip))) is not None:
            return [strip, *path]
    return None


def heard_frames(scene: bpy.types.Scene, strip: Any) -> tuple[int, int]:
    """Scene frames [left, right) that neither the strip's handles nor those of its metastrips cut off."""
    every = [strip, *metas_around(scene, strip)]
    return max(map(compat.left_handle, every)), min(map(compat.right_handle, every))


def why_unheard(scene: bpy.types.Scene, strip: Any) -> str:
    """Why nothing of the strip is heard, for tooltips; empty if it is heard, at least in part."""
    metas = metas_around(scene, strip)
    editor: Any = scene.sequence_editor
    channels = editor.channels
    for each in (*metas, strip):
        if each.mute:
            return say("The strip “{strip}” is muted", strip=each.name)
        if channels[each.channel].mute:
            return say("The channel of the strip “{strip}” is muted", strip=each.name)
        if _levels(scene, each) == {0.0}:
            return say("The volume of the strip “{strip}” is 0", strip=each.name)
        channels = getattr(each, "channels", None)
    left, right = heard_frames(scene, strip)
    if metas and right <= left:
        return say("The metastrip around the strip “{strip}” shows nothing of it", strip=strip.name)
    return ""


def needs_mixdown(scene: bpy.types.Scene, strip: Any) -> bool:
    """Whether what is heard isn't simply a part of the strip's file, or the worker can't decode the file.

    Blender is the only one that knows how it plays changed speeds, fades and modifiers, and formats that the worker
    doesn't know. So Blender mixes such a strip down. The ending of the file's name decides about the format. A strange
    ending is no harm: the mixdown of a file that the worker could have read sounds the same.
    """
    name = strip.sound.filepath or strip.sound.name
    return (
        Path(name).suffix.lower() not in _READ_BY_THE_WORKER
        or any(not modifier.mute for modifier in getattr(strip, "modifiers", ()))
        or any(len(_levels(scene, each)) != 1 for each in (strip, *metas_around(scene, strip)))
        or compat.is_retimed(scene, strip)
    )


def _levels(scene: bpy.types.Scene, strip: Any) -> set[float]:
    """The values that the strip's volume has: one if it is constant, none if that can't be told."""
    ends = tuple(
        f'{every}["{bpy.utils.escape_identifier(strip.name)}"].volume' for every in ("strips_all", "sequences_all")
    )
    animation: Any = scene.animation_data
    if animation is not None:
        if any(driver.data_path.endswith(ends) for driver in animation.drivers):
            return set()
        layered = [part.action for track in animation.nla_tracks for part in track.strips if part.action]
        if any(curve.data_path.endswith(ends) for action in layered for curve in compat.action_fcurves(action)):
            return set()
        curves = compat.action_fcurves(animation.action) if animation.action else []
        for curve in curves:
            if curve.data_path.endswith(ends) and not curve.mute and len(curve.keyframe_points):
                return set() if len(curve.modifiers) else {point.co[1] for point in curve.keyframe_points}
    return {getattr(strip, "volume", 1.0)}


def sound_of_movie(scene: bpy.types.Scene, movie: Any) -> Any | None:
    """The sound strip that Add > Movie made along with a movie strip: of the same file, at about the same place."""
    found = [strip for strip in compat.all_strips(scene) if strip.type == "SOUND" and _same_file(strip, movie)]
    return min(found, key=lambda strip: abs(compat.content_start(strip) - compat.content_start(movie)), default=None)


def _same_file(sound: Any, movie: Any) -> bool:
    if sound.sound is None:
        return False
    path = bpy.path.abspath(sound.sound.filepath, library=sound.sound.library)
    return Path(path) == Path(bpy.path.abspath(movie.filepath))
