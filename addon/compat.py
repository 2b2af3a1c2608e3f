"""The differences of Blender's Python interface between 4.2 LTS and 5.2 LTS; no other module knows them.

The type stubs are those of one version, so what other versions have is typed as Any here.

========  =====================================================================
since     what changed
========  =====================================================================
4.4       ``sequences`` became ``strips``; Actions have slots, layers and channelbags
5.0       the old accessors are gone; a workspace can pin the scene that its sequencers show;
          movie output needs ``media_type``; a new material has its nodes; ``new_effect`` takes a length
5.1       ``left_handle``/``right_handle``, ``content_start`` and ``content_duration`` of a strip replace
          ``frame_final_*``, ``frame_start`` and ``frame_duration``, which are deprecated;
          ``new_sound`` no longer makes a second Sound of the same file
5.2       writing ``min``/``max`` of an Envelope modifier's control point from Python sometimes crashes
========  =====================================================================
"""

from __future__ import annotations

import time
import wave
from pathlib import Path
from typing import Any

import bpy

from .typed import scene_of, there

_types: Any = bpy.types

HAS_SOUND = bool(bpy.app.build_options.audaspace)
"""Whether Blender was built with its sound library. Without it (4.2 wheels) it has no sound strips and no mixdown."""

BLEND_RELATIVE: set[str] = (
    {"PATH_SUPPORTS_BLEND_RELATIVE"}
    if "is_path_supports_blend_relative" in bpy.types.Property.bl_rna.properties
    else set()
)
"""Option for path properties that may hold ``//…``. Versions that have the option warn about paths without it."""


STRIP_TYPE: type = _types.Strip if hasattr(_types, "Strip") else _types.Sequence
"""Base class of all strips."""


# ---------------------------------------------------------------- sequencer


def sequencer_scene(context: bpy.types.Context) -> bpy.types.Scene:
    """The scene whose strips the user sees: the one that the workspace pins (5.0+), else the window's."""
    pinned: bpy.types.Scene | None = getattr(getattr(context, "workspace", None), "sequencer_scene", None)
    return pinned or scene_of(context)


def editor_of(scene: bpy.types.Scene) -> bpy.types.SequenceEditor:
    """The scene's sequencer, made if there is none."""
    return scene.sequence_editor or scene.sequence_editor_create()


def strips_of(editor: Any) -> Any:
    """The editor's top-level strips: ``strips`` (4.4+) or ``sequences``."""
    return editor.strips if hasattr(editor, "strips") else editor.sequences


def all_strips(scene: bpy.types.Scene) -> list[Any]:
    """All strips of the scene, including those inside metastrips; empty without a sequencer."""
    editor: Any = scene.sequence_editor
    if editor is None:
        return []
    return list(editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all)


def selected_strips(scene: bpy.types.Scene) -> list[Any]:
    """The scene's selected strips."""
    return [strip for strip in all_strips(scene) if strip.select]


def left_handle(strip: Any) -> int:
    """First scene frame on which the strip plays."""
    return strip.left_handle if hasattr(strip, "left_handle") else strip.frame_final_start


def right_handle(strip: Any) -> int:
    """Scene frame after the last one on which the strip plays."""
    return strip.right_handle if hasattr(strip, "right_handle") else strip.frame_final_end


def content_start(strip: Any) -> float:
    """Scene frame, possibly fractional, of the first sample of the strip's file, trimmed or not."""
    return strip.content_start if hasattr(strip, "content_start") else strip.frame_start


def content_duration(strip: Any) -> float:
    """Length of the whole untrimmed content in scene frames."""
    return strip.content_duration if hasattr(strip, "content_duration") else strip.frame_duration


def set_handles(strip: Any, left: int, right: int) -> None:
    """Trim the strip to the scene frames [left, right)."""
    if hasattr(strip, "left_handle"):
        strip.left_handle, strip.right_handle = left, right
    else:
        strip.frame_final_start, strip.frame_final_end = left, right


def move_content(strip: Any, frames: float) -> None:
    """Move the strip along the timeline."""
    if hasattr(strip, "content_start"):
        strip.content_start += frames
    else:
        strip.frame_start += frames


def content_trim(strip: Any) -> float:
    """Scene frames that are cut off the file's start for good, as “hold split” does; handles come on top of it."""
    return strip.content_trim_start if hasattr(strip, "content_trim_start") else strip.animation_offset_start


def draw_again(strip: Any) -> None:
    """Let the sequencer draw the strip's frames again. After a change by Python, its cache still has the old pictures.

    Setting the opacity, even to its own value, drops them in every version, and needs no window and no context. The
    operator that does the same (``sequencer.refresh_all``) works on the window's scene only.
    """
    strip.blend_alpha = strip.blend_alpha


def is_retimed(scene: bpy.types.Scene, strip: Any) -> bool:
    """Whether the sound strip's speed was changed. Before 5.0 Python can't ask; there a new strip's length shows it."""
    if hasattr(strip, "retiming_keys"):
        return len(strip.retiming_keys) > 0
    path = bpy.path.abspath(strip.sound.filepath)
    try:
        fresh = new_sound_strip(scene, "Soliloquy probe", path, free_channel(scene, 1, 1, 2), 1)
    except RuntimeError:
        return False  # packed, and the file is gone: there is nothing to compare with
    longer = abs(content_duration(fresh) - content_duration(strip)) > 1
    strips_of(scene.sequence_editor).remove(fresh)
    return longer


