"""Hairs as strips of quads, and their cells in the texture."""

from __future__ import annotations

import numpy as np

from core.detailed_head.strands import strand_quads, strand_uv

HAIRS, LEVELS, COLUMNS, TILE = 7, 4, 3, (0.5, 0.1, 0.3, 0.2)


def test_each_hair_is_a_strip_of_its_own():
    quads = strand_quads(HAIRS, LEVELS)
    assert quads.shape == (HAIRS * (LEVELS - 1), 4)
    assert (np.unique(quads // (2 * LEVELS), axis=1) == quads[:, :1] // (2 * LEVELS)).all(), "no quad joins two hairs"
    np.testing.assert_array_equal(np.unique(quads), np.arange(HAIRS * 2 * LEVELS))
    # Pairs of vertices at x = 0 and 1, one above the other: every quad turns the same way around.
    places = np.stack([np.arange(2 * LEVELS) % 2, np.arange(2 * LEVELS) // 2], 1)[quads[: LEVELS - 1]]
    onward = np.roll(places, -1, axis=1)
    areas = (places[..., 0] * onward[..., 1] - places[..., 1] * onward[..., 0]).sum(1) / 2
    np.testing.assert_array_equal(areas, 1)


def test_hairs_lie_apart_in_their_rectangle():
    uv = strand_uv(HAIRS, LEVELS, COLUMNS, TILE).reshape(HAIRS, -1, 2)
    low, high = uv.min(1), uv.max(1)
    assert (low >= np.array(TILE[:2]) - 1e-9).all() and (high <= np.array(TILE[:2]) + TILE[2:] + 1e-9).all()
    for one in range(HAIRS):
        for other in range(one):
            assert (low[one] > high[other]).any() or (low[other] > high[one]).any()
