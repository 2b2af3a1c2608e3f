"""Requests to the worker from the scene's settings and its chosen take, and why none can be made now."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy

from ...core.errors import BadInputError
from ...core.files import is_file
from ...core.inputs import shown
from ...core.wire.picture_size import FIT
from ...core.wire.protocol import Generate, Render
from ...core.wire.systems import pose_style_of
from .. import compat
from ..jobs import jobs
from ..properties import preferences, trusted
from ..properties.scene import SoliloquyTake, picture_of, restorer_of, settings_of
from ..properties.transcript import SoliloquyTranscript, transcript_of_strip
from ..sequencer import hearing, ranges, speech
from ..words import say
from . import characters, portrait, take_list, takes


def why_not(context: bpy.types.Context, *, needs_speech: bool = False, needs_take: bool = False) -> str:
    """Why a job can't start now, for tooltips and the panel; empty when it can."""
    scene = compat.sequencer_scene(context)
    if busy := jobs.why_busy():
        return busy
    if missing := preferences.why_no_python():
        return missing
    settings = settings_of(scene)
    if trusted.unasked_output(settings.output_dir) is not None:
        return say("This .blend keeps its takes outside its own folders: allow the folder first")
    if needs_speech and settings.sound == "STRIP":
        strip = speech.sound_strip(scene)
        if strip is None:
            return say("No sound strip is active: select one in the sequencer")
        if unheard := hearing.why_unheard(scene, strip):
            return unheard
    if needs_speech and not portrait.has_portrait(characters.portrait_owner(scene, speaker_of(scene))):
        return say("No portrait is chosen")
    if needs_take:
        take = take_list.active_take(scene)
        if take is None:
            return say("No take is chosen in the list")
        if gone := take_list.why_gone(take):
            return gone
        if take.preview:
            return say("The chosen take is a preview: Generate makes the real one")
    return ""


def speaker_of(scene: bpy.types.Scene) -> str:
    """Name of the character who speaks the active strip; empty if none was assigned."""
    strip = speech.sound_strip(scene) if settings_of(scene).sound == "STRIP" else None
    return getattr(strip, "soliloquy_character", "")


def transcript_of(scene: bpy.types.Scene) -> SoliloquyTranscript | None:
    """Where the words of the speech are kept that Generate uses: with its strip, or with the mix; None without both."""
    settings = settings_of(scene)
    return settings.transcript if settings.sound == "MIX" else transcript_of_strip(speech.sound_strip(scene))


def target_of(scene: bpy.types.Scene) -> bpy.types.Object | None:
    """The object of the target that is chosen in the list, or None."""
    settings = settings_of(scene)
    index = settings.active_target
    return settings.targets[index].thing if 0 <= index < len(settings.targets) else None


def chosen_target(scene: bpy.types.Scene) -> bpy.types.Object:
    """The object of the chosen target. Raises BadInputError ``no_target`` if there is none."""
    thing = target_of(scene)
    if thing is None:
        raise BadInputError("no_target", say("No target is chosen") + ".")
    return thing


def generate_request(scene: bpy.types.Scene) -> tuple[Generate, speech.Speech]:
    """The request of the scene's settings, and its speech."""
    settings = settings_of(scene)
    inputs = trusted.output_folder(settings.output_dir) / "inputs"
    if settings.sound == "MIX":
        spoken = speech.speech_from_mix(scene, inputs)
    else:
        spoken = speech.speech_from_strip(scene, speech.require_sound_strip(scene), inputs)
    request = request_for(scene, spoken, transcript_of(scene))
    return replace(request, restorer=restorer_of(settings)), spoken


