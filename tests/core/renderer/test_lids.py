"""Closing lids: the eye is covered from above, nothing of it is left, and the brow stays where it is.

The opening of the photograph's eyes is painted green, so that each pixel that shows the eye can be told from skin.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import skimage.data
import torch

from core.face.points import BROWS, EYE_CORNERS, LID_RINGS
from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS
from core.motion.motion import Motion
from core.portrait.fit import fit_portrait
from core.portrait.portrait import Portrait
from core.renderer import Renderer
from tests.core.made_portraits import rendered_head

SIZE = 384
STEPS = np.linspace(0, 1, 9)
PICTURES = {"photograph": skimage.data.astronaut, "rendered": rendered_head}
LUMA = np.array([0.299, 0.587, 0.114])


@pytest.fixture(scope="module", params=PICTURES)
def portrait(request) -> Portrait:
    return fit_portrait(PICTURES[request.param]())


@pytest.fixture(scope="module")
def renderer(portrait) -> Renderer:
    return Renderer(HeadModel.load(), portrait, SIZE, framing="crop", painter=None)


@pytest.fixture(scope="module")
def painted(portrait) -> Renderer:
    """The portrait with green eyes."""
    image = portrait.image.copy()
    for ring in LID_RINGS:
        cv2.fillPoly(image, [np.round(portrait.landmarks[list(ring), :2]).astype(np.int32)], (0, 255, 0))
    return Renderer(HeadModel.load(), replace(portrait, image=image), SIZE, framing="crop", painter=None)


def closing(*weights: float, sides: str = "LR", names: tuple[str, ...] = ("eyeBlink",)) -> Motion:
    """A motion with a frame for each weight of the given channels."""
    expression = np.zeros((len(weights), len(EXPRESSIONS)), np.float32)
    for name in names:
        for side in sides:
            expression[:, EXPRESSIONS.index(f"{name}_{side}")] = weights
    return Motion(expression, np.zeros((len(weights), 3), np.float32), np.zeros((len(weights), 3), np.float32), 25.0)


def greenness(frame: np.ndarray) -> np.ndarray:
    """(H, W) how much greener than red and blue, in levels; 0 for skin."""
    values = frame.astype(int)
    return np.clip(values[..., 1] - np.maximum(values[..., 0], values[..., 2]), 0, None)


def filled(renderer: Renderer, portrait: Portrait, points: tuple[int, ...], grow: int = 0) -> np.ndarray:
    """(S, S) bool polygon of landmarks, ``grow`` pixels larger."""
    mask = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(
        mask, [np.round(renderer.framing.to_crop(portrait.landmarks)[list(points), :2]).astype(np.int32)], (1,)
    )
    return cv2.dilate(mask, np.ones((2 * grow + 1,) * 2)) > 0


def test_nothing_of_the_eye_is_left_when_it_is_shut(painted, renderer):
    opened, shut = (greenness(frame) for frame in painted.render(closing(0, 1)))
    (plain,) = (greenness(frame) for frame in renderer.render(closing(1)))
    assert (opened > 60).sum() > 150
    assert (shut - plain).max() < 12


def test_lids_cover_the_eye_from_above_step_by_step(painted, portrait):
    frames = list(painted.render(closing(*STEPS)))
    seen = [greenness(frame) > 40 for frame in frames]
    areas = np.array([mask.sum() for mask in seen])
    assert (np.diff(areas) <= 0).all() and areas[-1] == 0
    assert 0.2 < areas[4] / areas[0] < 0.65  # half closed is about half covered
    for outer, inner in EYE_CORNERS:
        middle = painted.framing.to_crop(portrait.landmarks)[[outer, inner], 0].mean()
        rows = [np.flatnonzero(mask[:, round(middle)]) for mask in seen[:7]]
        top, end = np.array([r.min() for r in rows]), np.array([r.max() for r in rows])
        assert (np.diff(top) >= 0).all() and (np.diff(end) <= 0).all()
        down, up = top[-1] - top[0], end[0] - end[-1]
        assert down > 2 * up >= 0  # the upper lid does most of it


@pytest.mark.parametrize("names", [("eyeBlink",), ("eyeLookDown",)])
def test_the_brow_stays_where_it_is(renderer, portrait, names):
    frames = list(renderer.render(closing(0, 0.3, 0.6, 1, names=names)))
    lids = filled(renderer, portrait, LID_RINGS[0], 8) | filled(renderer, portrait, LID_RINGS[1], 8)
    for points in (BROWS[:10], BROWS[10:]):
        brow = filled(renderer, portrait, points) & ~lids
        assert brow.sum() > 60
        for frame in frames[1:]:
            assert np.abs(frame[brow].astype(int) - frames[0][brow]).max() <= 2


def test_the_shut_lid_has_the_tone_of_the_skin_around(renderer, portrait):
    (shut,) = renderer.render(closing(1))
    landmarks = renderer.framing.to_crop(portrait.landmarks)[:, :2]
    for side, ring in enumerate(LID_RINGS):
        corners = landmarks[list(EYE_CORNERS[side])]
        width = float(np.linalg.norm(corners[0] - corners[1]))
        around = filled(renderer, portrait, ring, round(0.45 * width)) & ~filled(renderer, portrait, ring, 4)
        for points in (BROWS[:10], BROWS[10:]):
            around &= ~filled(renderer, portrait, points, 4)
        skin = renderer.framing.crop[around].astype(float)
        light = skin[skin @ LUMA > np.median(skin @ LUMA) * 0.6]
        x, top = landmarks[list(ring)].mean(0)[0], landmarks[ring[4], 1]
        lid = shut[round(top) - 1 : round(top) + 3, round(x) - 6 : round(x) + 7].reshape(-1, 3).astype(float)
        low, high = np.quantile(light @ LUMA, (0.02, 0.98))
        assert low < np.median(lid @ LUMA) < high
        tones = [colours / colours.sum(-1, keepdims=True) for colours in (light, lid)]
        assert np.abs(np.median(tones[1], 0) - np.median(tones[0], 0)).max() < 0.03


def test_dark_lashes_lie_on_the_lower_lid(renderer, portrait):
    (shut,) = renderer.render(closing(1))
    landmarks = renderer.framing.to_crop(portrait.landmarks)[:, :2]
    for ring in LID_RINGS:
        x, top, end = landmarks[ring[4], 0], landmarks[ring[4], 1], landmarks[ring[12], 1]
        column = (shut[round(top) - 4 : round(end) + 8, round(x) - 2 : round(x) + 3].mean(1) @ LUMA).astype(float)
        darkest = column.argmin() - 4
        height = end - top
        assert 0.6 * height < darkest < 1.35 * height
        assert column.min() < 0.8 * np.median(column)


def test_each_eye_closes_alone_and_both_alike(portrait, renderer):
    """A mirrored portrait winks as the mirrored picture of the portrait's other wink."""
    image = np.ascontiguousarray(portrait.image[:, ::-1])
    mirrored = Renderer(HeadModel.load(), fit_portrait(image), SIZE, framing="crop", painter=None)
    rest, left = renderer.render(closing(0, 1, sides="L"))
    other_rest, right = mirrored.render(closing(0, 1, sides="R"))
    for frames in ((rest, left), (other_rest, right)):
        assert np.abs(frames[0].astype(int) - frames[1]).max() > 40
    unchanged = filled(renderer, portrait, LID_RINGS[1], 10)
    assert np.abs(rest[unchanged].astype(int) - left[unchanged]).max() <= 2
    eye = cv2.boundingRect(filled(renderer, portrait, LID_RINGS[0], 8).astype(np.uint8))
    x, y, width, height = eye
    own = left[y : y + height, x : x + width].astype(np.float32)
    flipped = right[:, ::-1]
    around = flipped[y - 8 : y + height + 8, x - 8 : x + width + 8].astype(np.float32)
    score = cv2.matchTemplate(around, own, cv2.TM_CCOEFF_NORMED).max()  # the two fits differ by a pixel or two
    assert score > 0.93


