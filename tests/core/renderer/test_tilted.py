"""Turning a portrait turns its frames, and changes nothing else. Tilted heads have no holes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import skimage.data
import torch

from core.face.points import CONTOUR, LIPS_OUTER_RING
from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS
from core.motion.motion import Motion
from core.portrait.fit import fit_portrait
from core.portrait.portrait import Portrait
from core.renderer import Renderer
from core.renderer.framing import frame_portrait
from tests.core.made_portraits import rendered_head, turned_back, turned_picture, turned_portrait

MOST_CHANGE = 2.5
"""Mean difference inside the face in levels of 255. Sampling the turned photograph and turning the frame back, both in
this test, make 1.4 of it."""
BLACK = 8
NOSE = (129, 98, 97, 2, 326, 327, 358, 279, 420, 456, 248, 195, 3, 236, 198, 49)
"""Landmarks around the tip of the nose and the nostrils."""


@pytest.fixture(scope="module")
def model() -> HeadModel:
    return HeadModel.load()


@pytest.fixture(scope="module", params=["photograph", "rendered"])
def portrait(request: pytest.FixtureRequest) -> Portrait:
    return fit_portrait(skimage.data.astronaut() if request.param == "photograph" else rendered_head())


def some_motion() -> Motion:
    """Open and rounded mouths, blinks and turns."""
    expression = np.zeros((4, len(EXPRESSIONS)), np.float32)
    weights = ({"jawOpen": 0.5}, {"jawOpen": 0.2, "mouthPucker": 0.6}, {"eyeBlink_L": 1, "eyeBlink_R": 1}, {})
    for row, named in enumerate(weights):
        for name, value in named.items():
            expression[row, EXPRESSIONS.index(name)] = value
    rotation = np.radians([[6, 4, -2], [-5, -8, 3], [4, 8, 2], [8, -4, 6]]).astype(np.float32)
    return Motion(expression, rotation, np.zeros((4, 3), np.float32), 25.0)


def face_mask(renderer: Renderer, portrait: Portrait) -> np.ndarray:
    """(H, W) bool: the face in the renderer's frame of the whole photograph."""
    hull = cv2.convexHull((portrait.landmarks[:, :2] * renderer.framing.scale).astype(np.float32))
    mask = np.zeros(renderer.frame_shape, np.uint8)
    cv2.fillPoly(mask, [np.round(hull[:, 0]).astype(np.int32)], (1,))
    return mask > 0


@pytest.mark.parametrize("painter", ["shipped", None])
def test_turning_the_portrait_turns_the_frames(model, portrait, painter):
    upright = Renderer(model, portrait, 256, painter=painter)
    expected = list(upright.render(some_motion()))
    height, width = upright.frame_shape
    face = face_mask(upright, portrait)
    dark = [int((frame.max(-1)[face] < BLACK).sum()) for frame in expected]
    for degrees in (-160, -90, -45, 5, 14, 30, 75, 180):
        made, matrix = turned_portrait(portrait, degrees)
        renderer = Renderer(model, made, 256, painter=painter)
        assert renderer.framing.scale == pytest.approx(upright.framing.scale, rel=0.03)
        for wanted, frame, had in zip(expected, renderer.render(some_motion()), dark, strict=True):
            back = turned_back(frame, renderer.framing.scale, matrix, (width, height), upright.framing.scale)
            change = np.abs(back.astype(int) - wanted.astype(int))[face]
            assert change.mean() < MOST_CHANGE, (degrees, change.mean())
            assert int((back.max(-1)[face] < BLACK).sum()) <= had + 5, degrees


@pytest.mark.parametrize("degrees", [-50, 30])
def test_a_tilted_photograph_is_fitted_and_drawn_upright(model, degrees):
    picture, _ = turned_picture(skimage.data.astronaut(), degrees)
    framing = frame_portrait(fit_portrait(picture), 256, "portrait")
    expected = frame_portrait(fit_portrait(skimage.data.astronaut()), 256, "portrait")
    assert np.degrees(framing.angle) == pytest.approx(degrees + 2.8, abs=1.5)
    inner = slice(64, 192)
    difference = framing.crop[inner, inner].astype(int) - expected.crop[inner, inner].astype(int)
    assert np.abs(cv2.blur(difference.astype(np.float32), (9, 9))).mean() < 20


