"""Large eyes, as those of drawn characters, close without a hole and without white around the lids."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import skimage.data

from core.face.points import LID_RINGS
from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS
from core.motion.motion import Motion
from core.portrait.eye_rings import with_whole_eyes
from core.portrait.fit import fit_portrait
from core.portrait.portrait import Portrait
from core.renderer import Renderer
from tests.core.made_portraits import magnified, rendered_head

SIZE = 384
PICTURES = {"photograph": skimage.data.astronaut, "rendered": rendered_head}
"""Both have eyes of 0.11 outer-eye distances; most adults have 0.09."""


def large_eyed(picture: np.ndarray, factor: float) -> tuple[Portrait, list[np.ndarray]]:
    """The picture with its eyes enlarged, fitted, and the true outlines (16, 2) px of its eyes."""
    landmarks = fit_portrait(picture).landmarks[:, :2]
    rings = [landmarks[list(ring)] for ring in LID_RINGS]
    centres = np.stack([ring.mean(0) for ring in rings])
    made = magnified(picture, centres, 0.62 * float(np.linalg.norm(centres[0] - centres[1])), factor)
    return fit_portrait(made), [(ring - ring.mean(0)) * factor + ring.mean(0) for ring in rings]


def blink() -> Motion:
    """Open eyes, then shut eyes on an upright and on a turned head."""
    expression = np.zeros((3, len(EXPRESSIONS)), np.float32)
    for side in "LR":
        expression[1:, EXPRESSIONS.index(f"eyeBlink_{side}")] = 1
    rotation = np.radians([[0, 0, 0], [0, 0, 0], [3, 6, 2]]).astype(np.float32)
    return Motion(expression, rotation, np.zeros((3, 3), np.float32), 25.0)


def inside(outline: np.ndarray, size: int) -> np.ndarray:
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], (1,))
    return mask > 0


def whiteness(frame: np.ndarray, white: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """(H, W) 0 for the chromaticity of skin, 1 for that of the eye's white; 0 for what is darker than half of it."""
    level = frame.astype(float).sum(-1) + 1
    tone, of_white, of_skin = frame / level[..., None], white / white.sum(), skin / skin.sum()
    step = of_white - of_skin
    return np.where(level > 0.5 * white.sum(), (tone - of_skin) @ step / (step @ step), 0)


@pytest.mark.parametrize("painter", ["shipped", None])
@pytest.mark.parametrize(("kind", "factor"), [("photograph", 1.35), ("photograph", 1.8), ("rendered", 1.3),
                                              ("rendered", 1.6), ("rendered", 2.0)])  # fmt: skip
def test_large_eyes_close(kind, factor, painter):
    portrait, outlines = large_eyed(PICTURES[kind](), factor)
    renderer = Renderer(HeadModel.load(), portrait, SIZE, framing="crop", painter=painter)
    frames = list(renderer.render(blink()))
    rings = [renderer.framing.to_crop(outline) for outline in outlines]
    eyes = inside(rings[0], SIZE) | inside(rings[1], SIZE)
    around = cv2.dilate(eyes.astype(np.uint8), np.ones((25, 25))) > 0
    skin = np.median(renderer.framing.crop[around & ~eyes], 0)
    source = renderer.framing.crop[eyes]
    bright = source[source.sum(1) > np.quantile(source.sum(1), 0.75)]
    white = np.median(bright[bright.sum(1) < np.quantile(bright.sum(1), 0.9)], 0)
    shown = [(whiteness(frame, white, skin)[eyes] > 0.7).mean() for frame in (renderer.framing.crop, *frames[:2])]
    assert shown[0] > 0.15 and shown[1] > 0.1, shown
    assert shown[2] < 0.015, shown
    if kind == "rendered":  # its irises are blue: nothing of a closed lid is
        blue = [(frame[eyes][:, 2] > frame[eyes][:, 0] + 4.0).mean() for frame in frames]
        assert blue[0] > 0.15 and max(blue[1:]) < 0.002, blue


@pytest.mark.parametrize("kind", PICTURES)
def test_landmarks_of_normal_eyes_stay(kind):
    picture = PICTURES[kind]()
    landmarks = fit_portrait(picture).landmarks[:, :2]
    np.testing.assert_array_equal(with_whole_eyes(picture, landmarks), landmarks)


def test_landmarks_reach_the_rim_of_large_eyes():
    portrait, outlines = large_eyed(rendered_head(), 2.0)
    found = with_whole_eyes(portrait.image, portrait.landmarks[:, :2])
    for ring, outline in zip(LID_RINGS, outlines, strict=True):
        area = cv2.contourArea(outline.astype(np.float32))
        before, after = (cv2.contourArea(p[list(ring), :2].astype(np.float32)) / area for p in
                         (portrait.landmarks, found))  # fmt: skip
        assert before < 0.7 and 0.7 < after < 1.25, (before, after)
    others = np.setdiff1d(np.arange(len(found)), np.concatenate(LID_RINGS))
    np.testing.assert_array_equal(found[others], portrait.landmarks[others, :2])


@pytest.mark.parametrize("made", [np.zeros, np.ones])
def test_a_picture_of_one_colour_moves_no_landmark(made):
    landmarks = fit_portrait(rendered_head()).landmarks[:, :2]
    wide = landmarks + (landmarks - landmarks.mean(0)) * (0, 0.4)
    picture = made((448, 384, 3), np.uint8) * 255
    np.testing.assert_array_equal(with_whole_eyes(picture, wide), wide)
    np.testing.assert_array_equal(with_whole_eyes(picture, wide + 1000), wide + 1000)
