"""Person and background: they add up to the photograph, the person moves, and the background never does."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from core.head.head_model import HeadModel
from core.portrait.fit import fit_portrait
from core.renderer import Renderer
from core.renderer.layers.completion import complete

SIZE = 256
POSES = ((-16, 0, 0), (-8, 0, 0), (8, 0, 0), (16, 0, 0), (0, 15, 0), (0, -15, 0), (0, 0, 10), (0, 0, -10))
"""Degrees of pitch, yaw and roll."""


@pytest.fixture(scope="module")
def portrait():
    return fit_portrait(pytest.importorskip("skimage.data").astronaut())


@pytest.fixture(scope="module")
def renderer(portrait) -> Renderer:
    return Renderer(HeadModel.load(), portrait, SIZE, framing="crop", painter=None)


def warped(renderer: Renderer, degrees):
    rotation = torch.tensor(np.radians([degrees]), dtype=torch.float32)
    own = renderer.geometry.own_expression[None]
    return renderer.warp(own, rotation, torch.zeros(1, 3), absolute=True)


def hole_in(size: int) -> np.ndarray:
    hole = np.zeros((size, size), np.uint8)
    cv2.ellipse(hole, (size // 2, size), (size // 6, size // 2), 0, 0, 360, 1, -1)
    return hole > 0


@pytest.mark.parametrize("size", [200, 256, 383, 512])
@pytest.mark.parametrize("slope", [0.0, 0.5])
def test_stripes_go_on_behind_the_hole(size, slope):
    y, x = np.mgrid[:size, :size].astype(np.float32)
    light = 0.5 + 0.4 * np.tanh(3 * np.sin((x + slope * y) * 2 * np.pi * 9 / size))
    picture = np.repeat(light[..., None], 3, 2)
    hole = hole_in(size)
    found = complete(picture, hole, np.ones_like(hole), np.ones_like(hole))
    assert np.array_equal(found[~hole], picture[~hole])
    near = hole & (cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5) < 0.1 * size)
    assert np.abs(found - picture)[near].mean() < 0.03  # a smooth continuation is off by 0.3


def test_a_sky_keeps_its_gradient():
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32) / SIZE
    picture = np.stack([0.2 + 0.5 * y, 0.4 + 0.3 * y, 0.8 - 0.2 * y + 0.05 * x], -1)
    hole = hole_in(SIZE)
    found = complete(picture, hole, np.ones_like(hole), np.ones_like(hole))
    near = hole & (cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5) < 0.1 * SIZE)
    assert np.abs(found - picture)[near].mean() < 0.01


def test_a_picture_without_a_source_is_continued_smoothly():
    picture = np.full((64, 64, 3), 0.4, np.float32)
    hole = np.ones((64, 64), bool)
    hole[:2] = False
    assert np.abs(complete(picture, hole, hole, ~hole) - 0.4).max() < 1e-5


def test_the_layers_add_up_to_the_photograph(renderer):
    total = renderer.still.person.layer[:, :3] + (1 - renderer.still.person.layer[:, 3:]) * renderer.still.background
    crop = torch.tensor(renderer.framing.crop).permute(2, 0, 1)[None] / 255
    assert torch.allclose(total, crop, atol=1e-5)


@pytest.mark.parametrize("degrees", POSES)
def test_the_background_never_moves(renderer, degrees):
    """All that no part of the person reaches, before or after, is the photograph to the last level."""
    frames = warped(renderer, degrees)
    crop = torch.tensor(renderer.framing.crop).permute(2, 0, 1) / 255
    shown = frames.picture[0]
    person = renderer.still.person.layer[0].abs().amax(0) > 0.004
    before = cv2.dilate(person.numpy().astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    moved = frames.flow.positions[0]
    rows, columns = (moved[..., k].floor().long().clamp(0, SIZE - 1) for k in (1, 0))
    after = cv2.dilate(torch.from_numpy(before)[rows, columns].numpy().astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    still = ~torch.from_numpy(before | after)
    assert still.float().mean() > 0.2
    assert (shown - crop).abs().amax(0)[still].max() < 1 / 255


@pytest.mark.parametrize("degrees", POSES[:4])
def test_the_crown_is_where_the_posed_surface_ends(renderer, degrees):
    """Nothing of the person stays above the new outline, and nothing of the head is missing below it."""
    frames = warped(renderer, degrees)
    field = renderer.flow_field
    pixels = field.hull.posed(frames.heads)[0, field.hull.top, :2].numpy()
    centre = pixels.mean(0)
    outline = cv2.convexHull(pixels.astype(np.float32))[:, 0]
    cover = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(cover, [np.round(outline).astype(np.int32)], 1)
    upper = np.arange(SIZE)[:, None] < centre[1] - 0.4 * np.ptp(pixels[:, 1])
    columns = np.abs(np.arange(SIZE)[None] - centre[0]) < 0.25 * np.ptp(pixels[:, 0])
    alpha = frames.alpha[0, 0].numpy()
    far = 5  # pixels: the hull is smoother than hair
    outside = cv2.dilate(cover, np.ones((2 * far + 1,) * 2, np.uint8)) == 0
    inside = cv2.erode(cover, np.ones((2 * far + 1,) * 2, np.uint8)) > 0
    assert alpha[upper & columns & outside].max() < 0.1
    assert alpha[upper & columns & inside].min() > 0.9


@pytest.mark.parametrize("side", ["top", "left"])
def test_hair_at_the_edge_of_the_picture_stays_at_the_edge(portrait, side):
    """A photograph that cuts off the hair shows no gap between hair and edge when the head turns away from it."""
    image, shift = portrait.image, np.array([0, 40]) if side == "top" else np.array([140, 0])
    x, y = shift
    cut = replace(
        portrait,
        image=np.ascontiguousarray(image[y:, x:]),
        landmarks=(portrait.landmarks - np.array([x, y, 0])).astype(np.float32),
        centre=(portrait.centre - shift).astype(np.float32),
        crop=(portrait.crop[0] - x, portrait.crop[1] - y, portrait.crop[2]),
    )
    renderer = Renderer(HeadModel.load(), cut, SIZE, framing="crop", painter=None)
    rows, columns = (renderer.framing.inside.any(k).nonzero()[0] for k in (1, 0))
    first = rows[0] if side == "top" else columns[0]
    edge, whole = slice(first, first + 2), slice(None)
    at = (edge, whole) if side == "top" else (whole, edge)
    hair = renderer.still.person.layer[0, 3].numpy()[at] > 0.95
    assert hair.sum() > 8
    for degrees in ((16, 0, 0), (0, 15, 0), (0, -15, 0)):
        assert warped(renderer, degrees).alpha[0, 0].numpy()[at][hair].min() > 0.7
