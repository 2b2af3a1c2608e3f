"""core.motion.rotations against SciPy's rotations, and against the head's rotations for torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from core.head import rotation as head_rotation
from core.motion import rotations

ORDERS = ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX")
ANGLES = np.random.default_rng(0).uniform(-1.4, 1.4, (200, 3))
MATRICES = Rotation.random(200, random_state=1).as_matrix()


@pytest.mark.parametrize("order", ORDERS)
def test_euler_angles_of_every_order(order: str) -> None:
    expected = Rotation.from_euler(order.lower(), ANGLES[:, ["XYZ".index(axis) for axis in order]]).as_matrix()
    matrix = rotations.euler_to_matrix(ANGLES, order)
    assert np.allclose(matrix, expected, atol=1e-12)
    assert np.allclose(rotations.matrix_to_euler(matrix, order), ANGLES)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("middle", [np.pi / 2, -np.pi / 2])
def test_angles_of_locked_axes_give_the_same_matrix(order: str, middle: float) -> None:
    angles = ANGLES[:20].copy()
    angles[:, "XYZ".index(order[1])] = middle
    matrix = rotations.euler_to_matrix(angles, order)
    found = rotations.matrix_to_euler(matrix, order)
    assert np.allclose(rotations.euler_to_matrix(found, order), matrix, atol=1e-7)
    assert not found[:, "XYZ".index(order[0])].any()


def test_head_angles_agree_with_the_rotations_for_torch() -> None:
    ours = rotations.euler_to_matrix(ANGLES)
    assert np.allclose(ours, head_rotation.euler_to_matrix(torch.from_numpy(ANGLES)).numpy(), atol=1e-14)
    theirs = head_rotation.matrix_to_euler(torch.from_numpy(MATRICES)).numpy()
    assert np.allclose(rotations.matrix_to_euler(MATRICES), theirs, atol=1e-12)


def test_positive_pitch_nods_down_and_positive_yaw_turns_to_the_left() -> None:
    forward = np.array([0.0, 0.0, 1.0])  # out of the face
    pitched, yawed = rotations.euler_to_matrix(np.array([[0.3, 0, 0], [0, 0.3, 0]])) @ forward
    assert pitched[1] < -0.2  # y is up
    assert yawed[0] > 0.2  # x is the person's left


def test_quaternions() -> None:
    quaternion = rotations.matrix_to_quaternion(MATRICES)
    theirs = Rotation.from_matrix(MATRICES).as_quat(canonical=True)[:, [3, 0, 1, 2]]
    assert np.allclose(quaternion, theirs)
    assert np.allclose(rotations.quaternion_to_matrix(2.5 * quaternion), MATRICES)


def test_axis_and_angle() -> None:
    turns = rotations.matrix_to_axis_angle(MATRICES)
    assert np.allclose(turns[:, :1] * turns[:, 1:], Rotation.from_matrix(MATRICES).as_rotvec())
    turns[:, 1:] *= 3.0
    assert np.allclose(rotations.axis_angle_to_matrix(turns), MATRICES)
    assert rotations.matrix_to_axis_angle(np.eye(3)).tolist() == [0.0, 0.0, 1.0, 0.0]


def test_two_half_turns_are_the_turn() -> None:
    half = rotations.half_turn(MATRICES)
    assert np.allclose(half @ half, MATRICES)
    assert np.allclose(half @ half.transpose(0, 2, 1), np.eye(3))
    angles = Rotation.from_matrix(MATRICES).magnitude()
    assert np.allclose(Rotation.from_matrix(half).magnitude(), angles / 2)


@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 5, 3)])
def test_any_leading_shape(shape: tuple[int, ...]) -> None:
    angles = np.random.default_rng(2).uniform(-0.5, 0.5, shape)
    matrix = rotations.euler_to_matrix(angles)
    assert matrix.shape == (*shape, 3)
    assert np.allclose(rotations.matrix_to_euler(matrix), angles)
    for there, back in (
        (rotations.matrix_to_quaternion, rotations.quaternion_to_matrix),
        (rotations.matrix_to_axis_angle, rotations.axis_angle_to_matrix),
    ):
        assert there(matrix).shape == (*shape[:-1], 4)
        assert np.allclose(back(there(matrix)), matrix)
    assert rotations.half_turn(matrix).shape == matrix.shape
