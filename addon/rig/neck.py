"""The head's motion shared between two bones, neck and head. numpy only."""

from __future__ import annotations

import numpy as np

from ...core.motion.rotations import euler_to_matrix, half_turn, matrix_to_euler


def neck_and_head(
    rotation: np.ndarray, translation: np.ndarray, neck: np.ndarray, head: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Share one rigid head motion between two bones so that the head ends exactly where the motion has it.

    The motion turns by R about the neck's pivot n, then moves by t (as in ``core.head.head_model``). Each bone turns by
    H = R^½, which bends the neck evenly. The head bone's pivot is h, so it also shifts by
    d = H (h − n) + Hᵀ t − (h − n).

    Parameters
    ----------
    rotation, translation
        (n, 3) radians (pitch, yaw, roll) and centimetres.
    neck, head
        (3,) rest positions of the two bones, centimetres, head space.

    Returns
    -------
    (n, 3) Euler angles of each of the two bones, and (n, 3) shift of the head bone in centimetres.
    """
    half = half_turn(euler_to_matrix(rotation))
    arm = head - neck
    shift = half @ arm + np.einsum("nji,nj->ni", half, translation) - arm
    return matrix_to_euler(half), shift
