"""The slow correction of n̂⁰ by nᵗ."""

import pytest
import torch

from core.prior.schedule import CosineSchedule
from core.prior.skip import correct_slowly

SCHEDULE = CosineSchedule(1000)


def noised(clean, t, seed=0):
    steps = torch.full((len(clean),), t)
    return SCHEDULE.add_noise(
        clean, steps, torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed))
    ), steps


def slow_motion(batch=64, frames=100):
    axis = torch.arange(frames)[None, :, None] / 25
    phase = torch.rand(batch, 1, 1, generator=torch.Generator().manual_seed(5)) * 6
    return torch.sin(axis * 1.5 + phase)


@pytest.mark.parametrize("t", [50, 100, 300, 600])
def test_slow_errors_shrink_and_none_arise(t):
    """A prediction that is 0.17 (variance 0.03, as measured) off comes nearer; a perfect one is hardly disturbed."""
    clean = slow_motion()
    noisy, steps = noised(clean, t)
    error = (correct_slowly(clean - 0.17, noisy, steps, SCHEDULE) - clean).square().mean()
    disturbance = (correct_slowly(clean, noisy, steps, SCHEDULE) - clean).square().mean()
    assert error < 0.03 * (0.3 if t < 200 else 0.95)
    assert disturbance < 0.01


def test_pure_noise_is_not_listened_to():
    predicted = slow_motion(4)
    noisy, steps = noised(predicted, 1000)
    torch.testing.assert_close(correct_slowly(predicted, noisy, steps, SCHEDULE), predicted, atol=1e-4, rtol=0)


def test_ends_and_single_frames_are_averaged_over_what_there_is():
    for frames in (1, 3, 100):
        clean = torch.full((2, frames, 3), 0.7)
        alpha = SCHEDULE.alpha(20)
        corrected = correct_slowly(clean - 0.5, clean * alpha, torch.tensor([20, 20]), SCHEDULE)
        assert (corrected - clean).abs().max() < 0.05


def test_fast_detail_of_the_prediction_stays():
    clean = slow_motion(8)
    noisy, steps = noised(clean, 100)
    blink = torch.zeros_like(clean)
    blink[:, 50] = 1.0
    with_blink = correct_slowly(clean + blink, noisy + SCHEDULE.alpha(100) * blink, steps, SCHEDULE)
    without = correct_slowly(clean, noisy, steps, SCHEDULE)
    torch.testing.assert_close(with_blink - without, blink, atol=1e-5, rtol=0)
