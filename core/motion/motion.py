"""Motion: expression weights and head pose over time. Lips, prior, renderer, curves and rigs all exchange it.

Needs numpy only. The file form is an ``.npz`` without pickles.
"""

from __future__ import annotations

import io
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from ..files import write_bytes
from ..inputs import InputKind
from ..plurals import counted
from .arrays import read_arrays
from .channels import BODY, CHANNELS, EXPRESSIONS, FPS, GROUPS, SHAPES, TONGUE

MAX_FRAMES = 1_000_000
"""Frames of a motion that is read from a file: eleven hours at 25 a second, 244 MB."""
MOTION = InputKind(
    noun="motion file",
    code="motion",
    empty_code="motion_unreadable",
    most_bytes=300_000_000,
    choose="Generate the take again.",
    again="Generate the take again.",
)
"""A file of a motion."""
_MIN_FPS, _MAX_FPS = 1.0, 1000.0
_LARGEST_VALUE = 10_000.0
"""Largest weight, radians or centimetres in a file."""
_EXPRESSION_COUNT = len(EXPRESSIONS)
_TABLE_SPLITS = [_EXPRESSION_COUNT, len(SHAPES), len(SHAPES) + 3]
_WIDTHS = {
    "expression": _EXPRESSION_COUNT,
    "rotation": 3,
    "translation": 3,
    "tongue": len(TONGUE),
    "body": len(BODY),
}
"""Columns of each array."""
_MOST_BYTES = 4 * sum(_WIDTHS.values()) * MAX_FRAMES + 100_000
_RESTING = np.zeros((0, 0))
"""Stands for a tongue or a body that rests, however many frames the motion has."""
Result = TypeVar("Result")


def frames_at(seconds: float, fps: float) -> int:
    """Number of frames that cover ``seconds`` at ``fps``: the nearest whole number, halves rounded up."""
    return int(np.floor(seconds * fps + 0.5))


def group_indices(group: str) -> list[int]:
    """Columns of a channel group within the 59 channels, in channel order."""
    return [CHANNELS.index(name) for name in GROUPS[group]]


