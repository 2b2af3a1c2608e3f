"""z_ex: nothing is lost on the way back, distances are millimetres of the surface, and turns follow their arcs."""

import pytest
import torch

from core.facetalk.expression_code import CODE, MOVEMENTS, MOVING_PARTS, ExpressionCode
from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS


@pytest.fixture(scope="module")
def head():
    return HeadModel.load()


@pytest.fixture(scope="module")
def code(head):
    return ExpressionCode.of(head)


def weights(*shape, seed=0):
    return torch.rand(*shape, MOVEMENTS, generator=torch.Generator().manual_seed(seed))


def test_weights_come_back(code):
    given = weights(4, 7)
    z_ex = code.encode(given)
    assert z_ex.shape == (4, 7, CODE) and CODE == 64
    torch.testing.assert_close(code.decode(z_ex), given, atol=1e-5, rtol=0)
    torch.testing.assert_close(code.decode(z_ex[..., :MOVEMENTS]), given, atol=1e-5, rtol=0)


def test_the_distance_of_two_codes_is_how_far_the_surface_moves(code, head):
    first, second = weights(53), weights(53, seed=1)
    seen = head.part_vertices(*MOVING_PARTS)
    apart = (code.encode(first) - code.encode(second))[..., :MOVEMENTS].norm(dim=-1)
    moved = 10.0 * head.expression_offsets(first - second)[:, seen]
    torch.testing.assert_close(apart, moved.square().sum(-1).mean(-1).sqrt(), atol=1e-3, rtol=1e-3)


def test_movements_are_ordered_by_how_far_they_move(code):
    sizes = code.to_movements.norm(dim=1)
    assert (sizes.diff() <= 1e-5).all() and sizes[0] > 10 * sizes[-1]


def test_a_face_at_rest_and_whole_movements_have_no_turns(code):
    rest = torch.zeros(MOVEMENTS)
    opened, left = rest.clone(), rest.clone()
    opened[EXPRESSIONS.index("jawOpen")] = 1.0
    left[[EXPRESSIONS.index(name) for name in ("eyeLookOut_L", "eyeLookIn_R")]] = 1.0
    for face in (rest, opened, left):  # at weight 1 a shape is where the arc ends
        torch.testing.assert_close(code.turns(face), torch.zeros(11), atol=1e-6, rtol=0)
    assert code.turns(0.5 * opened)[:2].abs().min() > 1e-3
    assert code.turns(0.5 * left)[2:].abs().max() > 1e-2
    assert not code.turns(0.5 * opened)[2:].any() and not code.turns(0.5 * left)[:2].any()
