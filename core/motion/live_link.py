"""Live Link Face recordings: the CSV with 61 value columns that Unreal's and many other programs read.

From our channels to its columns:
* The 53 expression weights become ARKit's 52: ``browInnerUp`` and ``cheekPuff`` are the means of their left and
  right halves. ``TongueOut`` is the tongue's channel of this name; ``tongueUp`` has no column. Left and right are the
  person's own.
* Angles are radians, relative to the rest pose, as in ``core.motion.motion``. ``HeadPitch`` > 0 nods down,
  ``HeadYaw`` > 0 turns to the person's left, ``HeadRoll`` > 0 tilts the head to the person's right.
* Eye angles have the same axes: pitch > 0 looks down, yaw > 0 looks to the person's left, roll is always 0. They are
  the ``eyeLook`` weights times the gaze limits of ``core.motion.channels``.
* Head translation has no column and is left out.
"""

from __future__ import annotations

import csv
import itertools
import math
from pathlib import Path

import numpy as np

from ..files import written_beside
from ..inputs import InputKind, read_input
from ..tables import number, rows_of, text_of
from .channels import EXPRESSIONS, FPS, GAZE_SIDEWAYS_DEGREES, GAZE_UP_DOWN_DEGREES, SHAPES, TONGUE
from .motion import Motion
from .timecodes import place

_GAZE_SIDEWAYS, _GAZE_UP_DOWN = math.radians(GAZE_SIDEWAYS_DEGREES), math.radians(GAZE_UP_DOWN_DEGREES)

_EYE = ("EyeBlink", "EyeLookDown", "EyeLookIn", "EyeLookOut", "EyeLookUp", "EyeSquint", "EyeWide")
_MOUTH = (
    "JawForward", "JawRight", "JawLeft", "JawOpen", "MouthClose", "MouthFunnel", "MouthPucker", "MouthRight",
    "MouthLeft", "MouthSmileLeft", "MouthSmileRight", "MouthFrownLeft", "MouthFrownRight", "MouthDimpleLeft",
    "MouthDimpleRight", "MouthStretchLeft", "MouthStretchRight", "MouthRollLower", "MouthRollUpper",
    "MouthShrugLower", "MouthShrugUpper", "MouthPressLeft", "MouthPressRight", "MouthLowerDownLeft",
    "MouthLowerDownRight", "MouthUpperUpLeft", "MouthUpperUpRight",
)  # fmt: skip
_UPPER = (
    "BrowDownLeft", "BrowDownRight", "BrowInnerUp", "BrowOuterUpLeft", "BrowOuterUpRight", "CheekPuff",
    "CheekSquintLeft", "CheekSquintRight", "NoseSneerLeft", "NoseSneerRight", "TongueOut",
)  # fmt: skip

SHAPE_COLUMNS: tuple[str, ...] = (
    *(f"{name}Left" for name in _EYE),
    *(f"{name}Right" for name in _EYE),
    *_MOUTH,
    *_UPPER,
)
"""The 52 ARKit shapes in Live Link Face's order."""
ANGLE_COLUMNS: tuple[str, ...] = (
    *("HeadYaw", "HeadPitch", "HeadRoll"),
    *("LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll"),
    *("RightEyeYaw", "RightEyePitch", "RightEyeRoll"),
)
VALUE_COLUMNS: tuple[str, ...] = SHAPE_COLUMNS + ANGLE_COLUMNS
"""The 61 value columns."""
_ROWS = 1000
"""Rows computed at a time, so that memory doesn't grow with the length."""
_ON_FRAME = 0.05
"""Largest distance of every row from its frame, in frames, with which rows count as complete and aren't interpolated.
Timecodes have thousandths of a frame, and phones write some hundredths of jitter."""
_SIDES = (("_L", "Left"), ("_R", "Right"), (".L", "Left"), (".R", "Right"))
CURVES_FILE = InputKind(
    noun="curves file",
    code="curves",
    empty_code="curves_unreadable",
    most_bytes=300_000_000,  # two hours at 60 frames per second
    choose="Check the path.",
    again="Export it again as Live Link CSV.",
)
HEADER: tuple[str, ...] = ("Timecode", "BlendShapeCount", *VALUE_COLUMNS)


def _sources(column: str) -> list[str]:
    """Our channels whose mean is the Live Link shape ``column``."""
    name = column[0].lower() + column[1:]
    for ending, side in (("Left", "_L"), ("Right", "_R")):
        if name.endswith(ending) and (sided := name.removesuffix(ending) + side) in SHAPES:
            return [sided]
    return [channel for channel in SHAPES if channel in (name, f"{name}_L", f"{name}_R")]


def _shape_matrix() -> np.ndarray:
    """(55, 52) matrix from our weights to ARKit's."""
    matrix = np.zeros((len(SHAPES), len(SHAPE_COLUMNS)))
    for j, column in enumerate(SHAPE_COLUMNS):
        sources = _sources(column)
        for channel in sources:
            matrix[SHAPES.index(channel), j] = 1.0 / len(sources)
    return matrix


_TO_ARKIT = _shape_matrix()


def timecode(frame: int, fps: float) -> str:
    """``HH:MM:SS:FF.mmm`` of a frame: FF is the frame within the second, mmm are thousandths of a frame.

    >>> timecode(3 * 25 + 7, 25.0)
    '00:00:03:07.000'
    """
    second = math.floor(frame / fps + 1e-9)
    within = round((frame - second * fps) * 1000)
    hours, minutes = second // 3600, second // 60 % 60
    return f"{hours:02d}:{minutes:02d}:{second % 60:02d}:{max(within, 0) // 1000:02d}.{max(within, 0) % 1000:03d}"


