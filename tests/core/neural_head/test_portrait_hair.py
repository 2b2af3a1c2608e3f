"""The hair of a portrait: its mask, and a volume that gets the photograph's outline."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial import ConvexHull

import core.neural_head.hair_mask as hair_mask_module
import core.neural_head.portrait_hair as portrait_hair_module
from core.head.canonical_pose import canonical
from core.head.head_model import HeadModel
from core.neural_head.hair_colour import hair_colours
from core.neural_head.hair_mask import SIZE, HairMask, View, hair_mask
from core.neural_head.model import NeuralHead
from core.neural_head.portrait_hair import _large_parts, _Rays, _shifted, _to_neutral, portrait_hair
from core.neural_head.surface_nets import Surface
from core.portrait.fit import fit_portrait
from core.portrait.portrait import fitted


@pytest.fixture(scope="module")
def head():
    return HeadModel.load()


@pytest.fixture(scope="module")
def portrait(face):
    return fit_portrait(np.asarray(face))


@pytest.fixture(scope="module")
def view(portrait):
    return View.of(portrait)


def shape_of(portrait, head):
    fit = fitted(portrait)
    return head.vertices(fit.identity[None], fit.expression)[0]


class Ball:
    """A person whose hair is a ball around the skull, as is their skin."""

    def __init__(self, radius):
        self.radius = radius

    def hair_at(self, points):
        distance = (points - torch.tensor([0.0, 5.0, 0.0])).norm(dim=1) - self.radius
        return torch.stack([distance, torch.ones_like(distance), torch.zeros_like(distance)], 1)

    def skin_at(self, points):
        return self.hair_at(points)


def test_projection_and_its_inverse(view):
    points = torch.tensor([[1.0, 2.0, 3.0], [-6.0, 10.0, -4.0]])
    seen = view.project(points)
    torch.testing.assert_close(view.points(seen[:, :2], seen[:, 2:]), points, atol=1e-3, rtol=1e-4)


@pytest.mark.slow
def test_hair_surrounds_the_face_of_a_photograph(view, portrait, head):
    mask = hair_mask(view, head, shape_of(portrait, head))
    centimetres = float(view.project(torch.zeros(1, 3))[0, 2]) / view.focal
    nose, forehead = view.landmarks[1].round().astype(int), view.landmarks[10].round().astype(int)
    assert 150 < mask.hair.sum() * centimetres**2 < 500  # she has a full head of hair
    assert not mask.hair[nose[1], nose[0]] and mask.hair[forehead[1] - 12, forehead[0]]
    assert not mask.hair[:5].any() and mask.known[nose[1], nose[0]]


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_matte_that_misses_the_person_shows_no_hair(view, portrait, head, monkeypatch):
    monkeypatch.setattr(hair_mask_module, "find_person", lambda crop, landmarks: torch.zeros(1, 1, SIZE, SIZE))
    assert not hair_mask(view, head, shape_of(portrait, head)).hair.any()


@pytest.mark.slow
def test_the_hair_of_a_photograph_is_one_mesh_around_the_head_and_the_same_twice(portrait, head):
    made, again = (portrait_hair(portrait, head, resolution=64) for _ in range(2))
    assert made.vertices.tobytes() == again.vertices.tobytes() and made.colours.tobytes() == again.colours.tobytes()
    assert made.quads.min() == 0 and made.quads.max() == len(made.vertices) - 1 == len(made.colours) - 1
    assert made.colours.min() >= 0 and made.colours.max() <= 1
    skull = head.neutral(fitted(portrait).identity)
    assert made.vertices[:, 1].max() > skull[:, 1].max() and made.vertices[:, 2].min() < skull[:, 2].min() + 1.0


def test_a_portrait_without_hair_has_no_mesh(portrait, head, monkeypatch):
    bare = HairMask(np.zeros((SIZE, SIZE), bool), np.ones((SIZE, SIZE), bool))
    monkeypatch.setattr(portrait_hair_module, "hair_mask", lambda view, model, shape: bare)
    assert portrait_hair(portrait, head, NeuralHead.tiny(head.identity_count)) is None


def test_a_volume_gets_the_masks_outline(view, portrait, head):
    rays = _Rays(view, head, fitted(portrait).identity)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    middle = view.project(torch.tensor([[0.0, 7.0, 0.0]]))[0, :2].numpy()
    wide = ((columns - middle[0]) / 62) ** 2 + ((rows - middle[1]) / 50) ** 2 < 1
    wide &= ~np.isfinite(rays.distance.numpy()) | (rows < middle[1] - 8)
    mask = HairMask(wide, rows < middle[1])
    made = _shifted(Ball(9.0), rays, mask, 64)
    shown = view.distance_of(torch.from_numpy(made.vertices), torch.from_numpy(made.triangles)).numpy()
    shown = np.isfinite(shown) & (shown < rays.distance.numpy())
    kept = mask.known
    plain = ((columns - middle[0]) ** 2 + (rows - middle[1]) ** 2) * rays.pixel_cm**2 < 81
    overlap = [(m & wide & kept).sum() / ((m | wide) & kept).sum() for m in (shown, plain)]
    assert overlap[0] > 0.9 and overlap[0] > overlap[1] + 0.05


def test_small_loose_pieces_are_dropped():
    big = np.array([[a, a + 1, a + 101, a + 100] for a in range(80)])
    places = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
    surface = Surface(places, np.vstack([big, [[290, 291, 292, 293]]]))
    kept = _large_parts(surface)
    assert len(_large_parts(Surface(places, np.zeros((0, 4), np.int64))).vertices) == 0
    assert len(kept.quads) == 80 and len(kept.vertices) == 162
    np.testing.assert_array_equal(kept.vertices[kept.quads[3]], surface.vertices[big[3]])


def test_hair_near_the_chin_moves_with_the_closing_jaw(head):
    identity = torch.zeros(head.identity_count)
    chin, crown = (int(head.mean[:, axis].argmax()) if axis == 1 else int(head.landmarks68[8]) for axis in (2, 1))
    posed = canonical(head, identity).numpy()
    places = posed[[chin, crown]] + np.float32([[0, -0.3, 0.3], [0, 1, 0]])
    moved = _to_neutral(places, head, identity) - places
    assert moved[0, 1] > 0.5 and np.abs(moved[1]).max() < 0.05


def test_seen_hair_has_the_photographs_colours(view):
    view = replace(view, crop=np.full((SIZE, SIZE, 3), (200, 40, 40), np.uint8))
    view.crop[:, : SIZE // 2] = (40, 40, 200)
    rng = np.random.default_rng(0)
    places = rng.normal(size=(3000, 3))
    places = (8 * places / np.linalg.norm(places, axis=1, keepdims=True) + (0, 5, 0)).astype(np.float32)
    hull = ConvexHull(places)
    corners = places[hull.simplices]
    inward = (np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) * hull.equations[:, :3]).sum(1) < 0
    triangles = hull.simplices.astype(np.int64)
    triangles[inward] = triangles[inward][:, ::-1]
    mask = HairMask(np.ones((SIZE, SIZE), bool), np.ones((SIZE, SIZE), bool))
    colours = hair_colours(view, places, triangles.copy(), torch.full((SIZE, SIZE), torch.inf), mask)
    seen = view.project(torch.from_numpy(places)).numpy()
    red = colours[:, 0] > colours[:, 2]
    front = places[:, 2] > 4
    sure = front & (np.abs(seen[:, 0] - SIZE / 2) > 3)
    assert (red[sure] == (seen[sure, 0] > SIZE / 2)).all()
    behind = places[:, 2] < -4
    assert colours[behind].min() > 0.1 and colours[behind].max() < 0.85