@pytest.mark.parametrize("roll", [-25, -15, 15, 25])
def test_no_hole_by_the_nose_when_the_motion_tilts_the_head(model, roll):
    portrait = fit_portrait(skimage.data.astronaut())
    renderer = Renderer(model, turned_portrait(portrait, 4.5)[0], 256, framing="crop", painter=None)
    turns = np.radians([[pitch, yaw, roll] for pitch in (-8, 0, 8) for yaw in (-10, 0, 10)]).astype(np.float32)
    expression = np.zeros((len(turns), len(EXPRESSIONS)), np.float32)
    for name in ("jawOpen", "mouthSmile_L", "mouthSmile_R"):
        expression[:, EXPRESSIONS.index(name)] = 0.4
    motion = Motion(expression, turns, np.zeros((len(turns), 3), np.float32), 25.0)
    heads = renderer.geometry.pose(torch.tensor(expression), torch.tensor(turns), torch.zeros(len(turns), 3))
    places = model.mesh468(heads.pixels)[:, list(NOSE), :2].numpy().astype(np.float32)
    for frame, nose in zip(renderer.render(motion), places, strict=True):
        mask = np.zeros(frame.shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.round(cv2.convexHull(nose)[:, 0]).astype(np.int32)], (1,))
        assert not (frame.max(-1)[mask > 0] < 3 * BLACK).any()


@pytest.mark.parametrize("degrees", [33, 90])
def test_the_unchanged_square_leaves_the_frame_as_it_was(degrees):
    portrait, _ = turned_portrait(fit_portrait(skimage.data.astronaut()), degrees)
    for kind in ("portrait", "crop"):
        framing = frame_portrait(portrait, 256, kind)
        change = np.abs(framing.compose(framing.crop).astype(int) - framing.frame.astype(int))
        assert change.max() == 0 if degrees == 90 else change.mean() < 1.0
        x, y, side = framing.paste
        outside = np.ones(framing.frame.shape[:2], bool)
        reach = int(side * 0.71)
        rows, columns = (slice(max(v + side // 2 - reach, 0), v + side // 2 + reach) for v in (y, x))
        outside[rows, columns] = False
        assert not change[outside].any()


def test_the_inside_of_the_mouth_is_seen_between_the_lips_only(model):
    """Beside a mouth that smiles widely the skin folds over; nothing dark may be seen through the fold."""
    renderer = Renderer(model, fit_portrait(skimage.data.astronaut()), 512, framing="crop", painter=None)
    expression = np.zeros((2, len(EXPRESSIONS)), np.float32)
    for name, value in (("jawOpen", 0.5), ("mouthSmile_L", 0.8), ("mouthSmile_R", 0.8)):
        expression[:, EXPRESSIONS.index(name)] = value
    rotation = np.radians([[5, -12, 9], [5, 12, -9]]).astype(np.float32)
    heads = renderer.geometry.pose(torch.tensor(expression), torch.tensor(rotation), torch.zeros(2, 3))
    points = model.mesh468(heads.pixels)[..., :2].numpy().astype(np.float32)
    for frame, face in zip(
        renderer.render(Motion(expression, rotation, np.zeros((2, 3), np.float32), 25.0)), points, strict=True
    ):
        masks = []
        for outline, reach in ((LIPS_OUTER_RING, 9), (LIPS_OUTER_RING, 61), (CONTOUR, -25)):
            mask = np.zeros(frame.shape[:2], np.uint8)
            cv2.fillPoly(mask, [np.round(cv2.convexHull(face[list(outline)])[:, 0]).astype(np.int32)], (1,))
            change = cv2.dilate if reach > 0 else cv2.erode
            masks.append(change(mask, np.ones((abs(reach), abs(reach)))) > 0)
        around = masks[1] & masks[2] & ~masks[0]
        assert around.sum() > 1000 and frame.max(-1)[around].min() > 100
