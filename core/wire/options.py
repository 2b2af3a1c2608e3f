"""Command-line options from the fields of a request: one option for each field. Standard library only."""

from __future__ import annotations

import argparse
import dataclasses
import re
import shutil
import types
import typing
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ..errors import BadInputError

_SHORT = {"num_inference_steps": "--steps"}
"""Second names of options, by field."""
_REPEATED = {"poses": "--pose-at", "emotions": "--emotion-at"}
"""Options of fields that hold several messages, by field: each time the option is given, it adds one."""
_THE_REST = ("restorer",)
"""Fields whose option takes all that follows it on the command line, also what looks like an option."""
_FILE_OR_TEXT = {"transcript": "The name of a text file (.txt) that holds them will do too."}
"""Sentences about options that are a text or the name of a file, by field. Who reads them finds out which it is."""

_METAVARS: dict[type, str] = {int: "N", float: "X"}
"""What stands for the value of an option in the help, where it isn't the field's name."""
_WIDTH = 96
"""Columns of the help's longest lines."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that reports wrong options as BadInputError ``bad_setting``, like any other bad input.

    Its help is in sentences: description and epilog keep their lines, and every option says what it is for.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        wanted: dict[str, Any] = {"formatter_class": _Formatter, "add_help": False} | named
        super().__init__(*arguments, **wanted)
        self.add_argument("-h", "--help", action="help", help="Show this help and exit.")

    def error(self, message: str) -> typing.NoReturn:
        """Raise the error instead of printing the usage and exiting."""
        raise BadInputError("bad_setting", f"{message[0].upper()}{message[1:]}.", f"See {self.prog} --help.")


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str, **named: Any) -> None:
        columns = min(shutil.get_terminal_size().columns, _WIDTH)
        super().__init__(prog, **({"max_help_position": 28, "width": columns} | named))


def sentence(text: str) -> str:
    """``text`` with a capital, a full stop, and quotation marks in place of a docstring's backticks."""
    text = re.sub("``([^`]*)``", r"“\1”", text)
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "!", "?")) else ".")


def add_options(
    command: Any,
    cls: type,
    *,
    only: Collection[str] | None = None,
    otherwise: str | None = None,
    within: str = "",
    limits: Mapping[str, str] | None = None,
) -> None:
    """Add an option for each field of a message class to a parser, with the field's type and text.

    Parameters
    ----------
    command
        Parser or group of a parser.
    only
        Names of the fields that get an option; all fields by default.
    otherwise
        What holds when an option is left out, for its help text. All options may be left out then. By default the
        field's own default is named, and fields without a default are required.
    within
        What the options' destinations start with. For a field that is a message itself, its fields are added in a
        group and their destinations are ``<field>.<inner field>`` (see `nested`).
    limits
        Sentences about what an option may be, by field, where the caller allows less than the field.
    """
    hints = typing.get_type_hints(cls)
    for spec in dataclasses.fields(cls):
        if only is not None and spec.name not in only:
            continue
        kinds = _kinds(hints[spec.name])
        inner = next((kind for kind in kinds if dataclasses.is_dataclass(kind)), None)
        if isinstance(inner, type):
            group = command.add_argument_group(spec.name, sentence(spec.metadata["text"]))
            add_options(group, inner, otherwise=otherwise, within=f"{spec.name}.")
        else:
            _add_option(command, spec, kinds, within + spec.name, otherwise, (limits or {}).get(spec.name))


def _kinds(hint: Any) -> tuple[Any, ...]:
    """The types that an annotation allows."""
    return typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)


