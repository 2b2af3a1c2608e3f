"""``blender -b [file.blend] --command soliloquy …``: what the panel's Generate does, without a window.

``… soliloquy doctor`` is in `doctor`, ``… soliloquy batch`` in `batch`.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy

from ...core.batch import progress
from ...core.batch.interruption import interruptible
from ...core.errors import EXIT_DONE, BadInputError, SoliloquyError
from ...core.files import is_file
from ...core.inputs import shown
from ...core.phones.transcripts import given_transcript
from ...core.schema import build, checked
from ...core.wire.options import Parser, add_options, choices, nested, span
from ...core.wire.picture_size import CHOICES, LEAST_SIDE, MAX_SIDE
from ...core.wire.protocol import FILMS, Generate, PriorStyle, TakeReady
from ...core.wire.restorer import restorer_command
from ...core.wire.systems import HEAD_DETAILS, names
from .. import compat, steps
from ..jobs import jobs
from ..places import COMMAND
from ..properties import output, preferences
from ..properties.scene import SoliloquySettings, restorer_of, settings_of
from ..properties.transcript import SoliloquyTranscript, transcript_of_strip
from ..scene import head, stage, takes
from ..scene.request import generate_request, preview_of, request_for, transcript_of
from ..sequencer import speech, strips
from ..typed import scene_of
from . import batch, doctor
from .blend_file import require_place, save_blend

FILES = ("audio", "portrait", "out")
SETTINGS = {
    "takes": "takes_wanted",
    "seed": "seed",
    "source": "source",
    "pose_style": "pose_style",
    "guidance_scale": "guidance_scale",
    "articulation": "articulation",
    "body": "body",
    "num_inference_steps": "num_inference_steps",
    "size": "size",
    "framing": "framing",
    "renderer": "renderer",
    "motion_only": "motion_only",
}
"""Fields of `Generate` that are options of the command, and the properties of the scene that hold their values."""
_ABOUT = f"""\
Make takes of a talking head from speech and a portrait, and put them into the scene.

Without --audio the command speaks the file's active sound strip, with the file's portrait and
settings, as the panel's Generate does.

Other commands, each with its own --help:
  --command {COMMAND} batch    Make the takes of many jobs.
  --command {COMMAND} doctor   Check everything that Soliloquy needs.
"""
_CODES = """\
Exit codes: 0 means done, 2 bad input (one line says what), 130 cancelled, 1 any other failure.
"""


def parser() -> Parser:
    """The command's options."""
    options = Parser(prog=f"blender -b [file.blend] --command {COMMAND}", description=_ABOUT, epilog=_CODES)
    wanted = (*FILES, *SETTINGS, *FILMS, "picture", "transcript", "style", "device", "restorer")
    add_options(options, Generate, only=wanted, otherwise="as in the .blend", limits=_limits())
    add = options.add_argument
    add("--mix", action="store_true", help="Speak everything that is heard between the scene's first and last frame.")
    add("--preview-only", action="store_true", help="Make a quick look at the first four seconds, as the panel does.")
    text = "Keys are left out where the curves stay this close to the motion. 0 sets a key on every frame."
    add("--curve-error", type=float, metavar="X", help=f"{text} Default: as in the .blend.")
    add("--head", action="store_true", help="Add the head of the portrait, and bake the first take on it.")
    text = "How detailed that head is. Default: as in the .blend."
    add("--head-detail", choices=names(HEAD_DETAILS), help=text)
    text = "Save the scene in this file, with the takes in its sequencer and on the head. Implies --head."
    add(
        "--save-blend", help=f"{text} A new scene gets a camera that sees the head and the take's picture, and a light."
    )
    return options


def _limits() -> dict[str, str]:
    """What each setting may be, as the scene's property allows it."""
    told: dict[str, str] = {}
    for field, name in SETTINGS.items():
        about: Any = SoliloquySettings.bl_rna.properties[name]
        if about.type == "ENUM":
            told[field] = choices(item.identifier for item in about.enum_items)
        elif about.type in {"INT", "FLOAT"}:
            told[field] = span(about.hard_min, about.hard_max)
    return told


