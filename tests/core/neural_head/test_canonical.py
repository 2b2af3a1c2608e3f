"""The canonical pose: lips apart, a solid without openings in the box, and anchors that are mirror images."""

from collections import Counter

import numpy as np
import pytest
import torch

from core.head.canonical_pose import canonical
from core.head.head_model import HeadModel
from core.neural_head.canonical import LOW, Solid, anchor_vertices


@pytest.fixture(scope="module")
def head():
    return HeadModel.load()


def test_lips_are_about_a_centimetre_apart(head):
    people = torch.randn(8, head.identity_count, generator=torch.Generator().manual_seed(0))
    inner = canonical(head, people)[:, head.landmarks68[[62, 66]]]
    gap = (inner[:, 0] - inner[:, 1]).norm(dim=-1)
    assert gap.min() > 0.6 and gap.max() < 1.8


def test_the_solid_is_open_only_below_the_box(head):
    solid = Solid.of(head)
    vertices = solid.vertices(canonical(head, torch.zeros(1)).numpy())
    edges = Counter((int(a), int(b)) for t in solid.triangles for a, b in zip(t, np.roll(t, -1), strict=True))
    assert set(edges.values()) == {1}
    open_ends = [a for a, b in edges if (b, a) not in edges]
    assert len(open_ends) == 50 and vertices[open_ends, 1].max() < LOW[1]


def test_the_solid_turns_its_triangles_outward(head):
    solid = Solid.of(head)
    vertices = solid.vertices(canonical(head, torch.zeros(1)).numpy()).astype(float)
    a, b, c = (vertices[column] for column in solid.triangles.T)
    assert 5000 < (a * np.cross(b, c)).sum() / 6 < 9000  # cubic centimetres


def test_right_anchors_mirror_the_left_ones(head):
    places = canonical(head, torch.zeros(1))[anchor_vertices(head)]
    torch.testing.assert_close(places[8:], places[:8] * torch.tensor([-1.0, 1.0, 1.0]), atol=0.05, rtol=0)
