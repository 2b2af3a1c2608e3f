"""The autoregressive baseline: it sees only the past, frame by frame gives the same as all at once, its loss falls."""

import dataclasses

import numpy as np
import pytest
import torch

from core.prior.features import d_nl
from core.prior.network import PriorConfig
from training.common.checkpoint import module_weights
from training.common.engine import CHECKPOINT, RunConfig
from training.prior.autoregressive import AutoregressivePrior, AutoregressiveSampler, TrainConfig, train
from training.prior.batches import BatchSource
from training.prior.data import Clip

CONFIG = TrainConfig(size="tiny", batch=8, learning_rate=3e-3, warm_up=5, shares=(("grid", 1.0),))
SETTINGS = RunConfig(steps=60, bfloat16=False, device="cpu", ema=0.9, save_every=1000)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = AutoregressivePrior(PriorConfig.tiny()).eval()
    torch.nn.init.normal_(network.out.weight, 0, 0.05)
    return network


@pytest.fixture(scope="module")
def clips():
    """Heads that swing with the loudness: the next frame follows from the past and the sound."""
    rng = np.random.default_rng(0)
    clips = []
    for index in range(6):
        phase = np.arange(120) / 25 * 4 + rng.uniform(0, 6)
        motion = np.zeros((120, d_nl), np.float32)
        motion[:, :6] = 0.2 * np.sin(phase)[:, None]
        mel = np.repeat(np.cos(phase), 4)[:, None].repeat(80, axis=1)
        clips.append(Clip(f"c{index}", mel.astype(np.float16), motion))
    return {"grid": clips}


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


def test_loss_falls_and_the_run_samples(clips, tmp_path):
    lines = train(CONFIG, dataclasses.replace(SETTINGS, log_every=10), clips, tmp_path)
    assert lines[-1]["simple"] < 0.5 * lines[0]["simple"]
    sampler = AutoregressiveSampler(tmp_path)
    assert sampler.facts["step"] == 60
    clip = clips["grid"][0]
    unknown = np.full(7, np.nan, np.float32)
    motion = sampler.sample(clip.mel, clip.frames, clip.motion[0], unknown)
    assert motion.shape == (120, d_nl) and np.isfinite(motion).all()
    np.testing.assert_allclose(motion[0], clip.motion[0], atol=1e-5)
    assert np.abs(sampler.sample(None, 20, clip.motion[0], unknown)).max() < 10
    told = sampler.sample(clip.mel, clip.frames, clip.motion[0], np.full(7, -2.0, np.float32))
    assert not np.allclose(told, motion), "it has learned to use the levels"


def test_an_interrupted_run_ends_where_an_unbroken_one_does(clips, tmp_path):
    config = dataclasses.replace(SETTINGS, steps=6, save_every=2)
    train(CONFIG, config, clips, tmp_path / "whole")
    batch, draws = BatchSource.batch, iter(range(3))
    with pytest.MonkeyPatch.context() as patch, pytest.raises(StopIteration):
        patch.setattr(BatchSource, "batch", lambda self, rng: (next(draws), batch(self, rng))[1])
        train(CONFIG, config, clips, tmp_path / "parts")
    train(CONFIG, config, clips, tmp_path / "parts")
    whole, parts = (module_weights(tmp_path / name / CHECKPOINT, "autoregressive") for name in ("whole", "parts"))
    assert all(torch.equal(value, parts[name]) for name, value in whole.items())