def to_values(motion: Motion) -> np.ndarray:
    """The (T, 61) values of ``motion`` in the order of ``VALUE_COLUMNS`` (weights 0–1, radians)."""

    def weight(name: str) -> np.ndarray:
        return motion.expression[:, EXPRESSIONS.index(name)].astype(np.float64)

    shapes = motion.table()[:, : len(SHAPES)].astype(np.float64) @ _TO_ARKIT
    pitch, yaw, roll = motion.rotation.astype(np.float64).T
    angles = [yaw, pitch, roll]
    # "Out" is away from the nose: to the person's left (yaw > 0) for the left eye, to the right for the right eye.
    for side, outward in (("L", 1.0), ("R", -1.0)):
        eye_yaw = outward * (weight(f"eyeLookOut_{side}") - weight(f"eyeLookIn_{side}"))
        eye_pitch = weight(f"eyeLookDown_{side}") - weight(f"eyeLookUp_{side}")
        angles += [eye_yaw * _GAZE_SIDEWAYS, eye_pitch * _GAZE_UP_DOWN, np.zeros(len(motion))]
    return np.concatenate([shapes, np.stack(angles, axis=1)], axis=1)


def write_live_link_csv(motion: Motion, path: str | Path) -> None:
    """Write ``motion`` as a Live Link Face CSV, whole or not at all; raises as ``core.files.written_beside``."""
    with written_beside(path) as beside, beside.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(HEADER)
        for start in range(0, len(motion), _ROWS):
            for frame, values in enumerate(to_values(motion.slice(start, start + _ROWS)), start):
                rows.writerow([timecode(frame, motion.fps), len(VALUE_COLUMNS), *(f"{value:.6f}" for value in values)])


def read_live_link_csv(path: str | Path, fps: float | None = None, otherwise: float = FPS) -> Motion:
    """Read a Live Link Face CSV; each row is placed by its timecode, and rows that are missing are interpolated.

    Parameters
    ----------
    path
        The file, as Live Link Face or a spreadsheet writes it (`core.tables`). Columns are found by name, in any order
        and any capitals. A missing column is read as 0. A last row that was cut off is left out.
    fps
        Frames per second if they are known. None: they are found from the timecodes.
    otherwise
        The rate of a recording whose timecodes don't tell it.

    The two halves of ``browInnerUp`` and ``cheekPuff`` get the same value. Translation and ``tongueUp`` are 0. Row k
    of the result is at the time k / fps after the first row of the file.
    Raises BadInputError ``curves_missing``, ``curves_too_large``, or ``curves_unreadable`` for other content, and for
    values and lengths that no recording has (`Motion.checked`).
    """
    try:
        columns, codes, values = _table(text_of(read_input(path, CURVES_FILE)))
        placed = place(codes, fps, otherwise)
        values, positions = values[placed.rows], placed.positions
        frames = np.arange(round(float(positions[-1])) + 1)
        if len(frames) != len(positions) or np.abs(positions - frames).max() > _ON_FRAME:
            values = np.stack([np.interp(frames, positions, column) for column in values.T], axis=1)
        table = dict(zip(columns, values.T, strict=True))
        weights = np.zeros((len(values), len(SHAPES)))
        for column in SHAPE_COLUMNS:
            for channel in _sources(column):
                weights[:, SHAPES.index(channel)] = table.get(column, 0.0)
        expression, tongue = np.split(np.clip(weights, 0.0, 1.0), [-len(TONGUE)], axis=1)
        rotation = np.zeros((len(values), 3))
        for axis, column in enumerate(("HeadPitch", "HeadYaw", "HeadRoll")):
            rotation[:, axis] = table.get(column, 0.0)
        with np.errstate(over="ignore"):  # too large for float32: infinite, which is refused
            return Motion(expression, rotation, np.zeros((len(values), 3)), placed.rate, tongue).checked()
    except (ValueError, csv.Error) as error:
        raise CURVES_FILE.unreadable(path, f"can't be read: {error}") from error


def _table(text: str) -> tuple[list[str], list[str], np.ndarray]:
    """Known columns of a table, timecodes (n), and values (n, columns). Raises ValueError and csv.Error."""
    rows = rows_of(text)
    first = next(rows, {})
    known = {name: _COLUMNS[_letters(name)] for name in first if _letters(name) in _COLUMNS}
    if not known:
        raise ValueError("it has none of the Live Link Face columns")
    timecode_column = next((name for name in first if _letters(name) == "timecode"), "")
    codes: list[str] = []
    values: list[np.ndarray] = []
    for row, after in itertools.pairwise(itertools.chain([first], rows, [{}])):
        if not after and values and len(row) < len(first):
            break  # the recorder was ended while it wrote this row
        codes.append(row.get(timecode_column, ""))
        if missing := next((name for name in known if not row.get(name)), ""):
            raise ValueError(f"row {len(codes)} has no {missing}")
        values.append(np.array([number(row[name]) for name in known]))
    return list(known.values()), codes, np.array(values)


def _letters(name: str) -> str:
    """A column's name without capitals and punctuation; ``eyeBlink_L`` is ``eyeblinkleft``."""
    for ending, side in _SIDES:
        if name.endswith(ending):
            name = name.removesuffix(ending) + side
    return "".join(letter for letter in name if letter.isalnum()).lower()


_COLUMNS = {_letters(name): name for name in VALUE_COLUMNS}
