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
from ...core.motion.channels import HEAD
from ...core.motion.motion import Motion
from ..words import say
from .arkit import SHAPE_NAMES
from .neck import neck_and_head

FORMAT = 1
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

_TERM = re.compile(r"\s*(?P<sign>[+\-−])?\s*(?P<number>\d+\.?\d*|\.\d+)?\s*\*?\s*(?P<name>[A-Za-z]\w*)\s*")


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


@functools.cache
def terms(source: str) -> dict[str, float]:
    """Channels of a sum with their factors: ``jawOpen - 0.6 mouthClose`` → {jawOpen: 1, mouthClose: −0.6}.

    Raises BadInputError ``bad_source`` for any other text, and for unknown channels.
    """
    found: dict[str, float] = {}
    position = 0
    while position < len(source) or not found:
        term = _TERM.match(source, position)
        if term is None or (found and not term["sign"]):
            raise BadInputError(
                "bad_source",
                say("“{source}” is not a sum of channels.", source=source),
                say("Write it like: jawOpen - 0.6 mouthClose"),
            )
        if term["name"] not in SOURCES:
            near = difflib.get_close_matches(term["name"], SOURCES, 1, 0.5)
            hint = say("Did you mean {near}?", near=near[0]) if near else say("Pick one from the list of channels.")
            raise BadInputError("bad_source", say("There is no channel “{name}”.", name=term["name"]), hint)
        factor = float(term["number"] or 1.0) * (1.0 if term["sign"] in (None, "+") else -1.0)
        found[term["name"]] = found.get(term["name"], 0.0) + factor
        position = term.end()
    return found


class Sources:
    """Values of every channel that rules may name, for a motion sampled on n frames.

    ``neck`` and ``head`` are the rest positions of the two bones that share the head's turn, (3,) centimetres in head
    space. Only ``SHIFT`` depends on them.
    """

    def __init__(self, motion: Motion, neck: np.ndarray | None = None, head: np.ndarray | None = None) -> None:
        zero = np.zeros(3)
        channels = motion.channels().astype(float)
        rotation, translation = np.split(channels[:, -len(HEAD) :], 2, axis=1)
        half, shift = neck_and_head(
            rotation, translation, zero if neck is None else neck, zero if head is None else head
        )
        self._columns = dict(zip((*SHAPE_NAMES, *HEAD), channels.T, strict=True))
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
            if not all(isinstance(text, str) for text in (rule.source, rule.name, rule.bone)):
                raise ValueError("names must be text")
            if not np.isfinite([float(rule.multiplier), float(rule.offset)]).all():
                raise ValueError("numbers must be finite")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInputError(
            "bad_mapping",
            say("{where} can't be read ({error}).", where=where, error=error),
            say("Choose a file saved by Soliloquy."),
        ) from error
    for rule in rules:
        terms(rule.source)
    return name, rules


def load(path: Path) -> tuple[str, list[Rule]]:
    """Read a mapping file; returns the mapping's name and its rules. Raises as `from_json`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(
            "bad_mapping", say("{path} can't be read ({error}).", path=path, error=error), say("Choose another file.")
        ) from error
    return from_json(text, str(path))
