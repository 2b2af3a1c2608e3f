"""``python -m core generate | resample | render | extract | head | probe``: the worker's jobs from a shell.

Options are the fields of ``core.wire.protocol``'s requests. Results go to stdout (folders and files, one a line),
progress and errors to stderr. Exit codes: 0 done, 2 bad input (one line on stderr), 130 cancelled, 1 anything else.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import signal
import sys
import tempfile
import threading
import types
import typing
from collections.abc import Iterator
from typing import Any

from .errors import EXIT_DONE, BadInputError, SoliloquyError
from .runtime.processes import let_threads_sleep
from .schema import build
from .wire.progress import JobContext
from .wire.protocol import Event, Extract, Generate, Head, Notice, Probe, Progress, Render, Request, Resample, TakeReady

COMMANDS: tuple[type[Request], ...] = (Generate, Resample, Render, Extract, Head, Probe)
_SHORT = {"num_inference_steps": "--steps"}


class Parser(argparse.ArgumentParser):
    """argparse whose complaint is one line, as every other bad input's."""

    def error(self, message: str) -> typing.NoReturn:
        raise BadInputError("bad_setting", f"{message[0].upper()}{message[1:]}.", f"See {self.prog} --help.")


def parser() -> argparse.ArgumentParser:
    """A subcommand for each request, an option for each of its fields."""
    main_parser = Parser(prog="python -m core", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = main_parser.add_subparsers(dest="command", required=True)
    for cls in COMMANDS:
        summary = (cls.__doc__ or "").split("``done.result``")[0].strip()
        command = commands.add_parser(cls.request, help=summary.splitlines()[0], description=summary)
        _add_options(command, cls)
    return main_parser


def _add_options(command: Any, cls: type, within: str = "") -> None:
    """An option for each field of a message class; those of a message ``within`` it have its name before theirs."""
    hints = typing.get_type_hints(cls)
    for spec in dataclasses.fields(cls):
        options = _options(hints[spec.name])
        inner = next((option for option in options if dataclasses.is_dataclass(option)), None)
        if isinstance(inner, type):
            _add_options(command.add_argument_group(spec.name, spec.metadata["text"]), inner, f"{spec.name}.")
        else:
            _add_option(command, spec, options, within + spec.name)


def _options(hint: Any) -> tuple[Any, ...]:
    """The types that an annotation allows."""
    return typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)


def _add_option(command: Any, spec: dataclasses.Field[Any], options: tuple[Any, ...], target: str) -> None:
    flag = "--" + spec.name.replace("_", "-")
    flags = [flag, _SHORT[spec.name]] if spec.name in _SHORT else [flag]
    required = spec.default is dataclasses.MISSING
    text = spec.metadata["text"]
    if not required and spec.default not in (None, ()):
        text += f" (default: {spec.default})"
    if bool in options:
        command.add_argument(*flags, dest=target, action=argparse.BooleanOptionalAction, help=text)
        return
    series = next((option for option in options if typing.get_origin(option) is tuple), None)
    allowed = options if series is None else typing.get_args(series)
    kind = next((kind for kind in (int, float) if kind in allowed), str)
    count = "*" if series is not None and spec.metadata["length"] is None else spec.metadata["length"]
    name = "GROUP" if series is not None and kind is str else spec.name.upper()
    command.add_argument(*flags, dest=target, type=kind, required=required, nargs=count, metavar=name, help=text)


def _nested(options: dict[str, Any]) -> dict[str, Any]:
    """Options by field, those of a message within it (``style.loop``) gathered in a dictionary of their own."""
    fields: dict[str, Any] = {}
    for name, value in options.items():
        outer, _, inner = name.partition(".")
        if inner:
            fields.setdefault(outer, {})[inner] = value
        else:
            fields[name] = value
    return fields


class Printer:
    """Shows events on stderr: a line that is rewritten in place on a terminal, one line a stage elsewhere.

    Elsewhere the stages that only look at the input are passed over, so that bad input is one line.
    """

    _BRIEF = ("audio", "portrait")

    def __init__(self, stream: typing.TextIO) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
        self._last = ""

    def __call__(self, event: Event) -> None:
        if isinstance(event, Progress):
            left = f", {event.eta:.0f} s left" if event.eta else ""
            if self._terminal:
                self._say(f"\r\x1b[K{event.text} {event.done}/{event.total}{left}", end="")
            elif event.text != self._last and event.stage not in self._BRIEF:
                self._say(f"{event.text}{left}")
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
        """One line about what went wrong."""
        self.finish()
        self._say("error: " + " ".join(text.split()))

    def _say(self, text: str, end: str = "\n") -> None:
        print(text, end=end, file=self._stream, flush=True)


@contextlib.contextmanager
def quiet_libraries() -> Iterator[tuple[typing.TextIO, typing.IO[bytes]]]:
    """Yield the real stderr, and a file that meanwhile receives all that libraries (C code too) write to stderr."""
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
    """Run one job; returns the exit code."""
    with quiet_libraries() as (stderr, log):
        printer = Printer(stderr)
        try:
            options = vars(parser().parse_args(arguments))
            cls = next(cls for cls in COMMANDS if cls.request == options["command"])
            request = build(cls, _nested({k: v for k, v in options.items() if k != "command" and v is not None}))
            result = _run(request, printer)
        except SoliloquyError as error:
            printer.error(str(error))
            return error.exit_code
        except Exception:
            log.seek(0)
            print(log.read().decode("utf-8", "replace"), file=stderr)
            raise
        printer.finish()
    if "takes" not in result:  # takes have been announced one by one
        print(json.dumps(result, ensure_ascii=False, indent=1))
    return EXIT_DONE


@contextlib.contextmanager
def _stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """Ctrl-C and friends ask the job to stop at its next check, so that what is finished stays whole."""
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), lambda *_: stop.set()) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def _run(request: Any, printer: Printer) -> dict[str, Any]:
    stop = threading.Event()
    let_threads_sleep()
    with _stopped_by_signals(stop):
        from .compute.devices import be_deterministic
        from .takes.studio import Studio

        be_deterministic()
        return Studio().handle(request, JobContext("cli", printer, stop.is_set))


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")  # type: ignore[union-attr]
    sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    sys.exit(main())
