"""The narrow band against a full grid, the head's file, and the mesh of a person."""

import numpy as np
import pytest
import torch

from core.errors import SoliloquyError
from core.neural_head.canonical import HIGH, LOW
from core.neural_head.field import REGIONS
from core.neural_head.meshing import Person, narrow_band
from core.neural_head.model import NeuralHead
from core.neural_head.surface_nets import surface_nets

CENTRE = torch.tensor([0.5, 2.0, 0.3])


def ball(points):
    return (points - CENTRE).norm(dim=1) - 8.0


def test_the_band_finds_what_a_full_grid_finds():
    asked = []

    def counted(points):
        asked.append(len(points))
        return ball(points)

    grid, cell = narrow_band(counted, 64)
    places = np.argwhere(np.ones(grid.shape, bool)) * cell + LOW
    full = ball(torch.from_numpy(places.astype(np.float32))).numpy().reshape(grid.shape)
    assert ((grid < 0) == (full < 0)).all() and sum(asked) < 0.3 * full.size
    band, whole = surface_nets(grid, LOW, cell), surface_nets(full, LOW, cell)
    np.testing.assert_allclose(band.vertices, whole.vertices, atol=1e-5)


def test_resolutions_other_than_powers_of_two_are_refused():
    with pytest.raises(ValueError, match="100 is not 16 times a power of two"):
        narrow_band(ball, 100)


def test_a_field_without_a_surface_is_asked_on_the_coarse_grid_alone():
    asked = []

    def far(points):
        asked.append(len(points))
        return torch.full((len(points),), 9.0)

    grid, cell = narrow_band(far, 64)
    assert (grid == 9.0).all() and asked[0] > 0 and asked[1:] == [0, 0]
    assert len(surface_nets(grid, LOW, cell).vertices) == 0


def test_people_whose_hair_is_nowhere_have_no_surface():
    torch.manual_seed(0)
    head = NeuralHead.tiny(50)
    with torch.no_grad():
        head.hair.last_bias[:, 0] += 100.0
    made = Person.of(head, torch.zeros(50)).hair_surface(32)
    assert made.surface.vertices.shape == (0, 3) and made.region.shape == (0,)


def test_a_head_is_the_same_after_saving(tmp_path):
    torch.manual_seed(0)
    head = NeuralHead.tiny(50)
    head.save(tmp_path / "head.safetensors")
    again = NeuralHead.load(path=tmp_path / "head.safetensors")
    identity, points = torch.randn(50), 5 * torch.randn(30, 3)
    first, second = (Person.of(made.eval(), identity) for made in (head, again))
    torch.testing.assert_close(first.skin_at(points), second.skin_at(points), atol=0.05, rtol=0.02)  # float16
    torch.testing.assert_close(first.hair_at(points), second.hair_at(points), atol=0.05, rtol=0.02)


def test_missing_weights_are_told(tmp_path):
    with pytest.raises(SoliloquyError, match="neural head") as raised:
        NeuralHead.load(path=tmp_path / "none.safetensors")
    assert raised.value.code == "weights_missing"


def test_surfaces_lie_in_the_box_with_labels_of_their_field():
    torch.manual_seed(0)
    head = NeuralHead.tiny(50)
    with torch.no_grad():
        head.anchor_places.bias.normal_(std=5)
        # A distance that falls to zero somewhere in the box, whatever the networks are.
        offset = Person.of(head, torch.zeros(50)).skin_at(torch.tensor([[0.0, 2.0, 0.0]]))[0, 0]
        head.skin.last_bias[:, 0] -= offset / 5.0
    made = Person.of(head, torch.zeros(50)).skin_surface(32)
    vertices = made.surface.vertices
    assert len(vertices) and (vertices > np.array(LOW) - 0.01).all() and (vertices < np.array(HIGH) + 2).all()
    assert made.region.shape == (len(vertices),) and set(made.region) <= set(range(REGIONS.index("hair")))
