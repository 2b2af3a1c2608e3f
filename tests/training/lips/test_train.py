"""Training the lip model: tiny runs learn and resume exactly, and the second stage changes only the mouth."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from core.head.head_model import HeadModel
from core.sound.lips import LipModel
from core.sound.whisper.encoder import WhisperConfig, WhisperEncoder
from tests.training.lips import made
from training.common.checkpoint import module_weights
from training.common.engine import CHECKPOINT, RunConfig
from training.lips.data import Utterance
from training.lips.hearing import statistics
from training.lips.mouth_geometry import MouthGeometry
from training.lips.sampler import Sampler
from training.lips.train import MAX_WIDENING, SEEN_WIDER, TrainConfig, averaged_model, calibrate, finishing, train

TINY = TrainConfig(size="tiny", batch=4, window=24, learning_rate=3e-3, warm_up=5)
SETTINGS = RunConfig(steps=40, bfloat16=False, device="cpu", ema=0.998, log_every=4, save_every=20)


@pytest.fixture(scope="module")
def corpus() -> list[Utterance]:
    return made.corpus()


@pytest.fixture(scope="module")
def geometry() -> MouthGeometry:
    return MouthGeometry.of(HeadModel.load())


@pytest.fixture(scope="module")
def trained(corpus, tmp_path_factory):
    """The folder of a short run."""
    folder = tmp_path_factory.mktemp("run")
    train(TINY, replace(SETTINGS, steps=10), corpus, folder)
    return folder


def test_the_loss_falls(corpus, tmp_path):
    lines = train(TINY, replace(SETTINGS, steps=80), corpus, tmp_path)
    assert lines[-1]["total"] < 0.4 * lines[0]["total"]
    assert lines[-1]["cross_entropy"] < 0.9 * lines[0]["cross_entropy"]
    logged = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert logged[0]["recipe"]["size"] == "tiny" and logged[-1]["step"] == 80


def test_every_size_hears_with_the_shipped_encoder():
    assert {TrainConfig(size=size).model().whisper for size in ("tiny", "base")} == {WhisperConfig()}


def test_finishing_trains_the_mouth_and_leaves_e_a(corpus, tmp_path, trained):
    train(finishing(TINY), replace(SETTINGS, steps=3), corpus, tmp_path, trained)
    before, after = averaged_model(trained, TINY).own_state(), averaged_model(tmp_path, finishing(TINY)).own_state()
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"manner", "a2l", "decoder"}


def test_finishing_forgets_the_mouth_of_the_first_stage(corpus, tmp_path, trained):
    """GRID's words are known by heart there, so the mouth begins as in an untrained model."""
    train(finishing(TINY), replace(SETTINGS, steps=1, ema=0.0), corpus, tmp_path, trained)
    torch.manual_seed(SETTINGS.seed)
    LipModel(TINY.model())
    fresh, after = LipModel(TINY.model()).state_dict(), module_weights(tmp_path / CHECKPOINT, "lips")
    before = module_weights(trained / CHECKPOINT, "lips")
    for name in ("a2l.out.weight", "decoder.weight", "manner.weight"):
        far = (after[name] - before[name]).abs().mean()
        assert (after[name] - fresh[name]).abs().mean() < 0.2 * far


def test_a_new_run_knows_the_statistics_of_what_is_heard(corpus, trained):
    mean, deviation = statistics([version for u in corpus for version in u.versions][::5])
    model = averaged_model(trained, TINY)
    np.testing.assert_allclose(model.adapter.mean.numpy(), mean, atol=1e-5)
    np.testing.assert_allclose(model.adapter.deviation.numpy(), deviation, rtol=1e-4)


def test_the_averaged_model_has_the_shipped_encoder(trained):
    found, shipped = averaged_model(trained, TINY), WhisperEncoder.load()
    assert all(torch.equal(value, found.whisper.state_dict()[name]) for name, value in shipped.state_dict().items())
    assert not found.training and not any(p.requires_grad for p in found.whisper.parameters())
    names = set(module_weights(trained / CHECKPOINT, "lips"))
    assert not any("whisper" in name for name in names), "checkpoints don't hold it"


def test_an_interrupted_run_ends_where_an_unbroken_one_does(corpus, tmp_path, monkeypatch):
    settings = replace(SETTINGS, steps=6, save_every=3)
    train(TINY, settings, corpus, tmp_path / "whole")
    draws, draw = iter(range(4)), Sampler.draw

    with monkeypatch.context() as patch, pytest.raises(StopIteration):
        patch.setattr(Sampler, "draw", lambda self, *arguments: (next(draws), draw(self, *arguments))[1])
        train(TINY, settings, corpus, tmp_path / "parts")
    assert train(TINY, settings, corpus, tmp_path / "parts")[-1]["step"] == 6
    whole, parts = (module_weights(tmp_path / run / CHECKPOINT, "lips") for run in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def filmed(corpus: list[Utterance]) -> list[Utterance]:
    return [u for u in corpus if u.source == "grid"]


def test_calibration_never_lowers_the_gain_below_one(corpus, geometry, trained):
    model = averaged_model(trained, TINY)
    for size in (0.01, 100.0):
        clips = [replace(u, opening=size * u.opening) for u in filmed(corpus)]
        calibrate(model, clips, geometry)
        assert float(model.gain.min()) >= 1.0 and float(model.gain.max()) <= MAX_WIDENING + 0.01
        assert float(model.rest.min()) >= 0.0
        assert float(model.gain.max()) == float(model.gain.min()), "one number for all channels"


def test_calibration_restores_the_deviation_of_the_opening(corpus, geometry, trained):
    """The tracked openings are those that frames of the model with a known gain show. The gain is found again."""
    model = averaged_model(trained, TINY)
    calibrate(model, filmed(corpus), geometry)
    model.gain.fill_(1.2)

    def opening(u: Utterance) -> np.ndarray:
        return geometry.opening_curve(model.hear_and_predict(u.whisper_mel.astype(np.float32)))

    clips = [replace(u, opening=SEEN_WIDER * opening(u)) for u in filmed(corpus)]
    assert min(u.opening.std() for u in clips) > 0.0
    model.gain.fill_(1.0)
    calibrate(model, clips, geometry)
    assert float(model.gain[0]) == pytest.approx(1.2, abs=0.021)


def test_calibration_ignores_an_earlier_calibration(corpus, geometry, trained):
    """Weights that were calibrated before contain their gain; with it the new gain was measured too small."""
    fresh, inherited = averaged_model(trained, TINY), averaged_model(trained, TINY)
    inherited.gain.fill_(1.2)
    inherited.rest.fill_(0.1)
    for model in (fresh, inherited):
        calibrate(model, filmed(corpus), geometry)
    torch.testing.assert_close(inherited.gain, fresh.gain)
    torch.testing.assert_close(inherited.rest, fresh.rest)
