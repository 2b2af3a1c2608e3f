"""Training of the decoder: the loss falls, a run goes on, and what the ablations change."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from core.errors import SoliloquyError
from core.facetalk.expression_code import ExpressionCode
from core.facetalk.network import ExpressionDecoder
from core.head.head_model import HeadModel
from training.common.engine import RunConfig
from training.facetalk import ablations
from training.facetalk.__main__ import main
from training.facetalk.ablations import UNSMOOTHED, VARIANTS, ablation_table
from training.facetalk.diffusion import Lesson, TrainConfig, train, trained
from training.facetalk.evaluation import SPREAD_COLUMNS
from training.facetalk.windows import WindowSampler

from .test_windows import recording

CONFIG = TrainConfig(size="tiny", batch=8, learning_rate=5e-3, warm_up=5, voices=0.5)
SETTINGS = RunConfig(steps=40, bfloat16=False, device="cpu", ema=0.9, log_every=10, save_every=1000)


@pytest.fixture(scope="module")
def sampler():
    found = [recording("ann_0"), recording("voice_0", filmed=False)]
    return WindowSampler(found, ExpressionCode.of(HeadModel.load()), 30, 0.5, 0.25, (0.8, 1.25))


def test_the_loss_falls_and_a_run_goes_on(sampler, tmp_path):
    lines = train(CONFIG, SETTINGS, sampler, tmp_path)
    assert lines[-1]["loss"] < 0.9 * lines[0]["loss"]
    more = train(CONFIG, RunConfig(**{**vars(SETTINGS), "steps": 50}), sampler, tmp_path)
    assert [line["step"] for line in more] == [50]
    lesson = trained(tmp_path, CONFIG)
    mean, deviation = sampler.statistics()
    torch.testing.assert_close(lesson.mean, mean)
    torch.testing.assert_close(lesson.deviation, deviation)


def test_hidden_speech_is_not_heard_and_known_frames_are_given(sampler):
    torch.manual_seed(0)
    lesson = Lesson(ExpressionDecoder(CONFIG.shape())).eval()
    torch.nn.init.normal_(lesson.network.out.weight, 0.0, 0.1)
    batch = sampler.draw(6, np.random.default_rng(0))
    t, noise = torch.full((6,), 500), torch.randn(batch.motion.shape)
    clean, predicted = lesson(batch, t, noise)
    torch.testing.assert_close(predicted[batch.known], clean[batch.known])
    batch.heard[:3], batch.heard[3:] = False, True
    _, before = lesson(batch, t, noise)
    phones, _ = batch.cues
    phones[:] = phones.roll(1, -1)
    _, after = lesson(batch, t, noise)
    free = ~batch.known
    torch.testing.assert_close(before[:3], after[:3])
    assert not torch.allclose(before[3:][free[3:]], after[3:][free[3:]], atol=1e-3)


def test_variants_differ_in_one_thing_each():
    whole = VARIANTS["whole"]
    for name, variant in VARIANTS.items():
        different = [field for field in vars(whole) if getattr(whole, field) != getattr(variant, field)]
        assert len(different) == (0 if name == "whole" else 1)
    assert UNSMOOTHED not in VARIANTS


def test_the_command_needs_tracks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SoliloquyError, match="no tracks of filmed talkers"):
        main(["diffusion", "--size", "tiny", "--steps", "1", "--data", str(tmp_path)])


@pytest.mark.parametrize("seeds", [1, 2])
def test_ablations_show_each_seed(monkeypatch, seeds):
    monkeypatch.setattr(ablations, "takes_of", lambda held_out, name, take: {"clip": [take]})
    monkeypatch.setattr(ablations, "product", lambda motion, smooth=True, steps=None: motion + (0.5 if smooth else 0.0))
    monkeypatch.setattr(ablations, "spread", lambda takes: dict.fromkeys(SPREAD_COLUMNS, takes[0][0]))
    monkeypatch.setattr(ablations, "mouths", lambda held_out, name, takes: {"opening": takes["clip"][0]})
    trained = {seed: {name: float(seed) for name in VARIANTS} for seed in range(seeds)}
    table = ablation_table(SimpleNamespace(sets={"films": []}), trained, "a command", 7)
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["whole"][0] == " / ".join(["0.500", "1.500"][:seeds])
    assert rows[UNSMOOTHED][0] == " / ".join(["0.000", "1.000"][:seeds])
    assert "7 steps" in table.notes[0] and set(rows) == {*VARIANTS, UNSMOOTHED}
