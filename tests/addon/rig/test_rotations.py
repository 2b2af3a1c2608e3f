"""Rotations that become F-curves mean the same in Blender."""

import numpy as np
import pytest
from mathutils import Euler, Quaternion
from soliloquy.core.motion import rotations

ORDERS = ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX")
ANGLES = np.random.default_rng(0).uniform(-0.8, 0.8, (30, 3))


@pytest.mark.parametrize("order", ORDERS)
def test_orders_are_blenders_rotation_modes(order):
    matrices = rotations.euler_to_matrix(ANGLES, order)
    for angles, matrix in zip(ANGLES, matrices, strict=True):
        assert np.allclose(np.array(Euler(angles, order).to_matrix()), matrix, atol=1e-6)
    assert np.allclose(rotations.matrix_to_euler(matrices, order), ANGLES)


def test_a_heads_angles_are_blenders_zxy():
    for angles, matrix in zip(ANGLES, rotations.euler_to_matrix(ANGLES), strict=True):
        assert np.allclose(np.array(Euler(angles, "ZXY").to_matrix()), matrix, atol=1e-6)


def test_quaternions_and_axis_angles_are_blenders():
    matrices = rotations.euler_to_matrix(ANGLES)
    for matrix, quaternion in zip(matrices, rotations.matrix_to_quaternion(matrices), strict=True):
        assert np.allclose(np.array(Quaternion(quaternion).to_matrix()), matrix, atol=1e-6)
    for matrix, (angle, *axis) in zip(matrices, rotations.matrix_to_axis_angle(matrices), strict=True):
        assert np.allclose(np.array(Quaternion(axis, angle).to_matrix()), matrix, atol=1e-6)
