"""The training of the autoregressive prior: its loss falls, and a run can be interrupted."""

import dataclasses

import numpy as np
import pytest
import torch

from core.prior.features import d_nl
from training.common.checkpoint import module_weights
from training.common.engine import CHECKPOINT, RunConfig
from training.prior.autoregressive import TrainConfig, train, trained
from training.prior.batches import BatchSource
from training.prior.data import Clip

CONFIG = TrainConfig(size="tiny", batch=8, learning_rate=3e-3, warm_up=5, shares=(("grid", 1.0),))
SETTINGS = RunConfig(steps=60, bfloat16=False, device="cpu", ema=0.9, save_every=1000)


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


def test_loss_falls_and_the_run_samples(clips, tmp_path):
    lines = train(CONFIG, dataclasses.replace(SETTINGS, log_every=10), clips, tmp_path)
    assert lines[-1]["simple"] < 0.5 * lines[0]["simple"]
    sampler, facts = trained(tmp_path)
    assert facts["step"] == 60
    clip = clips["grid"][0]
    unknown = np.full(7, np.nan, np.float32)
    motion = sampler.continued(clip.mel, clip.frames, clip.motion[0], unknown)
    assert motion.shape == (120, d_nl) and np.isfinite(motion).all()
    np.testing.assert_allclose(motion[0], clip.motion[0], atol=1e-5)
    assert np.abs(sampler.continued(None, 20, clip.motion[0], unknown)).max() < 10
    told = sampler.continued(clip.mel, clip.frames, clip.motion[0], np.full(7, -2.0, np.float32))
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
