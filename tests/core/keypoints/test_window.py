"""The window in which the face render draws, and where keypoints begin."""

import pytest
import torch

from core.face.points import LANDMARKS
from core.keypoints.anchors import ANCHORS, MIRRORED, anchor_places, first_places, first_spreads, follows
from core.keypoints.blocks import square_grid
from core.keypoints.window import COLUMNS, ROWS, cropped, in_window, inside, pasted, window_grid


def test_the_window_of_a_grid_has_the_windows_places() -> None:
    grid = cropped(square_grid(64).permute(2, 0, 1)).permute(1, 2, 0)
    torch.testing.assert_close(grid, window_grid(32))
    torch.testing.assert_close(in_window(grid), square_grid(32))


@pytest.mark.parametrize("side", [64, 128, 150, 333])
def test_what_is_pasted_lies_where_it_was_drawn(side: int) -> None:
    """Fields whose values are places: in a square of any side they show the places of its own pixels."""
    found = pasted(window_grid(32).permute(2, 0, 1)[None], side)[0].permute(1, 2, 0)
    grid = square_grid(side)
    away = in_window(grid).abs().amax(-1)
    torch.testing.assert_close(found[away < 0.9], grid[away < 0.9], atol=1e-5, rtol=0)
    assert not found[away > 1].any()


def test_what_is_drawn_fades_at_the_rim() -> None:
    kept = inside(32)[0, 0]
    assert kept[0].max() < 0.3 and kept[4:28, 4:28].min() == 1
    assert (kept.diff(dim=0)[:16] >= 0).all()


def test_the_window_is_half_the_square() -> None:
    assert ROWS.stop - ROWS.start == COLUMNS.stop - COLUMNS.start == 16


def test_a_mirror_swaps_anchors() -> None:
    places = first_places(len(ANCHORS))
    torch.testing.assert_close(places[MIRRORED] * torch.tensor([-1.0, 1.0]), places)
    assert sorted(MIRRORED) == list(range(len(ANCHORS)))
    for anchor, other in zip(ANCHORS, MIRRORED, strict=True):
        assert (anchor.part, anchor.spread) == (ANCHORS[other].part, ANCHORS[other].spread)


def test_keypoints_of_the_eyes_the_mouth_and_the_head() -> None:
    moved = follows(32)[..., 0]
    assert moved.shape == (2, 32) and moved.sum(0).max() == 1
    assert moved[0].sum() == 10 and moved[1].sum() == 14  # the other two anchors and six free ones follow the head


def test_anchors_are_means_of_landmarks() -> None:
    landmarks = torch.rand(2, LANDMARKS, 3, generator=torch.Generator().manual_seed(0))
    upper = (landmarks[:, 0, :2] + landmarks[:, 13, :2]) / 2
    torch.testing.assert_close(anchor_places(landmarks)[:, 0], upper)


def test_free_keypoints_begin_apart_from_each_other_and_within_the_square() -> None:
    free = first_places(32)[len(ANCHORS) :]
    apart = torch.cdist(free, free) + torch.eye(len(free))
    assert apart.min() > 0.2 and free.abs().max() < 0.8
    assert first_spreads(32).shape == (32,) and first_places(5).shape == (5, 2)
