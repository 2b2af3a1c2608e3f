"""Skin and hair in photographs: the test photograph, and a blond person whose hair has nearly the colour of skin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core import places
from core.face.points import CONTOUR, LIP_LINE
from core.neural_head.regions import Regions, find_regions
from core.portrait.load import load_portrait
from core.portrait.portrait import Portrait

SELF_TEST = places.WEIGHTS.parent / "assets" / "self_test.jpg"


def at(mask: np.ndarray, place: np.ndarray) -> float:
    return float(mask[int(place[1]), int(place[0])])


@pytest.fixture(scope="module", params=["photograph", "blond"])
def found(request, tmp_path_factory) -> tuple[Portrait, Regions]:
    path = SELF_TEST
    if request.param == "photograph":
        path = tmp_path_factory.mktemp("regions") / "face.png"
        request.getfixturevalue("face").save(path)
    portrait = load_portrait(path, None)
    return portrait, find_regions(portrait)


def test_face_is_skin_and_crown_is_hair(found):
    portrait, regions = found
    points = portrait.landmarks[:, :2]
    face = points[list(CONTOUR)]
    height = np.ptp(face[:, 1])
    for cheek in (50, 280):
        assert at(regions.skin, points[cheek]) > 0.9 and at(regions.hair, points[cheek]) < 0.1
    crown = np.array([face[:, 0].mean(), face[:, 1].min() - 0.25 * height])
    assert at(regions.hair, crown) > 0.9 and at(regions.skin, crown) < 0.1
    assert regions.hair_colour is not None


def test_background_and_clothes_are_neither(found):
    portrait, regions = found
    points = portrait.landmarks[:, :2]
    height = np.ptp(points[list(CONTOUR), 1])
    mouth = points[[pair[0] for pair in LIP_LINE]].mean(0)
    beside = mouth - np.array([1.3, 0.5]) * height
    chest = mouth + np.array([0, 1.15]) * height
    # A close photograph shows neither; its corner is background in both.
    size = portrait.image.shape[1::-1]
    shown = [place for place in (beside, chest) if (place >= 0).all() and (place < size).all()]
    for place in (np.array([2, 2]), *shown):
        assert at(regions.skin, place) < 0.1 and at(regions.hair, place) < 0.1


def bald_picture() -> tuple[np.ndarray, np.ndarray]:
    """The blond person with the hair painted over in the forehead's colour, and the contour (n, 2) of the face."""
    portrait = load_portrait(SELF_TEST, None)
    face = portrait.landmarks[list(CONTOUR), :2]
    picture = portrait.image.copy()
    forehead = picture[int(face[:, 1].min() + 8), int(face[:, 0].mean())]
    regions = find_regions(portrait)
    top = regions.hair > 0.3
    rows = np.arange(len(picture))[:, None]
    background = np.abs(picture.astype(int) - picture[4, 4]).sum(-1) < 90
    picture[top | ((rows < face[:, 1].min() + 25) & ~background)] = forehead
    return picture, face


def found_in(picture: np.ndarray, path: Path) -> Regions:
    Image.fromarray(picture).save(path)
    return find_regions(load_portrait(path, None))


def test_a_bald_head_has_no_hair(tmp_path):
    bald = found_in(bald_picture()[0], tmp_path / "bald.png")
    assert bald.hair_colour is None and bald.hair.max() == 0


def test_a_bare_crown_can_have_hair_at_the_sides(tmp_path):
    picture, face = bald_picture()
    left, right = face[:, 0].min(), face[:, 0].max()
    brow = face[:, 1].min() + 0.3 * np.ptp(face[:, 1])
    rows, columns = np.mgrid[: len(picture), : picture.shape[1]]
    away = np.abs(columns - 0.5 * (left + right)) / (right - left)
    above_ears = np.abs(rows - brow + 0.1 * (right - left)) < 0.2 * (right - left)
    dark = (away > 0.44) & (away < 0.58) & above_ears
    picture[dark] = (45, 32, 28)
    found = found_in(picture, tmp_path / "sides.png")
    assert found.hair_colour is not None and np.abs(found.hair_colour - (45, 32, 28)).max() < 12
    assert found.hair[dark].mean() > 0.5
    crown = np.array([0.5 * (left + right), face[:, 1].min() - 0.1 * np.ptp(face[:, 1])])
    assert at(found.hair, crown) < 0.1 and found.hair[rows > face[:, 1].mean()].max() < 0.1
