"""PoseVAE: residuals begin at 0, takes of any length begin at the given pose and have no seams, seeds decide."""

import numpy as np
import pytest
import torch

from core.sadtalker.pose_vae import POSE, PoseVae, PoseVaeConfig, around_the_mean

HEARD = 5


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = PoseVae(PoseVaeConfig.tiny(3, HEARD)).eval()
    network.scale.copy_(torch.tensor([0.05, 0.08, 0.04, 1.0, 1.0, 1.0]))
    return network


def take(network, frames, seed=0, style=1, first=None):
    heard = np.random.default_rng(9).standard_normal((frames, HEARD)).astype(np.float32)
    begin = np.array([0.1, -0.2, 0, 1, 2, 3], np.float32) if first is None else first
    return network.sample(heard, style, begin, np.random.default_rng(seed))


@pytest.mark.parametrize("frames", [1, 7, 13, 32, 33, 56, 200])
def test_takes_of_any_length_begin_at_the_given_pose(network, frames):
    made = take(network, frames)
    assert made.shape == (frames, POSE) and made.dtype == np.float32
    np.testing.assert_allclose(made[0], [0.1, -0.2, 0, 1, 2, 3], atol=1e-6)


def test_residuals_begin_at_zero(network):
    spoken = network.spoken(torch.randn(4, 32, HEARD), torch.ones(4, dtype=bool))
    made = network.decode(torch.randn(4, 8), spoken, torch.tensor([0, 1, 2, 0]), torch.randn(4, POSE))
    assert torch.equal(made[:, 0], torch.zeros(4, POSE)) and made[:, 1:].abs().min() > 0


def test_seams_are_no_faster_than_the_rest(network):
    """A stretch that begins elsewhere would jump; steps across seams are as large as those within stretches."""
    steps = np.abs(np.diff(take(network, 2000)[:, :3], axis=0)).max(1)
    seams = np.zeros(len(steps), bool)
    for seam in range(24, 2000, 24):
        seams[seam - 2 : seam + 10] = True
    assert np.quantile(steps[seams], 0.99) < 1.5 * np.quantile(steps[~seams], 0.99)


def test_seed_and_style_decide(network):
    assert np.array_equal(take(network, 90, seed=4), take(network, 90, seed=4))
    assert not np.allclose(take(network, 90, seed=4), take(network, 90, seed=5), atol=1e-3)
    assert not np.allclose(take(network, 90, style=0), take(network, 90, style=2), atol=1e-4)


def test_unknown_sound_has_no_influence(network):
    unknown = torch.zeros(2, dtype=bool)
    spoken = network.spoken(torch.randn(2, 32, HEARD), unknown)
    assert torch.equal(spoken[0], spoken[1])


def test_a_slow_sway_is_taken_out():
    slow = np.linspace(0, 3, 3000)[:, None].repeat(6, 1).astype(np.float32)
    assert np.abs(around_the_mean(slow)[500:-500]).max() < 0.01


def test_long_takes_do_not_wander_off(network):
    """An average over ten seconds stays near the middle, wherever in a take of four minutes it is."""
    made = take(network, 6000)[:, :3]
    means = made[500:].reshape(-1, 250, 3).mean(1)
    assert np.abs(means).max() < 0.4 * made[500:].std(0).max()