def new_sound_strip(scene: bpy.types.Scene, name: str, filepath: str, channel: int, frame: int) -> Any:
    """Add a sound strip, and remove the second Sound that ``new_sound`` makes before 5.1."""
    editor = editor_of(scene)
    before = set(bpy.data.sounds)
    strip = strips_of(editor).new_sound(name, filepath, channel, frame)
    for sound in [s for s in bpy.data.sounds if s not in before and s != strip.sound and s.users == 0]:
        bpy.data.sounds.remove(sound)
    return strip


def new_colour_strip(scene: bpy.types.Scene, name: str, channel: int, left: int, right: int) -> Any:
    """Add a colour strip on the scene frames [left, right). 5.0 takes its length where 4.x took its end."""
    strips: Any = strips_of(editor_of(scene))
    known = strips.bl_rna.functions["new_effect"].parameters
    end = {"length": right - left} if "length" in known else {"frame_end": right}
    return strips.new_effect(name=name, type="COLOR", channel=channel, frame_start=left, **end)


def mixdown(scene: bpy.types.Scene, path: Path) -> float:
    """Mix the scene's frame range to a WAV file; returns its length in seconds when the file is complete.

    Before 5.2 the operator returns when it is done. In 5.2 it starts a job, and this waits for the file: at most a
    tenth of its length or ten seconds, whichever is longer. Raises RuntimeError if the file is not complete by then.
    """
    seconds = (scene.frame_end + 1 - scene.frame_start) / (scene.render.fps / scene.render.fps_base)
    path.unlink(missing_ok=True)
    with bpy.context.temp_override(scene=scene):
        bpy.ops.sound.mixdown(filepath=str(path), container="WAV", codec="PCM", format="S16", accuracy=256)
    deadline = time.monotonic() + max(10.0, seconds / 10)
    while (written := _wave_seconds(path)) < seconds - 0.1 and time.monotonic() < deadline:
        time.sleep(0.02)
    if written < seconds - 0.1:
        raise RuntimeError(f"the mixdown stopped after {written:.1f} of {seconds:.1f} s")
    return written


def _wave_seconds(path: Path) -> float:
    """Seconds of a WAV file; 0 while it is being written: then its header promises more than the file holds."""
    try:
        with wave.open(str(path)) as file:
            frames, rate, block = file.getnframes(), file.getframerate(), file.getnchannels() * file.getsampwidth()
    except (OSError, EOFError, wave.Error):
        return 0.0
    return frames / rate if frames * block <= path.stat().st_size else 0.0


def free_channel(scene: bpy.types.Scene, first: int, start: int, end: int) -> int:
    """Lowest channel from ``first`` on where no strip overlaps the scene frames [start, end)."""
    editor = scene.sequence_editor
    taken = {
        strip.channel
        for strip in (strips_of(editor) if editor else ())
        if left_handle(strip) < end and right_handle(strip) > start
    }
    channel = first
    while channel in taken:
        channel += 1
    return channel


# ---------------------------------------------------------------- materials


def node_tree_of(material: bpy.types.Material) -> bpy.types.ShaderNodeTree:
    """The material's nodes. Before 5.0 a new material has none until they are switched on."""
    if material.node_tree is None:
        material.use_nodes = True
    return there(material.node_tree, "node tree")


# ------------------------------------------------------------------ actions


def nla_action_slot(strip: bpy.types.NlaStrip, action: bpy.types.Action, datablock: bpy.types.ID) -> None:
    """Set the NLA strip's slot to that of ``datablock`` (4.4+; earlier versions have no slots)."""
    if hasattr(action, "slots"):
        strip.action_slot = _slot(action, datablock)


def action_curves(action: Any, datablock: bpy.types.ID) -> tuple[Any, Any]:
    """The (fcurves, groups) collections of ``action`` that animate ``datablock``, made if they don't exist."""
    if not hasattr(action, "slots"):
        return action.fcurves, action.groups
    slot = _slot(action, datablock)
    layer = action.layers[0] if action.layers else action.layers.new("Layer")
    strip = layer.strips[0] if layer.strips else layer.strips.new(type="KEYFRAME")
    bag = strip.channelbag(slot, ensure=True)
    return bag.fcurves, bag.groups


def action_fcurves(action: Any) -> list[bpy.types.FCurve]:
    """Every F-curve of the action, of all slots."""
    if not hasattr(action, "slots"):
        return list(action.fcurves)
    return [
        curve for layer in action.layers for strip in layer.strips for bag in strip.channelbags for curve in bag.fcurves
    ]


def _slot(action: bpy.types.Action, datablock: bpy.types.ID) -> Any:
    """The slot of ``action`` for ``datablock``: the slot it uses, one with its name, any of its type, or a new one."""
    animation: Any = getattr(datablock, "animation_data", None)
    if animation and animation.action == action and animation.action_slot:
        return animation.action_slot
    suitable = [slot for slot in action.slots if slot.target_id_type == datablock.id_type]
    named = [slot for slot in suitable if slot.name_display == datablock.name]
    for slot in named + suitable:
        return slot
    return action.slots.new(id_type=datablock.id_type, name=datablock.name)


# ------------------------------------------------------------------ rendering


def set_movie_output(render: bpy.types.RenderSettings, filepath: str) -> None:
    """H.264 video with AAC sound in an MP4 file."""
    ffmpeg: Any = render.ffmpeg
    if hasattr(render.image_settings, "media_type"):
        render.image_settings.media_type = "VIDEO"
    render.image_settings.file_format = "FFMPEG"
    ffmpeg.format = "MPEG4"
    ffmpeg.codec = "H264"
    ffmpeg.constant_rate_factor = "HIGH"
    ffmpeg.audio_codec = "AAC"
    ffmpeg.audio_bitrate = 192
    render.use_file_extension = False
    render.filepath = filepath
