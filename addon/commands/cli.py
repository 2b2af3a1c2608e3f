"""``blender -b [file.blend] --command soliloquy …``: the panel's job without a window.

``… soliloquy doctor`` is in `commands`, ``… soliloquy batch`` in `command_batch`.

Exit codes: 0 done, 2 bad input (one line on stderr), 130 cancelled (Ctrl-C), 1 anything else. Without ``--audio`` the
file's own sound strip, settings and portrait are used, as the panel would.
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
from ...core.wire.protocol import Generate, TakeReady
from .. import compat, steps
from ..jobs import jobs
from ..properties import preferences
from ..properties.scene import settings_of
from ..scene import head, takes
from ..scene.request import generate_request, request_for
from ..sequencer import speech
from ..words import duration
from . import batch as command_batch
from . import worker as commands

COMMAND = "soliloquy"
_handles: list[object] = []
_last_told: list[object] = [None]


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    options = argparse.ArgumentParser(prog=f"blender -b [file.blend] --command {COMMAND}", description=__doc__)
    options.add_argument("--audio", help="sound file with the speech; the .blend's sound strip when left out")
    options.add_argument("--portrait", help="picture with one face; the one chosen in the .blend when left out")
    options.add_argument("--out", help="folder for the takes; the one chosen in the .blend when left out")
    options.add_argument("--takes", type=int, help="number of takes")
    options.add_argument("--seed", type=int, help="seed of the first take")
    options.add_argument("--size", type=int, choices=(256, 512), help="pixels of the face square")
    options.add_argument("--framing", choices=("portrait", "crop"))
    options.add_argument("--guidance-scale", type=float)
    options.add_argument("--steps", type=int, help="sampler steps")
    options.add_argument("--motion-only", action="store_true", default=None, help="no frames")
    options.add_argument("--head", action="store_true", help="add the head and bake the first take on it")
    options.add_argument("--save-blend", help="save the scene with sound and takes in its sequencer; implies --head")
    return options


def run(arguments: list[str]) -> int:
    """Handler of the command; returns the exit code."""
    others = {"doctor": commands.run_doctor, "batch": command_batch.run}
    try:
        with _interruptible():
            if arguments and arguments[0] in others:
                return others[arguments[0]](arguments[1:])
            return _run(parser().parse_args(arguments))
    except SystemExit as ended:  # argparse has said why
        return int(ended.code or 0)
    except SoliloquyError as error:
        print(f"soliloquy: {error}", file=sys.stderr)
        return error.exit_code
    finally:
        jobs.kill_worker()


def _run(options: argparse.Namespace) -> int:
    scene = bpy.context.scene
    _apply(scene, options)
    if options.audio:
        spoken = _speech_of_file(scene, Path(options.audio))
        request = request_for(scene, spoken)
    else:
        request, spoken = generate_request(scene)
    made = _pump(jobs.start(request, "Generate", scene, spoken), scene)[0]
    if options.head or options.save_blend:
        _add_head_and_bake(scene, request, made[0])
    if options.save_blend:
        takes.fit_frame_range(scene)
        commands.save_blend(Path(options.save_blend).absolute())
    for ready in made:
        print(f"take {ready.index}, seed {ready.seed}: {ready.folder}")
    return EXIT_DONE


def _apply(scene: bpy.types.Scene, options: argparse.Namespace) -> None:
    """Options override the scene's settings, which keep what was used in the saved file."""
    settings = settings_of(scene)
    given = {
        "takes_wanted": options.takes,
        "seed": options.seed,
        "size": str(options.size) if options.size else None,
        "framing": options.framing,
        "guidance_scale": options.guidance_scale,
        "num_inference_steps": options.steps,
        "motion_only": options.motion_only,
    }
    for name, value in given.items():
        if value is not None:
            limits = settings.bl_rna.properties[name]
            if limits.type in {"INT", "FLOAT"} and not limits.hard_min <= value <= limits.hard_max:
                raise BadInputError(
                    "bad_setting",
                    f"{name.replace('_', ' ')} can't be {value}.",
                    f"Choose a value from {limits.hard_min:g} to {limits.hard_max:g}.",
                )
            setattr(settings, name, value)
    if options.out:
        settings.output_dir = str(Path(options.out).absolute())
    if options.portrait:
        settings.portrait_image = None
        settings.portrait_file = str(Path(options.portrait).absolute())


def _speech_of_file(scene: bpy.types.Scene, audio: Path) -> speech.Speech:
    """The whole file from the scene's first frame on, with a sound strip for it where Blender can make one.

    Whether the file is fit to be spoken is for the worker to say, so that its sentence is the same everywhere.
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
            scene.sequence_editor.active_strip = strip
            name = strip.name
    return speech.Speech(audio, 0.0, None, start, name, channel)


def _pump(job: jobs.Job, scene: bpy.types.Scene) -> tuple[list[TakeReady], dict[str, Any]]:
    """Wait for the job and put each take into the sequencer as it arrives; returns the takes and the job's result."""
    made: list[TakeReady] = []
    while not job.finished or job.arrived:
        job.wait(_print_progress)
        while job.arrived:
            made.append(job.arrived.popleft())
            steps.advance(takes.arrive(scene, job, made[-1]), float("inf"))
    jobs.finish(job)
    for notice in job.notices:
        print(f"soliloquy: {notice}")
    if job.error is not None:
        raise job.error.exception()
    return made, job.done.result


def _print_progress(job: jobs.Job) -> None:
    """One line that is written over in a terminal; in a log a line for every stage and quarter."""
    left = f", {duration(job.left)} left" if job.left is not None else ""
    line = f"soliloquy: {job.stage} ({job.share:.0%}{left})"
    if sys.stdout.isatty():
        print(f"\r{line:<70}", end="", flush=True)
    elif (job.stage, int(job.share * 4)) != _last_told[0]:
        _last_told[0] = (job.stage, int(job.share * 4))
        print(line, flush=True)


def _add_head_and_bake(scene: bpy.types.Scene, request: Generate, first: TakeReady) -> None:
    wanted = head.request_for(request.portrait, Path(request.out), preferences.device())
    result = _pump(jobs.start(wanted, "Head", scene), scene)[1]
    steps.advance(head.build(bpy.context, scene, result), float("inf"))
    index = next(i for i, take in enumerate(settings_of(scene).takes) if take.path() == Path(first.folder))
    steps.advance(takes.bake_take(scene, index), float("inf"))


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C and SIGTERM end the command with code 130 and the worker stopped; by itself Blender ignores Ctrl-C."""

    def stop(*_: object) -> None:
        raise CancelledError

    signals = [signal.SIGINT, signal.SIGTERM]
    previous = [signal.signal(number, stop) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, previous, strict=True):
            # None: Blender set it itself, from C, where Python can't put it back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def register() -> None:
    """Offer the command (Blender 4.2 and newer)."""
    _handles.append(bpy.utils.register_cli_command(COMMAND, run))


def unregister() -> None:
    """Take the command away."""
    while _handles:
        bpy.utils.unregister_cli_command(_handles.pop())