def test_the_rim_of_glasses_stays_in_front(portrait):
    image = portrait.image.copy()
    points = portrait.landmarks[:, :2]
    apart = float(np.linalg.norm(points[33] - points[263]))
    top = min(points[ring[4], 1] for ring in LID_RINGS) - 0.045 * apart
    start, end = (round(points[33, 0] - 0.3 * apart), round(top)), (round(points[263, 0] + 0.3 * apart), round(top))
    cv2.line(image, start, end, (25, 22, 20), max(2, round(0.03 * apart)), cv2.LINE_AA)
    renderer = Renderer(HeadModel.load(), replace(portrait, image=image), SIZE, framing="crop", painter=None)
    opened, shut = (frame.astype(float) @ LUMA for frame in renderer.render(closing(0, 1)))
    places = renderer.framing.to_crop(np.array([[points[ring[4], 0], top] for ring in LID_RINGS]))
    for x, y in places:
        row = slice(round(y) - 1, round(y) + 1), slice(round(x) - 12, round(x) + 13)
        assert opened[row].mean() < 70
        assert shut[row].mean() < opened[row].mean() + 15


def test_a_lash_line_that_goes_on_beside_the_eye_is_no_rim(portrait):
    """Folds go on beside many eyes as the lash line's dark, thin end. A closed lid doesn't show the line."""
    image = portrait.image.copy()
    points = portrait.landmarks[:, :2]
    apart = float(np.linalg.norm(points[33] - points[263]))
    lines = []
    for ring in LID_RINGS:
        upper = points[list(ring[:9])] - [0, 0.012 * apart]
        ends = (upper[[0, 8]] - upper[4]) * 1.75 + upper[4]
        lines.append(np.concatenate([ends[:1], upper, ends[1:]]))
    drawn = [np.round(line * 16).astype(np.int32)[:, None] for line in lines]
    cv2.polylines(image, drawn, False, (25, 22, 20), max(2, round(0.025 * apart)), cv2.LINE_AA, 4)
    renderer = Renderer(HeadModel.load(), replace(portrait, image=image), SIZE, framing="crop", painter=None)
    opened, shut = (frame.astype(float) @ LUMA for frame in renderer.render(closing(0, 1)))
    for line in lines:
        (x, y), (_, below) = renderer.framing.to_crop(line[[5, 5]] + [[0, 0], [0, -0.05 * apart]])
        row, skin = ((slice(round(at) - 1, round(at) + 2), slice(round(x) - 6, round(x) + 7)) for at in (y, below))
        assert opened[row].mean() < 0.75 * opened[skin].mean()
        assert shut[row].mean() > 0.8 * shut[skin].mean()


def test_lids_of_a_head_are_told_apart_from_its_motion(renderer):
    """Taken out of the motion, a blink leaves the head as it was; told as numbers, it shuts the eye."""
    weights = torch.zeros(3, len(EXPRESSIONS))
    for side in "LR":
        weights[1:, EXPRESSIONS.index(f"eyeBlink_{side}")] = torch.tensor([0.5, 1.0])
    zero = torch.zeros(3, 3)
    heads = renderer.geometry.pose(weights, zero, zero)
    resting = renderer.lids.resting(heads)
    skin = renderer.geometry.model.part_vertices("skin")
    moved, still = ((posed.pixels[:, skin] - posed.pixels[:1, skin]).abs().amax() for posed in (heads, resting))
    assert moved > 4 and still < 0.02
    for side in (0, 1):
        upper, lower = renderer.lids.moved(heads, side)
        assert upper[0].abs() < 1e-6 and lower[0].abs() < 1e-6
        torch.testing.assert_close(upper[2] + lower[2], torch.tensor(1.0))
        assert upper[1] > 3 * lower[1] > 0
