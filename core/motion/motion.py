"""Motion, the product's one currency: expression weights and head pose over time (design §2).

Pure numpy. Channel names and groups come from ``core.motion.channels``; the file form is a plain ``.npz`` without
pickles.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..errors import BadInputError
from ..files import written_beside
from .channels import CHANNELS, EXPRESSIONS, FPS, GROUPS

_EXPRESSION_COUNT = len(EXPRESSIONS)


def frames_at(seconds: float, fps: float) -> int:
    """Frames that cover ``seconds`` at ``fps``: the nearest whole number, halves up."""
    return int(np.floor(seconds * fps + 0.5))


def group_indices(group: str) -> list[int]:
    """Columns of a channel group within the 59 channels, in channel order."""
    return [CHANNELS.index(name) for name in GROUPS[group]]


@dataclass(frozen=True, eq=False)
class Motion:
    """T frames of 53 expression weights, head rotation and head translation.

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

    Raises ``ValueError`` when a shape doesn't fit or a value isn't finite.
    """

    expression: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    fps: float = FPS

    def __post_init__(self) -> None:
        for name, width in (("expression", _EXPRESSION_COUNT), ("rotation", 3), ("translation", 3)):
            array = np.array(getattr(self, name), dtype=np.float32)  # a copy: a Motion never changes under its owner
            if array.ndim != 2 or array.shape[1] != width or len(array) != len(self.expression):
                raise ValueError(f"{name} has shape {array.shape}, expected ({len(self.expression)}, {width})")
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
    def from_channels(cls, channels: np.ndarray, fps: float = FPS) -> Motion:
        """Build from a (T, 59) array in the order of ``channels.CHANNELS``; expressions are clipped to 0–1."""
        channels = np.asarray(channels, dtype=np.float32)
        if channels.ndim != 2 or channels.shape[1] != len(CHANNELS):
            raise ValueError(f"channels have shape {channels.shape}, expected (T, {len(CHANNELS)})")
        expression, rotation, translation = np.split(channels, [_EXPRESSION_COUNT, _EXPRESSION_COUNT + 3], axis=1)
        return cls(np.clip(expression, 0.0, 1.0), rotation, translation, fps)

    def channels(self) -> np.ndarray:
        """All channels as one (T, 59) float32 array in the order of ``core.motion.channels.CHANNELS``."""
        return np.concatenate([self.expression, self.rotation, self.translation], axis=1)

    def group(self, name: str) -> np.ndarray:
        """The (T, n) values of one channel group (``core.motion.channels.GROUPS``)."""
        return self.channels()[:, group_indices(name)]

    def with_group(self, name: str, values: np.ndarray) -> Motion:
        """A copy whose group ``name`` holds ``values`` (T, n); every other channel stays equal to the bit."""
        channels = self.channels()
        channels[:, group_indices(name)] = values
        return Motion.from_channels(channels, self.fps)

    def slice(self, start: int, stop: int) -> Motion:
        """Frames ``start`` to ``stop`` (exclusive)."""
        return replace(
            self,
            expression=self.expression[start:stop],
            rotation=self.rotation[start:stop],
            translation=self.translation[start:stop],
        )

    def resampled(self, fps: float) -> Motion:
        """The same motion at another rate, interpolated linearly.

        Output frame j stands for the time j / fps, computed from j itself and not accumulated, so that nothing
        drifts over any length; frames past the last one known hold it. There are ``frames_at(seconds, fps)`` frames.
        """
        if fps == self.fps:
            return self
        count = frames_at(self.seconds, fps) if len(self) else 0
        position = np.arange(count, dtype=np.float64) * (self.fps / fps)
        channels = self.channels().astype(np.float64)
        known = np.arange(len(self), dtype=np.float64)
        columns = [np.interp(position, known, channels[:, i]) for i in range(channels.shape[1])] if count else []
        table = np.stack(columns, axis=1) if count else np.zeros((0, len(CHANNELS)))  # (count, 59)
        return Motion.from_channels(table, fps)

    def save(self, path: str | Path) -> None:
        """Write an ``.npz`` (arrays, rate and channel names) beside its place, then rename it there."""
        with written_beside(path) as beside, beside.open("wb") as stream:
            np.savez(
                stream,
                expression=self.expression,
                rotation=self.rotation,
                translation=self.translation,
                fps=np.float64(self.fps),
                names=np.array(CHANNELS),
            )

    @classmethod
    def load(cls, path: str | Path) -> Motion:
        """Read what ``save`` wrote. Raises BadInputError ``motion_missing`` or ``motion_unreadable``."""
        path = Path(path)
        if not path.is_file():
            raise BadInputError("motion_missing", f"There is no motion file at {path}.", "Generate the take again.")
        try:
            with np.load(path, allow_pickle=False) as stored:
                if tuple(stored["names"].tolist()) != CHANNELS:
                    raise ValueError("it has other channels")
                return cls(stored["expression"], stored["rotation"], stored["translation"], float(stored["fps"]))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise BadInputError(
                "motion_unreadable", f"The motion file {path} can't be read: {error}.", "Generate the take again."
            ) from error
