"""Whatever the pixels and the landmarks are, a fitted portrait is rendered without a traceback, in finite colours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
import skimage.data
import torch

from core.face.points import INNER_LIP_PAIRS, IRISES, LID_PAIRS, LID_RINGS, LIPS_INNER_RING, LIPS_OUTER_RING
from core.head.head_model import HeadModel
from core.portrait.fit import fit_portrait
from core.portrait.portrait import Portrait
from core.renderer import Renderer

EYES = tuple(point for ring in LID_RINGS for point in ring)
REGIONS = {"eyes": EYES, "left eye": LID_RINGS[0], "mouth": LIPS_OUTER_RING, "opening": LIPS_INNER_RING,
           "face": tuple(range(468))}  # fmt: skip
COLOURS = {"black": (0, 0, 0), "dark": (15, 15, 15), "white": (255, 255, 255), "blue": (0, 0, 255)}


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return fit_portrait(skimage.data.astronaut())


@pytest.fixture(scope="module")
def model() -> HeadModel:
    return HeadModel.load()


def check(model: HeadModel, portrait: Portrait, size: int, painter: str | None = None) -> None:
    renderer = Renderer(model, portrait, size, framing="crop", painter=painter)
    expression = torch.zeros(3, 53)
    expression[1], expression[2, :20] = 0.5, 1.0
    rotation = torch.tensor([[0.0, 0, 0], [0.1, 0.09, 0.14], [-0.1, -0.15, -0.14]])
    warped = renderer.warp(expression, rotation, torch.zeros(3, 3))
    made = renderer.refine(warped, torch.cat([expression, rotation, torch.zeros(3, 3)], 1))
    assert torch.isfinite(warped.picture).all() and torch.isfinite(made).all()


def painted(portrait: Portrait, points: tuple[int, ...], colour: tuple[int, int, int]) -> Portrait:
    """The portrait with everything around some landmarks in one colour."""
    hull = cv2.convexHull(portrait.landmarks[list(points), :2].astype(np.float32))[:, 0]
    outline = hull.mean(0) + (hull - hull.mean(0)) * 1.4
    image = portrait.image.copy()
    cv2.fillPoly(image, [np.round(outline).astype(np.int32)], colour)
    return replace(portrait, image=image)


def disturbed(portrait: Portrait, seed: int) -> Portrait:
    """The portrait with rectangles of colour, noise and other light, too dark or too bright."""
    rng = np.random.default_rng(seed)
    image = portrait.image.astype(float)
    for _ in range(rng.integers(1, 5)):
        x, y = rng.integers(120, 300), rng.integers(0, 220)
        width, height = rng.integers(5, 120, 2)
        part = image[y : y + height, x : x + width]
        other = (rng.integers(0, 256, 3), rng.normal(128, 80, part.shape), part * rng.choice([0, 0.02, 3, 20]),
                 part[::-1, ::-1].copy())  # fmt: skip
        part[:] = other[rng.integers(0, 4)]
    return replace(portrait, image=np.clip(image * rng.choice([0.01, 0.2, 1, 1, 10]), 0, 255).astype(np.uint8))


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("region", REGIONS)
def test_parts_of_one_colour(model, portrait, region, colour):
    check(model, painted(portrait, REGIONS[region], COLOURS[colour]), 96)


@pytest.mark.parametrize("seed", range(20))
def test_disturbed_pictures(model, portrait, seed):
    check(model, disturbed(portrait, seed), 96)


@pytest.mark.parametrize("value", [0, 1, 128, 255])
def test_empty_pictures_also_with_g(model, portrait, value):
    check(model, replace(portrait, image=np.full_like(portrait.image, value)), 256, "shipped")


def shut(landmarks: np.ndarray) -> None:
    for pair in LID_PAIRS[0] + LID_PAIRS[1]:
        landmarks[list(pair), :2] = landmarks[list(pair), :2].mean(0)


def crossed(landmarks: np.ndarray) -> None:
    for upper, lower in (*LID_PAIRS[0], *LID_PAIRS[1], *INNER_LIP_PAIRS):
        landmarks[[upper, lower]] = landmarks[[lower, upper]]


def eyes_as_points(landmarks: np.ndarray) -> None:
    for ring in LID_RINGS:
        landmarks[list(ring), :2] = landmarks[ring[0], :2]


def irises_as_points(landmarks: np.ndarray) -> None:
    for iris in IRISES:
        landmarks[iris, :2] = landmarks[iris.start, :2]


def irises_elsewhere(landmarks: np.ndarray) -> None:
    for iris in IRISES:
        landmarks[iris, :2] += 5000


def lips_as_points(landmarks: np.ndarray) -> None:
    landmarks[list(LIPS_INNER_RING + LIPS_OUTER_RING), :2] = landmarks[13, :2]


@pytest.mark.parametrize(
    "move",
    [shut, crossed, eyes_as_points, irises_as_points, irises_elsewhere, lips_as_points],
    ids=lambda f: f.__name__,
)
def test_landmarks_without_any_area(model, portrait, move: Callable[[np.ndarray], None]):
    landmarks = portrait.landmarks.copy()
    move(landmarks)
    check(model, replace(portrait, landmarks=landmarks), 96)


@pytest.mark.parametrize("crop", [(5000.0, 5000.0, 200.0), (0.0, 0.0, 3000.0), (180.0, 100.0, 40.0)])
def test_squares_that_show_too_little(model, portrait, crop):
    """Nothing of the picture, a face of a few pixels, a part of a face."""
    check(model, replace(portrait, crop=crop), 96)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_expressions_at_their_limits(model, portrait, value):
    check(model, replace(portrait, expression=np.full(53, value, np.float32)), 96)
