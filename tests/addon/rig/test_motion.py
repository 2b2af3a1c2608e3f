"""Motion arithmetic of the add-on against independent references."""

import numpy as np
import pytest
from mathutils import Euler
from soliloquy.addon.rig import motion
from soliloquy.core.errors import SoliloquyError
from soliloquy.core.motion.channels import EXPRESSIONS

ANGLES = np.random.default_rng(0).uniform(-0.6, 0.6, (50, 3))


def test_euler_is_blenders_zxy():
    for angles, matrix in zip(ANGLES, motion.euler_to_matrix(ANGLES), strict=True):
        assert np.allclose(np.array(Euler(angles, "ZXY").to_matrix()), matrix, atol=1e-6)
    assert np.allclose(motion.matrix_to_euler(motion.euler_to_matrix(ANGLES)), ANGLES)


def test_positive_pitch_nods_down_and_positive_yaw_turns_left():
    forward = np.array([0.0, 0.0, 1.0])  # out of the face
    pitched, yawed = motion.euler_to_matrix(np.array([[0.3, 0, 0], [0, 0.3, 0]])) @ forward
    assert pitched[1] < -0.2  # y is up
    assert yawed[0] > 0.2  # x is the person's left


def test_half_turn_twice_is_the_turn():
    matrix = motion.euler_to_matrix(ANGLES)
    half = motion.half_turn(matrix)
    assert np.allclose(half @ half, matrix)
    assert np.allclose(half @ half.transpose(0, 2, 1), np.eye(3))
    assert np.allclose(np.trace(half, axis1=1, axis2=2), 1 + 2 * np.cos(angle_of(matrix) / 2))


def angle_of(matrix: np.ndarray) -> np.ndarray:
    return np.arccos(np.clip((np.trace(matrix, axis1=1, axis2=2) - 1) / 2, -1, 1))


def test_two_bones_move_the_head_as_one_rigid_motion():
    neck, head = np.array([0.0, -9.0, -2.0]), np.array([0.3, -2.0, 0.5])
    shifts = np.random.default_rng(1).uniform(-1, 1, (50, 3))
    angles, shift = motion.neck_and_head(ANGLES, shifts, neck, head)
    half = motion.euler_to_matrix(angles)
    point = np.array([3.0, 8.0, 7.0])
    wanted = np.einsum("nij,j->ni", motion.euler_to_matrix(ANGLES), point - neck) + neck + shifts
    in_head = np.einsum("nij,j->ni", half, point - head) + head + shift
    got = np.einsum("nij,nj->ni", half, in_head - neck) + neck
    assert np.allclose(got, wanted)


def test_both_eyes_look_the_same_way_when_one_looks_in_and_the_other_out():
    expression = np.zeros((1, 53))
    expression[0, EXPRESSIONS.index("eyeLookOut_L")] = 1.0
    expression[0, EXPRESSIONS.index("eyeLookIn_R")] = 1.0
    expression[0, EXPRESSIONS.index("eyeLookDown_L")] = 0.5
    eyes = motion.eye_angles(expression, (0.4, 0.5, 0.5, 0.3))
    assert eyes["L"][0].tolist() == [0.2, 0.5]  # down and to the person's left
    assert eyes["R"][0].tolist() == [0.0, 0.5]


def test_sampling_interpolates_each_time_on_its_own():
    values = np.arange(10.0)
    take = motion.TakeMotion(np.tile(values[:, None], (1, 53)), np.zeros((10, 3)), np.zeros((10, 3)), 25.0)
    sampled = take.sampled(np.array([-1.0, 0.0, 0.1, 0.31, 9.0]))
    assert np.allclose(sampled.expression[:, 0], [0.0, 0.0, 2.5, 7.75, 9.0])


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 half a zip", b"text"])
def test_damaged_motion_files_have_a_clear_error(tmp_path, content):
    path = tmp_path / "motion.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SoliloquyError) as raised:
        motion.load_motion(path)
    assert raised.value.code in {"take_missing", "motion_damaged"}
    assert raised.value.exit_code == 2
