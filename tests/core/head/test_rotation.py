"""Rotations against scipy and against the signs the product promises."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from core.head.rotation import euler_to_matrix, matrix_to_euler, rodrigues, skew

ANGLES = np.random.default_rng(0).uniform([-1.5, -3.1, -3.1], [1.5, 3.1, 3.1], (200, 3))


def scipy_matrix(angles: np.ndarray) -> np.ndarray:
    # Upper case: rotations about axes that turn along, so Y then X then Z is R_y R_x R_z.
    return Rotation.from_euler("YXZ", angles[..., [1, 0, 2]]).as_matrix()


def test_matrix_is_scipys():
    np.testing.assert_allclose(euler_to_matrix(ANGLES), scipy_matrix(ANGLES), atol=1e-12)
    torch.testing.assert_close(euler_to_matrix(torch.from_numpy(ANGLES)).numpy(), scipy_matrix(ANGLES))


def test_angles_come_back():
    np.testing.assert_allclose(matrix_to_euler(scipy_matrix(ANGLES)), ANGLES, atol=1e-9)
    torch.testing.assert_close(matrix_to_euler(torch.from_numpy(scipy_matrix(ANGLES))), torch.from_numpy(ANGLES))


@pytest.mark.parametrize("pitch", [-np.pi / 2, np.pi / 2])
def test_gimbal_lock_still_gives_the_matrix_back(pitch):
    matrix = euler_to_matrix(np.array([pitch, 0.4, -0.9]))
    np.testing.assert_allclose(euler_to_matrix(matrix_to_euler(matrix)), matrix, atol=1e-6)


@given(st.lists(st.floats(-3, 3), min_size=3, max_size=3))
def test_rotation_vectors_are_scipys(vector):
    vector = np.array(vector)
    expected = Rotation.from_rotvec(vector).as_matrix()
    np.testing.assert_allclose(rodrigues(vector), expected, atol=1e-9)
    np.testing.assert_allclose(rodrigues(torch.from_numpy(vector)).numpy(), expected, atol=1e-9)


def test_rotation_vector_derivative_at_zero_is_skew():
    jacobian = torch.autograd.functional.jacobian(rodrigues, torch.zeros(3, dtype=torch.float64))
    basis = torch.eye(3, dtype=torch.float64)
    for axis in range(3):
        torch.testing.assert_close(jacobian[..., axis], skew(basis[axis]))


def test_skew_is_the_cross_product():
    a, b = np.random.default_rng(1).normal(size=(2, 5, 3))
    np.testing.assert_allclose(np.einsum("nij,nj->ni", skew(a), b), np.cross(a, b))


@pytest.mark.parametrize(
    ("rotation", "point", "axis", "sign"),
    [
        ((0.3, 0, 0), (0, 0, 1), 1, -1),  # pitch > 0: the nose goes down
        ((0, 0.3, 0), (0, 0, 1), 0, 1),  # yaw > 0: the nose goes to the person's left
        ((0, 0, 0.3), (1, 0, 0), 1, 1),  # roll > 0: the person's left side rises
    ],
)
def test_signs(rotation, point, axis, sign):
    moved = euler_to_matrix(np.array(rotation, dtype=float)) @ np.array(point, dtype=float)
    assert sign * moved[axis] > 0.2