@dataclass(frozen=True, eq=False)
class Motion:
    """T frames of 53 expression weights, head rotation, head translation, 2 weights of the tongue, and the body.

    Attributes
    ----------
    expression
        (T, 53) float32, absolute weights 0–1 in the order of ``core.motion.channels.EXPRESSIONS``.
    rotation
        (T, 3) float32 radians: pitch, yaw, roll relative to the rest pose, R = Ry(yaw) Rx(pitch) Rz(roll).
    translation
        (T, 3) float32 centimetres in head space, relative to the rest pose.
    fps
        Frames a second; frame i stands for the time i / fps.
    tongue
        (T, 2) float32, weights 0–1 in the order of ``core.motion.channels.TONGUE``. Left out, it rests: zeros.
    body
        (T, 4) float32, the motion of shoulders and chest in the order of ``core.motion.channels.BODY``. Left out, they
        rest.

    Raises ``ValueError`` when a shape doesn't fit or a value isn't finite.
    """

    expression: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    fps: float = FPS
    tongue: np.ndarray = field(default_factory=lambda: _RESTING)
    body: np.ndarray = field(default_factory=lambda: _RESTING)

    def __post_init__(self) -> None:
        frames = len(self.expression) if np.ndim(self.expression) else 0
        for name, width in _WIDTHS.items():
            given = getattr(self, name)
            given = np.zeros((frames, width)) if given is _RESTING else given
            array = np.array(given, dtype=np.float32)  # a copy, so that nobody else can change it
            if array.shape != (frames, width):
                raise ValueError(f"{name} has shape {array.shape}, expected ({frames}, {width})")
            if not np.isfinite(array).all():
                raise ValueError(f"{name} holds values that are not finite")
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        if not (np.isfinite(self.fps) and self.fps > 0):
            raise ValueError(f"fps must be positive, not {self.fps}")
        object.__setattr__(self, "fps", float(self.fps))

    def __len__(self) -> int:
        return len(self.expression)

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self) / self.fps

    @classmethod
    def zeros(cls, frames: int, fps: float = FPS) -> Motion:
        """The rest pose with a neutral face, held for ``frames`` frames."""
        return cls(np.zeros((frames, _EXPRESSION_COUNT)), np.zeros((frames, 3)), np.zeros((frames, 3)), fps)

    @classmethod
    def from_channels(
        cls, channels: np.ndarray, fps: float = FPS, tongue: np.ndarray = _RESTING, body: np.ndarray = _RESTING
    ) -> Motion:
        """Build from a (T, 59) array in the order of ``channels.CHANNELS``, the tongue's (T, 2) weights and ``body``.

        Weights are clipped to 0–1. Without ``tongue`` or ``body`` these rest.
        """
        channels = np.asarray(channels, dtype=np.float32)
        if channels.ndim != 2 or channels.shape[1] != len(CHANNELS):
            raise ValueError(f"channels have shape {channels.shape}, expected (T, {len(CHANNELS)})")
        expression, rotation, translation = np.split(channels, [_EXPRESSION_COUNT, _EXPRESSION_COUNT + 3], axis=1)
        tongue = tongue if tongue is _RESTING else np.clip(tongue, 0.0, 1.0)
        return cls(np.clip(expression, 0.0, 1.0), rotation, translation, fps, tongue, body)

    @classmethod
    def from_table(cls, table: np.ndarray, fps: float = FPS, body: np.ndarray = _RESTING) -> Motion:
        """Build from a (T, 61) array as `table` gives it, and ``body`` (T, 4). Nothing is clipped."""
        expression, tongue, rotation, translation = np.split(table, _TABLE_SPLITS, axis=1)
        return cls(expression, rotation, translation, fps, tongue, body)

    def table(self) -> np.ndarray:
        """All of the head as one (T, 61) float32 array: the 55 weights of ``channels.SHAPES``, then ``channels.HEAD``.

        Whatever changes or joins whole motions works on this.
        """
        return np.concatenate([self.expression, self.tongue, self.rotation, self.translation], axis=1)

    def channels(self) -> np.ndarray:
        """All channels as one (T, 59) float32 array in the order of ``core.motion.channels.CHANNELS``."""
        return np.concatenate([self.expression, self.rotation, self.translation], axis=1)

    def group(self, name: str) -> np.ndarray:
        """The (T, n) values of one channel group (``core.motion.channels.GROUPS``)."""
        return self.channels()[:, group_indices(name)]

    def with_group(self, name: str, values: np.ndarray) -> Motion:
        """A copy whose group ``name`` holds ``values`` (T, n); every other channel stays bit-identical."""
        channels = self.channels()
        channels[:, group_indices(name)] = values
        return Motion.from_channels(channels, self.fps, self.tongue, self.body)

    def slice(self, start: int, stop: int) -> Motion:
        """Frames ``start`` to ``stop`` (exclusive)."""
        part = slice(start, stop)
        expression, rotation, translation = self.expression[part], self.rotation[part], self.translation[part]
        return Motion(expression, rotation, translation, self.fps, self.tongue[part], self.body[part])

    def picked(self, frames: Sequence[int] | np.ndarray) -> Motion:
        """The frames with these numbers, in this order."""
        return Motion.from_table(self.table()[frames], self.fps, self.body[frames])

    def resampled(self, fps: float) -> Motion:
        """The same motion at another rate, interpolated linearly.

        Output frame j stands for the time j / fps. The time is computed from j itself and not accumulated, so nothing
        drifts over any length. Times after the last frame get the last frame. There are ``frames_at(seconds, fps)``
        frames.
        """
        if fps == self.fps:
            return self
        count = frames_at(self.seconds, fps) if len(self) else 0
        if not count:
            return Motion.zeros(0, fps)
        positions = np.arange(count, dtype=np.float64) * (self.fps / fps)
        table, body = _last(self._interpolating(positions))
        table[:, : len(SHAPES)] = np.clip(table[:, : len(SHAPES)], 0.0, 1.0)
        return Motion.from_table(table, fps, body)

    def sampled(self, seconds: np.ndarray, fps: float) -> Motion:
        """The values at the times ``seconds`` (n,), interpolated linearly, as a motion at ``fps``.

        Each value is computed from its own time. Times before the first frame get the first frame, times after the last
        get the last. Nothing is clipped. Raises ``ValueError`` for a motion without frames.
        """
        return _last(self.sampling(seconds, fps))

    def sampling(self, seconds: np.ndarray, fps: float) -> Generator[None, None, Motion]:
        """`sampled` in short steps, one for each column, for a caller that must not block; returns the motion."""
        if not len(self):
            raise ValueError("a motion without frames has no values")
        table, body = yield from self._interpolating(np.asarray(seconds, float) * self.fps)
        return Motion.from_table(table, fps, body)

    def _interpolating(self, positions: np.ndarray) -> Generator[None, None, tuple[np.ndarray, np.ndarray]]:
        """`table` (n, 61) and ``body`` (n, 4) at positions (n,) counted in frames of this motion; a step for each
        column."""
        known = np.arange(len(self))
        columns = np.concatenate([self.table(), self.body], axis=1).T
        values = np.empty((len(positions), len(columns)), np.float32)
        for index, column in enumerate(columns):
            values[:, index] = np.interp(positions, known, column)
            yield None
        return values[:, : -len(BODY)], values[:, -len(BODY) :]

    def to_bytes(self, about: str = "") -> bytes:
        """The motion as an ``.npz`` file: arrays, rate and channel names. Equal motions give equal bytes.

        A tongue or a body that rests is left out, as in files of earlier versions, which had none. ``about`` says where
        the motion comes from. Readers don't need it; see `about_file`.
        """
        stream = io.BytesIO()
        more = {name: getattr(self, name) for name in ("tongue", "body") if getattr(self, name).any()}
        more |= {"about": np.array(about)} if about else {}
        np.savez(
            stream,
            expression=self.expression,
            rotation=self.rotation,
            translation=self.translation,
            fps=np.float64(self.fps),
            names=np.array(CHANNELS),
            **more,
        )
        return stream.getvalue()

    def save(self, path: str | Path, about: str = "") -> None:
        """Write `to_bytes` to ``path``, whole or not at all; raises as ``core.files.written_beside``."""
        write_bytes(path, self.to_bytes(about))

    @classmethod
    def load(cls, path: str | Path) -> Motion:
        """Read a file written by `save`.

        Raises BadInputError ``motion_missing``, ``motion_too_large``, or ``motion_unreadable`` where the file is
        damaged, has other channels than ours, or has values that no motion has (`checked`).
        """
        stored = read_arrays(path, MOTION, _MOST_BYTES)
        try:
            names, fps = stored["names"], stored["fps"]
            if names.shape != (len(CHANNELS),) or tuple(names.tolist()) != CHANNELS:
                raise ValueError("it has other channels")
            if fps.shape != () or fps.dtype.kind not in "iuf":
                raise ValueError("its rate is no number")
            with np.errstate(over="ignore"):  # too large for float32: infinite, which is refused
                more = (stored.get(name, _RESTING) for name in ("tongue", "body"))
                motion = cls(stored["expression"], stored["rotation"], stored["translation"], float(fps), *more)
            return motion.checked()
        except KeyError as error:
            raise MOTION.unreadable(path, f"can't be read: it has no {error.args[0]}") from error
        except ValueError as error:
            raise MOTION.unreadable(path, f"can't be read: {error}") from error

    def checked(self) -> Motion:
        """This motion, if another program could have meant it: for motions that come from files.

        Raises ``ValueError`` for more than a million frames (or as many at 25 a second), for a rate outside 1 to 1000,
        and for values beyond 10,000.
        """
        if not _MIN_FPS <= self.fps <= _MAX_FPS:
            raise ValueError(f"{self.fps:g} frames a second are no usual rate")
        if max(len(self), self.seconds * FPS) > MAX_FRAMES:
            raise ValueError(f"it lasts {counted(self.seconds / 3600, 'hour', form='.0f')}")
        every = self.table(), self.body
        if max(max(values.max(initial=0.0), -values.min(initial=0.0)) for values in every) > _LARGEST_VALUE:
            raise ValueError("its values are far beyond those of a face")
        return self


def about_file(path: str | Path) -> str:
    """What a file written by `Motion.save` says about where it comes from; empty where it says nothing.

    Raises BadInputError as `Motion.load` for a file that isn't whole.
    """
    about = read_arrays(path, MOTION, _MOST_BYTES).get("about")
    return str(about) if about is not None and about.shape == () and about.dtype.kind == "U" else ""


def _last(steps: Generator[None, None, Result]) -> Result:
    """Run a generator of steps to its end; returns its result."""
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            return ended.value
