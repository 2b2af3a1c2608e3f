"""CPBD: widths of edges, and that blur lowers it."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import skimage.data

from training.checks.sharpness import cpbd, edge_width, upright_edges


@pytest.mark.parametrize(
    ("row", "place", "width"),
    [
        ([10, 10, 10, 90, 90, 90], 2, 1),  # a step
        ([10, 10, 30, 50, 70, 90, 90], 3, 4),  # a slope
        ([90, 90, 70, 50, 30, 10, 10], 3, 4),  # the same downwards
        ([20, 10, 30, 50, 70, 90, 80], 3, 4),  # it ends at the extremes, not where the row becomes flat
        ([10, 40, 70, 100], 1, 3),  # it ends at the picture's border
    ],
)
def test_an_edge_reaches_from_extreme_to_extreme(row, place, width):
    assert edge_width(np.array(row, np.uint8), place) == width


def test_only_edges_across_the_row_count():
    picture = np.zeros((64, 64), np.uint8)
    picture[:, 32:] = 200
    assert upright_edges(picture).any()
    assert not upright_edges(picture.T.copy()).any()


def test_blur_lowers_it_step_by_step():
    sharp = skimage.data.astronaut()
    values = [cpbd(cv2.GaussianBlur(sharp, (0, 0), sigma) if sigma else sharp) for sigma in (0, 1, 2, 4)]
    assert values == sorted(values, reverse=True) and values[0] > 0.2 > 0.01 > values[-1]


def test_a_picture_without_edges_has_none():
    assert math.isnan(cpbd(np.full((128, 128, 3), 90, np.uint8)))