def run(arguments: list[str], pause: float = progress.PAUSE) -> int:
    """Handler of the command; returns the exit code. ``pause`` is the time in seconds between lines of progress."""
    others = {"doctor": doctor.run, "batch": batch.run}
    try:
        with interruptible():
            _require_names(arguments)
            if arguments and arguments[0] in others:
                return others[arguments[0]](arguments[1:])
            return _run(parser().parse_args(arguments), pause)
    except SystemExit as ended:  # after --help
        return int(ended.code or 0)
    except SoliloquyError as error:
        print(f"soliloquy: {error}", file=sys.stderr)
        return error.exit_code
    finally:
        jobs.kill_worker()


def _require_names(arguments: list[str]) -> None:
    """Raise BadInputError for a name that isn't UTF-8: Blender can't store it."""
    for argument in arguments:
        try:
            argument.encode("utf-8")
        except UnicodeEncodeError:
            raise BadInputError("bad_setting", f"The name {shown(argument)} isn't valid.", "Rename the file.") from None


def _run(options: argparse.Namespace, pause: float) -> int:
    scene = scene_of(bpy.context)
    if options.save_blend:
        require_place(Path(options.save_blend).absolute())
    with_head = bool(options.head or options.save_blend)
    new = with_head and stage.is_untouched(scene)
    if new:
        stage.clear(scene)
    _apply(settings_of(scene), options)
    if options.head_detail:
        settings_of(scene).head_detail = options.head_detail
    request, spoken = _request(scene, options)
    made, _ = _follow(jobs.start(request, "Generate", scene, spoken), scene, pause)
    if with_head:
        _add_head_and_bake(scene, request, made[0], pause, new=new)
    if options.save_blend:
        takes.fit_frame_range(scene)
        save_blend(Path(options.save_blend).absolute())
    for ready in made:
        print(f"take {ready.index}, seed {ready.seed}: {output.now_at(Path(ready.folder))}")
    return EXIT_DONE


def _request(scene: bpy.types.Scene, options: argparse.Namespace) -> tuple[Generate, speech.Speech]:
    """The request of the scene's settings and the options, and its speech."""
    if options.audio and options.mix:
        raise BadInputError("bad_setting", "--audio and --mix name two different sounds.", "Leave one of them out.")
    words = None if options.transcript is None else given_transcript(options.transcript, Path())
    if options.audio:
        spoken = _speech_of_file(scene, Path(options.audio))
        _keep(words, transcript_of_strip(strips.find_strip(scene, spoken.strip)))
        request = replace(request_for(scene, spoken), restorer=restorer_of(settings_of(scene)))
    else:
        _keep(words, transcript_of(scene))
        request, spoken = generate_request(scene)
    if words is not None:
        request = replace(request, transcript=words)
    if options.restorer:
        request = replace(request, restorer=restorer_command(options.restorer, Path.cwd()))
    if options.device is not None:
        request = checked(replace(request, device=options.device))
    return (preview_of(request) if options.preview_only else request), spoken


def _keep(words: str | None, transcript: SoliloquyTranscript | None) -> None:
    """Write given words where a saved file has them."""
    if words is not None and transcript is not None:
        transcript.write(words)


def _apply(settings: SoliloquySettings, options: argparse.Namespace) -> None:
    """Write the given options into the scene's settings, so that a saved file shows what was used."""
    for field, name in SETTINGS.items():
        value = getattr(options, field)
        if value is not None:
            _set(settings, name, value)
    for name in FILMS:
        film = getattr(options, name)
        if film is not None:
            setattr(settings, name, str(Path(film).absolute()) if film else "")
    if options.picture is not None:
        _set_picture(settings, options.picture)
    style = nested({name: value for name, value in vars(options).items() if value is not None}).get("style", {})
    settings.performance.adopt(build(PriorStyle, style), style)
    if options.curve_error is not None:
        _set(settings, "tolerance", options.curve_error)
    if options.mix:
        settings.sound = "MIX"
    if options.out:
        settings.output_dir = str(Path(options.out).absolute())
    if options.portrait:
        settings.portrait_image = None
        settings.portrait_file = str(Path(options.portrait).absolute())


