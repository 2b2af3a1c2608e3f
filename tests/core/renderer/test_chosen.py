"""Work on chosen pixels gives what work on whole pictures gives."""

from __future__ import annotations

import pytest
import torch

from core.renderer.chosen import SparseLayer, box_of, mean_around, pixels_of, put, sample_points, take
from core.renderer.fields import blur, pixel_grid, sample
from core.renderer.generator.finish import applied
from core.renderer.generator.generator import Correction

SIZE = 48


def random(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(len(shape)))


def flat(flow: torch.Tensor) -> torch.Tensor:
    """(2, S · S) of (S, S, 2)."""
    return flow.permute(2, 0, 1).reshape(2, -1)


def test_a_layer_that_is_empty_in_places_moves_as_a_whole_one():
    layer = random(1, 4, SIZE, SIZE)
    layer[..., :20] = 0
    layer[..., :, 40:] = 0
    flow = pixel_grid(SIZE, SIZE) + 12 * (random(SIZE, SIZE, 2) - 0.5)  # some of it reaches beyond the picture
    flow[:, 30:] = pixel_grid(SIZE, SIZE)[:, 30:]  # stands still
    whole = sample(layer, flow[None], "bicubic")[0]
    sparse = SparseLayer(layer)
    shown = sparse.shown(flat(flow))
    assert shown.any() and not shown.all()
    assert (whole.reshape(4, -1)[:, ~shown] == 0).all()
    torch.testing.assert_close(sparse.moved(flat(flow), shown), whole, rtol=0, atol=1e-4)


def test_a_pixel_is_the_same_whichever_others_are_chosen():
    picture, points = random(1, 3, SIZE, SIZE), SIZE * random(2, 1001)
    for mode in ("bilinear", "bicubic"):
        whole = sample_points(picture, points, mode)
        for count in (1, 7, 16, 333):
            assert torch.equal(sample_points(picture, points[:, -count:], mode), whole[:, -count:])
    assert sample_points(picture, points[:, :0]).shape == (3, 0)


def test_means_around_pixels_are_those_of_the_blurred_picture():
    picture = random(3, SIZE, SIZE)
    everything = pixels_of(torch.ones(SIZE, SIZE, dtype=torch.bool))
    expected = blur(picture[None], 1, 1)[0].reshape(3, -1)
    torch.testing.assert_close(mean_around(picture, everything), expected)


def test_values_are_taken_and_put_at_the_chosen_pixels_only():
    picture = random(2, 5, 6)
    before = picture.clone()
    at = pixels_of(picture[0] > 0.5)
    put(picture, at, -take(picture, at))
    assert (picture[:, before[0] > 0.5] < 0).all()
    assert torch.equal(picture[:, before[0] <= 0.5], before[:, before[0] <= 0.5])


def test_a_box_holds_a_mask_and_nothing_more():
    mask = torch.zeros(9, 12, dtype=torch.bool)
    assert box_of(mask) is None
    mask[3, 4] = mask[5, 10] = True
    assert box_of(mask) == (slice(3, 6), slice(4, 11))


@pytest.mark.parametrize("size", [32, 48, 64])
def test_a_correction_is_applied_as_in_training(size):
    """Training applies it to whole pictures, because gradients need them."""
    mask = torch.zeros(2, 1, 32, 32)
    mask[0, :, 8:20, 5:30] = random(12, 25)
    correction = Correction(3 * mask * (random(2, 2, 32, 32) - 0.5), mask, random(2, 3, 32, 32) - 0.5)
    warped = random(2, 3, size, size)
    made = applied(correction, warped)
    torch.testing.assert_close(made, correction.apply(warped), rtol=0, atol=2e-5)
    assert torch.equal(made[1], warped[1])
