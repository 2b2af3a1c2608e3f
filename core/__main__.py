"""``python -m core generate | resample | render | update-lips | extract | head | probe``: the worker's jobs in a shell.

The options are the fields of the requests in ``core.wire.protocol``. Results go to stdout (folders and files, one a
line), progress and errors to stderr. Exit codes: 0 done, 2 bad input (one line on stderr), 130 cancelled, 1 any other
error. ``batch`` and ``collect`` are about whole lists of jobs (``core.batch.command``).
"""

from __future__ import annotations

import argparse
import contextlib
import inspect
import json
import os
import signal
import sys
import tempfile
import threading
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .batch.command import add_commands
from .errors import EXIT_DONE, SoliloquyError
from .phones.transcripts import given_transcript
from .places import INSTALLED
from .runtime.memory import memory_errors
from .runtime.processes import let_threads_sleep
from .schema import build
from .wire.options import Parser, add_options, nested, sentence
from .wire.progress import JobContext
from .wire.protocol import (
    Event,
    Extract,
    Generate,
    Head,
    Notice,
    Probe,
    Progress,
    Render,
    Request,
    Resample,
    TakeReady,
    UpdateLips,
)
from .wire.restorer import restorer_command
from .wire.workload import ToldTimes

COMMANDS: tuple[type[Request], ...] = (Generate, Resample, Render, UpdateLips, Extract, Head, Probe)
_PROGRAM = "soliloquy" if INSTALLED else "python -m core"
_ABOUT = """\
The jobs of Soliloquy's worker, without Blender.

Results go to the standard output: folders and files, one a line. Progress and errors go to the standard error.
"""
_CODES = f"""\
Each job explains its options with --help, for example: {_PROGRAM} generate --help

Exit codes: 0 means done, 2 bad input (one line says what), 130 cancelled, 1 any other failure.
"""


def parser() -> argparse.ArgumentParser:
    """A subcommand for each request, with an option for each of its fields, and those for job lists."""
    main_parser = Parser(prog=_PROGRAM, description=_ABOUT, epilog=_CODES)
    commands = main_parser.add_subparsers(dest="command", required=True)
    for cls in COMMANDS:
        summary = sentence(inspect.cleandoc((cls.__doc__ or "").split("``done.result``")[0]).strip())
        command = commands.add_parser(_name(cls), help=summary.splitlines()[0], description=summary)
        add_options(command, cls)
    add_commands(commands.add_parser)
    return main_parser


def _name(cls: type[Request]) -> str:
    """A request's name as a command."""
    return cls.request.replace("_", "-")


def _left(seconds: float | None) -> str:
    return "" if seconds is None else f", {seconds:.0f} s left"


class Printer:
    """Shows events on stderr: on a terminal one line that is rewritten in place, elsewhere a line for each stage.

    Elsewhere there is no line for the stages that only read the input, so that bad input gives exactly one line.
    """

    _BRIEF = ("audio", "portrait", "film")

    def __init__(self, stream: typing.TextIO) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
        self._last = ""
        self._times = ToldTimes()

    def __call__(self, event: Event) -> None:
        if isinstance(event, Progress):
            if self._terminal:
                self._say(f"\r\x1b[K{event.text} {event.done}/{event.total}{_left(event.eta)}", end="")
            elif event.text != self._last and event.stage not in self._BRIEF:
                self._say(f"{event.text}{_left(self._times.told(event.eta))}")
            self._last = event.text
        elif isinstance(event, Notice):
            self.finish()
            self._say(f"note: {event.message}")
        elif isinstance(event, TakeReady):
            self.finish()
            print(event.folder, flush=True)

    def finish(self) -> None:
        """End a line that was being rewritten."""
        if self._terminal and self._last:
            self._say("\r\x1b[K", end="")
            self._last = ""

    def error(self, text: str) -> None:
        """Print one line about an error."""
        self.finish()
        self._say("error: " + " ".join(text.split()))

    def _say(self, text: str, end: str = "\n") -> None:
        print(text, end=end, file=self._stream, flush=True)


@contextlib.contextmanager
def quiet_libraries() -> Iterator[tuple[typing.TextIO, typing.IO[bytes]]]:
    """Yield the real stderr, and a file that receives everything that libraries, also C code, write to stderr."""
    sys.stderr.flush()
    with (
        os.fdopen(os.dup(2), "w", encoding="utf-8", errors="backslashreplace") as own,
        tempfile.TemporaryFile() as log,
    ):
        os.dup2(log.fileno(), 2)
        try:
            yield own, log
        finally:
            sys.stderr.flush()
            os.dup2(own.fileno(), 2)


def main(arguments: list[str] | None = None) -> int:
    """Run one job, or a list of them; returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    return _run_list(arguments) if arguments[:1] in (["batch"], ["collect"]) else _run_job(arguments)


def _run_list(arguments: list[str]) -> int:
    """Run a command about a job list; its workers are processes of their own."""
    try:
        chosen = parser().parse_args(arguments)
        return int(chosen.run(chosen))
    except SoliloquyError as error:
        Printer(sys.stderr).error(str(error))
        return error.exit_code


def _run_job(arguments: list[str]) -> int:
    with quiet_libraries() as (stderr, log), contextlib.ExitStack() as unexpected:
        unexpected.callback(_repeat, log, stderr)
        printer = Printer(stderr)
        try:
            options = vars(parser().parse_args(arguments))
            cls = next(cls for cls in COMMANDS if _name(cls) == options["command"])
            given = nested({k: v for k, v in options.items() if k != "command" and v is not None})
            if "transcript" in given:
                given["transcript"] = given_transcript(given["transcript"], Path())
            if given.get("restorer"):
                given["restorer"] = restorer_command(given["restorer"], Path.cwd())
            request = build(cls, given)
            result = _run(request, printer)
        except SoliloquyError as error:
            unexpected.pop_all()
            printer.error(str(error))
            return error.exit_code
        unexpected.pop_all()
        printer.finish()
    if "takes" not in result:  # takes were printed one by one
        print(json.dumps(result, ensure_ascii=False, indent=1))
    return EXIT_DONE


def _repeat(log: typing.IO[bytes], stderr: typing.TextIO) -> None:
    """Print what libraries have written: before the traceback of a bug it may say more."""
    log.seek(0)
    print(log.read().decode("utf-8", "replace"), file=stderr)


@contextlib.contextmanager
def _stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """Ctrl-C and similar signals ask the job to stop at its next check, so that no file is left half-written."""
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), lambda *_: stop.set()) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def _run(request: Request, printer: Printer) -> dict[str, Any]:
    stop = threading.Event()
    let_threads_sleep()
    with _stopped_by_signals(stop), memory_errors():  # too little memory also makes these imports fail
        from .compute.devices import be_deterministic
        from .takes.studio import Studio

        be_deterministic()
        return Studio().handle(request, JobContext("cli", printer, stop.is_set))


def run() -> None:
    """Run the command line of this process and exit; the program ``soliloquy`` of the installed package calls it."""
    sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")  # type: ignore[union-attr]
    sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    sys.exit(main())


if __name__ == "__main__":
    run()
