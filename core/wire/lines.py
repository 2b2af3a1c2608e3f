"""Turns the protocol's messages into lines and back, and checks them both ways. Standard library only."""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Iterator
from typing import IO, Any

from ..errors import BadInputError
from ..schema import build, checked
from .protocol import Event, Request

MAX_LINE = 1 << 20
"""Longest line that either side accepts, in bytes."""
_MOST_ID_LETTERS = 200
_REQUESTS: dict[str, type] = {cls.request: cls for cls in typing.get_args(Request)}
_EVENTS: dict[str, type] = {cls.event: cls for cls in typing.get_args(Event)}


def read_lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Every line of a stream until its end, with its newline.

    Of a line over `MAX_LINE` only the beginning is yielded, which is still over the limit, so that it is refused. The
    rest is skipped up to its newline and never taken for a line of its own.
    """
    while line := stream.readline(MAX_LINE + 1):
        part = line
        while len(part) > MAX_LINE and not part.endswith(b"\n"):
            part = stream.readline(MAX_LINE + 1)
        yield line


def _line(fields: dict[str, Any]) -> bytes:
    # Only ASCII, because lone surrogates can't be written in UTF-8. Names of files may contain them.
    line = json.dumps(fields, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode("ascii") + b"\n"
    if len(line) > MAX_LINE:
        raise BadInputError("message_too_long", f"A message of {len(line)} bytes is longer than the limit {MAX_LINE}.")
    return line


def encode_request(identifier: str, request: Request) -> bytes:
    """One line with newline; raises BadInputError like :func:`checked`."""
    return _line({"request": request.request, "id": identifier, **dataclasses.asdict(checked(request))})


def encode_event(event: Event) -> bytes:
    """One line with newline."""
    return _line({"event": event.event, **dataclasses.asdict(event)})


def decode_request(line: bytes) -> tuple[str, Request]:
    """(id, request) of one line. Raises BadInputError ``bad_message`` or ``bad_setting``."""
    fields = _parsed(line)
    cls = _class_in(fields, "request", _REQUESTS)
    identifier = fields.pop("id", None)
    if cls is None or not _is_identifier(identifier):
        raise BadInputError(
            "bad_message",
            f"A request needs a known name in “request”, and a text of at most {_MOST_ID_LETTERS} letters in “id”.",
        )
    return typing.cast(str, identifier), typing.cast(Request, build(cls, fields))


def identifier_in(line: bytes) -> str | None:
    """The id of a request that was refused, so that its sender gets the answer; None if it has no valid id."""
    try:
        identifier = _parsed(line).get("id")
    except BadInputError:
        return None
    return typing.cast(str, identifier) if _is_identifier(identifier) else None


def decode_event(line: bytes) -> Event:
    """The event of one line. Raises BadInputError ``bad_message`` or ``bad_setting``."""
    fields = _parsed(line)
    cls = _class_in(fields, "event", _EVENTS)
    if cls is None:
        raise BadInputError("bad_message", "An event needs a known name in “event”.")
    return typing.cast(Event, build(cls, fields))


def _class_in(fields: dict[str, Any], key: str, classes: dict[str, type]) -> type | None:
    """The message class that ``fields`` name under ``key``, which is taken out."""
    name = fields.pop(key, None)
    return classes.get(name) if isinstance(name, str) else None


def _is_identifier(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _MOST_ID_LETTERS


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number of JSON")


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        if len(line) > MAX_LINE:
            raise ValueError("longer than the limit")
        fields = json.loads(line.decode("utf-8"), parse_constant=_refuse_constant)
        if not isinstance(fields, dict):
            raise ValueError("not an object")
        return fields
    except (ValueError, RecursionError) as error:
        raise BadInputError("bad_message", f"A line is not a message ({error}).") from error
