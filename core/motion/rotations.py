"""Rotations of heads and bones: Euler angles, quaternions, axis and angle to matrices and back. numpy only.

Axes are the head's: x to the person's left, y up, z out of the face; right-hand rule. Angles are radians. A matrix
turns column vectors: v' = R v. ``core.head.rotation`` computes the same head angles for torch.
"""

from __future__ import annotations

import numpy as np

HEAD_ORDER = "ZXY"
"""Order of a head's angles: roll about z first, then pitch about x, then yaw about y. R = Ry(yaw) Rx(pitch) Rz(roll)"""
_LOCKED = 1e-6
"""Cosine of the middle angle below which the first and the last angle turn about the same axis."""


def euler_to_matrix(angles: np.ndarray, order: str = HEAD_ORDER) -> np.ndarray:
    """Rotation matrices of Euler angles (Shoemake, "Euler Angle Conversion", Graphics Gems IV, 1994).

    Parameters
    ----------
    angles
        (..., 3) angles about x, y and z: pitch, yaw and roll of a head.
    order
        Axes in the order in which the turns are applied, as Blender names its rotation modes.

    Returns
    -------
    (..., 3, 3).
    """
    i, j, k, sign = _axes(order)
    sine, cosine = np.sin(sign * angles), np.cos(angles)
    si, sj, sk = sine[..., i], sine[..., j], sine[..., k]
    ci, cj, ck = cosine[..., i], cosine[..., j], cosine[..., k]
    matrix = np.empty((*angles.shape[:-1], 3, 3), sine.dtype)
    matrix[..., i, i], matrix[..., i, j], matrix[..., i, k] = ck * cj, ck * sj * si - sk * ci, ck * sj * ci + sk * si
    matrix[..., j, i], matrix[..., j, j], matrix[..., j, k] = sk * cj, sk * sj * si + ck * ci, sk * sj * ci - ck * si
    matrix[..., k, i], matrix[..., k, j], matrix[..., k, k] = -sj, cj * si, cj * ci
    return matrix


def matrix_to_euler(matrix: np.ndarray, order: str = HEAD_ORDER) -> np.ndarray:
    """Angles (..., 3) about x, y and z of rotation matrices (..., 3, 3); the inverse of `euler_to_matrix`.

    The middle angle of ``order`` (a head's pitch) is in [-π/2, π/2]. At either end the first and the last angle turn
    about the same axis; there the last one (a head's yaw) gets the whole turn.
    """
    i, j, k, sign = _axes(order)
    cosine = np.hypot(matrix[..., i, i], matrix[..., j, i])  # of the middle angle
    locked = cosine < _LOCKED
    angles = np.empty(matrix.shape[:-1], matrix.dtype)
    angles[..., i] = np.where(locked, 0.0, np.arctan2(matrix[..., k, j], matrix[..., k, k]))
    angles[..., j] = np.arctan2(-matrix[..., k, i], cosine)
    last, last_locked = (matrix[..., j, i], matrix[..., i, i]), (-matrix[..., i, j], matrix[..., j, j])
    angles[..., k] = np.where(locked, np.arctan2(*last_locked), np.arctan2(*last))
    return sign * angles


def _axes(order: str) -> tuple[int, int, int, float]:
    """Indices of the axes, and the sign of every sine: −1 where they are no cyclic permutation of x, y, z."""
    i, j, k = ("XYZ".index(letter) for letter in order)
    return i, j, k, 1.0 if (j - i) % 3 == 1 else -1.0


def quaternion_to_matrix(quaternion: np.ndarray) -> np.ndarray:
    """Rotation matrices (..., 3, 3) of quaternions (..., 4) w, x, y, z of any length but 0."""
    w, x, y, z = np.moveaxis(quaternion / np.linalg.norm(quaternion, axis=-1, keepdims=True), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def matrix_to_quaternion(matrix: np.ndarray) -> np.ndarray:
    """Unit quaternions (..., 4) w, x, y, z of rotation matrices (..., 3, 3) that turn by less than 180°.

    w is positive, so the quaternions of a continuous motion are continuous.
    """
    w = np.sqrt(np.maximum(1e-12, 1.0 + np.trace(matrix, axis1=-2, axis2=-1))) / 2
    rest = [(matrix[..., k, j] - matrix[..., j, k]) / (4 * w) for j, k in ((1, 2), (2, 0), (0, 1))]
    return np.stack([w, *rest], axis=-1)


def axis_angle_to_matrix(turns: np.ndarray) -> np.ndarray:
    """Rotation matrices (..., 3, 3) of turns (..., 4): angle, then the axis x, y, z of any length."""
    half = turns[..., :1] / 2
    axis = turns[..., 1:] / np.maximum(np.linalg.norm(turns[..., 1:], axis=-1, keepdims=True), 1e-9)
    return quaternion_to_matrix(np.concatenate([np.cos(half), np.sin(half) * axis], axis=-1))


def matrix_to_axis_angle(matrix: np.ndarray) -> np.ndarray:
    """Turns (..., 4) of rotation matrices (..., 3, 3) below 180°: angle, then the unit axis, which is y for no turn."""
    quaternion = matrix_to_quaternion(matrix)
    length = np.linalg.norm(quaternion[..., 1:], axis=-1, keepdims=True)
    axis = np.where(length > 1e-9, quaternion[..., 1:] / np.maximum(length, 1e-9), (0.0, 1.0, 0.0))
    return np.concatenate([2 * np.arctan2(length, quaternion[..., :1]), axis], axis=-1)


def half_turn(matrix: np.ndarray) -> np.ndarray:
    """Rotations H (..., 3, 3) with H H = R, for rotations R below 180°.

    In quaternions H is halfway between R = (w, v) and no turn (1, 0): (w + 1, v), made a unit quaternion.
    """
    return quaternion_to_matrix(matrix_to_quaternion(matrix) + np.array([1.0, 0.0, 0.0, 0.0]))
