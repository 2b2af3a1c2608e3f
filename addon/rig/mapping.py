"""Mappings: which channel of a take moves what on a rig. Arithmetic and JSON; no Blender but its language.

A mapping is a list of rules. Each takes a sum of channels, ``0.5 headPitch`` or ``jawOpen - 0.6 mouthClose``, times a
multiplier plus an offset, to one destination: a shape key, a custom property, or one axis of a bone's location,
rotation or scale. Axes are the bone's own (X, Y, Z) or the character's (LEFT, UP, FORWARD: the person's own left), so
that a nod is a nod whatever way a bone was rolled.
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
from ..words import say
from .arkit import SHAPE_NAMES
from .motion import TakeMotion, neck_and_head

FORMAT = 1
HALF_TURN = ("halfPitch", "halfYaw", "halfRoll")
"""Half of the head's turn, for each of two bones (neck and head) that share it."""
SHIFT = ("shiftX", "shiftY", "shiftZ")
"""Centimetres that the upper of the two bones moves so that the head ends exactly where the take has it."""
SOURCES: tuple[str, ...] = (*SHAPE_NAMES, *HEAD, *HALF_TURN, *SHIFT)

SHAPE, PROPERTY, LOCATION, ROTATION, SCALE = "SHAPE", "PROPERTY", "LOCATION", "ROTATION", "SCALE"
BONE_KINDS = (LOCATION, ROTATION, SCALE)
KINDS = (SHAPE, PROPERTY, *BONE_KINDS)
OWN_AXES = ("X", "Y", "Z")
CHARACTER_AXES = ("LEFT", "UP", "FORWARD")
AXES = OWN_AXES + CHARACTER_AXES

_TERM = re.compile(r"\s*(?P<sign>[+\-−])?\s*(?P<number>\d+\.?\d*|\.\d+)?\s*\*?\s*(?P<name>[A-Za-z]\w*)\s*")


@dataclass(frozen=True)
class Rule:
    """One line of a mapping.

    ``name`` is the shape key, the property or the bone; ``bone`` is the bone that carries a property, empty where the
    object does. Rotations are radians, locations the rig's own units, about and along ``axis``.
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

    Raises BadInputError ``bad_source`` for anything that is no such sum of known channels.
    """
    found: dict[str, float] = {}
    position = 0
    while position < len(source) or not found:
        term = _TERM.match(source, position)
        if term is None or (found and not term["sign"]):
            raise BadInputError(
                "bad_source",
                say("“{source}” is no sum of channels.", source=source),
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

    ``neck`` and ``head`` are the rest positions of the two bones that share the head's turn, centimetres in head
    space; only ``SHIFT`` depends on them.
    """

    def __init__(self, motion: TakeMotion, neck: np.ndarray | None = None, head: np.ndarray | None = None) -> None:
        zero = np.zeros(3)
        half, shift = neck_and_head(
            motion.rotation, motion.translation, zero if neck is None else neck, zero if head is None else head
        )
        self._columns = dict(zip(SHAPE_NAMES, motion.expression.T, strict=True))
        self._columns |= dict(zip(HEAD, np.concatenate([motion.rotation, motion.translation], 1).T, strict=True))
        self._columns |= dict(zip(HALF_TURN + SHIFT, np.concatenate([half, shift], 1).T, strict=True))

    def value(self, rule: Rule) -> np.ndarray:
        """(n,) what the rule's destination is to get."""
        total = sum(factor * self._columns[name] for name, factor in terms(rule.source).items())
        return rule.multiplier * np.asarray(total, float) + rule.offset


def to_json(name: str, rules: list[Rule]) -> str:
    """A mapping as text, one rule a line, to be saved and shared."""
    lines = ",\n  ".join(json.dumps(_short(rule), ensure_ascii=False) for rule in rules)
    return (
        f'{{"soliloquy_mapping": {FORMAT}, "name": {json.dumps(name, ensure_ascii=False)}, "rules": [\n  {lines}\n]}}\n'
    )


def _short(rule: Rule) -> dict[str, object]:
    """A rule without what is as it would be anyway."""
    return {
        f.name: value
        for f in dataclasses.fields(Rule)
        if (value := getattr(rule, f.name)) != f.default or f.name == "name"
    }


def from_json(text: str, where: str = "the mapping") -> tuple[str, list[Rule]]:
    """(name, rules) of what `to_json` wrote. Raises BadInputError ``bad_mapping``, ``bad_source``."""
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
    """(name, rules) of a mapping file. Raises BadInputError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(
            "bad_mapping", say("{path} can't be read ({error}).", path=path, error=error), say("Choose another file.")
        ) from error
    return from_json(text, str(path))


# ------------------------------------------------------------------------------------------------------ rotations


def rotation_about(axis: int, angle: np.ndarray) -> np.ndarray:
    """(n,) radians → (n, 3, 3) turns about one axis."""
    j, k = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.zeros((len(angle), 3, 3))
    matrix[:, axis, axis] = 1.0
    matrix[:, j, j] = matrix[:, k, k] = np.cos(angle)
    matrix[:, k, j] = np.sin(angle)
    matrix[:, j, k] = -np.sin(angle)
    return matrix


def euler_matrix(angles: np.ndarray, order: str = "XYZ") -> np.ndarray:
    """(n, 3) angles about x, y, z → (n, 3, 3), applied in Blender's ``order``, its first letter first."""
    i, j, k = ("XYZ".index(letter) for letter in order)
    about = [rotation_about(axis, angles[:, axis]) for axis in range(3)]
    return about[k] @ about[j] @ about[i]


def matrix_euler(matrix: np.ndarray, order: str = "XYZ") -> np.ndarray:
    """(n, 3, 3) → (n, 3) angles about x, y, z for Blender's ``order``, continuous over the n frames."""
    i, j, k = ("XYZ".index(letter) for letter in order)
    sign = 1.0 if (j - i) % 3 == 1 else -1.0
    angles = np.empty((len(matrix), 3))
    angles[:, j] = np.arcsin(np.clip(-sign * matrix[:, k, i], -1.0, 1.0))
    angles[:, i] = np.arctan2(sign * matrix[:, k, j], matrix[:, k, k])
    angles[:, k] = np.arctan2(sign * matrix[:, j, i], matrix[:, i, i])
    return np.unwrap(angles, axis=0)


def matrix_quaternion(matrix: np.ndarray) -> np.ndarray:
    """(n, 3, 3) → (n, 4) unit quaternions w, x, y, z; w > 0, which is continuous for turns under 180°."""
    w = np.sqrt(np.maximum(1e-12, 1.0 + np.trace(matrix, axis1=1, axis2=2))) / 2
    rest = [(matrix[:, k, j] - matrix[:, j, k]) / (4 * w) for j, k in ((1, 2), (2, 0), (0, 1))]
    return np.stack([w, *rest], axis=1)


def matrix_axis_angle(matrix: np.ndarray) -> np.ndarray:
    """(n, 3, 3) → (n, 4) angle, x, y, z as Blender's axis-angle channels have them."""
    quaternion = matrix_quaternion(matrix)
    length = np.linalg.norm(quaternion[:, 1:], axis=1)
    axis = np.where(length[:, None] > 1e-9, quaternion[:, 1:] / np.maximum(length, 1e-9)[:, None], (0.0, 1.0, 0.0))
    return np.concatenate([2 * np.arctan2(length, quaternion[:, 0])[:, None], axis], axis=1)
