"""Mappings: which channels of a take move which parts of a rig. Arithmetic and JSON; of Blender only its language.

A mapping is a list of rules. A rule computes a sum of channels (``0.5 headPitch``, ``jawOpen - 0.6 mouthClose``), times
a multiplier, plus an offset. The result goes to one destination: a shape key, a custom property, or one axis of a
bone's location, rotation or scale. An axis is the bone's own (X, Y, Z) or the character's (LEFT, UP, FORWARD: the
person's own left). With the character's axes a nod is a nod, however the bone was rolled.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...core.errors import BadInputError
from ...core.inputs import InputKind, read_input, shown
from ...core.motion.channels import HEAD
from ...core.motion.motion import Motion
from ..words import say
from .arkit import SHAPE_NAMES
from .neck import neck_and_head

FORMAT = 1
MAPPING_FILE = InputKind(noun="mapping", code="mapping", most_bytes=4 << 20)
HALF_TURN = ("halfPitch", "halfYaw", "halfRoll")
"""Half of the head's turn: one half for each of the two bones, neck and head."""
SHIFT = ("shiftX", "shiftY", "shiftZ")
"""Centimetres that the head bone moves, so that the head ends exactly where the take has it (`neck_and_head`)."""
SOURCES: tuple[str, ...] = (*SHAPE_NAMES, *HEAD, *HALF_TURN, *SHIFT)

SHAPE, PROPERTY, LOCATION, ROTATION, SCALE = "SHAPE", "PROPERTY", "LOCATION", "ROTATION", "SCALE"
BONE_KINDS = (LOCATION, ROTATION, SCALE)
KINDS = (SHAPE, PROPERTY, *BONE_KINDS)
OWN_AXES = ("X", "Y", "Z")
CHARACTER_AXES = ("LEFT", "UP", "FORWARD")
AXES = OWN_AXES + CHARACTER_AXES
HALF_TURN_AXES = tuple(zip(HALF_TURN, CHARACTER_AXES, strict=True))
"""(channel, axis) pairs of a bone that turns by half of the head's turn."""

_TOKEN = re.compile(
    r"(?P<number>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)|(?P<name>[A-Za-z]\w*)|(?P<sign>[+\-−])|(?P<times>\*)|\s+|.", re.S
)
"""One token of a sum. Each alternative begins with other characters, so no text makes the search go back."""
MOST_LETTERS = 2000
"""Length of the longest sum that is read. All 55 weights with factors take about 1,400 characters."""
LARGEST = 1e6
"""Largest factor, multiplier and offset. Blender stores them in single precision, where larger ones lose their use."""
_SHOWN = 60
"""Number of characters of a refused sum that an error message shows."""


@dataclass(frozen=True)
class Rule:
    """One line of a mapping.

    ``name`` is the shape key, the property or the bone. ``bone`` is the bone that carries a property; it is empty where
    the object carries it. Rotations are radians about ``axis``, locations are along it in the rig's own units.
    """

    source: str
    kind: str
    name: str
    axis: str = "X"
    multiplier: float = 1.0
    offset: float = 0.0
    bone: str = ""


@functools.lru_cache(4096)
def terms(source: str) -> dict[str, float]:
    """Channels of a sum with their factors: ``jawOpen - 0.6 mouthClose`` → {jawOpen: 1, mouthClose: −0.6}.

    It is read once from left to right, so the time grows with its length only.
    Raises BadInputError ``bad_source`` for any other text, for unknown channels, for texts of more than `MOST_LETTERS`
    characters and for factors above `LARGEST`.
    """
    if len(source) > MOST_LETTERS:
        raise BadInputError(
            "bad_source",
            say("A sum of channels has at most {most} characters, this one has {count}.", most=MOST_LETTERS,
                count=len(source)),
            say("Split it into two lines of the mapping: they add up."),
        )  # fmt: skip
    found: dict[str, float] = {}
    sign, factor, part = 1.0, 1.0, "start"
    for token in _TOKEN.finditer(source):
        kind = token.lastgroup
        if kind is None and token[0].isspace():
            continue
        if kind == "sign" and part in ("start", "name"):
            sign, factor, part = 1.0 if token[0] == "+" else -1.0, 1.0, "sign"
        elif kind == "number" and part in ("start", "sign"):
            factor, part = _factor(token[0]), "number"
        elif kind == "times" and part in ("start", "sign", "number"):
            part = "times"
        elif kind == "name" and part != "name":
            name = _channel(token[0])
            found[name] = found.get(name, 0.0) + sign * factor
            part = "name"
        else:
            raise _no_sum(source)
    if part != "name":
        raise _no_sum(source)
    return found


def _no_sum(source: str) -> BadInputError:
    shown = source if len(source) <= _SHOWN else f"{source[:_SHOWN]}…"
    return BadInputError(
        "bad_source",
        say("“{source}” is not a sum of channels.", source=shown),
        say("Write it like “jawOpen - 0.6 mouthClose”."),
    )


