"""Rotations, compared with scipy and with the signs that the product promises."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from core.head.rotation import euler_to_matrix, matrix_to_euler, rodrigues, rotation_vector, skew

ANGLES = torch.from_numpy(np.random.default_rng(0).uniform([-1.5, -3.1, -3.1], [1.5, 3.1, 3.1], (200, 3)))


def scipy_matrix(angles: torch.Tensor) -> torch.Tensor:
    # Upper case: each turn is about axes that the turns before it have moved, so YXZ is R_y R_x R_z.
    return torch.from_numpy(Rotation.from_euler("YXZ", angles.numpy()[..., [1, 0, 2]]).as_matrix())


def test_matrix_is_scipys():
    torch.testing.assert_close(euler_to_matrix(ANGLES), scipy_matrix(ANGLES), atol=1e-12, rtol=0)


def test_angles_come_back():
    torch.testing.assert_close(matrix_to_euler(scipy_matrix(ANGLES)), ANGLES, atol=1e-9, rtol=0)


@pytest.mark.parametrize("pitch", [-np.pi / 2, np.pi / 2])
def test_gimbal_lock_still_gives_the_matrix_back(pitch):
    matrix = euler_to_matrix(torch.tensor([pitch, 0.4, -0.9], dtype=torch.float64))
    torch.testing.assert_close(euler_to_matrix(matrix_to_euler(matrix)), matrix, atol=1e-6, rtol=0)


@given(st.lists(st.floats(-3, 3), min_size=3, max_size=3))
def test_rotation_vectors_are_scipys(vector):
    expected = torch.from_numpy(Rotation.from_rotvec(np.array(vector)).as_matrix())
    torch.testing.assert_close(rodrigues(torch.tensor(vector, dtype=torch.float64)), expected, atol=1e-9, rtol=0)


def test_rotation_vector_inverts_rodrigues():
    vectors = torch.randn(20, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 0.8
    vectors[0] = 0
    torch.testing.assert_close(rotation_vector(rodrigues(vectors)), vectors, atol=1e-9, rtol=0)


def test_rotation_vector_derivative_at_zero_is_skew():
    jacobian = torch.autograd.functional.jacobian(rodrigues, torch.zeros(3, dtype=torch.float64))
    basis = torch.eye(3, dtype=torch.float64)
    for axis in range(3):
        torch.testing.assert_close(jacobian[..., axis], skew(basis[axis]))


def test_skew_is_the_cross_product():
    a, b = torch.from_numpy(np.random.default_rng(1).normal(size=(2, 5, 3)))
    torch.testing.assert_close((skew(a) @ b[..., None])[..., 0], torch.linalg.cross(a, b))


@pytest.mark.parametrize(
    ("rotation", "point", "axis", "sign"),
    [
        ((0.3, 0, 0), (0, 0, 1), 1, -1),  # pitch > 0: the nose goes down
        ((0, 0.3, 0), (0, 0, 1), 0, 1),  # yaw > 0: the nose goes to the person's left
        ((0, 0, 0.3), (1, 0, 0), 1, 1),  # roll > 0: the person's left side rises
    ],
)
def test_signs(rotation, point, axis, sign):
    moved = euler_to_matrix(torch.tensor(rotation)) @ torch.tensor(point, dtype=torch.float32)
    assert sign * moved[axis] > 0.2
