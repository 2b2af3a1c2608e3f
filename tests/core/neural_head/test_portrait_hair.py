"""The hair of a portrait: where the photograph shows it, and a volume that gets the photograph's outline."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.head.head_model import HeadModel
from core.neural_head import regions as regions_module
from core.neural_head.canonical import LOW
from core.neural_head.field import HAIR_REGIONS, REGIONS, SKIN_REGIONS
from core.neural_head.meshing import narrow_band
from core.neural_head.model import NeuralHead
from core.neural_head.portrait_hair import OUTSIDE_CM, HairVolume, _Rays, _shift, portrait_hair
from core.neural_head.regions import find_regions
from core.neural_head.surface_nets import surface_nets
from core.neural_head.view import SIZE, View
from core.portrait.fit import fit_portrait
from core.portrait.portrait import fitted


@pytest.fixture(scope="module")
def head():
    return HeadModel.load()


@pytest.fixture(scope="module")
def portrait(face):
    return fit_portrait(np.asarray(face))


@pytest.fixture(scope="module")
def regions(portrait):
    return find_regions(portrait)


@pytest.fixture(scope="module")
def view(portrait, regions):
    return View.of(portrait, regions)


class Ball:
    """A person whose hair is a ball around the skull, as is their skin. Below the nose it is a beard."""

    def __init__(self, radius):
        self.radius = radius

    def hair_at(self, points):
        distance = (points - torch.tensor([0.0, 5.0, 0.0])).norm(dim=1) - self.radius
        beard = (points[:, 1] < 0).float()
        labels = torch.stack([1 - beard, beard], 1)
        assert REGIONS[SKIN_REGIONS:] == ("hair", "beard") and labels.shape[1] == HAIR_REGIONS
        return torch.cat([distance[:, None], labels], 1)

    def skin_at(self, points):
        return self.hair_at(points)


def test_projection_and_its_inverse(view):
    points = torch.tensor([[1.0, 2.0, 3.0], [-6.0, 10.0, -4.0]])
    seen = view.project(points)
    torch.testing.assert_close(view.points(seen[:, :2], seen[:, 2:]), points, atol=1e-3, rtol=1e-4)


def test_hair_surrounds_the_face_of_a_photograph(view):
    centimetres = float(view.project(torch.zeros(1, 3))[0, 2]) / view.focal
    nose, crown = view.project(torch.tensor([[0.0, -2.0, 11.0], [0.0, 13.0, 0.0]]))[:, :2].round().int().tolist()
    assert 150 < view.hair.sum() * centimetres**2 < 500  # she has a full head of hair
    assert not view.hair[nose[1], nose[0]] and view.hair[crown[1], crown[0]]
    assert not view.hair[:5].any() and view.known[nose[1], nose[0]]


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_matte_that_misses_the_person_shows_no_hair(portrait, monkeypatch):
    side = regions_module.SIDE
    monkeypatch.setattr(regions_module, "find_person", lambda crop, landmarks: torch.zeros(1, 1, side, side))
    assert not find_regions(portrait).hair.any()


@pytest.mark.slow
def test_the_hair_of_a_photograph_is_around_the_head_and_the_same_twice(portrait, regions, head):
    made, again = (portrait_hair(portrait, regions, head) for _ in range(2))
    skull = head.neutral(fitted(portrait).identity)
    skull = skull[skull[:, 1] > 8]
    places = skull * (1 + 0.3 / skull.norm(dim=1, keepdim=True))
    distance = made.distance(places)
    assert distance.numpy().tobytes() == again.distance(places).numpy().tobytes()
    assert (distance[places[:, 2] < 3] < 0).float().mean() > 0.95
    nose = torch.tensor([[0.0, -2.0, 13.0]])
    assert made.distance(nose) > 0.5 and made.distance(nose + torch.tensor([0.0, 0.0, 12.0])) > 3


def test_a_portrait_without_hair_has_no_volume(portrait, regions, head):
    bare = replace(regions, hair=np.zeros_like(regions.hair), hair_colour=None)
    assert portrait_hair(portrait, bare, head, NeuralHead.tiny(head.identity_count)) is None


def test_a_volume_gets_the_masks_outline(view, portrait, head):
    rays = _Rays(view, head, fitted(portrait).identity)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    middle = view.project(torch.tensor([[0.0, 7.0, 0.0]]))[0, :2].numpy()
    wide = ((columns - middle[0]) / 62) ** 2 + ((rows - middle[1]) / 50) ** 2 < 1
    wide &= ~np.isfinite(rays.distance.numpy()) | (rows < middle[1] - 8)
    rays.view = replace(view, hair=wide, known=rows < middle[1])
    volume = HairVolume(Ball(9.0), rays, _shift(Ball(9.0), rays))
    field, cell = narrow_band(volume.distance, 64)
    made = surface_nets(field, LOW, cell)
    shown = view.distance_of(torch.from_numpy(made.vertices), torch.from_numpy(made.triangles)).numpy()
    shown = np.isfinite(shown) & (shown < rays.distance.numpy())
    kept = rays.view.known
    plain = ((columns - middle[0]) ** 2 + (rows - middle[1]) ** 2) * rays.pixel_cm**2 < 81
    overlap = [(m & wide & kept).sum() / ((m | wide) & kept).sum() for m in (shown, plain)]
    assert overlap[0] > 0.9 and overlap[0] > overlap[1] + 0.05


def test_beards_are_no_hair(view, portrait, head):
    rays = _Rays(view, head, fitted(portrait).identity)
    volume = HairVolume(Ball(9.0), rays, torch.zeros(1, 1, 4, 4))
    found = volume.distance(torch.tensor([[0.0, 8.0, 0.0], [0.0, -2.0, 0.0]]))
    assert found[0] < -5 and found[1] == OUTSIDE_CM