def _add_option(
    command: Any,
    spec: dataclasses.Field[Any],
    kinds: tuple[Any, ...],
    target: str,
    otherwise: str | None,
    limits: str | None,
) -> None:
    flag = "--" + spec.name.replace("_", "-")
    flags = [flag, _SHORT[spec.name]] if spec.name in _SHORT else [flag]
    required = otherwise is None and spec.default is dataclasses.MISSING
    text = _help(spec, required, otherwise, limits or _limits(spec.metadata))
    series = next((kind for kind in kinds if typing.get_origin(kind) is tuple), None)
    if bool in kinds:
        command.add_argument(*flags, dest=target, action=argparse.BooleanOptionalAction, help=text)
    elif spec.name in _THE_REST:
        command.add_argument(flag, dest=target, nargs=argparse.REMAINDER, help=text)
    elif spec.name in _REPEATED:
        parts = typing.get_type_hints(typing.get_args(series)[0])
        shown = tuple(name.upper() for name in parts)
        row: dict[str, Any] = {"action": _Row, "parts": parts, "nargs": len(parts), "metavar": shown}
        command.add_argument(_REPEATED[spec.name], dest=target, help=text, **row)
    else:
        command.add_argument(*flags, dest=target, required=required, help=text, **_values(spec, kinds, series))


def _values(spec: dataclasses.Field[Any], kinds: tuple[Any, ...], series: Any | None) -> dict[str, Any]:
    """How many values the option of a field has, how each is read, and what help calls them.

    ``series`` is the type of a field that holds several.
    """
    allowed = kinds if series is None else typing.get_args(series)
    kind = next((kind for kind in (int, float) if kind in allowed), str)
    words = spec.metadata["choices"] if kind is int and str in allowed else ()
    count = "*" if series is not None and spec.metadata["length"] is None else spec.metadata["length"]
    name = "GROUP" if series is not None and kind is str else _METAVARS.get(kind, spec.name.upper())
    name = "FILE|TEXT" if spec.name in _FILE_OR_TEXT else name
    return {"type": number_or_text if words else kind, "nargs": count, "metavar": "|".join((*words, name))}


class _Row(argparse.Action):
    """Adds the values of an option to a list, as a dictionary by the names of a message's fields."""

    def __init__(self, *arguments: Any, parts: dict[str, type], **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._parts = parts

    def __call__(self, _parser: Any, namespace: argparse.Namespace, values: Any, _option: Any = None) -> None:
        row = {}
        for (name, kind), value in zip(self._parts.items(), values, strict=True):
            try:
                row[name] = kind(value)
            except ValueError:
                raise argparse.ArgumentError(self, f"invalid {kind.__name__} value: {value!r}") from None
        setattr(namespace, self.dest, [*(getattr(namespace, self.dest) or []), row])


def number_or_text(text: str) -> int | str:
    """A whole number if ``text`` is one, else ``text``: the value of a setting that may be either."""
    text = text.strip()
    return int(text) if re.fullmatch("[+-]?[0-9]+", text) else text


def choices(names: Iterable[object]) -> str:
    """The sentence about an option that must be one of these."""
    return f"Choices: {', '.join(map(str, names))}."


def span(low: float, high: float) -> str:
    """The sentence about an option with limits, both ends included."""
    return f"From {_number(low)} to {_number(high)}."


def _limits(about: Mapping[str, Any]) -> str:
    """The sentence about what a field may be; empty if it may be anything."""
    if about["choices"]:
        named = about["choices"]
        return choices(named if about["low"] is None else (*named, f"{about['low']} to {about['high']}"))
    if about["low"] is None:
        return ""
    return f"At least {_number(about['low'])}." if about["high"] is None else span(about["low"], about["high"])


def _help(spec: dataclasses.Field[Any], required: bool, otherwise: str | None, limits: str) -> str:
    """What a field is for, what it may be, and what holds without its option, in sentences."""
    told = [sentence(spec.metadata["text"]), limits, _FILE_OR_TEXT.get(spec.name, "")]
    if otherwise is not None and spec.name not in _THE_REST:  # no file holds a command
        told.append(f"Default: {otherwise}.")
    elif not required and spec.default not in (None, (), ""):
        told.append(f"Default: {_value(spec.default)}.")
    return " ".join(filter(None, told)).replace("%", "%%")


def _value(value: Any) -> str:
    """A default in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _number(value) if isinstance(value, float) else str(value)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def nested(options: dict[str, Any]) -> dict[str, Any]:
    """Parsed options by field: ``style.loop`` and its like are gathered in a dictionary under ``style``."""
    fields: dict[str, Any] = {}
    for name, value in options.items():
        outer, _, inner = name.partition(".")
        if inner:
            fields.setdefault(outer, {})[inner] = value
        else:
            fields[name] = value
    return fields
