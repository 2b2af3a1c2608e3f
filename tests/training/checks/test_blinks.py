"""Filmed blinks: they are found, the regions lie where they should, and the table tells the truth of made pictures."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
import torch

from core.face.landmark_model import LandmarkModel
from core.face.points import BROWS, LID_RINGS
from core.head.head_model import HeadModel
from core.portrait.fit import fit_portrait
from training.checks.blinks import CLOSED, Drawn, blinks_of, openness, regions, rows_of


def lids(*values: float) -> np.ndarray:
    """(T, 2) both eyes alike."""
    return np.repeat(np.array(values)[:, None], 2, 1)


def test_a_blink_begins_after_the_last_open_frame_and_ends_when_the_eye_is_open():
    (found,) = blinks_of("s4", "s4_a", lids(1, 1, 0.95, 0.7, 0.2, 0.1, 0.4, 0.8, 0.9, 1, 1))
    assert (found.portrait, found.frames) == (2, (3, 4, 5, 6, 7))


def test_narrowed_eyes_and_blinks_without_an_open_frame_before_are_none():
    assert blinks_of("s4", "s4_a", lids(1, 1, 0.8, 0.6, 0.5, 0.6, 0.9, 1)) == []
    assert blinks_of("s4", "s4_a", lids(0.7, 0.3, 0.1, 0.3, 0.9, 1)) == []


def test_each_of_two_blinks_has_its_own_portrait():
    first, second = blinks_of("s4", "s4_a", lids(1, 0.3, 0.1, 0.3, 0.95, 1, 0.4, 0.05, 0.5, 1))
    assert (first.portrait, second.portrait) == (0, 5)
    assert not set(first.frames) & set(second.frames)


def test_openness_is_one_where_the_eye_is_as_usual():
    points = fit_portrait(skimage.data.astronaut()).landmarks[None].repeat(5, 0)
    model = LandmarkModel.face_mesh(HeadModel.load())
    for ring in LID_RINGS:  # the last frame with its upper lids on the lower ones
        points[4, list(ring[1:8])] = points[4, list(ring[:8:-1])]
    found = openness(points, model)
    assert found[:4] == pytest.approx(1)
    assert (found[4] < 0).all()


def test_regions_hold_eyes_and_brows_apart():
    landmarks = fit_portrait(skimage.data.astronaut()).landmarks[:, :2]
    parts = regions([landmarks], 512)
    for ring in LID_RINGS:
        x, y = np.round(landmarks[list(ring)].mean(0)).astype(int)
        assert parts["lids"][0, 0, y, x] == 1 and parts["brows"][0, 0, y, x] == 0 and parts["around"][0, 0, y, x] == 1
    x, y = np.round(landmarks[BROWS[2]]).astype(int)  # the upper edge of the right brow
    assert parts["brows"][0, 0, y, x] > 0.5 > parts["lids"][0, 0, y, x]
    assert float(torch.stack([parts["lids"], parts["around"]]).diff(dim=0).min()) >= 0


def test_rows_are_means_of_half_closed_and_closed_frames():
    def frame(level: float, psnr: float) -> Drawn:
        values = {"warp": dict.fromkeys(("lids", "brows", "around"), (psnr, psnr / 100))}
        return Drawn(level, values, np.zeros((1, 1, 3), np.uint8), np.zeros((478, 2)))

    half, closed = rows_of("s4", [frame(0.6, 30), frame(CLOSED, 32), frame(0.1, 26), frame(0.95, 50)])
    assert half == ("s4", "half closed", "2", "warp", "31.00", "0.310", "31.00", "31.00", "0.310")
    assert closed[:5] == ("s4", "closed", "1", "warp", "26.00")
