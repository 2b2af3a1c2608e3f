"""The losses on keypoints, against values computed by hand."""

import numpy as np
import pytest
import torch

from core.keypoints.anchors import ANCHORS
from tests.training.sadtalker.face_render.made_faces import MadeFaces
from training.sadtalker.face_render.losses import (
    APART,
    MEAN_DEPTH,
    MOTION,
    SOFT,
    RandomWarp,
    deformation_prior,
    equivariance,
    guidance,
    keypoint_prior,
    soft_l1,
)


def _keypoints(free: list[list[float]], depth: float = MEAN_DEPTH) -> torch.Tensor:
    """(1, K, 3) keypoints: those that landmarks lead, all at one place, and free ones."""
    points = torch.cat([torch.zeros(len(ANCHORS), 2), torch.tensor(free)])
    return torch.cat([points, torch.full((len(points), 1), depth)], 1)[None]


def test_keypoint_prior_by_hand() -> None:
    """Two free keypoints are 0.2 apart: the squared distance 0.04 is 0.06 too small, for each of the two. The mean
    depth is 0.1 too large."""
    points = _keypoints([[1.0, 1.0], [1.2, 1.0]], MEAN_DEPTH + 0.1)
    count = len(ANCHORS) + 2
    assert float(keypoint_prior(points)) == pytest.approx(2 * (APART - 0.04) / count + 0.1, abs=1e-6)


def test_free_keypoints_keep_away_from_those_that_are_led() -> None:
    """One lies at the place of all the others."""
    count = len(ANCHORS) + 1
    expected = 2 * len(ANCHORS) * APART / count
    assert float(keypoint_prior(_keypoints([[0.0, 0.0]]))) == pytest.approx(expected, rel=1e-5)


def test_spread_keypoints_of_the_right_depth_cost_nothing() -> None:
    """Those that are led may lie near to each other."""
    assert float(keypoint_prior(_keypoints([[0.5, 0.0], [0.0, 0.5]]))) == pytest.approx(0.0, abs=1e-6)


def test_guidance_by_hand() -> None:
    """All keypoints are 0.1 to the right of their places, and move 0.05 too little."""
    faces = MadeFaces().draw(2, np.random.default_rng(0))
    away = torch.tensor([0.1, 0.0])
    seen = torch.cat([faces.anchors + away, torch.zeros(2, len(ANCHORS), 1)], -1)
    driven = torch.cat([faces.driven_anchors + away - torch.tensor([0.0, 0.05]), torch.zeros(2, len(ANCHORS), 1)], -1)
    assert float(guidance(seen, driven, faces)) == pytest.approx(0.1 / 2 + MOTION * 0.05 / 2, rel=1e-4)


def test_keypoints_that_move_with_the_warp_cost_nothing() -> None:
    """The mean place of a bright spot is found in the picture and in the warped one."""
    warp = RandomWarp.draw(2, torch.Generator().manual_seed(0), torch.device("cpu"))
    of_warped = torch.rand(2, 6, 3, generator=torch.Generator().manual_seed(1)) - 0.5
    seen = torch.cat([warp.places(of_warped[..., :2]), torch.zeros(2, 6, 1)], -1)
    assert float(equivariance(seen, of_warped, warp)) == pytest.approx(0.0, abs=1e-6)
    assert float(equivariance(seen + 0.1, of_warped, warp)) == pytest.approx(0.1, abs=1e-6)


def test_the_picture_is_warped_as_places_say() -> None:
    """Colours that are places: the warped picture shows at each place where it comes from."""
    warp = RandomWarp.draw(1, torch.Generator().manual_seed(2), torch.device("cpu"))
    axis = (torch.arange(64) + 0.5) / 32 - 1
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    bent = warp.picture(torch.stack([x, y])[None])
    place = torch.tensor([[[axis[30], axis[20]]]])
    torch.testing.assert_close(bent[0, :, 20, 30], warp.places(place)[0, 0], atol=1e-4, rtol=0)
    assert (bent[0, 0] - x).abs().mean() > 0.01


def test_deformation_prior_is_the_mean_size() -> None:
    assert float(deformation_prior(torch.tensor([[[0.1, -0.2, 0.0]]]))) == pytest.approx(0.1)


def test_small_differences_are_squared_and_large_ones_are_not() -> None:
    truth, weight = torch.zeros(1, 3, 4, 4), torch.full((1, 1, 4, 4), 2.0)
    small, large = (float(soft_l1(truth + d, truth, weight)) for d in (SOFT / 10, 1.0))
    assert small == pytest.approx(2 * (SOFT / 10) ** 2 / (2 * SOFT), rel=0.01)
    assert large == pytest.approx(2 * (1 - SOFT), rel=0.01)
