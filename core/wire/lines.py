"""Turns the protocol's messages into lines and back, and checks them both ways. Standard library only."""

from __future__ import annotations

import dataclasses
import json
import typing
from typing import Any

from ..errors import BadInputError
from ..schema import build, checked
from .protocol import Event, Request

MAX_LINE = 1 << 20
"""Longest line that either side accepts, in bytes."""
_REQUESTS: dict[str, type] = {cls.request: cls for cls in typing.get_args(Request)}
_EVENTS: dict[str, type] = {cls.event: cls for cls in typing.get_args(Event)}


def _line(fields: dict[str, Any]) -> bytes:
    line = json.dumps(fields, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8") + b"\n"
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
    cls = _REQUESTS.get(str(fields.pop("request", None)))
    identifier = fields.pop("id", None)
    if cls is None or not isinstance(identifier, str):
        raise BadInputError("bad_message", "A request needs a known name in “request” and a text in “id”.")
    return identifier, typing.cast(Request, build(cls, fields))


def decode_event(line: bytes) -> Event:
    """The event of one line. Raises BadInputError ``bad_message`` or ``bad_setting``."""
    fields = _parsed(line)
    cls = _EVENTS.get(str(fields.pop("event", None)))
    if cls is None:
        raise BadInputError("bad_message", "An event needs a known name in “event”.")
    return typing.cast(Event, build(cls, fields))


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
