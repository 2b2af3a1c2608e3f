"""Rotations of the head in torch: Euler angles and rotation vectors to matrices, and back.

Axes are the head's: x to the person's left, y up, z out of the face; right-hand rule. R = R_y(yaw) R_x(pitch)
R_z(roll): pitch > 0 nods down, yaw > 0 turns to the person's left, roll > 0 lifts the person's left side.
``core.motion.rotations`` computes the same angles for numpy.
"""

from __future__ import annotations

import torch
from torch import Tensor

LOCKED = 1e-6
"""Cosine of the pitch below which yaw and roll turn about the same axis."""


def _matrix_from_rows(entries: list[list[Tensor]]) -> Tensor:
    """Nine (...) tensors to one (..., 3, 3)."""
    return torch.stack([torch.stack(row, dim=-1) for row in entries], dim=-2)


def euler_to_matrix(rotation: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) of angles (..., 3): pitch, yaw, roll in radians."""
    sine, cosine = torch.sin(rotation), torch.cos(rotation)
    sp, sy, sr = sine[..., 0], sine[..., 1], sine[..., 2]
    cp, cy, cr = cosine[..., 0], cosine[..., 1], cosine[..., 2]
    return _matrix_from_rows([
        [cy * cr + sy * sp * sr, sy * sp * cr - cy * sr, sy * cp],
        [cp * sr, cp * cr, -sp],
        [cy * sp * sr - sy * cr, sy * sr + cy * sp * cr, cy * cp],
    ])  # fmt: skip


def matrix_to_euler(matrix: Tensor) -> Tensor:
    """Angles (..., 3) pitch, yaw, roll in radians of rotation matrices (..., 3, 3); pitch in [−π/2, π/2].

    At pitch = ±π/2 yaw and roll turn about the same axis. There yaw gets the whole turn.
    """
    horizontal = torch.sqrt(matrix[..., 1, 0] ** 2 + matrix[..., 1, 1] ** 2)  # |cos(pitch)|
    pitch = torch.atan2(-matrix[..., 1, 2], horizontal)
    locked = horizontal < LOCKED
    yaw = torch.atan2(matrix[..., 0, 2], matrix[..., 2, 2])
    roll = torch.atan2(matrix[..., 1, 0], matrix[..., 1, 1])
    # With roll = 0 the first column is (cos yaw, 0, −sin yaw) for any pitch.
    yaw = torch.where(locked, torch.atan2(-matrix[..., 2, 0], matrix[..., 0, 0]), yaw)
    roll = torch.where(locked, torch.zeros_like(roll), roll)
    return torch.stack([pitch, yaw, roll], dim=-1)


def skew(vector: Tensor) -> Tensor:
    """Cross-product matrices (..., 3, 3) of vectors (..., 3): skew(a) b = a × b."""
    x, y, z = vector[..., 0], vector[..., 1], vector[..., 2]
    zero = x * 0
    return _matrix_from_rows([[zero, -z, y], [z, zero, -x], [-y, x, zero]])


def rodrigues(vector: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) of rotation vectors (..., 3): axis times angle in radians (Rodrigues' formula).

    It is smooth at zero, where sin(t)/t and (1 − cos t)/t² are computed from their series.
    """
    square = (vector**2).sum(-1)
    small = square < 1e-8
    safe = torch.where(small, torch.ones_like(square), square)
    angle = torch.sqrt(safe)
    first = torch.where(small, 1 - square / 6, torch.sin(angle) / angle)
    second = torch.where(small, 0.5 - square / 24, (1 - torch.cos(angle)) / safe)
    cross = skew(vector)
    identity = torch.eye(3, dtype=vector.dtype, device=vector.device)
    return identity + first[..., None, None] * cross + second[..., None, None] * (cross @ cross)


def rotation_vector(matrix: Tensor) -> Tensor:
    """Rotation vectors (..., 3) of rotation matrices (..., 3, 3) below half a turn; inverts :func:`rodrigues`."""
    upper, lower = matrix[..., [2, 0, 1], [1, 2, 0]], matrix[..., [1, 2, 0], [2, 0, 1]]
    twice = upper - lower  # 2 sin(angle) · axis
    sine = (twice.norm(dim=-1, keepdim=True) / 2).clamp(max=1.0)
    cosine = (matrix.diagonal(dim1=-2, dim2=-1).sum(-1, keepdim=True) - 1) / 2
    angle = torch.atan2(sine, cosine)
    return twice * torch.where(sine > 1e-7, angle / (2 * sine.clamp(min=1e-7)), torch.full_like(sine, 0.5))
