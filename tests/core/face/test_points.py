"""The named points lie where their names say, on the mean head."""

from __future__ import annotations

import numpy as np
import pytest

from core.face import points
from core.head.head_model import HeadModel


@pytest.fixture(scope="module")
def mesh() -> np.ndarray:
    """(468, 3) face mesh of the mean head, centimetres: x to the person's left, y up."""
    head = HeadModel.load()
    return head.mesh468(head.mean).numpy()


@pytest.fixture(scope="module")
def ibug() -> np.ndarray:
    """(68, 3) landmarks of iBUG on the mean head, centimetres."""
    head = HeadModel.load()
    return head.mean[head.landmarks68].numpy()


def turns_once(ring: np.ndarray) -> bool:
    """A closed loop of points (N, 2) goes around its middle once, always in the same direction."""
    x, y = (ring - ring.mean(0)).T
    steps = np.diff(np.unwrap(np.arctan2(y, x)), append=np.unwrap(np.arctan2(y, x))[:1])
    steps = (steps + np.pi) % (2 * np.pi) - np.pi
    return bool((np.sign(steps) == np.sign(steps[0])).all()) and abs(abs(steps.sum()) - 2 * np.pi) < 1e-3


@pytest.mark.parametrize("ring", [*points.LID_RINGS, points.LIPS_OUTER_RING, points.CONTOUR])
def test_rings_go_around_once(mesh, ring):
    assert len(set(ring)) == len(ring)
    assert turns_once(mesh[list(ring), :2])


def test_the_inner_lips_ring_is_the_line_there_and_back(mesh):
    ring = points.LIPS_INNER_RING
    assert len(set(ring)) == len(ring) == 20
    there, back = mesh[list(ring[:11]), 0], mesh[[*ring[10:], ring[0]], 0]
    assert (np.diff(there) > 0).all() and (np.diff(back) < 0).all()


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (points.LID_RINGS[0], points.LID_RINGS[1]),
        (points.UPPER_LIDS[0], points.UPPER_LIDS[1]),
        (points.LOWER_LIDS[0], points.LOWER_LIDS[1]),
        (points.EYE_CORNERS[0], points.EYE_CORNERS[1]),
        (tuple(pair[0] for pair in points.LIP_LINE), tuple(pair[0] for pair in reversed(points.LIP_LINE))),
        (points.BROWS[10:], points.BROWS[:10]),
    ],
)
def test_left_and_right_mirror_each_other(mesh, left, right):
    mirrored = mesh[list(left)] * (-1, 1, 1)
    if left == points.BROWS[10:]:  # the two brows are listed in different orders
        distance = np.linalg.norm(mirrored[:, None] - mesh[list(right)][None], axis=-1).min(1)
    else:
        distance = np.linalg.norm(mirrored - mesh[list(right)], axis=1)
    assert distance.max() < 0.02


def test_pairs_face_each_other_across_an_opening(mesh):
    for side, pairs in enumerate(points.LID_PAIRS):
        upper, lower = (mesh[list(lid)] for lid in zip(*pairs, strict=True))
        assert (upper[:, 1] > lower[:, 1]).all()
        assert np.abs(upper[:, 0] - lower[:, 0]).max() < 0.35
        gap = upper[:, 1] - lower[:, 1]
        assert gap[points.MIDDLE_LIDS].min() > 0.8 * gap.max()
        assert set(points.LID_PAIRS_FROM_MIDDLE[side]) == set(pairs)
    x = mesh[[pair[0] for pair in points.LIP_PAIRS_FROM_MIDDLE], 0]
    assert (np.diff(np.abs(x)) > -0.05).all() and set(points.LIP_PAIRS_FROM_MIDDLE) == set(points.INNER_LIP_PAIRS)


def test_corners_are_the_outermost_points(mesh):
    for (outer, inner), ring in zip(points.EYE_CORNERS, points.LID_RINGS, strict=True):
        across = np.abs(mesh[list(ring), 0])
        assert ring[int(across.argmax())] == outer and ring[int(across.argmin())] == inner
    lips = mesh[list(points.LIPS_OUTER_RING), 0]
    assert tuple(points.LIPS_OUTER_RING[int(k)] for k in (lips.argmin(), lips.argmax())) == points.MOUTH_CORNERS
    assert (points.EYE_CORNERS[1][0], points.EYE_CORNERS[0][0]) == points.OUTER_EYES


def test_ibug_points_are_the_mesh_points_of_the_same_name(mesh, ibug):
    pairs = [
        (points.OUTER_EYES, points.IBUG_OUTER_EYES),
        (points.MOUTH_CORNERS, points.IBUG_MOUTH_CORNERS),
        *zip(points.EYE_CORNERS, points.IBUG_EYE_CORNERS, strict=True),
        (points.LIP_LINE[5], points.IBUG_LIP_MIDDLE),
    ]
    for on_mesh, on_ibug in pairs:
        assert np.linalg.norm(mesh[list(on_mesh)] - ibug[list(on_ibug)], axis=1).max() < 0.25
    for lids in points.IBUG_LID_PAIRS:
        for upper, lower in lids:
            assert ibug[upper, 1] > ibug[lower, 1] + 0.5
    assert ibug[list(points.IBUG_TEMPLES), 0].tolist() == [ibug[:, 0].min(), ibug[:, 0].max()]