def _set(settings: SoliloquySettings, name: str, value: Any) -> None:
    """Set a property; raises BadInputError if it can't have that value (Blender itself would change the value)."""
    about: Any = settings.bl_rna.properties[name]
    words = name.replace("_", " ")
    if about.type == "ENUM":
        value, known = str(value), [item.identifier for item in about.enum_items]
        if value not in known:
            raise BadInputError("bad_setting", f"{words} can't be “{value}”.", f"Choose from: {', '.join(known)}.")
    elif about.type in {"INT", "FLOAT"} and not about.hard_min <= value <= about.hard_max:
        hint = f"Choose a value of {about.hard_min:g} to {about.hard_max:g}."
        raise BadInputError("bad_setting", f"{words} can't be {value}.", hint)
    setattr(settings, name, value)


def _set_picture(settings: SoliloquySettings, value: int | str) -> None:
    """Set the picture's size; raises as `_set`, and for a word that isn't one of the protocol's."""
    if isinstance(value, int):
        _set(settings, "picture_side", value)
    elif value not in CHOICES:
        hint = f"Choose from: {', '.join(CHOICES)}, or {LEAST_SIDE} to {MAX_SIDE} pixels."
        raise BadInputError("bad_setting", f"picture can't be “{shown(value)}”.", hint)
    settings.picture = "pixels" if isinstance(value, int) else value


def _speech_of_file(scene: bpy.types.Scene, audio: Path) -> speech.Speech:
    """The whole file as speech from the scene's first frame on, with a sound strip if this Blender can make one.

    Only the worker checks that the sound is usable, so that its error message is the same everywhere.
    """
    audio = audio.absolute()
    if not is_file(audio):
        raise BadInputError("audio_missing", f"There is no sound file at {shown(audio)}.", "Check the path.")
    start = scene.frame_start
    channel = compat.free_channel(scene, 1, start, 1 << 30)
    name = ""
    if compat.HAS_SOUND:
        with contextlib.suppress(RuntimeError):
            strip = compat.new_sound_strip(scene, audio.stem, str(audio), channel, start)
            compat.editor_of(scene).active_strip = strip
            name = strip.name
    return speech.Speech(audio, 0.0, None, start, name, channel)


def _follow(job: jobs.Job, scene: bpy.types.Scene, pause: float) -> tuple[list[TakeReady], dict[str, Any]]:
    """Wait for a job and put each finished take into the sequencer; returns the takes and the job's result."""
    made: list[TakeReady] = []
    lines = progress.ProgressLines(pause)

    def arrive(ready: TakeReady) -> None:
        made.append(ready)
        steps.advance(takes.arrive(scene, job, ready), float("inf"))

    try:
        result = jobs.follow(
            job, arrive, lambda job: lines.say(f"soliloquy: {progress.how_far(job.stage, job.share, job.left)}")
        )
    finally:
        lines.finish()
        for notice in job.notices:
            print(f"soliloquy: {notice}")
    return made, result


def _add_head_and_bake(scene: bpy.types.Scene, request: Generate, first: TakeReady, pause: float, *, new: bool) -> None:
    """Add the head and bake the first take on it; a ``new`` scene also gets a camera, a light and the picture."""
    wanted = head.request_for(request.portrait, Path(request.out), preferences.device(), settings_of(scene).head_detail)
    _, result = _follow(jobs.start(wanted, "Head", scene), scene, pause)
    for told in head.build(bpy.context, scene, result):
        if isinstance(told, str):
            print(f"soliloquy: {told}")
    settings = settings_of(scene)
    index = next(i for i, take in enumerate(settings.takes) if take.path() == Path(first.folder))
    steps.advance(takes.bake_take(scene, index), float("inf"))
    if new:
        armature = settings.targets[settings.active_target].thing
        take = settings.takes[index]
        stage.furnish(scene, armature, take, takes.timing_of(scene, take).first_frame(), Path(request.portrait))
