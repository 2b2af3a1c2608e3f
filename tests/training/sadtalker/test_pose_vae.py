"""PoseVAE's training: the KL divergence against torch's own, the batches, and a run whose loss falls."""

import numpy as np
import pytest
import torch

from core.errors import SoliloquyError
from core.sound.prosody import PROSODY
from training.common.checkpoint import load_checkpoint
from training.common.engine import CHECKPOINT, RunConfig
from training.sadtalker.__main__ import main
from training.sadtalker.pose_vae import TrainConfig, divergence, train
from training.sadtalker.poses import PoseSampler, Recording

CONFIG = TrainConfig(size="tiny", batch=16, learning_rate=3e-3, warm_up=5)


@pytest.fixture(scope="module")
def found():
    """A talker who nods, with sound, and one who turns, without."""
    rng = np.random.default_rng(0)
    made = []
    for number in range(6):
        wave = np.sin(np.arange(120) / 25 * 5 + rng.uniform(0, 6))[:, None].astype(np.float32)
        nods = number % 2 == 0
        direction = np.array([0.1, 0, 0, 0, 0, 0.5] if nods else [0, 0.2, 0.02, 0.4, 0, 0], np.float32)
        heard = np.repeat(wave, PROSODY, 1) if nods else None
        made.append(
            Recording(f"{'nod' if nods else 'turn'}_{number}", "nod" if nods else "turn", wave * direction, heard)
        )
    return made


def test_divergence_is_that_of_two_normal_distributions():
    mean, log_variance = torch.randn(5, 7), torch.randn(5, 7)
    drawn = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    standard = torch.distributions.Normal(torch.zeros(5, 7), torch.ones(5, 7))
    torch.testing.assert_close(
        divergence(mean, log_variance), torch.distributions.kl_divergence(drawn, standard).mean()
    )


def test_stretches_are_parts_of_the_recordings(found):
    sampler = PoseSampler(found, 32)
    batch = sampler.draw(64, np.random.default_rng(1))
    assert sampler.talkers == ("nod", "turn") and batch.residuals.shape == (64, 32, 6)
    assert torch.equal(batch.residuals[:, 0], torch.zeros(64, 6))
    assert not batch.known[batch.style == 1].any() and 0.2 < batch.known[batch.style == 0].float().mean() < 0.8
    assert torch.equal(
        batch.residuals[batch.style == 0][..., 1:5], torch.zeros_like(batch.residuals[batch.style == 0][..., 1:5])
    )
    assert batch.heard[~batch.known].abs().max() == 0


def test_recordings_that_are_too_short_are_told(found):
    with pytest.raises(ValueError, match="no recording has 500 frames"):
        PoseSampler(found, 500)


def test_loss_falls_and_a_run_goes_on(found, tmp_path):
    settings = RunConfig(steps=80, bfloat16=False, device="cpu", ema=0.9, log_every=10, save_every=1000)
    sampler = PoseSampler(found, 32)
    lines = train(CONFIG, settings, sampler, tmp_path)
    assert lines[-1]["residual"] < 0.7 * lines[0]["residual"]
    more = train(CONFIG, RunConfig(**{**vars(settings), "steps": 90}), sampler, tmp_path)
    assert [line["step"] for line in more] == [90]


def test_the_command_trains_on_tracks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SoliloquyError, match="no tracks of filmed talkers"):
        main(["posevae", "--size", "tiny", "--steps", "1"])
    folder = tmp_path / ".cache" / "tracks" / "obama"
    folder.mkdir(parents=True)
    turns = np.cumsum(np.random.default_rng(0).normal(0, 0.01, (200, 3)), 0)
    np.savez(folder / "address_03-00000.npz", rotation=turns, translation=turns)
    np.savez(folder / "address_04-00000.npz", opening=turns[:, 0])
    main(["posevae", "--size", "tiny", "--steps", "2", "--device", "cpu"])
    facts = load_checkpoint(tmp_path / "runs" / "pose_vae" / CHECKPOINT, {}, {}, {})
    assert facts["step"] == 2 and facts["recipe"]["talkers"] == ["address"]
