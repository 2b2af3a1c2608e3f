"""Rotations of the head: (pitch, yaw, roll) and rotation vectors to matrices and back, for numpy and torch.

Axes are the head's: x to the person's left, y up, z out of the face; right-hand rule. R = R_y(yaw) R_x(pitch)
R_z(roll): pitch > 0 nods down, yaw > 0 turns to the person's left, roll > 0 lifts the person's left side.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import torch

Array = TypeVar("Array", np.ndarray, torch.Tensor)


def _matrix_from_rows(entries: list[list[Array]]) -> Array:
    """Nine (...) arrays to one (..., 3, 3)."""
    if isinstance(entries[0][0], torch.Tensor):
        return torch.stack([torch.stack(row, dim=-1) for row in entries], dim=-2)
    return np.stack([np.stack(row, axis=-1) for row in entries], axis=-2)


def euler_to_matrix(rotation: Array) -> Array:
    """R_y(yaw) R_x(pitch) R_z(roll).

    Parameters
    ----------
    rotation
        (..., 3) pitch, yaw, roll in radians.

    Returns
    -------
    Array
        (..., 3, 3), of the same library and type.
    """
    library = torch if isinstance(rotation, torch.Tensor) else np
    sine, cosine = library.sin(rotation), library.cos(rotation)
    sp, sy, sr = sine[..., 0], sine[..., 1], sine[..., 2]
    cp, cy, cr = cosine[..., 0], cosine[..., 1], cosine[..., 2]
    return _matrix_from_rows([
        [cy * cr + sy * sp * sr, sy * sp * cr - cy * sr, sy * cp],
        [cp * sr, cp * cr, -sp],
        [cy * sp * sr - sy * cr, sy * sr + cy * sp * cr, cy * cp],
    ])  # fmt: skip


def matrix_to_euler(matrix: Array) -> Array:
    """(pitch, yaw, roll) in radians of rotation matrices (..., 3, 3); pitch in [-pi/2, pi/2].

    At pitch = ±pi/2 yaw and roll turn about the same axis; there the whole turn is given to yaw.
    """
    is_torch = isinstance(matrix, torch.Tensor)
    library = torch if is_torch else np
    arctan2 = torch.atan2 if is_torch else np.arctan2
    sine = -matrix[..., 1, 2]
    horizontal = library.sqrt(matrix[..., 1, 0] ** 2 + matrix[..., 1, 1] ** 2)  # |cos(pitch)|
    pitch = arctan2(sine, horizontal)
    locked = horizontal < 1e-6
    yaw = arctan2(matrix[..., 0, 2], matrix[..., 2, 2])
    roll = arctan2(matrix[..., 1, 0], matrix[..., 1, 1])
    # With roll = 0 the first column is (cos yaw, 0, -sin yaw) whatever the pitch.
    yaw = library.where(locked, arctan2(-matrix[..., 2, 0], matrix[..., 0, 0]), yaw)
    roll = library.where(locked, library.zeros_like(roll), roll)
    return torch.stack([pitch, yaw, roll], dim=-1) if is_torch else np.stack([pitch, yaw, roll], axis=-1)


def skew(vector: Array) -> Array:
    """Cross-product matrices (..., 3, 3): skew(a) b = a x b."""
    x, y, z = vector[..., 0], vector[..., 1], vector[..., 2]
    zero = x * 0
    return _matrix_from_rows([[zero, -z, y], [z, zero, -x], [-y, x, zero]])


def rodrigues(vector: Array) -> Array:
    """Rotation matrices (..., 3, 3) of rotation vectors (..., 3): axis times angle in radians (Rodrigues' formula).

    Smooth at zero, where sin(t)/t and (1 - cos t)/t^2 come from their series.
    """
    is_torch = isinstance(vector, torch.Tensor)
    library = torch if is_torch else np
    square = (vector**2).sum(-1)
    small = square < 1e-8
    safe = library.where(small, library.ones_like(square), square)
    angle = library.sqrt(safe)
    first = library.where(small, 1 - square / 6, library.sin(angle) / angle)
    second = library.where(small, 0.5 - square / 24, (1 - library.cos(angle)) / safe)
    cross = skew(vector)
    identity = (
        torch.eye(3, dtype=vector.dtype, device=vector.device)
        if is_torch
        else np.eye(3, dtype=np.asarray(vector).dtype)
    )
    return identity + first[..., None, None] * cross + second[..., None, None] * (cross @ cross)


def rotation_vector(matrix: torch.Tensor) -> torch.Tensor:
    """Axis · angle (..., 3) of rotation matrices (..., 3, 3) below half a turn (torch); inverts :func:`rodrigues`."""
    upper, lower = matrix[..., [2, 0, 1], [1, 2, 0]], matrix[..., [1, 2, 0], [2, 0, 1]]
    twice = upper - lower  # 2 sin(angle) · axis
    sine = (twice.norm(dim=-1, keepdim=True) / 2).clamp(max=1.0)
    cosine = (matrix.diagonal(dim1=-2, dim2=-1).sum(-1, keepdim=True) - 1) / 2
    angle = torch.atan2(sine, cosine)
    return twice * torch.where(sine > 1e-7, angle / (2 * sine.clamp(min=1e-7)), torch.full_like(sine, 0.5))
