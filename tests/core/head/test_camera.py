"""The pinhole camera: its axes, batches of cameras, and points at or behind the camera plane."""

from __future__ import annotations

import torch

from core.head.camera import Fit, pinhole, project, unproject
from core.head.rotation import euler_to_matrix

FOCAL, CENTRE = 900.0, torch.tensor([320.0, 240.0])


def points(count: int) -> torch.Tensor:
    """Random points (count, 3) about 60 cm in front of the camera."""
    spread = torch.randn(count, 3, generator=torch.Generator().manual_seed(0))
    return 8 * spread - torch.tensor([0.0, 0.0, 60.0])


def test_the_camera_looks_along_minus_z_with_y_up():
    centre, right, up, nearer = pinhole(
        torch.tensor([[0.0, 0, -50], [1, 0, -50], [0, 1, -50], [1, 0, -25]]), FOCAL, CENTRE
    )
    torch.testing.assert_close(centre, CENTRE)
    torch.testing.assert_close(right - centre, torch.tensor([FOCAL / 50, 0.0]))
    torch.testing.assert_close(up - centre, torch.tensor([0.0, -FOCAL / 50]))
    torch.testing.assert_close(nearer - centre, torch.tensor([FOCAL / 25, 0.0]))


def test_unproject_inverts_the_projection():
    seen = points(40)
    pixels = pinhole(seen, FOCAL, CENTRE)
    torch.testing.assert_close(unproject(pixels, -seen[:, 2:], FOCAL, CENTRE), seen, atol=1e-4, rtol=0)


def test_a_batch_of_cameras_is_projected_like_each_of_them():
    seen = points(12).reshape(3, 4, 3)
    focals, centres = torch.tensor([500.0, 700.0, 900.0]), torch.randn(3, 2) * 40 + 256
    together = pinhole(seen, focals[:, None, None], centres[:, None])
    for k in range(3):
        assert torch.equal(together[k], pinhole(seen[k], float(focals[k]), centres[k]))


def test_points_behind_the_camera_stay_finite_with_a_least_distance():
    behind = torch.tensor([[2.0, 1.0, 0.0], [2.0, 1.0, 5.0], [2.0, 1.0, -0.5]])
    at_one = pinhole(torch.tensor([2.0, 1.0, -1.0]), FOCAL, CENTRE)
    torch.testing.assert_close(pinhole(behind, FOCAL, CENTRE, nearest=1.0), at_one.expand(3, 2))


def test_a_fit_projects_its_frames():
    angles = torch.tensor([[0.1, 0.2, -0.1], [0.0, -0.3, 0.1]])
    fit = Fit(
        identity=torch.zeros(1),
        focal=torch.tensor(FOCAL),
        centre=CENTRE,
        expression=torch.zeros(2, 53),
        rotation=euler_to_matrix(angles),
        translation=torch.tensor([[1.0, -2.0, -70.0], [0.0, 1.0, -65.0]]),
    )
    head = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(1)) * 5
    for k, pixels in enumerate(project(head, fit)):
        camera = head[k] @ fit.rotation[k].T + fit.translation[k]
        torch.testing.assert_close(pixels, pinhole(camera, FOCAL, CENTRE), atol=1e-3, rtol=0)
