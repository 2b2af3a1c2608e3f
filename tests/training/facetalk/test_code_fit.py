"""Codes over sliding windows: without neighbours the exact solution; with them calmer; jumps stay."""

import numpy as np
import pytest
import torch

from training.facetalk.code_fit import OVERLAP, WINDOW, CodeFitSettings, smooth_codes

ALONE = CodeFitSettings(temporal=0.0)


def problem(wanted, strength=1.0):
    """Normal equations whose codes are ``wanted`` (T, n) where neighbours don't count."""
    rng = np.random.default_rng(0)
    frames, size = wanted.shape
    slope = torch.from_numpy(rng.normal(0.0, 1.0, (frames, 3 * size, size)))
    hessian = strength * slope.mT @ slope
    return hessian, (hessian @ wanted[..., None])[..., 0]


@pytest.mark.parametrize("frames", [1, 2, 5, WINDOW, WINDOW + 1, 3 * WINDOW + OVERLAP])
def test_without_neighbours_each_frame_is_solved_alone(frames):
    wanted = torch.from_numpy(np.random.default_rng(1).normal(0.0, 1.0, (frames, 4)))
    found = smooth_codes(*problem(wanted), torch.zeros_like(wanted), ALONE)
    torch.testing.assert_close(found, wanted)


def test_neighbours_take_the_trembling_out_and_nothing_else():
    rng = np.random.default_rng(2)
    slow = torch.from_numpy(np.sin(np.arange(60) / 20.0)[:, None] * np.ones(4))
    noisy = slow + torch.from_numpy(rng.normal(0.0, 0.1, slow.shape))
    equations = problem(noisy, strength=0.1)
    found = noisy
    for _ in range(4):
        found = smooth_codes(*equations, found, CodeFitSettings(temporal=2.0, huber=0.5))
    assert (found - slow).square().mean() < 0.5 * (noisy - slow).square().mean()
    assert found.diff(n=2, dim=0).square().mean() < 0.3 * noisy.diff(n=2, dim=0).square().mean()


def test_a_jump_costs_less_with_huber_than_with_squares():
    jump = torch.zeros(20, 3, dtype=torch.float64)
    jump[13:] = 2.0
    equations = problem(jump, strength=0.1)

    def kept(huber):
        found = jump
        for _ in range(6):
            found = smooth_codes(*equations, found, CodeFitSettings(temporal=4.0, huber=huber))
        return float((found[13] - found[12]).norm() / (jump[13] - jump[12]).norm())

    assert kept(0.05) > 0.9 > 0.6 > kept(100.0)


def test_windows_go_on_from_the_frames_that_they_are_given():
    still = torch.ones(40, 2, dtype=torch.float64)
    hessian, right = problem(still, strength=1e-6)  # only the neighbours count
    hessian[0], right[0] = torch.eye(2, dtype=torch.float64), torch.tensor([5.0, -5.0], dtype=torch.float64)
    found = smooth_codes(hessian, right, torch.zeros_like(still), CodeFitSettings(temporal=10.0, huber=1.0))
    torch.testing.assert_close(found, right[0].expand(40, 2), atol=0.01, rtol=0)
