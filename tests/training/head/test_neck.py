"""The detailed head's neck on a tube of quads: the cut, its plane, and the way down to a level edge."""

from __future__ import annotations

import numpy as np
import pytest

from training.head.detailed.neck import LOOPS, ROWS, border_edges, border_loops, cut_neck, extension, flatten, in_order

AROUND, RINGS = 12, LOOPS + 6


@pytest.fixture
def tube() -> tuple[np.ndarray, np.ndarray]:
    """Points (RINGS · AROUND, 3) from the top down, lower at the front, and quads seen from outside."""
    ring, place = np.divmod(np.arange(RINGS * AROUND), AROUND)
    angle = 2 * np.pi * place / AROUND
    points = np.stack([6 * np.sin(angle), -ring - 0.4 * np.cos(angle) ** 2, 5 * np.cos(angle)], 1)
    row, column = (index.ravel() for index in np.meshgrid(np.arange(RINGS - 1), np.arange(AROUND), indexing="ij"))
    first, beside = row * AROUND + column, row * AROUND + (column + 1) % AROUND
    return points, np.stack([first, first + AROUND, beside + AROUND, beside], 1)


def test_rows_are_cut_off_at_the_bottom(tube):
    points, faces = tube
    kept, rim = cut_neck(points, faces)
    assert kept.sum() == len(faces) - LOOPS * AROUND
    np.testing.assert_array_equal(rim, np.arange(AROUND) + (RINGS - 1 - LOOPS) * AROUND)
    assert len(border_loops(faces[kept])) == 2


def test_a_torn_edge_is_refused(tube):
    points, faces = tube
    torn = np.delete(faces, (RINGS - 2 - LOOPS) * AROUND, axis=0)
    with pytest.raises(ValueError, match="one closed loop"):
        cut_neck(points, torn)


def test_the_rim_becomes_flat_and_what_is_far_away_stays(tube):
    points, faces = tube
    rim = cut_neck(points, faces)[1]
    flat = flatten(points, np.arange(len(points)), rim)
    spread = [np.linalg.svd(each[rim] - each[rim].mean(0))[1][2] for each in (points, flat)]
    assert spread[0] > 0.3 and spread[1] < 1e-9
    np.testing.assert_allclose(flat[:AROUND], points[:AROUND], atol=0.01)


def test_the_neck_goes_on_without_a_hole_to_a_level_edge(tube):
    points, faces = tube
    kept, rim = cut_neck(points, faces)
    faces = faces[kept]
    loop = in_order(faces, rim)
    assert sorted(loop) == sorted(rim)
    offsets, quads, quads_uv, uv = extension(points, loop)
    below = (points[loop] + offsets).reshape(-1, 3)
    assert np.ptp(below[-AROUND:, 1]) < 1e-9 and below[-1, 1] < points[loop, 1].min()
    number = np.concatenate([loop, len(points) + np.arange(len(below))])
    whole = np.concatenate([faces, number[quads]])
    ends = np.unique(border_edges(whole))
    np.testing.assert_array_equal(
        ends, np.concatenate([np.arange(AROUND), number[-AROUND:]]), err_msg="the old rim is closed"
    )
    directed = np.concatenate([whole[:, [k, (k + 1) % 4]] for k in range(4)])
    assert len(np.unique(directed, axis=0)) == len(directed), "neighbours turn the same way around"
    assert quads_uv.max() == len(uv) - 1 == (ROWS + 1) * (AROUND + 1) - 1
    assert uv.min() == 0 and uv.max() == 1
