"""Dataclasses as message schemas: fields with limits, and the check of plain values against them.

Plain values are what JSON holds: dictionaries, lists, texts, numbers, true, false and null. `build` and `read` make a
frozen dataclass from them, `plain` does the reverse. They differ in what happens to keys that the class doesn't have:

- `build` refuses them. It is for requests, which a user or another program writes: an unknown key is a mistake.
- `read` accepts them. It is for files and answers of another version of Soliloquy, which may say more. A class with the
  field ``more: dict[str, Any]`` keeps unknown keys there, and `plain` writes them back; other classes drop them.

A field may be a dataclass itself, or one of several that are told apart by their class variable ``kind``, which then is
a key of the plain values too. Standard library only.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import reprlib
import types
import typing
from dataclasses import field
from typing import Any, TypeVar

from .errors import BadInputError

Message = TypeVar("Message")
MORE = "more"
"""Name of the field that keeps unknown keys. Its default is an empty dictionary."""
_KIND = "kind"
_INTEGER_LIMIT = 1 << 63
"""Whole numbers are smaller than this; files and other programs can't hold larger ones."""
_CORRECT = "Correct the value."
_TYPE_WORDS: dict[Any, str] = {
    **{float: "a number", int: "a whole number", bool: "true or false", str: "a text", tuple: "a list"},
    types.NoneType: "nothing",
}
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80


def setting(
    default: Any = dataclasses.MISSING,
    text: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] | None = None,
    length: int | None = None,
) -> Any:
    """A message field with its meaning and limits (both ends included). The limits of a tuple are those of each entry.

    Of a field that may be a number or a text, ``low`` and ``high`` limit the number, and ``choices`` are the texts.
    ``length`` is the number of entries that a tuple must have. A field may be a message itself (a frozen dataclass of
    settings).
    """
    limits = {"low": low, "high": high, "choices": choices, "length": length}
    return field(default=default, metadata={"text": text, **limits})


def build(cls: type[Message], fields: dict[str, Any]) -> Message:
    """An instance of ``cls`` from plain values; refuses unknown keys. Raises BadInputError ``bad_setting``."""
    return _build(cls, fields, strict=True)


def read(cls: type[Message], fields: dict[str, Any]) -> Message:
    """An instance of ``cls`` from plain values of any version; keeps or drops unknown keys (see the module).

    Raises BadInputError ``bad_setting`` for a key that is missing, and for a value of the wrong type or outside its
    limits.
    """
    return _build(cls, fields, strict=False)


def plain(message: Any) -> dict[str, Any]:
    """The plain values of a dataclass instance, from which `build` or `read` make an equal one."""
    cls = type(message)
    kind = _kind(cls)
    values = {} if kind is None else {_KIND: kind}
    for spec in dataclasses.fields(cls):
        if spec.name != MORE:
            values[spec.name] = _plain_value(getattr(message, spec.name))
    return values | getattr(message, MORE, {})


def checked(message: Message) -> Message:
    """``message`` with whole numbers made floats where floats belong, if every field has its type and keeps its limits.

    Raises BadInputError ``bad_setting`` that names the field.
    """
    return _checked(message, strict=True)