def request_for(
    scene: bpy.types.Scene, spoken: speech.Speech, transcript: SoliloquyTranscript | None = None
) -> Generate:
    """The request for a given speech and its words with the scene's other settings."""
    settings = settings_of(scene)
    out = trusted.output_folder(settings.output_dir)
    return replace(
        request_without_files(scene),
        audio=str(spoken.path),
        portrait=str(portrait.portrait_path(characters.portrait_owner(scene, spoken.character), out / "inputs")),
        out=str(out),
        start=spoken.start,
        duration=spoken.duration,
        transcript="" if transcript is None else transcript.said(),
        pose_video=_film(settings.pose_video),
        blink_video=_film(settings.blink_video),
    )


def _film(path: str) -> str:
    """The absolute path of a video that is chosen; empty if none is. Raises BadInputError ``video_missing``."""
    if not path.strip():
        return ""
    file = Path(bpy.path.abspath(path.strip()))
    if not is_file(file):
        raise BadInputError(
            "video_missing", say("The video is missing: {path}", path=shown(file)), say("Choose another video.")
        )
    return str(file.resolve())


def request_without_files(scene: bpy.types.Scene) -> Generate:
    """What the scene's settings ask for, with empty paths, and those of videos as they are typed: enough to estimate
    what it will cost."""
    settings = settings_of(scene)
    return Generate(
        audio="",
        portrait="",
        out="",
        takes=settings.takes_wanted,
        seed=settings.seed,
        source=settings.source,
        pose_style=pose_style_of(settings.source, settings.pose_style),
        guidance_scale=settings.guidance_scale,
        num_inference_steps=settings.num_inference_steps,
        pose_video=settings.pose_video.strip(),
        blink_video=settings.blink_video.strip(),
        style=settings.performance.style(),
        articulation=round(settings.articulation, 4),  # Blender stores single precision, and values identify a job
        body=round(settings.body, 4),
        renderer=settings.renderer,
        size=int(settings.size),
        picture=picture_of(settings),
        framing=settings.framing,
        motion_only=settings.motion_only,
        device=preferences.device(),
    )


PREVIEW = {
    **{"takes": 1, "size": 256, "picture": FIT, "renderer": "warp"},
    **{"motion_only": False, "extract": False, "preview": 4.0, "restorer": ()},
}
"""Settings of a preview that differ from the request: only the first four seconds, in small, uncorrected pictures."""
PREVIEW_FOLDER = "previews"


def preview_of(request: Generate) -> Generate:
    """The request for a preview, which stands for the first take of ``request`` until that is made."""
    return replace(request, **PREVIEW, out=str(Path(request.out) / PREVIEW_FOLDER))


def spoken_by(take: SoliloquyTake) -> speech.Speech:
    """The speech of an existing take, so that further takes of its job go to the same place."""
    place = round(take.origin), take.audio_strip, take.channel, take.character
    return speech.Speech(Path(), take.audio_start, None, *place)


def range_of(scene: bpy.types.Scene, take: SoliloquyTake) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """The range to sample again as scene frames and as the take's frames; None means the whole take."""
    settings = settings_of(scene)
    typed = (settings.range_first, settings.range_last)
    chosen = ranges.scene_frames(scene, settings.range_kind, take.image_strip, typed)
    if chosen is None:
        return None
    return chosen, ranges.take_frames(takes.timing_of(scene, take), take.frame_count, *chosen, take.fps)


def no_portrait(take: SoliloquyTake) -> str:
    """Why a take has no portrait to be rendered with: it was imported without a job. Empty if it has one."""
    return "" if take.job else say("The take was imported without a job: choose a generated take, then import again")


def render_request(scene: bpy.types.Scene, take: SoliloquyTake, motion: str | None = None) -> Render:
    """The request for frames of the take, or of another motion instead, with the look that is set."""
    settings = settings_of(scene)
    if motion is None and take.imported:  # the worker knows only the motions of the job's own takes
        motion = str(take.path() / "motion.npz")
    return Render(
        job=str(take.job_path()),
        take=take.index,
        motion=motion,
        size=int(settings.size),
        picture=picture_of(settings),
        framing=settings.framing,
        renderer=settings.renderer,
        device=preferences.device(),
        restorer=restorer_of(settings),
    )
