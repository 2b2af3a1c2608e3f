"""Open mouths in the portrait close at rest, or the portrait is refused."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import skimage.data
import torch

from core.errors import BadInputError
from core.face.face_mesh import FaceMesh
from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS
from core.motion.motion import Motion
from core.portrait.fit import MOST_APART, fit_portrait, lips_apart
from core.renderer import Renderer
from tests.core.made_portraits import rendered_head

PICTURES = {"photograph": skimage.data.astronaut, "rendered": rendered_head}
CLOSED = 0.03
"""Gap between the lips over the mouth's width below which lips meet."""
LEFT, RIGHT, UPPER, LOWER = 291, 61, 13, 14


def motion_of(weights: dict[str, float]) -> Motion:
    expression = np.zeros((1, len(EXPRESSIONS)), np.float32)
    for name, value in weights.items():
        for full in (name, f"{name}_L", f"{name}_R"):
            if full in EXPRESSIONS:
                expression[0, EXPRESSIONS.index(full)] = value
    return Motion(expression, np.zeros((1, 3), np.float32), np.zeros((1, 3), np.float32), 25.0)


@pytest.fixture(scope="module", params=PICTURES)
def opener(request: pytest.FixtureRequest) -> Renderer:
    """Opens the mouth of a picture."""
    return Renderer(HeadModel.load(), fit_portrait(PICTURES[request.param]()), 384, framing="crop", painter=None)


def opened(opener: Renderer, weights: dict[str, float], stretch: float = 1.0) -> np.ndarray:
    """The picture with its mouth open, and stretched further in height by a factor."""
    motion = motion_of(weights)
    (picture,) = opener.render(motion)
    zero = torch.zeros(1, 3)
    heads = opener.geometry.pose(torch.from_numpy(motion.expression), zero, zero)
    points = opener.geometry.model.mesh468(heads.pixels)[0, :, :2].numpy()
    (x0, y0), eyes = points[[UPPER, LOWER]].mean(0), float(np.linalg.norm(points[33] - points[263]))
    y, x = (grid.astype(np.float32) for grid in np.mgrid[: picture.shape[0], : picture.shape[1]])
    away = np.hypot((x + 0.5 - x0) / (0.9 * eyes), (y + 0.5 - y0) / (0.8 * eyes))
    near = np.clip((1 - away) / 0.6, 0, 1)
    shift = (y + 0.5 - y0) * (1 / stretch - 1) * near * near * (3 - 2 * near)
    return cv2.remap(picture, x, (y + shift).astype(np.float32), cv2.INTER_CUBIC)


@pytest.mark.parametrize("painter", ["shipped", None])
@pytest.mark.parametrize("weights", [{"jawOpen": 0.4}, {"jawOpen": 0.65}, {"jawOpen": 0.6, "mouthStretch": 0.7},
                                     {"jawOpen": 0.45, "mouthLowerDown": 0.5, "mouthUpperUp": 0.5}])  # fmt: skip
def test_an_open_mouth_closes_at_rest(opener, weights, painter):
    portrait = fit_portrait(opened(opener, weights))
    assert lips_apart(portrait.landmarks) > 0.1
    (rest,) = Renderer(HeadModel.load(), portrait, 384, framing="crop", painter=painter).render(motion_of({}))
    with FaceMesh(video=False) as mesh:
        (face,) = mesh.detect(rest)
    gap, width = (np.linalg.norm(face[a, :2] - face[b, :2]) for a, b in ((UPPER, LOWER), (LEFT, RIGHT)))
    assert gap < CLOSED * width


@pytest.mark.parametrize(("weights", "stretch"), [({"jawOpen": 0.7}, 1.6), ({"jawOpen": 1.0}, 1.4),
                                                  ({"jawOpen": 0.9, "mouthFunnel": 0.5}, 1.2)])  # fmt: skip
def test_a_shouting_mouth_is_refused_by_name(opener, weights, stretch):
    with pytest.raises(BadInputError, match=r"The mouth is wide open in shout\.png") as caught:
        fit_portrait(opened(opener, weights, stretch), name="shout.png")
    assert caught.value.code == "portrait_open_mouth"


def test_a_turned_head_has_its_mouth_as_far_open(opener):
    """The limit means the same for a head that looks to the side."""
    motion = motion_of({"jawOpen": 0.6})
    turned = Motion(motion.expression, np.radians([[0, 18, 0]]).astype(np.float32), motion.translation, 25.0)
    front, side = (lips_apart(fit_portrait(next(opener.render(m))).landmarks) for m in (motion, turned))
    assert side == pytest.approx(front, rel=0.2) and front < MOST_APART
