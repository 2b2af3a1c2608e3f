"""Sampled heads stay within the limits of a portrait, kept ones stay as they are, and eyes look where they looked."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.motion.channels import NONLIP_CHANNELS
from core.motion.turning import FREE, TurningLimits
from core.prior.features import FEATURES, d_nl
from core.prior.model import NonlipPrior
from core.prior.network import AudioToNonlipPrior, PriorConfig
from core.prior.sampling import Sampling
from core.wire.style import PriorStyle

LIMITS = TurningLimits((-0.2, 0.1), (-0.15, 0.25))
TURN = [NONLIP_CHANNELS.index(name) for name in ("headPitch", "headYaw")]
GAZE = ["eyeLookOut_L", "eyeLookIn_L", "eyeLookDown_L", "eyeLookUp_L"]
FRAMES = 130


class Swaying(AudioToNonlipPrior):
    """Predicts one smooth motion for every input."""

    def forward(self, noisy, t, audio, known, known_mask):
        phase = torch.arange(noisy.shape[1])[:, None] / 9 + torch.arange(noisy.shape[2])
        return torch.sin(phase).expand_as(noisy)


@pytest.fixture(scope="module")
def prior() -> NonlipPrior:
    mean = torch.where(torch.tensor([name.startswith(("head", "gaze")) for name in FEATURES]), 0.0, 0.3)
    return NonlipPrior(Swaying(PriorConfig.tiny()), mean, torch.full((d_nl,), 0.3), num_inference_steps=3)


def sample(prior: NonlipPrior, turning: TurningLimits | None, keep=None, mask=None, **style) -> np.ndarray:
    mel = np.random.default_rng(0).normal(size=(4 * FRAMES, 80)).astype(np.float32)
    sampling = Sampling(style=PriorStyle(**style), turning=turning)
    keep = None if keep is None else keep[None]
    return prior.sample(mel, [3], sampling, keep=keep, keep_mask=mask)[0]


def within(turns: np.ndarray, limits: TurningLimits = LIMITS) -> bool:
    low, high = np.transpose([limits.pitch, limits.yaw])
    return bool(((turns >= low - 1e-6) & (turns <= high + 1e-6)).all())


def test_sampled_heads_stay_within_the_limits(prior) -> None:
    free, limited = sample(prior, None), sample(prior, LIMITS)
    assert not within(free[:, TURN])
    assert within(limited[:, TURN])
    np.testing.assert_allclose(limited[:, TURN], LIMITS.eased(free[:, TURN]), atol=1e-7)
    others = [i for i, name in enumerate(NONLIP_CHANNELS) if not name.startswith(("headPitch", "headYaw", "eyeLook"))]
    np.testing.assert_array_equal(limited[:, others], free[:, others])


def test_heads_that_turn_little_stay_bit_for_bit(prior) -> None:
    wide = TurningLimits((-1.0, 1.0), (-1.0, 1.0))
    free = sample(prior, None)
    assert np.abs(free[:, TURN]).max() < FREE
    np.testing.assert_array_equal(sample(prior, wide), free)


def test_eyes_on_the_camera_stay_on_it(prior) -> None:
    limited = sample(prior, LIMITS, gaze_to_camera=1.0, gaze_amplitude=0.0)
    out, inward, down, up = (limited[:, NONLIP_CHANNELS.index(name)] for name in GAZE)
    moves = np.abs(np.corrcoef(out - inward, limited[:, TURN[1]])[0, 1])
    assert moves > 0.99 and np.abs(np.corrcoef(down - up, limited[:, TURN[0]])[0, 1]) > 0.99


@pytest.mark.parametrize("loop", [False, True])
def test_kept_heads_stay_and_the_limits_come_in_smoothly(prior, loop) -> None:
    free = sample(prior, None, loop=loop)
    mask = np.zeros((FRAMES, len(NONLIP_CHANNELS)), bool)
    mask[:40] = True
    unlimited = sample(prior, None, free, mask, loop=loop)
    limited = sample(prior, LIMITS, free, mask, loop=loop)
    np.testing.assert_array_equal(limited[:40], free[:40])
    assert not within(free[:40, TURN]), "what is kept is beyond the limits"
    assert within(limited[65:100, TURN]), "a second later, and a second before a loop's beginning"
    assert change(limited, unlimited)[40:43].max() < 0.003, "the way out of what is kept is the same"
    if loop:
        assert change(limited, unlimited)[-2:].max() < 0.003, "and the way into it"


def change(turns: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(T,) radians by which heads differ."""
    return np.abs(turns[:, TURN] - others[:, TURN]).max(1)


def test_poses_that_a_style_asks_for_are_kept(prior) -> None:
    limited = sample(prior, LIMITS, start_pose=(20.0, -25.0, 0.0))
    np.testing.assert_allclose(np.degrees(limited[:3, TURN]), np.tile([20.0, -25.0], (3, 1)), atol=1e-4)
    assert within(limited[40:, TURN])
