"""L_cl in the training of E_a: which frames are compared, what learns from it, and that MLP_cl is not exported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from core.sound.lips import LipModel, LipModelConfig
from tests.training.lips import made
from training.common.checkpoint import load_module, module_weights
from training.common.contrastive import contrastive, retrieval
from training.common.engine import CHECKPOINT, RunConfig
from training.lips.contrast import APART, TEMPERATURE, Contrast, contrast, spaced
from training.lips.data import Utterance
from training.lips.losses import BothWays, LossWeights, known_shares
from training.lips.sampler import Sampler
from training.lips.train import TrainConfig, averaged_model, finishing, train

TINY = TrainConfig(
    size="tiny", batch=8, window=24, learning_rate=3e-3, warm_up=5, losses=LossWeights(contrast=1.0, cross_entropy=0.0)
)
SETTINGS = RunConfig(steps=6, bfloat16=False, device="cpu", ema=0.9, log_every=4, save_every=3)


@pytest.fixture(scope="module")
def corpus() -> list[Utterance]:
    return made.corpus()


def test_neighbours_are_not_compared():
    """Every third frame from each of the three first ones on, and no frame twice."""
    values = torch.arange(2 * 14).reshape(2, 14, 1)
    found = spaced(values)[..., 0]
    assert APART == 3 and found.shape == (6, 4)
    assert found.tolist()[:4] == [[0, 3, 6, 9], [1, 4, 7, 10], [2, 5, 8, 11], [14, 17, 20, 23]]


def test_the_loss_is_that_of_the_paper_among_spaced_frames():
    f_cl, f_a = torch.randn(2, 2, 12, 5)
    parts = [contrastive(f_cl[:, k::3], f_a[:, k::3], TEMPERATURE) for k in range(3)]
    torch.testing.assert_close(contrast(f_cl, f_a), torch.stack(parts).mean())


def test_windows_of_people_who_were_not_filmed_have_no_loss():
    net, f_a = Contrast(7, 5), torch.randn(3, 12, 5, requires_grad=True)
    loss = contrast(*net(torch.zeros(0, 12, 7), f_a[torch.zeros(0, dtype=torch.long)]))
    loss.backward()
    assert loss.item() == 0.0 and f_a.grad is not None and float(f_a.grad.abs().sum()) == 0.0
    assert all(p.grad is not None and float(p.grad.abs().sum()) == 0.0 for p in net.parameters())


def test_who_is_seen_makes_no_difference():
    """f_v counts relative to its mean in the window, in units of how far it moves in the clips."""
    clips = [(k + np.random.default_rng(k).normal(0.0, [0.1, 5.0, 0.0], (40, 3))).astype(np.float16) for k in range(3)]
    net = Contrast.of(clips, 4).eval()
    np.testing.assert_allclose(net.deviation.numpy(), [0.1, 5.0, 1e-3], rtol=0.15)
    f_v, f_a = torch.from_numpy(clips[0][None, :12].astype(np.float32)), torch.randn(1, 12, 4)
    torch.testing.assert_close(
        net(f_v, f_a)[0], net(f_v + torch.tensor([3.0, -2.0, 1.0]), f_a)[0], atol=1e-3, rtol=1e-3
    )


def test_its_gradient_reaches_the_adapter_and_neither_whisper_nor_the_mouth():
    model = LipModel(LipModelConfig.tiny())
    both, net = BothWays(model), Contrast(12, 24)
    f_a = both(torch.randn(2, 24, 32), known_shares(torch.zeros(2, 48, dtype=torch.long)))[2]
    contrast(*net(torch.randn(2, 12, 12), f_a)).backward()

    def learns(module: torch.nn.Module) -> bool:
        return any(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in module.parameters())

    assert learns(both.adapter) and learns(net)
    assert not any(learns(part) for part in (model.whisper, both.phones, both.manner, both.a2l, both.decoder))


def test_faces_find_their_sound_in_clips_that_were_not_trained_on(corpus, tmp_path: Path):
    """Each phone of the toy set looks and sounds in its own way. Nothing but L_cl teaches E_a here."""
    lines = train(TINY, replace(SETTINGS, steps=120), corpus, tmp_path)
    assert lines[-1]["contrast"] < 0.6 * lines[0]["contrast"] < np.log(24 / APART)
    model = averaged_model(tmp_path, TINY)
    net = load_module(tmp_path / CHECKPOINT, "contrast", Contrast(12, model.config.adapter.width))
    other = made.utterance(77)
    with torch.no_grad():
        f_a = model.adapter(torch.from_numpy(other.versions[0].heard.astype(np.float32))[None])
        f_cl, sound = net(torch.from_numpy(np.asarray(other.f_v, np.float32))[None], f_a)
        found = retrieval(spaced(f_cl), spaced(sound))
    assert float(found) > 6 * APART / 60


def test_mlp_cl_is_kept_for_resuming_and_not_exported(corpus, tmp_path: Path):
    train(TINY, replace(SETTINGS, steps=2), corpus, tmp_path / "whole")
    names = set(module_weights(tmp_path / "whole" / CHECKPOINT, "contrast"))
    assert any("mlp_cl" in name for name in names)
    assert not any("contrast" in n or "mlp_cl" in n for n in module_weights(tmp_path / "whole" / CHECKPOINT, "lips"))
    train(finishing(TINY), replace(SETTINGS, steps=2), corpus, tmp_path / "finish", tmp_path / "whole")
    assert not module_weights(tmp_path / "finish" / CHECKPOINT, "contrast")
    model = averaged_model(tmp_path / "finish", finishing(TINY))
    model.save(tmp_path / "lips.safetensors")
    with safe_open(str(tmp_path / "lips.safetensors"), "np") as file:
        assert set(file.keys()) == set(LipModel(TINY.model()).own_state())


def test_an_interrupted_run_ends_where_an_unbroken_one_does(corpus, tmp_path: Path, monkeypatch):
    train(TINY, SETTINGS, corpus, tmp_path / "whole")
    draws, draw = iter(range(4)), Sampler.draw
    with monkeypatch.context() as patch, pytest.raises(StopIteration):
        patch.setattr(Sampler, "draw", lambda self, *arguments: (next(draws), draw(self, *arguments))[1])
        train(TINY, SETTINGS, corpus, tmp_path / "parts")
    train(TINY, SETTINGS, corpus, tmp_path / "parts")
    for name in ("lips", "contrast"):
        whole, parts = (module_weights(tmp_path / run / CHECKPOINT, name) for run in ("whole", "parts"))
        assert whole and all(torch.equal(whole[key], parts[key]) for key in whole)


def test_without_its_weight_or_a_film_nothing_is_compared(corpus, tmp_path: Path):
    off = replace(TINY, losses=replace(TINY.losses, contrast=0.0))
    blind = [replace(u, f_v=None) for u in corpus]
    for name, config, heard in (("off", off, corpus), ("blind", TINY, blind)):
        lines = train(config, replace(SETTINGS, steps=2), heard, tmp_path / name)
        assert "contrast" not in lines[-1] and not module_weights(tmp_path / name / CHECKPOINT, "contrast")