def _factor(number: str) -> float:
    """A factor's value. Raises BadInputError ``bad_source`` above `LARGEST`."""
    value = float(number)
    if value > LARGEST:
        raise BadInputError(
            "bad_source",
            say("A factor of a channel is at most {most:,.0f}.", most=LARGEST),
            say("Write it like “jawOpen - 0.6 mouthClose”."),
        )
    return value


def _channel(name: str) -> str:
    """``name`` itself, if it is a channel. Raises BadInputError ``bad_source`` with the most similar one."""
    if name in SOURCES:
        return name
    shown = name[:_SHOWN]
    near = difflib.get_close_matches(shown, SOURCES, 1, 0.5)
    hint = say("Did you mean {near}?", near=near[0]) if near else say("Pick one from the list of channels.")
    raise BadInputError("bad_source", say("There is no channel “{name}”.", name=shown), hint)


class Sources:
    """Values of every channel that rules may name, for a motion sampled on n frames.

    ``neck`` and ``head`` are the rest positions of the two bones that share the head's turn, (3,) centimetres in head
    space. Only ``SHIFT`` depends on them.
    """

    def __init__(self, motion: Motion, neck: np.ndarray | None = None, head: np.ndarray | None = None) -> None:
        zero = np.zeros(3)
        table = motion.table().astype(float)
        rotation, translation = np.split(table[:, -len(HEAD) :], 2, axis=1)
        half, shift = neck_and_head(
            rotation, translation, zero if neck is None else neck, zero if head is None else head
        )
        self._columns = dict(zip((*SHAPE_NAMES, *HEAD), table.T, strict=True))
        self._columns |= dict(zip(HALF_TURN + SHIFT, np.concatenate([half, shift], 1).T, strict=True))

    def value(self, rule: Rule) -> np.ndarray:
        """(n,) values of the rule's destination."""
        total = sum(factor * self._columns[name] for name, factor in terms(rule.source).items())
        return rule.multiplier * np.asarray(total) + rule.offset


def to_json(name: str, rules: list[Rule]) -> str:
    """A mapping as JSON text, one rule a line, for a file that can be shared."""
    lines = ",\n  ".join(json.dumps(_short(rule), ensure_ascii=False) for rule in rules)
    return (
        f'{{"soliloquy_mapping": {FORMAT}, "name": {json.dumps(name, ensure_ascii=False)}, "rules": [\n  {lines}\n]}}\n'
    )


def _short(rule: Rule) -> dict[str, object]:
    """The fields of a rule that differ from their defaults."""
    return {
        f.name: value
        for f in dataclasses.fields(Rule)
        if (value := getattr(rule, f.name)) != f.default or f.name == "name"
    }


def from_json(text: str, where: str = "the mapping") -> tuple[str, list[Rule]]:
    """Read a text written by `to_json`; returns the mapping's name and its rules.

    ``where`` names the text in error messages. Raises BadInputError ``bad_mapping`` or ``bad_source``.
    """
    try:
        data = json.loads(text)
        if data["soliloquy_mapping"] != FORMAT:
            raise ValueError("it is of another version")
        rules = [Rule(**{str(key): value for key, value in entry.items()}) for entry in data["rules"]]
        name = str(data["name"])
        for rule in rules:
            if rule.kind not in KINDS or rule.axis not in AXES:
                raise ValueError(f"{rule.kind} {rule.axis} is no destination")
            for word in (rule.source, rule.name, rule.bone):
                if not isinstance(word, str):
                    raise ValueError("names must be text")
                word.encode()  # half of a surrogate pair raises UnicodeEncodeError; Blender can't store it
            for number in (rule.multiplier, rule.offset):
                if isinstance(number, bool) or not isinstance(number, (int, float)) or not abs(number) <= LARGEST:
                    raise ValueError(f"multipliers and offsets must be numbers up to {LARGEST:,.0f}")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInputError(
            "bad_mapping",
            say("{where} can't be read ({error}).", where=where, error=shown(str(error))),
            say("Choose a file saved by Soliloquy."),
        ) from error
    for rule in rules:
        terms(rule.source)
    return name, rules


def load(path: Path) -> tuple[str, list[Rule]]:
    """Read a mapping file; returns the mapping's name and its rules. Raises as `from_json`."""
    try:
        text = read_input(path, MAPPING_FILE).decode("utf-8-sig")
    except (BadInputError, UnicodeDecodeError) as error:
        reason = error.message.rstrip(".") if isinstance(error, BadInputError) else error
        raise BadInputError(
            "bad_mapping", say("{path} can't be read ({error}).", path=path, error=reason), say("Choose another file.")
        ) from error
    return from_json(text, str(path))
