"""The field: mirrored codes give mirrored fields, no steps where the nearest anchors change, and its gradient."""

import pytest
import torch

from core.head.canonical_pose import canonical
from core.head.head_model import HeadModel
from core.neural_head.canonical import anchor_vertices
from core.neural_head.field import Field, FieldConfig, with_gradient

MIRROR = torch.tensor([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def anchors():
    head = HeadModel.load()
    left = canonical(head, torch.zeros(1))[anchor_vertices(head)][:8]
    return torch.cat([left, left * MIRROR])[None]


@pytest.fixture
def field():
    torch.manual_seed(0)
    return Field(FieldConfig(regions=2).tiny())


def points(count, seed=1):
    return 8 * torch.randn(1, count, 3, generator=torch.Generator().manual_seed(seed))


def test_shapes_and_the_length_of_a_code(field, anchors):
    config = field.config
    assert config.code == 4 + 16 * 2
    assert field(points(7), anchors, torch.randn(1, config.code)).shape == (1, 7, 3)
    assert field(points(0), anchors, torch.randn(1, config.code)).shape == (1, 0, 3)


def test_local_codes_act_near_their_anchor_only(field, anchors):
    code, other = torch.zeros(1, field.config.code), torch.zeros(1, field.config.code)
    other[0, field.config.whole : field.config.whole + field.config.local] = 1.0  # of the left eye's anchor
    at = torch.stack([anchors[0, 0], anchors[0, 15]])[None]  # the left eye, and the right of the nape
    change = (field(at, anchors, other) - field(at, anchors, code)).abs()[0, :, 0]
    assert change[0] > 1e-3 and change[1] == 0


def test_both_anchors_of_a_pair_share_a_network_that_sees_mirrored_points(field, anchors):
    # Without the network of the whole head, which isn't mirrored, and with equal codes.
    lone = Field(FieldConfig(regions=2, background=0.0).tiny())
    lone.load_state_dict(field.state_dict())
    whole, pair = torch.randn(4), torch.randn(8, 2)
    code = torch.cat([whole, pair.flatten(), pair.flatten()])[None]
    there = points(50)
    torch.testing.assert_close(lone(there, anchors, code), lone(there * MIRROR, anchors, code), atol=1e-4, rtol=1e-4)


def test_the_field_has_no_steps(field, anchors):
    code = torch.randn(1, field.config.code)
    path = torch.linspace(-10, 10, 20001)[:, None] * torch.tensor([0.3, 0.8, 0.5]) + torch.tensor([1.0, 0.0, 2.0])
    values = field(path[None], anchors, code)[0, :, 0]
    assert values.diff().abs().max() < 0.02  # a path of a millimetre a step


def test_gradients_are_those_of_differences(field, anchors):
    field, anchors, code = field.double(), anchors.double(), torch.randn(1, field.config.code).double()
    at = points(20).double()
    _, gradient = with_gradient(field, at, anchors, code)
    for axis in range(3):
        step = torch.zeros(3).double()
        step[axis] = 1e-5
        slope = (field(at + step, anchors, code) - field(at - step, anchors, code))[..., 0] / 2e-5
        torch.testing.assert_close(gradient[..., axis], slope, atol=1e-5, rtol=1e-4)
