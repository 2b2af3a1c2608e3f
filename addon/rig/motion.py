"""A take's motion inside Blender: read it, sample it on scene frames, turn it into bone channels (numpy)."""

from __future__ import annotations

import zipfile
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...core.errors import BadInputError
from ...core.motion.channels import EXPRESSIONS
from ..words import say


@dataclass(frozen=True)
class TakeMotion:
    """T frames: expression (T, 53) weights, rotation (T, 3) radians, translation (T, 3) centimetres."""

    expression: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    fps: float

    def __len__(self) -> int:
        return len(self.expression)

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self) / self.fps

    def sampled(self, seconds: np.ndarray) -> TakeMotion:
        """Linear interpolation at the times (n,), each from its own time; held before the start and after the end."""
        sampling = self.sampling(seconds)
        while True:
            try:
                next(sampling)
            except StopIteration as ended:
                return ended.value

    def sampling(self, seconds: np.ndarray) -> Generator[None, None, TakeMotion]:
        """`sampled` in steps, one for each channel."""
        position = np.clip(np.asarray(seconds, float) * self.fps, 0.0, len(self) - 1)
        known = np.arange(len(self))
        parts = []
        for part in (self.expression, self.rotation, self.translation):
            table = np.empty((len(position), part.shape[1]))
            for index, column in enumerate(part.T):
                table[:, index] = np.interp(position, known, column)
                yield None
            parts.append(table)
        return TakeMotion(*parts, fps=self.fps)


def load_motion(path: Path) -> TakeMotion:
    """Read ``motion.npz``.

    Raises
    ------
    BadInputError
        If it is missing or not a motion.
    """
    if not path.is_file():
        raise BadInputError(
            "take_missing", say("The take's motion is missing: {path}", path=path), say("Generate it again.")
        )
    try:
        with np.load(path, allow_pickle=False) as data:
            motion = TakeMotion(data["expression"], data["rotation"], data["translation"], float(data["fps"]))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise BadInputError(
            "motion_damaged", say("The motion file is damaged: {path}", path=path), say("Generate it again.")
        ) from error
    if not len(motion) or motion.expression.shape != (len(motion), len(EXPRESSIONS)):
        raise BadInputError(
            "motion_damaged", say("The motion file is damaged: {path}", path=path), say("Generate it again.")
        )
    return motion


def euler_to_matrix(rotation: np.ndarray) -> np.ndarray:
    """(n, 3) pitch, yaw, roll → (n, 3, 3), R = Ry(yaw) Rx(pitch) Rz(roll): Blender's Euler order ZXY."""
    (cp, cy, cr), (sp, sy, sr) = np.cos(rotation).T, np.sin(rotation).T
    rows = [
        [cy * cr + sy * sp * sr, -cy * sr + sy * sp * cr, sy * cp],
        [cp * sr, cp * cr, -sp],
        [-sy * cr + cy * sp * sr, sy * sr + cy * sp * cr, cy * cp],
    ]
    return np.moveaxis(np.array(rows), -1, 0)  # (3, 3, n) -> (n, 3, 3)


def matrix_to_euler(matrix: np.ndarray) -> np.ndarray:
    """(n, 3, 3) → (n, 3) pitch, yaw, roll; the inverse of `euler_to_matrix` for |pitch| < 90°."""
    pitch = -np.arcsin(np.clip(matrix[:, 1, 2], -1.0, 1.0))
    yaw = np.arctan2(matrix[:, 0, 2], matrix[:, 2, 2])
    roll = np.arctan2(matrix[:, 1, 0], matrix[:, 1, 1])
    return np.stack([pitch, yaw, roll], axis=1)


def half_turn(matrix: np.ndarray) -> np.ndarray:
    """(n, 3, 3): the rotation H with H H = R, for turns under 180°.

    In quaternions H is halfway between R = (w, v) and no turn (1, 0): (w + 1, v), made a unit quaternion.
    """
    w = np.sqrt(1.0 + np.trace(matrix, axis1=1, axis2=2)) / 2
    v = np.stack([matrix[:, k, j] - matrix[:, j, k] for j, k in ((1, 2), (2, 0), (0, 1))]) / (4 * w)
    halfway = np.stack([w + 1.0, *v])  # (4, n)
    w, x, y, z = halfway / np.linalg.norm(halfway, axis=0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), -1, 0)  # (3, 3, n) -> (n, 3, 3)


def neck_and_head(
    rotation: np.ndarray, translation: np.ndarray, neck: np.ndarray, head: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Share one rigid head motion between two bones so that the head ends exactly where it should.

    The motion turns by R about the neck's pivot, then moves by t (as in ``core.head.head_model``). Each bone turns by
    H = R^½, which bends the neck evenly; the head bone's shift d makes up for its own pivot:
    d = H (h − n) + Hᵀ t − (h − n).

    Parameters
    ----------
    rotation, translation
        (n, 3) radians and centimetres.
    neck, head
        (3,) rest positions of the two bones, centimetres, head space.

    Returns
    -------
    (n, 3) Euler angles of either bone, and (n, 3) shift of the head bone in centimetres.
    """
    half = half_turn(euler_to_matrix(rotation))
    arm = head - neck
    shift = half @ arm + np.einsum("nji,nj->ni", half, translation) - arm
    return matrix_to_euler(half), shift


def eye_angles(expression: np.ndarray, gaze: Sequence[float]) -> dict[str, np.ndarray]:
    """Pitch (> 0 down) and yaw (> 0 to the person's left) of each eye, (n, 2) radians.

    ``gaze`` holds the turn at weight 1 of eyeLookDown, eyeLookIn, eyeLookOut and eyeLookUp.
    """
    down, inward, outward, up = gaze
    angles = {}
    for side, sign in (("L", 1.0), ("R", -1.0)):
        weight = {
            name: expression[:, EXPRESSIONS.index(f"eyeLook{name}_{side}")] for name in ("Down", "In", "Out", "Up")
        }
        pitch = weight["Down"] * down - weight["Up"] * up
        yaw = sign * (weight["Out"] * outward - weight["In"] * inward)
        angles[side] = np.stack([pitch, yaw], axis=1)
    return angles
