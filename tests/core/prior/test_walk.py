"""Sampling along the speech: noise of any part, pieces in order, and memory that does not grow with the length."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.prior.denoiser import Networks
from core.prior.features import d_nl
from core.prior.guidance import Guidance
from core.prior.kept import Kept
from core.prior.model import NonlipPrior
from core.prior.network import AudioToNonlipPrior, PriorConfig
from core.prior.sampler import dpm_solver_pp
from core.prior.sampling import Sampling, SamplingPlan
from core.prior.spaces import NormalisedSpace
from core.prior.walk import Walk, noise_of
from core.prior.windows import SEAM_FRAMES
from core.wire.style import PriorStyle


@given(seed=st.integers(0, 2**31 - 1), first=st.integers(0, 300), length=st.integers(1, 200))
def test_noise_of_a_part_is_part_of_the_noise(seed, first, length):
    whole = noise_of(seed, 0, 500, 3)
    np.testing.assert_array_equal(noise_of(seed, first, first + length, 3), whole[first : first + length])


def test_noise_is_normal_and_no_two_takes_share_it():
    noise = np.stack([noise_of(seed, 0, 2000, 4) for seed in range(5)])
    assert noise.dtype == np.float32 and abs(noise.mean()) < 0.02 and noise.std() == pytest.approx(1, abs=0.02)
    flat = noise.reshape(5, -1)
    assert np.abs(np.corrcoef(flat) - np.eye(5)).max() < 0.06
    assert np.abs(np.corrcoef(noise[0, :-50].ravel(), noise[0, 50:].ravel())[0, 1]) < 0.06, "blocks differ"


@pytest.fixture(scope="module")
def prior():
    torch.manual_seed(0)
    network = AudioToNonlipPrior(PriorConfig.tiny())
    with torch.no_grad():
        network.out.weight.normal_(0, 0.1)
    return NonlipPrior(network, torch.zeros(d_nl), torch.full((d_nl,), 0.1), num_inference_steps=3)


def mel(frames, seed=0):
    return np.random.default_rng(seed).normal(size=(4 * frames, 80)).astype(np.float32)


def walk_along(prior, sound, kept, style=None):
    """A walk of one take as :meth:`NonlipPrior.sample` makes it, and the number of windows that it has sampled."""
    windows = []
    networks = Networks(prior.network, prior.coarse, prior.schedule)
    space = NormalisedSpace(prior.space, prior.mean, prior.deviation)
    named = {"sampler": dpm_solver_pp, "num_inference_steps": 3, "guidance": Guidance()}
    plan = SamplingPlan(style=style or PriorStyle(), transition=SEAM_FRAMES, **named)
    return Walk(networks, space, sound, [8], kept, plan, lambda: windows.append(1)), windows


@pytest.mark.parametrize("style", [{}, {"head_amplitude": 0.4}, {"loop": True}, {"blink_rate": 30.0}])
def test_pieces_follow_one_another_and_are_the_take(prior, style):
    frames = 300
    keep = np.random.default_rng(2).uniform(0.2, 0.4, (1, frames, 32)).astype(np.float32)
    mask = np.zeros((frames, 32), bool)
    mask[100:150, -6:] = True
    style = PriorStyle(**style)
    whole = prior.sample(mel(frames), [8], Sampling(style=style), keep=keep, keep_mask=mask)
    walk, windows = walk_along(prior, mel(frames), Kept(1, frames, keep, mask), style)
    pieces, done = [], []
    for first, channels in walk:
        pieces.append((first, channels))
        done.append(len(windows))
    assert len(pieces) > 2 and done == sorted(set(done)), "each piece comes with the window that decides it"
    lengths = [channels.shape[1] for _, channels in pieces]
    assert [first for first, _ in pieces] == [0, *itertools.accumulate(lengths)][:-1] and sum(lengths) == frames
    np.testing.assert_array_equal(np.concatenate([channels for _, channels in pieces], axis=1), whole)


class Glimpse:
    """An array of an hour that only hands out slices, and notes the longest and where the last one ended."""

    def __init__(self, shape, part):
        self.shape, self.longest, self.end, self._part = shape, 0, 0, part

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, key):
        rows = key[-1] if isinstance(key, tuple) else key
        assert isinstance(rows, slice) and rows.step is None
        self.longest, self.end = max(self.longest, rows.stop - rows.start), rows.stop
        return self._part(rows)


def test_an_hour_goes_by_in_windows(prior):
    """Only slices of the sound and of the kept arrays are read, and finished frames come out long before the end."""
    frames, size = 90_000, prior.network.config.window
    sound = Glimpse((4 * frames, 80), lambda rows: mel((rows.stop - rows.start) // 4, rows.start))
    channels = Glimpse((1, frames, 32), lambda rows: np.full((1, rows.stop - rows.start, 32), 0.1, np.float32))
    mask = Glimpse((frames, 32), lambda rows: np.broadcast_to(np.arange(32) < 3, (rows.stop - rows.start, 32)))
    walk, windows = walk_along(prior, sound, Kept(1, frames, channels, mask))
    ahead = [sound.end // 4 - (first + part.shape[1]) for first, part in itertools.islice(walk, 20)]
    assert sound.longest <= 4 * size and max(channels.longest, mask.longest) <= size + 2 * SEAM_FRAMES
    assert len(windows) < 25 and sound.end < 4 * 2000 and max(ahead) < 200