def _plain_value(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return plain(value)
    if isinstance(value, (tuple, list)):
        return [_plain_value(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain_value(item) for key, item in value.items()}
    return value


def _kind(cls: type) -> str | None:
    """The word by which plain values tell a class from the others of a union, or None where it has none."""
    kind = vars(cls).get(_KIND)
    return kind if isinstance(kind, str) else None


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    """The annotations of a class as types."""
    return typing.get_type_hints(cls)


def _build(cls: type[Message], fields: dict[str, Any], *, strict: bool) -> Message:
    known: dict[str, Any] = {f.name: f for f in dataclasses.fields(typing.cast(Any, cls))}
    keeps = known.pop(MORE, None) is not None
    if _kind(cls) is not None:
        fields = {name: value for name, value in fields.items() if name != _KIND}
    unknown = {name: value for name, value in fields.items() if name not in known}
    if unknown and strict:
        import difflib  # most messages have no unknown keys

        first = min(unknown)
        near = difflib.get_close_matches(_word(first), known, 1)
        hint = f"Did you mean {near[0]}?" if near else "Leave it out."
        raise BadInputError("bad_setting", f"There is no setting “{_word(first)}”.", hint)
    missing = sorted(name for name, f in known.items() if _is_required(f) and name not in fields)
    if missing:
        words = f"The setting {missing[0]} is" if len(missing) == 1 else f"The settings {', '.join(missing)} are"
        raise BadInputError(
            "bad_setting", f"{words} missing.", "Give it a value." if len(missing) == 1 else "Give them values."
        )
    values = {name: tuple(v) if isinstance(v, list) else v for name, v in fields.items() if name in known}
    if keeps:
        values[MORE] = unknown
    return _checked(cls(**values), strict=strict)


def _is_required(spec: dataclasses.Field[Any]) -> bool:
    return spec.default is dataclasses.MISSING and spec.default_factory is dataclasses.MISSING


def _checked(message: Message, *, strict: bool) -> Message:
    cls: Any = type(message)
    values = {}
    for spec in dataclasses.fields(cls):
        value = _typed(spec.name, getattr(message, spec.name), _hints(cls)[spec.name], strict)
        if value is not None:
            _check_limits(spec, value)
        values[spec.name] = value
    return typing.cast(Message, cls(**values))


def _check_limits(spec: dataclasses.Field[Any], value: Any) -> None:
    """Raise BadInputError ``bad_setting`` where a value of the right type lies outside its field's limits."""
    name = spec.name
    low, high, choices, length = (spec.metadata.get(key) for key in ("low", "high", "choices", "length"))
    if length is not None and len(value) != length:
        raise BadInputError("bad_setting", f"{name} must be {length} values, not {len(value)}.", _CORRECT)
    for item in value if isinstance(value, tuple) else (value,):
        if choices and isinstance(item, str) and item not in choices:
            number = "" if low is None else f", or a number of {low:g} to {high:g}"
            hint = f"Choose from: {', '.join(choices)}{number}."
            raise BadInputError("bad_setting", f"{name} can't be “{_word(item)}”.", hint)
        if spec.metadata and isinstance(item, str) and not _is_text(item):
            hint = "Give the file or folder another name."
            raise BadInputError("bad_setting", f"{name} “{_word(item)}” is not valid text.", hint)
        if not isinstance(item, str) and ((low is not None and item < low) or (high is not None and item > high)):
            limits = " to ".join(f"{limit:g}" for limit in (low, high) if limit is not None)
            hint = f"Choose a value of {limits}." if high is not None else f"Choose {limits} or more."
            raise BadInputError("bad_setting", f"{name} can't be {shown_value(item)}.", hint)


def _typed(name: str, value: Any, hint: Any, strict: bool) -> Any:
    """``value`` as the annotation ``hint`` asks, or BadInputError."""
    if hint is Any:
        return value
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for option in options:
        origin = typing.get_origin(option) or option
        if origin is types.NoneType and value is None:
            return None
        if origin is float and isinstance(value, (int, float)) and not isinstance(value, bool) and _is_finite(value):
            return float(value)
        if origin is int and isinstance(value, int) and not isinstance(value, bool) and abs(value) < _INTEGER_LIMIT:
            return value
        if origin is tuple and isinstance(value, tuple):
            return tuple(_typed(name, item, typing.get_args(option)[0], strict) for item in value)
        if origin is dict and isinstance(value, dict):
            of_item = typing.get_args(option)[1]
            return {key: _typed(f"{name}.{key}", item, of_item, strict) for key, item in value.items()}
        if isinstance(origin, type) and dataclasses.is_dataclass(origin):
            if isinstance(value, dict) and _kind(origin) in (None, value.get(_KIND)):
                return _build(origin, value, strict=strict)
            if type(value) is origin:
                return _checked(value, strict=strict)
        if origin in (str, bool) and isinstance(value, origin):
            return value
    wanted = " or ".join(dict.fromkeys(_type_words(option) for option in options))
    raise BadInputError("bad_setting", f"{_word(name)} must be {wanted}, not {shown_value(value)}.", _CORRECT)


def _type_words(option: Any) -> str:
    """A type as people say it."""
    return _TYPE_WORDS.get(typing.get_origin(option) or option, "an object")


def _is_finite(value: float) -> bool:
    """Whether a number, also a whole one of any size, is a finite float."""
    return abs(value) < _INTEGER_LIMIT if isinstance(value, int) else math.isfinite(value)


def _is_text(value: str) -> bool:
    """Whether a text can be the name of a file and can be sent: no NUL and no lone surrogates."""
    try:
        return b"\0" not in value.encode("utf-8")
    except UnicodeEncodeError:
        return False


def shown_value(value: Any) -> str:
    """A short text for any value, in letters that every program can show."""
    try:
        return _SHORT.repr(value)
    except (ValueError, RecursionError, MemoryError):  # ValueError: a number of more than 4300 digits
        return "a large number" if isinstance(value, int) else f"a value of the type {type(value).__name__}"


def _word(value: Any) -> str:
    """A text without its quotation marks, otherwise as `shown_value`."""
    shown = shown_value(value)
    return shown[1:-1] if isinstance(value, str) else shown
