"""R: geometry of views and poses compared with the camera model, shapes of the outputs, and the weights' file."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from core.compute.weight_files import write_weights
from core.errors import SoliloquyError
from core.face.face_view import VIEW_SIDE, to_view
from core.face.reconstruction import (
    SIZES,
    Face,
    Reconstruction,
    ReconstructionConfig,
    camera_pose,
    sight_pose,
    view_camera,
)
from core.head.rotation import euler_to_matrix, matrix_to_euler


def _face(rotation: torch.Tensor, place: torch.Tensor) -> Face:
    empty = torch.zeros(len(rotation), 0)
    return Face(empty, empty, rotation, place, empty, empty)


def _random_poses(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    rotation = euler_to_matrix(0.4 * torch.randn(count, 3, generator=generator))
    translation = torch.randn(count, 3, generator=generator) * torch.tensor([8.0, 6.0, 20.0])
    return rotation, translation - torch.tensor([0.0, 0.0, 110.0])


def test_camera_pose_inverts_sight_pose():
    rotation, translation = _random_poses(20, 0)
    camera = (torch.full((20,), 600.0), torch.rand(20, 2) * 128)
    turn, place = sight_pose(rotation, translation, camera, VIEW_SIDE)
    again, moved = camera_pose(_face(turn, place), camera, VIEW_SIDE)
    assert torch.allclose(again, rotation, atol=1e-5)
    assert torch.allclose(moved, translation, atol=1e-3)


def test_the_rotation_along_the_line_of_sight_does_not_depend_on_the_place():
    # The scene turns about the camera, so the view of the head along the line of sight doesn't change.
    rotation, translation = _random_poses(8, 1)
    translation[:, :2] = 0
    camera = (torch.full((8,), 500.0), torch.full((8, 2), 64.0))
    straight, _ = sight_pose(rotation, translation, camera, VIEW_SIDE)
    pan = euler_to_matrix(torch.tensor([[0.0, 0.2, 0.0]]))
    aside, place = sight_pose(pan @ rotation, (pan @ translation[..., None])[..., 0], camera, VIEW_SIDE)
    assert torch.allclose(straight, matrix_to_euler(rotation), atol=1e-5)
    assert torch.allclose(aside, straight, atol=1e-5)
    assert (place[:, 0] < 0.45).all()  # but it is at the left of the view


def test_view_camera_projects_points_where_the_similarity_moves_them():
    rng = np.random.default_rng(2)
    angle, scale = 0.3, 0.004
    similarity = np.array(
        [[scale * np.cos(angle), -scale * np.sin(angle), 0.1], [scale * np.sin(angle), scale * np.cos(angle), -0.2]]
    )
    points = rng.normal(size=(30, 3)) * (10, 10, 5) - (0, 0, 90)
    focal, centre = 700.0, np.array([180.0, 140.0])
    pixels = centre + focal * points[:, :2] * (1, -1) / -points[:, 2:]
    zoomed, middle, roll = view_camera(
        torch.tensor([focal]).double(),
        torch.from_numpy(centre)[None],
        torch.from_numpy(similarity)[None],
        VIEW_SIDE,
    )
    turned = points @ roll[0].numpy().T
    seen = middle[0].numpy() + float(zoomed) * turned[:, :2] * (1, -1) / -turned[:, 2:]
    assert np.allclose(seen, to_view(pixels, similarity, VIEW_SIDE), atol=1e-6)


def test_outputs_have_the_right_shapes_and_begin_at_an_average_face():
    torch.manual_seed(0)
    network = Reconstruction(ReconstructionConfig.tiny()).eval()
    face = network(torch.rand(3, 3, VIEW_SIDE, VIEW_SIDE))
    assert face.identity.shape == (3, SIZES["identity"]) and face.expression.shape == (3, SIZES["expression"])
    assert face.gaze.shape == (3, 2, 2) and face.light.shape == (3, 9, 3)
    assert face.expression.abs().max() < 0.1
    assert (face.place[:, :2] - 0.5).abs().max() < 0.1
    maps = network.maps(torch.rand(1, 3, 256, 256))
    assert [m.shape[-1] for m in maps] == [128, 64, 32, 16]


def test_weights_file_gives_the_same_network_and_another_is_refused(tmp_path):
    torch.manual_seed(1)
    network = Reconstruction(ReconstructionConfig.tiny()).eval()
    path = tmp_path / "reconstruction.safetensors"
    write_weights(path, network.state_dict(), asdict(network.config))
    again = Reconstruction.load(path)
    view = torch.rand(1, 3, VIEW_SIDE, VIEW_SIDE)
    assert torch.equal(again(view).expression, network(view).expression)
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(SoliloquyError, match="can't be used"):
        Reconstruction.load(path)
    with pytest.raises(SoliloquyError, match="missing"):
        Reconstruction.load(tmp_path / "none.safetensors")
