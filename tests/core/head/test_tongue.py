"""core.head.tongue: two shapes of the tongue that go where they should and leave everything else alone."""

from __future__ import annotations

import pytest
import torch

from core.head.head_model import HeadModel
from core.head.tongue import tongue_shapes
from core.motion.channels import EXPRESSIONS, TONGUE

OUT, UP = (TONGUE.index(name) for name in ("tongueOut", "tongueUp"))


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel.load()


@pytest.fixture(scope="module")
def shapes(head) -> torch.Tensor:
    return tongue_shapes(head)


def posed(head: HeadModel, shapes: torch.Tensor, jaw: float, out: float, up: float) -> torch.Tensor:
    """(V, 3) the mean head."""
    moved = head.mean + jaw * head.expression_basis[EXPRESSIONS.index("jawOpen")]
    return moved + out * shapes[OUT] + up * shapes[UP]


def tip_of(head: HeadModel) -> int:
    tongue = head.part_vertices("tongue")
    return int(tongue[head.mean[tongue, 2].argmax()])


def volume(points: torch.Tensor, triangles: torch.Tensor) -> float:
    """Volume between triangles and the origin."""
    a, b, c = (points[corner] for corner in triangles.T)
    return float((a * torch.linalg.cross(b, c)).sum() / 6)


def test_only_the_tongue_moves_and_its_root_stays(head, shapes):
    assert shapes.shape == (2, len(head.mean), 3)
    tongue = head.part_vertices("tongue")
    moved = shapes.abs().amax((0, 2)) > 0
    assert not moved[torch.isin(torch.arange(len(moved)), tongue, invert=True)].any()
    shared = torch.unique(head.triangles[(head.vertex_part[head.triangles] == head.vertex_part[tongue[0]]).any(1)])
    border = shared[torch.isin(shared, tongue, invert=True)]
    assert not moved[border].any(), "it stays where it grows out of the floor of the mouth"
    back = head.mean[tongue, 2] < head.mean[tongue, 2].max() - 4.7
    assert int(back.sum()) > 5 and not moved[tongue[back]].any()


def test_both_sides_move_alike(head, shapes):
    mirrored = shapes[:, head.symmetry] * torch.tensor([-1.0, 1.0, 1.0])
    assert torch.allclose(mirrored, shapes, atol=2e-3)


def test_the_raised_tip_meets_the_ridge_behind_the_upper_teeth(head, shapes):
    """With the jaw as little open as in speech, the tip ends within 5 mm of the gums behind the front teeth, above the
    teeth's edge, and never in front of the teeth."""
    gums = head.mean[head.part_vertices("gums_upper")]
    ridge = gums[(gums[:, 0].abs() < 0.5) & (gums[:, 1] < -2.4) & (gums[:, 2] > 9.5)].mean(0)
    upper = head.mean[head.part_vertices("teeth_upper")]
    edge, front = upper[upper[:, 0].abs() < 0.5][:, 1].min(), upper[:, 2].max()
    for jaw in (0.0, 0.1, 0.2):
        tip = posed(head, shapes, jaw, 0.0, 1.0)[tip_of(head)]
        assert float((tip - ridge).norm()) < 1.1 and float(tip[1]) > float(edge) and float(tip[2]) < float(front) - 0.3
    rest = posed(head, shapes, 0.1, 0.0, 0.0)[tip_of(head)]
    assert float((rest - ridge).norm()) > 1.4


def test_the_tongue_comes_out_over_the_lower_lip(head, shapes):
    vertices = posed(head, shapes, 0.35, 1.0, 0.0)
    tip, lower = vertices[tip_of(head)], vertices[head.part_vertices("teeth_lower")]
    lips = vertices[head.part_vertices("lips")]
    middle = lips[lips[:, 0].abs() < 0.4]
    assert float(tip[2]) > float(middle[:, 2].min()) + 0.5, "before the lips"
    front = lower[lower[:, 0].abs() < 0.5]
    tongue = vertices[head.part_vertices("tongue")]
    over = tongue[((tongue[:, 2] - front[:, 2].mean()).abs() < 0.9) & (tongue[:, 0].abs() < 0.5)]
    assert len(over)
    assert float(over[:, 1].min()) > float(front[:, 1].max()) - 0.15, "it lies on the teeth and isn't cut by them"


def test_a_tip_between_the_teeth_is_between_the_teeth(head, shapes):
    """tongueOut 0.33 with tongueUp 0.4, as in “th”."""
    vertices = posed(head, shapes, 0.12, 0.33, 0.4)
    tip = vertices[tip_of(head)]
    upper, lower = (vertices[head.part_vertices(name)] for name in ("teeth_upper", "teeth_lower"))
    above, below = upper[upper[:, 0].abs() < 0.5], lower[lower[:, 0].abs() < 0.5]
    assert float(above[:, 2].min()) < float(tip[2]) < float(above[:, 2].max()) + 0.4
    assert float(below[:, 1].max()) < float(tip[1]) < float(above[:, 1].min()) + 0.3


@pytest.mark.parametrize("shape", [OUT, UP])
def test_it_neither_swells_nor_vanishes(head, shapes, shape):
    """A tongue keeps its volume. The mesh is open at its root; so the part that moves is measured, closed there."""
    tongue = head.part_vertices("tongue")
    triangles = head.triangles[torch.isin(head.triangles, tongue).all(1)]
    root = head.mean[tongue][head.mean[tongue, 2] < 4.5].mean(0)
    before, after = (volume(points - root, triangles) for points in (head.mean, head.mean + shapes[shape]))
    assert 0.8 < after / before < 1.25


@pytest.mark.parametrize("shape", [OUT, UP])
def test_no_triangle_is_turned_inside_out(head, shapes, shape):
    tongue = head.part_vertices("tongue")
    triangles = head.triangles[torch.isin(head.triangles, tongue).all(1)]
    normals = [
        torch.linalg.cross(p[triangles[:, 1]] - p[triangles[:, 0]], p[triangles[:, 2]] - p[triangles[:, 0]])
        for p in (head.mean, head.mean + shapes[shape])
    ]
    turned = torch.nn.functional.cosine_similarity(*normals)
    assert float(turned.min()) > 0 and float((turned > 0.5).float().mean()) > 0.85
