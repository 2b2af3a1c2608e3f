"""Training the tiny prior: losses, masks, resuming, windows of batches."""

import dataclasses

import numpy as np
import pytest
import torch

from core.prior.features import FEATURE_GROUPS, d_nl
from core.prior.network import AudioToNonlipPrior, PriorConfig
from core.prior.schedule import CosineSchedule
from training.prior import BatchSource, TrainConfig, Trainer, feature_weights, learning_rate, losses, statistics
from training.prior_data import Clip, blink_starts, draw_mask, draw_window
from training.prosody import Prosody

CONFIG = TrainConfig(size="tiny", steps=80, batch=8, learning_rate=3e-3, warm_up=5, save_every=1000)


@pytest.fixture(scope="module")
def clips():
    """Speech-like loudness with synthetic motion, a tracked clip, and an address without sound."""
    rng = np.random.default_rng(0)
    prosody = Prosody.silent(150)
    mel = rng.normal(size=(600, 80)).astype(np.float16)
    tracked = rng.normal(0, 0.05, size=(75, d_nl)).cumsum(axis=0).astype(np.float32) * 0.1
    return {
        "synthetic": [Clip("a", mel, None, prosody)],
        "grid": [Clip("s1_x", mel[:300], tracked)],
        "address": [Clip("address_01", None, None, prosody, np.zeros((150, 6), np.float32), [30.0, 80.0])],
    }


def test_loss_falls(clips, tmp_path):
    torch.set_num_threads(1)
    lines = Trainer(CONFIG, clips, tmp_path).fit()
    assert lines[-1]["step"] == 80
    assert lines[-1]["simple"] < 0.85 * lines[0]["simple"]


def test_a_resumed_run_is_the_same_run(clips, tmp_path):
    torch.set_num_threads(1)
    whole = Trainer(dataclasses.replace(CONFIG, steps=8), clips, tmp_path / "whole")
    whole.fit()
    first = Trainer(dataclasses.replace(CONFIG, steps=8), clips, tmp_path / "parts")
    for _ in range(3):
        first.train_step()
    first.save()
    rest = Trainer(dataclasses.replace(CONFIG, steps=8), clips, tmp_path / "parts")
    assert rest.step == 3
    rest.fit()
    for name, value in whole.average.state_dict().items():
        torch.testing.assert_close(value, rest.average.state_dict()[name], rtol=0, atol=0)


def test_losses_of_a_perfect_and_of_a_shaking_prediction(clips, monkeypatch):
    """L_simple and L_vel by hand, with a stand-in network that answers a known error."""
    monkeypatch.setattr("training.prior.correct_slowly", lambda predicted, *_: predicted)

    class Answer(AudioToNonlipPrior):
        error = 0.0

        def forward(self, noisy, t, audio, known, known_mask):
            return known + self.error

    network = Answer(PriorConfig.tiny())
    mean, deviation = np.zeros(d_nl, np.float32), np.ones(d_nl, np.float32)
    batch = BatchSource(clips, CONFIG, 40, mean, deviation).batch(0)
    schedule, weights = CosineSchedule(), feature_weights()
    generator = torch.Generator().manual_seed(0)
    simple, velocity = losses(network, batch, schedule, weights, generator)
    assert simple == 0 and velocity == 0
    network.error = 0.5
    simple, velocity = losses(network, batch, schedule, weights, generator)
    assert simple.item() == pytest.approx(0.25, rel=1e-5) and velocity.item() == pytest.approx(0, abs=1e-10)
    frames = batch.clean.shape[1]
    network.error = 0.5 * (-1.0) ** torch.arange(frames)[None, :, None]
    simple, velocity = losses(network, batch, schedule, weights, generator)
    assert simple.item() == pytest.approx(0.25, rel=1e-5) and velocity.item() == pytest.approx(1.0, rel=1e-5)


def test_masks_are_of_every_kind():
    rng = np.random.default_rng(0)
    masks = [draw_mask(100, rng, tuple(FEATURE_GROUPS.values())) for _ in range(400)]
    shares = np.array([m.mean() for m in masks])
    assert 0.2 < np.mean(shares == 0) < 0.35
    prefix = [m for m in masks if m[0].all() and not m[50:60].any()]
    assert len(prefix) > 60
    groups = [m for m in masks if m.any() and (m.any(axis=1) & ~m.all(axis=1)).any()]
    assert len(groups) > 40
    scattered = [m for m in masks if np.abs(np.diff(m[:, 0].astype(int))).sum() > 4]
    assert 0.12 < len(scattered) / len(masks) < 0.28


def test_batches_mix_sources_and_leave_conditions_empty(clips):
    source = BatchSource(clips, CONFIG, 40, np.zeros(d_nl, np.float32), np.ones(d_nl, np.float32))
    batches = [source.batch(i) for i in range(40)]
    heard = torch.cat([b.has_audio for b in batches]).float().mean().item()
    # Addresses (20 %) have no sound, and a tenth of the others go without.
    assert heard == pytest.approx(0.8 * 0.9, abs=0.08)
    lengths = {b.clean.shape[1] for b in batches}
    assert max(lengths) == 40 and len(lengths) > 3
    again = source.batch(7)
    assert torch.equal(again.clean, batches[7].clean) and torch.equal(again.known_mask, batches[7].known_mask)


def test_window_keeps_sound_and_motion_together():
    motion = np.arange(100, dtype=np.float32)[:, None].repeat(d_nl, axis=1)
    mel = np.arange(400, dtype=np.float16)[:, None].repeat(80, axis=1)
    sound, window = draw_window([Clip("c", mel, motion)], 20, np.random.default_rng(0))
    assert sound.shape == (80, 80) and window.shape == (20, d_nl)
    np.testing.assert_array_equal(sound[::4, 0], 4 * window[:, 0])


def test_statistics_weigh_sources_alike_and_never_vanish(clips):
    mean, deviation = statistics(clips)
    assert mean.shape == deviation.shape == (d_nl,)
    assert deviation.min() >= np.float32(0.03)


def test_learning_rate_warms_up_and_falls():
    config = TrainConfig(steps=1000, warm_up=100, learning_rate=1.0)
    assert learning_rate(0, config) == pytest.approx(0.01)
    assert learning_rate(500, config) == 1.0
    assert learning_rate(999, config) < 0.06


def test_blink_starts_finds_shallow_blinks():
    closure = np.zeros(200)
    for at in (40, 90, 150):
        closure[at - 2 : at + 3] = (0.1, 0.3, 0.4, 0.25, 0.1)
    closure[110:140] += 0.3  # a long lowered lid is no blink
    assert blink_starts(closure) == [37.5, 87.5, 147.5]
