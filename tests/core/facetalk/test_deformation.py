"""The deformation against the head model, against rigid turns, and beside the surface."""

import time

import pytest
import torch

from core.facetalk.deformation import bases_at, deformed, surface_bases
from core.facetalk.expression_code import MOVEMENTS, ExpressionCode
from core.head.canonical_pose import canonical
from core.head.head_model import HeadModel
from core.head.rotation import euler_to_matrix
from core.motion.channels import EXPRESSIONS

JAW = EXPRESSIONS.index("jawOpen")
TURNING = [i for i, name in enumerate(EXPRESSIONS) if name == "jawOpen" or name.startswith("eyeLook")]


@pytest.fixture(scope="module")
def head():
    return HeadModel.load()


@pytest.fixture(scope="module")
def code(head):
    return ExpressionCode.of(head)


@pytest.fixture(scope="module")
def person():
    return torch.randn(50, generator=torch.Generator().manual_seed(4))


@pytest.fixture(scope="module")
def bases(head, code, person):
    return surface_bases(head, code, person)


def test_what_does_not_turn_is_the_head_model(head, code, person, bases):
    weights = torch.rand(3, MOVEMENTS, generator=torch.Generator().manual_seed(0))
    weights[:, TURNING] = 0.0
    made = deformed(head.neutral(person), bases, code.encode(weights))
    torch.testing.assert_close(made, head.vertices(person, weights), atol=2e-4, rtol=0)


def test_a_jaw_turns_as_a_rigid_part(head, code, person, bases):
    rest = head.neutral(person)
    weights = torch.zeros(MOVEMENTS)
    weights[JAW] = 0.5
    made = deformed(rest, bases, code.encode(weights))
    straight = head.vertices(person, weights)
    teeth = head.part_vertices("teeth_lower")

    def shrinks(points):  # distances between teeth, which a rigid part keeps
        return (torch.pdist(points[teeth][::8]) - torch.pdist(rest[teeth][::8])).abs().max()

    assert shrinks(made) < 0.4 * shrinks(straight)
    apart = (made - straight).norm(dim=-1)
    assert 0.05 < apart.max() < 0.3 and apart[head.part_vertices("teeth_upper")].max() < 1e-4


@pytest.mark.parametrize("sideways", [1.0, 0.5])
def test_eyeballs_keep_their_shape(head, code, sideways):
    person = torch.zeros(50)  # the shapes of the head model turn the mean head's eyes exactly
    bases = surface_bases(head, code, person)
    weights = torch.zeros(MOVEMENTS)
    for name in ("eyeLookOut_L", "eyeLookIn_R"):
        weights[EXPRESSIONS.index(name)] = sideways
    rest, eye = head.neutral(person), head.part_vertices("eye_left")
    arm = rest[eye] - head.eye_centres_of(person)[0]
    turned = arm @ euler_to_matrix(torch.tensor([0.0, sideways * float(head.gaze_angles[2]), 0.0])).T
    made = deformed(rest, bases, code.encode(weights))[eye] - rest[eye] + arm
    straight = head.vertices(person, weights)[eye] - rest[eye] + arm
    wrong, before = ((points - turned).norm(dim=-1).max() for points in (made, straight))
    assert wrong < 0.03 and (sideways == 1.0 or wrong < 0.7 * before)


def test_points_on_the_surface_follow_it_and_lips_stay_apart(head, code, person, bases):
    found = bases_at(canonical(head, person)[::7], head, code, person)
    torch.testing.assert_close(found, bases[:, ::7], atol=2e-3, rtol=0)
    ring = head.contour_lips_inner
    upper, lower = ring[len(ring) // 4], ring[3 * len(ring) // 4]
    open_pose = canonical(head, person)
    assert (open_pose[upper] - open_pose[lower]).norm() > 0.8


def test_a_thousand_vertices_a_millisecond(head, code, person, bases):
    codes = code.encode(torch.rand(20, MOVEMENTS))
    rest = head.neutral(person)
    began = time.perf_counter()
    deformed(rest, bases, codes)
    assert 20 * len(rest) / (1000 * (time.perf_counter() - began)) > 1000 / 4  # a busy machine
