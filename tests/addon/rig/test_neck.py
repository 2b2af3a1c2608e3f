"""The head's motion shared between neck and head."""

import numpy as np
from soliloquy.addon.rig.neck import neck_and_head
from soliloquy.core.motion.rotations import euler_to_matrix

ANGLES = np.random.default_rng(0).uniform(-0.6, 0.6, (50, 3))


def test_two_bones_move_the_head_as_one_rigid_motion():
    neck, head = np.array([0.0, -9.0, -2.0]), np.array([0.3, -2.0, 0.5])
    shifts = np.random.default_rng(1).uniform(-1, 1, (50, 3))
    angles, shift = neck_and_head(ANGLES, shifts, neck, head)
    half = euler_to_matrix(angles)
    point = np.array([3.0, 8.0, 7.0])
    wanted = np.einsum("nij,j->ni", euler_to_matrix(ANGLES), point - neck) + neck + shifts
    in_head = np.einsum("nij,j->ni", half, point - head) + head + shift
    got = np.einsum("nij,nj->ni", half, in_head - neck) + neck
    assert np.allclose(got, wanted)


def test_neck_and_head_turn_by_the_same_angles():
    angles, _ = neck_and_head(ANGLES, np.zeros((50, 3)), np.zeros(3), np.ones(3))
    half = euler_to_matrix(angles)
    assert np.allclose(half @ half, euler_to_matrix(ANGLES))
