"""The autoregressive prior: it sees only the past, frame by frame gives the same as all at once; its file and seeds."""

import numpy as np
import pytest
import torch

from core.errors import SoliloquyError
from core.prior.autoregressive.model import AutoregressiveMotion
from core.prior.autoregressive.network import AutoregressivePrior
from core.prior.features import d_nl
from core.prior.network import PriorConfig


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = AutoregressivePrior(PriorConfig.tiny()).eval()
    torch.nn.init.normal_(network.out.weight, 0, 0.05)
    torch.nn.init.normal_(network.levels_in[-1].weight)
    return network


def test_frames_see_only_the_past(network):
    before, audio = torch.randn(2, 30, d_nl), torch.randn(2, 30, 32)
    answer = network(before, audio)
    later = before.clone()
    later[:, 20:] += 1.0
    changed = network(later, audio)
    assert torch.equal(changed[:, :20], answer[:, :20]) and not torch.allclose(changed[:, 20:], answer[:, 20:])


def test_frame_by_frame_equals_all_at_once(network):
    before, audio = torch.randn(2, 12, d_nl), torch.randn(2, 12, 32)
    memories = [[] for _ in network.blocks]
    single = [network(before[:, i : i + 1], audio[:, i : i + 1], i, memories) for i in range(12)]
    torch.testing.assert_close(torch.cat(single, dim=1), network(before, audio), rtol=1e-4, atol=1e-5)


def test_feedback_does_not_grow(network):
    """For takes of any length and start, answers stay within the range that the last norm and layer allow."""
    width = network.config.width
    gain, shift = network.norm.weight.abs().max(), network.norm.bias.norm()
    bound = network.out.weight.norm(dim=1) * (gain * width**0.5 + shift) + network.out.bias.abs()
    made = network.sample(torch.randn(4 * 400, 80), 50 * torch.randn(2, d_nl))[:, 1:]
    assert (made.abs() <= bound + 1e-4).all()


@pytest.mark.parametrize("frames", [1, 2, 40, 41, 130])
def test_sampling_continues_its_start_for_any_length(network, frames):
    mel, start = torch.randn(4 * frames, 80), torch.randn(3, d_nl)
    motion = network.sample(mel, start)
    assert motion.shape == (3, frames, d_nl) and torch.equal(motion[:, 0], start)
    torch.testing.assert_close(network.sample(mel, start[1:2])[0], motion[1], rtol=1e-4, atol=1e-4)
    if 1 < frames <= 40:  # in one window its own answers are its input
        audio = network.encode_audio(mel[None]).expand(3, -1, -1)
        again = network(motion[:, :-1], audio[:, 1:], 1)
        torch.testing.assert_close(again, motion[:, 1:], rtol=1e-3, atol=1e-3)
        assert not torch.allclose(network.sample(mel, start, heard=False)[:, 1:], motion[:, 1:])


def mel(frames):
    return np.random.default_rng(0).normal(size=(4 * frames, 80)).astype(np.float32)


def test_the_seed_draws_the_first_frame_and_levels_change_the_rest(network):
    motion = AutoregressiveMotion(network, torch.full((d_nl,), 0.3), torch.full((d_nl,), 0.1))
    done = []
    one, two = (motion.sample(mel(130), seed, progress=done.append) for seed in (1, 2))
    assert one.shape == (130, d_nl) and one.dtype == np.float32 and np.isfinite(one).all()
    assert np.abs(one[0] - 0.3).max() <= 0.1 + 1e-6 and not np.allclose(one, two)
    assert done[-1] == 130 and done[:3] == sorted(done[:3])
    np.testing.assert_array_equal(motion.sample(mel(130), 1), one)
    lively = motion.continued(mel(130), 130, one[0], np.full(7, 1.0, np.float32))
    np.testing.assert_allclose(lively[0], one[0], atol=1e-6)
    assert not np.allclose(lively[1:], one[1:], atol=1e-3)


def test_its_files(network, tmp_path, monkeypatch):
    motion = AutoregressiveMotion(network, torch.full((d_nl,), 0.3), torch.full((d_nl,), 0.1))
    with pytest.raises(SoliloquyError, match="weights of the autoregressive prior are not complete"):
        AutoregressiveMotion.load(folder=tmp_path)
    monkeypatch.setattr("core.compute.shards.SHARD_BYTES", 60_000)
    paths = motion.save(tmp_path)
    assert len(paths) > 1
    again = AutoregressiveMotion.load(folder=tmp_path)
    np.testing.assert_allclose(again.sample(mel(20), 1), motion.sample(mel(20), 1), atol=1e-2)
    paths[-1].unlink()
    with pytest.raises(SoliloquyError, match="not complete"):
        AutoregressiveMotion.load(folder=tmp_path)
