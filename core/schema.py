"""Dataclasses as message schemas: fields with limits, and the check of plain values against them.

Standard library only.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from dataclasses import field
from typing import Any

from .errors import BadInputError


def setting(
    default: Any = dataclasses.MISSING,
    text: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] | None = None,
    length: int | None = None,
) -> Any:
    """A message field with its meaning and limits (both ends included), for a tuple those of each entry.

    ``length`` is how many entries a tuple must have. A field may be a message itself (a frozen dataclass of settings).
    """
    limits = {"low": low, "high": high, "choices": choices, "length": length}
    return field(default=default, metadata={"text": text, **limits})


def build(cls: type, fields: dict[str, Any]) -> Any:
    """An instance of message class ``cls`` from plain values. Raises BadInputError ``bad_setting``."""
    known = {f.name for f in dataclasses.fields(cls)}
    required = {f.name for f in dataclasses.fields(cls) if f.default is dataclasses.MISSING}
    if unknown := sorted(set(fields) - known):
        raise BadInputError("bad_setting", f"Unknown setting: {', '.join(unknown)}.")
    if missing := sorted(required - set(fields)):
        raise BadInputError("bad_setting", f"Missing setting: {', '.join(missing)}.")
    return checked(cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}))


def checked(message: Any) -> Any:
    """``message`` with whole numbers made floats where floats belong, if every field has its type and keeps its limits.

    Raises BadInputError ``bad_setting`` that names the field.
    """
    hints = typing.get_type_hints(type(message))
    values = {}
    for spec in dataclasses.fields(message):
        value = getattr(message, spec.name)
        values[spec.name] = value = _typed(spec.name, value, hints[spec.name])
        if value is None:
            continue
        low, high, choices, length = (spec.metadata.get(key) for key in ("low", "high", "choices", "length"))
        if length is not None and len(value) != length:
            raise BadInputError("bad_setting", f"{spec.name} must be {length} values, not {len(value)}.")
        for item in value if isinstance(value, tuple) else (value,):
            if choices and item not in choices:
                raise BadInputError(
                    "bad_setting", f"{spec.name} can't be “{item}”.", f"Choose from: {', '.join(choices)}."
                )
            if (low is not None and item < low) or (high is not None and item > high):
                limits = " to ".join(f"{limit:g}" for limit in (low, high) if limit is not None)
                raise BadInputError(
                    "bad_setting",
                    f"{spec.name} can't be {item}.",
                    f"Choose a value of {limits}." if high is not None else f"Choose {limits} or more.",
                )
    return type(message)(**values)


def _typed(name: str, value: Any, hint: Any) -> Any:
    """``value`` as the annotation ``hint`` asks, or BadInputError."""
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for option in options:
        origin = typing.get_origin(option) or option
        if origin is types.NoneType and value is None:
            return None
        if origin is float and isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
        if origin is int and isinstance(value, int) and not isinstance(value, bool):
            return value
        if origin is tuple and isinstance(value, tuple):
            return tuple(_typed(name, item, typing.get_args(option)[0]) for item in value)
        if dataclasses.is_dataclass(origin) and isinstance(value, dict):
            return build(typing.cast(type, origin), value)
        if dataclasses.is_dataclass(origin) and type(value) is origin:
            return checked(value)
        if origin in (str, bool, dict) and isinstance(value, origin):
            return value
    wanted = " or ".join(getattr(option, "__name__", str(option)) for option in options)
    raise BadInputError("bad_setting", f"{name} must be {wanted}, not {value!r}.")
