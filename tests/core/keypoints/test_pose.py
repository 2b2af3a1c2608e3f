"""Where a head is in the square, found from landmarks and moved by coefficients."""

import pytest
import torch

from core.head.head_model import HeadModel
from core.head.rotation import euler_to_matrix
from core.keypoints.pose import DISTANCE_CM, UNIT_CM, HeadPose, head_pose
from tests.core.keypoints.made import pose


def _points(model: HeadModel, expression: torch.Tensor) -> torch.Tensor:
    return (model.mesh468(model.mean + model.expression_offsets(expression)) - model.neck_pivot) / UNIT_CM


def test_the_pose_of_a_drawn_head_is_found_again() -> None:
    model, true = HeadModel.load(), pose(2)
    expression = torch.rand(2, 53, generator=torch.Generator().manual_seed(0)) * 0.3
    found = head_pose(model, expression, true.to_square(_points(model, expression))[..., :2])
    torch.testing.assert_close(found.rotation, true.rotation, atol=1e-4, rtol=0)
    torch.testing.assert_close(found.place, true.place, atol=1e-4, rtol=0)
    torch.testing.assert_close(found.scale, true.scale, atol=1e-4, rtol=0)


def test_the_pose_does_not_depend_on_where_memory_lies() -> None:
    """The last bits of a solver in single precision do, and a take would not be the same again."""
    model, random = HeadModel.load(), torch.Generator().manual_seed(0)
    expression = torch.rand(1, 53, generator=random) * 0.3
    landmarks = pose().to_square(_points(model, expression))[..., :2] + 0.01 * torch.randn(1, 468, 2, generator=random)
    kept, found = [], set()
    for number in range(200):
        kept.append(torch.empty(7 * number + 3))  # so that the copies lie elsewhere
        again = head_pose(model, expression.clone(), landmarks.clone())
        found.add(b"".join(value.numpy().tobytes() for value in vars(again).values()))
    assert len(found) == 1


def test_square_and_head_are_inverse() -> None:
    points = torch.randn(2, 7, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(pose(2).to_head(pose(2).to_square(points)), points, atol=1e-5, rtol=0)


def test_no_motion_leaves_the_pose() -> None:
    still = pose().moved(torch.zeros(1, 3), torch.zeros(1, 3))
    for name, value in vars(pose()).items():
        torch.testing.assert_close(getattr(still, name), value)


def test_a_motion_moves_the_head_as_the_head_model_says() -> None:
    """Head space: turn about the pivot, then shift; then the portrait's own rotation."""
    points = torch.randn(1, 5, 3, generator=torch.Generator().manual_seed(0))
    rotation, translation = torch.tensor([[0.05, 0.1, -0.02]]), torch.tensor([[1.0, -0.5, 0.0]])
    upright = HeadPose(torch.eye(3)[None], torch.zeros(1, 2), torch.full((1,), 0.5))
    expected = (points @ euler_to_matrix(rotation).mT + translation / UNIT_CM) * 0.5
    made = upright.moved(rotation, translation).to_square(points)
    torch.testing.assert_close(made[..., 0], expected[..., 0])
    torch.testing.assert_close(made[..., 1], -expected[..., 1])


def test_a_head_that_comes_nearer_grows() -> None:
    upright = HeadPose(torch.eye(3)[None], torch.zeros(1, 2), torch.full((1,), 0.5))
    nearer = upright.moved(torch.zeros(1, 3), torch.tensor([[0.0, 0.0, 2.0]]))
    assert float(nearer.scale) == pytest.approx(0.5 * DISTANCE_CM / (DISTANCE_CM - 2.0))


def test_wrong_numbers_of_weights_are_refused() -> None:
    with pytest.raises(ValueError, match="52 weights"):
        head_pose(HeadModel.load(), torch.zeros(1, 52), torch.zeros(1, 468, 2))
