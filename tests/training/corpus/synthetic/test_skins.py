"""Skin from a photograph: only skin, without the light of the photograph."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from core.head.head_model import PARTS, HeadModel
from core.portrait.fit import fit_portrait
from core.portrait.texture import project_texture
from training.corpus.synthetic.skins import Surface, backdrops, photographed_skin


@pytest.fixture(scope="module")
def surface() -> Surface:
    return Surface(HeadModel.load(), 256)


@pytest.fixture(scope="module")
def textures(surface) -> tuple[np.ndarray, np.ndarray]:
    """Colours (n, 3) of the texels: as projected, and as skin."""
    data = pytest.importorskip("skimage.data", reason="the standard photograph comes with scikit-image")
    portrait = fit_portrait(data.astronaut())
    projected = project_texture(surface.head, portrait, surface.size)
    skin = photographed_skin(surface, portrait, "astronaut").texture
    place = surface.texels.row, surface.texels.column
    return projected[place].astype(float), skin[place].astype(float)


def test_neck_and_ears_have_the_colour_of_the_face(surface, textures):
    x, y, _ = surface.mean.numpy().T
    neck = (surface.part == PARTS.index("skin")).numpy() & (y < -9) & (y > -13) & (np.abs(x) < 6)
    projected, skin = textures

    def foreign(colour: np.ndarray) -> float:
        """Share of the neck whose chroma is far from that of the face: collar, suit, flag."""
        chroma = colour / np.maximum(colour.sum(1, keepdims=True), 1)
        middle = np.median(chroma[surface.face], axis=0)
        return float((np.abs(chroma[neck] - middle).max(1) > 0.06).mean())

    assert foreign(projected) > 0.15
    assert foreign(skin) < 0.5 * foreign(projected)


def test_light_from_one_side_is_removed(surface, textures):
    x, y, _ = surface.mean.numpy().T
    cheeks = surface.face & (np.abs(y) < 2) & (np.abs(x) > 3) & (np.abs(x) < 5.5)

    def lopsided(colour: np.ndarray) -> float:
        left, right = colour[cheeks & (x > 0)].mean(), colour[cheeks & (x < 0)].mean()
        return abs(float(np.log(left / right)))

    projected, skin = textures
    assert lopsided(skin) < 0.6 * lopsided(projected)


def test_backdrops_show_nobody(tmp_path):
    data = pytest.importorskip("skimage.data", reason="the standard photograph comes with scikit-image")
    cv2.imwrite(str(tmp_path / "a.png"), data.astronaut()[..., ::-1])
    (soft,) = backdrops([tmp_path / "a.png"])
    small = cv2.resize(data.astronaut(), (128, 128), interpolation=cv2.INTER_AREA)[::-1]
    edges = [np.abs(np.diff(picture.astype(float), axis=0)).mean() for picture in (soft, small)]
    assert edges[0] < 0.2 * edges[1]
    assert np.abs(soft.mean((0, 1)) - small.mean((0, 1))).max() < 6
