"""Nobody is refused for the tone of their skin, in whatever light, and covers are noticed on every skin."""

from __future__ import annotations

import random
from functools import cache

import numpy as np
import pytest
import torch

from core.errors import BadInputError
from core.face.face_mesh import FaceMesh
from core.head.head_model import HeadModel
from core.portrait.find import find_face
from training.checks.outline import BACKDROPS
from training.corpus.synthetic.make_person import photograph
from training.corpus.synthetic.person import Look
from training.visible import covers, people, tones

SEED = 1000
"""First seed of the invented people here. Training and its measurement use smaller ones."""
SKINS = {"dark": (0.7, 0.8, 0.9, 1.0), "medium": (0.4, 0.47, 0.54, 0.6), "light": (0.0, 0.1, 0.2, 0.3)}
"""Places on ``people.SCALE``."""


def code(image: np.ndarray) -> str:
    """Code of the error with which a picture is refused, or "" if its face is found."""
    try:
        find_face(np.ascontiguousarray(image), "a.png")
    except BadInputError as error:
        return error.code
    return ""


@cache
def shown(skin: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pictures of invented people, and their faces."""
    images = [people.photographed(SEED + k, tone) for tone in SKINS[skin] for k in (round(100 * tone), 200)]
    with FaceMesh() as mesh:
        return [(image, mesh.detect(image)[0]) for image in images]


@pytest.mark.parametrize("skin", SKINS)
def test_nobody_is_refused_for_their_skin(skin: str) -> None:
    assert [code(image) for image, _ in shown(skin)] == [""] * len(shown(skin))
    lightness = [tones.skin_lightness(image, face) for image, face in shown(skin)]
    low, high = {"dark": (0, 45), "medium": (35, 66), "light": (60, 100)}[skin]
    assert low <= min(lightness) and max(lightness) <= high


@pytest.mark.parametrize("skin", SKINS)
def test_nobody_is_refused_for_light_or_paint(skin: str) -> None:
    for change in (tones.relit, tones.made_up):
        pictures = [change(random.Random(k), image, face) for k, (image, face) in enumerate(shown(skin))]
        assert {code(image) for image in pictures} == {""}


@pytest.mark.parametrize("degrees", [(0, 0, 0), (0, 12, 0), (0, -12, 0), (8, 0, 0), (-8, 0, 0), (0, 0, 10)])
def test_a_dark_face_before_a_bright_sky_is_accepted_in_every_pose(degrees: tuple[float, ...]) -> None:
    look = Look.draw(5, HeadModel.load().identity_count)
    turn = torch.tensor(np.radians(degrees), dtype=torch.float32)
    image, _ = photograph(look, 5, 512, 640, turn, BACKDROPS["sky"](640, 512))
    assert code(image) == ""


@pytest.mark.parametrize("skin", SKINS)
def test_covers_are_noticed_on_every_skin(skin: str) -> None:
    wanted = {"portrait_hidden_mouth": ("mask", "scarf", "hand"), "portrait_hidden_eyes": ("sunglasses", "bar")}
    missed = 0
    for error, names in wanted.items():
        codes = [
            code(covers.COVERS[name](random.Random(k), image, face))
            for name in names
            for k, (image, face) in enumerate(shown(skin)[::2])
        ]
        missed += codes.count("")
        assert codes.count(error) >= 0.75 * len(codes)
    assert missed <= 2, "of 20 pictures"


def test_a_change_of_the_skin_keeps_the_face() -> None:
    image, face = shown("medium")[0]
    before = image.copy()
    for change in (tones.retoned, tones.made_up, tones.relit, tones.varied):
        changed = change(random.Random(3), image, face)
        assert changed.shape == image.shape and changed.dtype == np.uint8 and np.array_equal(image, before)
        assert not np.array_equal(changed, image) and np.array_equal(changed, change(random.Random(3), image, face))
    found = {tones.tone_of(tones.retoned(random.Random(k), image, face), face) for k in range(30)}
    assert found == set(tones.TONES)
