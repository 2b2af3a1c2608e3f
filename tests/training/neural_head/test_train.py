"""Training: the losses on a field that is right and on one that isn't, a run that goes on, and the command line."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh

from core.errors import SoliloquyError
from core.head.head_model import HeadModel
from core.neural_head.model import NeuralHead
from training.common.engine import RunConfig
from training.neural_head import sheet
from training.neural_head.__main__ import main
from training.neural_head.evaluation import chamfer
from training.neural_head.losses import Weights, losses
from training.neural_head.people import People, make_people, seeds_in
from training.neural_head.train import TrainConfig, train, trained
from training.neural_head.truth import TriangleDistance, Truths

CONFIG = TrainConfig(size="tiny", people=2, points=24, warm_up=5)
RUN = RunConfig(steps=24, bfloat16=False, log_every=4, ema=0.9)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    make_people(4, points=200, folder=folder)
    make_people(1, held_out=True, points=200, folder=folder)
    return folder


@pytest.fixture(scope="module")
def people(folder):
    return People(Truths(HeadModel.load()), seeds_in(folder), folder)


def test_loss_falls_and_a_run_goes_on(people, tmp_path):
    lines = train(CONFIG, RUN, people, tmp_path)
    assert lines[-1]["total"] < 0.6 * lines[0]["total"]
    more = train(CONFIG, replace(RUN, steps=26), people, tmp_path)
    assert [line["step"] for line in more] == [26]
    head = trained(tmp_path, CONFIG, 50)
    assert head.style_basis.shape == (4, head.hair_code) and not head.training


def test_terms_of_a_field_that_is_far_off_are_larger(people):
    torch.manual_seed(0)
    head = NeuralHead.tiny(50)
    batch = people.draw(4, 32, np.random.default_rng(0))
    hair = torch.zeros(4, head.hair_code)
    before = losses(head, hair, batch, Weights())
    with torch.no_grad():
        head.skin.last_bias[:, 0] += 4.0
    after = losses(head, hair, batch, Weights())
    assert after["skin_surface"] > before["skin_surface"] + 5
    torch.testing.assert_close(after["hair_surface"], before["hair_surface"])
    torch.testing.assert_close(after["skin_normal"], before["skin_normal"])  # a shift doesn't change slopes


def test_hair_of_bald_people_has_no_surface_to_lie_on(people):
    torch.manual_seed(0)
    head = NeuralHead.tiny(50)
    batch = people.draw(4, 32, np.random.default_rng(0))
    batch = replace(batch, has_hair=torch.zeros(4, dtype=torch.bool))
    terms = losses(head, torch.zeros(4, head.hair_code), batch, Weights())
    assert terms["hair_surface"] == 0 and terms["hair_normal"] == 0 and terms["hair_distance"] > 0


def test_chamfer_of_a_ball_and_a_larger_one():
    rng = np.random.default_rng(0)
    small, large = (
        TriangleDistance(np.asarray(m.vertices), np.asarray(m.faces), rng)
        for m in (trimesh.creation.icosphere(4, radius) for radius in (5.0, 5.1))
    )
    distance, one_way, cosine = chamfer(large, small, np.ones(len(small.corners)), rng)
    assert distance == pytest.approx(1.0, abs=0.05) and one_way == pytest.approx(1.0, abs=0.05) and cosine > 0.999


def test_without_portraits_there_is_nothing_to_measure(tmp_path):
    head = NeuralHead.tiny(50)
    head.save(tmp_path / "head.safetensors")
    with pytest.raises(SoliloquyError, match="no held-out portraits"):
        main(["portraits", "--weights", str(tmp_path / "head.safetensors"), "--data", str(tmp_path)])


@pytest.mark.slow
def test_commands(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sheet, "RESOLUTION", 16)
    run, weights, place = str(tmp_path / "run"), str(tmp_path / "head.safetensors"), str(folder)
    main(["train", "--size", "tiny", "--steps", "2", "--run", run, "--folder", place])
    main(["export", "--size", "tiny", "--run", run, "--weights", weights])
    assert "head.safetensors: 0." in capsys.readouterr().out
    main(["sheet", "--weights", weights, "--people", "1", "--folder", place, "--out", str(tmp_path / "sheet.png")])
    assert (tmp_path / "sheet.png").stat().st_size > 10_000
