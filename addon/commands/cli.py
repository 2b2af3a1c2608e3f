"""``blender -b [file.blend] --command soliloquy …``: what the panel's Generate does, without a window.

``… soliloquy doctor`` is in `doctor`, ``… soliloquy batch`` in `batch`.

Exit codes: 0 done, 2 bad input (one line on stderr), 130 cancelled (Ctrl-C), 1 any other failure. Without ``--audio``
the command uses the file's own sound strip, settings and portrait, as the panel does.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

from ...core.errors import EXIT_DONE, BadInputError, CancelledError, SoliloquyError
from ...core.wire.options import Parser, add_options
from ...core.wire.protocol import Generate, TakeReady
from .. import compat, steps
from ..jobs import jobs
from ..places import COMMAND
from ..properties import output, preferences
from ..properties.scene import SoliloquySettings, settings_of
from ..scene import head, takes
from ..scene.request import generate_request, request_for
from ..sequencer import speech
from ..typed import scene_of
from ..words import duration
from . import batch, doctor
from .blend_file import save_blend

FILES = ("audio", "portrait", "out")
SETTINGS = {
    "takes": "takes_wanted",
    "seed": "seed",
    "guidance_scale": "guidance_scale",
    "num_inference_steps": "num_inference_steps",
    "size": "size",
    "framing": "framing",
    "renderer": "renderer",
    "motion_only": "motion_only",
}
"""Fields of `Generate` that are options of the command, and the properties of the scene that hold their values."""


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    options = Parser(prog=f"blender -b [file.blend] --command {COMMAND}", description=__doc__)
    add_options(options, Generate, only=(*FILES, *SETTINGS), otherwise="as in the .blend")
    options.add_argument("--head", action="store_true", help="add the head and bake the first take on it")
    options.add_argument("--save-blend", help="save the scene with sound and takes in its sequencer; implies --head")
    return options


def run(arguments: list[str]) -> int:
    """Handler of the command; returns the exit code."""
    others = {"doctor": doctor.run, "batch": batch.run}
    try:
        with _interruptible():
            if arguments and arguments[0] in others:
                return others[arguments[0]](arguments[1:])
            return _run(parser().parse_args(arguments))
    except SystemExit as ended:  # after --help
        return int(ended.code or 0)
    except SoliloquyError as error:
        print(f"soliloquy: {error}", file=sys.stderr)
        return error.exit_code
    finally:
        jobs.kill_worker()


def _run(options: argparse.Namespace) -> int:
    scene = scene_of(bpy.context)
    _apply(settings_of(scene), options)
    if options.audio:
        spoken = _speech_of_file(scene, Path(options.audio))
        request = request_for(scene, spoken)
    else:
        request, spoken = generate_request(scene)
    made, _ = _follow(jobs.start(request, "Generate", scene, spoken), scene)
    if options.head or options.save_blend:
        _add_head_and_bake(scene, request, made[0])
    if options.save_blend:
        takes.fit_frame_range(scene)
        save_blend(Path(options.save_blend).absolute())
    for ready in made:
        print(f"take {ready.index}, seed {ready.seed}: {output.now_at(Path(ready.folder))}")
    return EXIT_DONE


def _apply(settings: SoliloquySettings, options: argparse.Namespace) -> None:
    """Write the given options into the scene's settings, so that a saved file shows what was used."""
    for field, name in SETTINGS.items():
        value = getattr(options, field)
        if value is not None:
            _set(settings, name, value)
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


def _speech_of_file(scene: bpy.types.Scene, audio: Path) -> speech.Speech:
    """The whole file as speech from the scene's first frame on, with a sound strip if this Blender can make one.

    Only the worker checks that the sound is usable, so that its error message is the same everywhere.
    """
    audio = audio.absolute()
    if not audio.is_file():
        raise BadInputError("audio_missing", f"There is no sound file at {audio}.", "Check the path.")
    start = scene.frame_start
    channel = compat.free_channel(scene, 1, start, 1 << 30)
    name = ""
    if compat.HAS_SOUND:
        with contextlib.suppress(RuntimeError):
            strip = compat.new_sound_strip(scene, audio.stem, str(audio), channel, start)
            compat.editor_of(scene).active_strip = strip
            name = strip.name
    return speech.Speech(audio, 0.0, None, start, name, channel)


def _follow(job: jobs.Job, scene: bpy.types.Scene) -> tuple[list[TakeReady], dict[str, Any]]:
    """Wait for a job and put each finished take into the sequencer; returns the takes and the job's result."""
    made: list[TakeReady] = []

    def arrive(ready: TakeReady) -> None:
        made.append(ready)
        steps.advance(takes.arrive(scene, job, ready), float("inf"))

    try:
        result = jobs.follow(job, arrive, _ProgressLines())
    finally:
        for notice in job.notices:
            print(f"soliloquy: {notice}")
    return made, result


class _ProgressLines:
    """Prints how far a job is: one line that is rewritten on a terminal, else a line for each stage and quarter."""

    def __init__(self) -> None:
        self._last: tuple[str, int] | None = None

    def __call__(self, job: jobs.Job) -> None:
        left = f", {duration(job.left)} left" if job.left is not None else ""
        line = f"soliloquy: {job.stage} ({job.share:.0%}{left})"
        quarter = (job.stage, int(job.share * 4))
        if sys.stdout.isatty():
            print(f"\r{line:<70}", end="", flush=True)
        elif quarter != self._last:
            print(line, flush=True)
        self._last = quarter


def _add_head_and_bake(scene: bpy.types.Scene, request: Generate, first: TakeReady) -> None:
    wanted = head.request_for(request.portrait, Path(request.out), preferences.device())
    _, result = _follow(jobs.start(wanted, "Head", scene), scene)
    steps.advance(head.build(bpy.context, scene, result), float("inf"))
    index = next(i for i, take in enumerate(settings_of(scene).takes) if take.path() == Path(first.folder))
    steps.advance(takes.bake_take(scene, index), float("inf"))


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the command with code 130 and stop the worker; Blender itself ignores Ctrl-C."""

    def stop(*_: object) -> None:
        raise CancelledError

    signals = [signal.SIGINT, signal.SIGTERM]
    previous = [signal.signal(number, stop) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, previous, strict=True):
            # None means that Blender set the handler from C, which Python can't restore.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
