"""The table that weighs the network's answers against nᵗ: its axes, and its effect next to known entries."""

import numpy as np
import pytest
import scipy.fft
import torch

from core.prior.calibration import BANDS, CENTRES, SHAPE, TIMES, Calibration, cosines, frequency_shares, level_shares
from core.prior.features import d_nl
from core.prior.kept import Known
from core.prior.schedule import CosineSchedule
from core.prior.told.levels import LEVELS

SCHEDULE = CosineSchedule()
LEVEL = torch.zeros(len(LEVELS))


def correct(calibration, clean, noisy, t, levels=LEVEL, given=None, mask=None):
    given = torch.zeros_like(clean) if given is None else given
    mask = torch.zeros_like(clean, dtype=torch.bool) if mask is None else mask
    return clean + calibration.correction(SCHEDULE, clean, noisy, t, levels, Known(given, mask))


@pytest.mark.parametrize("frames", [1, 7, 100])
def test_the_transform_is_scipys(frames):
    motion = np.random.default_rng(0).normal(size=(frames, 3)).astype(np.float32)
    ours = cosines(frames) @ torch.from_numpy(motion)
    np.testing.assert_allclose(ours, scipy.fft.dct(motion, axis=0, norm="ortho"), atol=1e-5)
    torch.testing.assert_close(cosines(frames).T @ ours, torch.from_numpy(motion), atol=1e-5, rtol=0)


def test_frequencies_and_levels_are_interpolated_between_neighbouring_entries():
    shares = frequency_shares(100)  # coefficient k is of k / 8 Hz
    assert shares.shape == (100, len(BANDS)) and torch.allclose(shares.sum(dim=1), torch.ones(100), atol=1e-5)
    for k, place in ((0, 0), (1, 1), (2, 2), (8, 5), (99, len(BANDS) - 1)):
        assert shares[k, place] == pytest.approx(1.0, abs=1e-5)
    assert shares[20] @ torch.tensor(BANDS) == pytest.approx(2.5, abs=1e-4)
    for level, expected in ((0.0, 0.0), (-1.75, -1.75), (9.0, CENTRES[-1]), (-9.0, CENTRES[0])):
        shares = level_shares(torch.full((len(LEVELS),), level))
        assert shares[:-1] @ torch.tensor(CENTRES) == pytest.approx(expected, abs=1e-5) and shares[-1] == 0
    assert level_shares(torch.full((len(LEVELS),), torch.nan)).tolist() == [0.0] * len(CENTRES) + [1.0]


def test_the_answer_is_scaled_and_the_noisy_motion_is_trusted_as_the_table_says():
    generator = torch.Generator().manual_seed(0)
    clean, noisy = (torch.randn(2, 40, d_nl, generator=generator) for _ in range(2))
    plain = Calibration(torch.ones(SHAPE), torch.zeros(SHAPE))
    torch.testing.assert_close(correct(plain, clean, noisy, 300), clean)
    twice = Calibration(2 * torch.ones(SHAPE), torch.zeros(SHAPE))
    torch.testing.assert_close(correct(twice, clean, noisy, 300), 2 * clean, atol=1e-4, rtol=1e-4)
    trusting = Calibration(torch.ones(SHAPE), torch.ones(SHAPE))
    torch.testing.assert_close(correct(trusting, clean, noisy, 300), noisy / SCHEDULE.alpha(300), atol=1e-4, rtol=1e-4)
    assert correct(trusting, clean, noisy, SCHEDULE.steps).isfinite().all()


def test_slow_and_fast_motion_have_their_own_factors():
    keep = torch.ones(SHAPE)
    keep[:, :, BANDS.index(2.06) :] = 0.0  # fast motion counts as noise
    keep[:, :, 0, 3] = 3.0  # the mean of one feature is too small
    time = torch.arange(100) / 25.0
    slow, fast = torch.cos(2 * torch.pi * 0.25 * (time + 0.02)), torch.cos(2 * torch.pi * 8.0 * (time + 0.02))
    clean = (1.0 + slow + fast)[None, :, None].expand(1, 100, d_nl)
    corrected = correct(Calibration(keep, torch.zeros(SHAPE)), clean, torch.zeros_like(clean), 500)
    torch.testing.assert_close(corrected[0, :, 0], 1.0 + slow, atol=1e-3, rtol=0)
    torch.testing.assert_close(corrected[0, :, 3], 3.0 + slow, atol=1e-3, rtol=0)


def test_times_are_interpolated_and_levels_select_the_entry():
    keep = torch.ones(SHAPE)
    for place in range(len(TIMES)):
        keep[:, place] = float(place)
    keep[CENTRES.index(2.5)] = 50.0
    table = Calibration(keep, torch.zeros(SHAPE))
    at = [float(table.factors(SCHEDULE, t, 10, LEVEL)[0][0, 0]) for t in (1000, 977, 600, 535, 79, 1)]
    assert at[:2] == pytest.approx([0, 1]) and at[3:] == pytest.approx([7, 12, 12])
    assert 6 < at[2] < 7
    assert float(table.factors(SCHEDULE, 535, 10, LEVEL + 2.5)[0][4, 4]) == pytest.approx(50.0)
    with pytest.raises(ValueError, match="must be"):
        Calibration(torch.ones(3), torch.ones(3))


def test_known_entries_are_taken_as_right():
    """Known entries count with their own values instead of the network's answer, and noise there is not trusted."""
    clean, given = torch.zeros(1, 50, d_nl), torch.ones(1, 50, d_nl)
    mask = torch.zeros(1, 50, d_nl, dtype=torch.bool)
    mask[:, :20] = True
    noisy = torch.randn(1, 50, d_nl, generator=torch.Generator().manual_seed(1))
    noisy[:, 20:] = 0.0
    trusting = Calibration(torch.ones(SHAPE), torch.ones(SHAPE))
    assert torch.equal(correct(trusting, clean, noisy, 200, given=given, mask=mask), clean)
    larger = Calibration(1.5 * torch.ones(SHAPE), torch.zeros(SHAPE))
    added = correct(larger, clean, noisy, 200, given=given, mask=mask)
    torch.testing.assert_close(added[:, :20], torch.full((1, 20, d_nl), 0.5), atol=1e-5, rtol=0)
    torch.testing.assert_close(added[:, 20:], torch.zeros(1, 30, d_nl), atol=1e-5, rtol=0)
