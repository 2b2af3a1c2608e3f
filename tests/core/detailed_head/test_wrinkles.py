"""Wrinkles against surfaces whose strain is known, and on the head."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.detailed_head.wrinkles import SIDE, surface_strain, wrinkle_maps
from core.wire.names import WRINKLE_DEEPEST_CM, WRINKLE_HIGHEST_CM, WRINKLES

RANGE = WRINKLE_DEEPEST_CM + WRINKLE_HIGHEST_CM


def grid():
    y, x = np.mgrid[:6, :6].astype(float)
    points = np.stack([x, y, 0.3 * x], -1).reshape(-1, 3)
    first = (np.arange(5)[:, None] * 6 + np.arange(5)).ravel()
    return points, np.concatenate(
        [np.stack([first, first + 1, first + 7], 1), np.stack([first, first + 7, first + 6], 1)]
    )


def test_strain_of_a_strip_that_is_pressed_together():
    points, triangles = grid()
    strain = surface_strain(points, points * (1, 0.8, 1), triangles)
    assert np.allclose(strain[:, 1, 1], 0.5 * (0.64 - 1)) and np.allclose(strain[:, 0, 0], 0, atol=1e-9)


def test_turning_a_surface_is_no_strain():
    points, triangles = grid()
    turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])
    assert np.abs(surface_strain(points, points @ turn + 3, triangles)).max() < 1e-9


@pytest.fixture(scope="module")
def heights(head):
    maps = wrinkle_maps(head, head.neutral(torch.zeros(50)).numpy())
    assert maps.shape == (2, SIDE, SIDE, 3)
    return maps.transpose(0, 3, 1, 2).reshape(6, SIDE, SIDE) / 255 * RANGE - WRINKLE_DEEPEST_CM


def test_each_group_of_shapes_has_creases(heights):
    assert len(WRINKLES) == len(heights)
    for height in heights:
        assert height.min() < -0.015, "deep enough to be seen"
        assert (np.abs(height) > 1e-3).mean() < 0.05, "and only where faces crease"


def test_forehead_wrinkles_lie_above_the_brows_and_both_sides_are_alike(head, heights):
    rows, columns = np.nonzero(heights[0] < -0.01)
    brows = head.uv[head.triangle_uv.flatten()][torch.isin(head.triangles.flatten(), head.landmarks68[17:27])]
    assert (1 - rows / SIDE).min() > float(brows[:, 1].min())
    assert abs(columns.mean() / SIDE - 0.32) < 0.01


def test_skin_that_is_not_pressed_has_none(head, monkeypatch):
    still = torch.zeros_like(head.shapes())
    monkeypatch.setattr(type(head), "shapes", lambda _head: still)
    maps = wrinkle_maps(head, head.mean.numpy())
    assert len(np.unique(maps)) == 1


def test_stretched_skin_has_none(head, monkeypatch):
    shapes = -head.shapes()
    monkeypatch.setattr(type(head), "shapes", lambda _head: shapes)
    maps = wrinkle_maps(head, head.mean.numpy()).transpose(0, 3, 1, 2).reshape(6, SIDE, SIDE)
    forehead = maps[0] / 255 * RANGE - WRINKLE_DEEPEST_CM
    assert forehead.min() > -1e-3
