"""Training of the reader and of ExpNet on made-up talkers: losses fall, runs go on, blinks obey, and the commands."""

import numpy as np
import pytest
import torch

from core.errors import SoliloquyError
from core.head.head_model import HeadModel
from core.motion.channels import LIP_COLUMNS
from core.sound.lips import Heard
from training.common.engine import RunConfig
from training.lips.mouth_geometry import MouthGeometry
from training.sadtalker.__main__ import main
from training.sadtalker.clips import ClipSampler
from training.sadtalker.expression import Lesson, TrainConfig, calibrate, raw_mouth, train, trained
from training.sadtalker.expression_evaluation import control
from training.sadtalker.expression_losses import ExpressionLosses, LossWeights
from training.sadtalker.reader import ReaderConfig, load_reader, read_in, train_reader

from .made import clip, clips

SETTINGS = RunConfig(steps=200, bfloat16=False, device="cpu", ema=0.8, log_every=10, save_every=1000)
CONFIG = TrainConfig(size="tiny", batch=8, window=24, learning_rate=1e-2, warm_up=5)


@pytest.fixture(scope="module")
def reader_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reader")
    config = ReaderConfig(size="tiny", batch=8, window=24, learning_rate=1e-2, warm_up=5)
    return folder, train_reader(config, SETTINGS, clips(), folder)


@pytest.fixture(scope="module")
def expression_run(tmp_path_factory, reader_run):
    folder = tmp_path_factory.mktemp("expression")
    return folder, train(CONFIG, SETTINGS, clips(), load_reader(reader_run[0], "tiny"), folder)


def test_the_reader_learns_to_read(reader_run):
    folder, lines = reader_run
    assert lines[-1]["reading"] < 0.5 * lines[0]["reading"] and lines[-1]["read"] > 0.9
    assert read_in(load_reader(folder, "tiny"), [clip("new_0"), clip("new_1")]) > 0.9
    assert not any(weight.requires_grad for weight in load_reader(folder, "tiny").parameters())


def test_losses_fall(expression_run):
    _, lines = expression_run
    assert lines[-1]["total"] < 0.5 * lines[0]["total"] and lines[-1]["reading"] < lines[0]["reading"]


def test_a_run_goes_on(expression_run, reader_run):
    more = RunConfig(**{**vars(SETTINGS), "steps": 202})
    lines = train(CONFIG, more, clips(), load_reader(reader_run[0], "tiny"), expression_run[0])
    assert [line["step"] for line in lines] == [202]


def test_eyes_shut_as_asked_and_faces_stay_themselves(expression_run):
    found = control(trained(expression_run[0], CONFIG))
    assert found["blink error"] < 0.12 and found["rest"] < 3.0 and found["blink leak"] < 1.5


def test_a_network_learns_to_shut_the_eyes(tmp_path):
    """Also one that doesn't shut them at all: the losses ask for it."""
    steps = RunConfig(**{**vars(SETTINGS), "steps": 1})
    train(CONFIG, steps, clips(), None, tmp_path)
    network = trained(tmp_path, CONFIG)
    with torch.no_grad():
        network.out.weight[:, -1] = 0.0
    blind = control(network)["blink error"]
    windows = ClipSampler(clips(), 24, 0.0).draw(16, np.random.default_rng(0))
    losses = ExpressionLosses(LossWeights(), HeadModel.load(), None)
    optimiser = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(80):
        optimiser.zero_grad()
        losses(Lesson(network, CONFIG).eval()(windows), windows)["total"].backward()
        optimiser.step()
    assert blind > 0.4 and control(network)["blink error"] < 0.2


def test_without_the_reference_faces_are_lost(expression_run, tmp_path):
    blind = TrainConfig(**{**vars(CONFIG), "reference": False, "losses": LossWeights(reading=0.0)})
    lines = train(blind, SETTINGS, clips(), None, tmp_path)
    assert "reading" not in lines[0]
    lost = control(trained(tmp_path, blind), reference=False)["rest"]
    assert lost > 1.3 * control(trained(expression_run[0], CONFIG))["rest"]


def test_the_mouth_follows_the_phones(expression_run):
    network, spoken = trained(expression_run[0], CONFIG), clip("new_1")
    mouth = raw_mouth(network, spoken.heard)
    jaw = mouth[:, LIP_COLUMNS.index(int(np.flatnonzero(spoken.expression.std(0) > 0.2)[-1]))]
    assert np.corrcoef(jaw, spoken.expression[:, LIP_COLUMNS].max(1))[0, 1] > 0.9


def test_calibration_widens_the_movement_and_keeps_the_rest(expression_run):
    network = trained(expression_run[0], CONFIG)
    geometry = MouthGeometry.of(HeadModel.load())
    spoken = clip("new_2")
    before, still = raw_mouth(network, spoken.heard), raw_mouth(network, Heard.nothing(40, 3))
    opening = geometry.opening_curve(before.clip(0, 1))
    gain = calibrate(network, [spoken], [1.2 * 1.3 * opening], geometry)
    assert 1.2 < gain < 1.5
    after, same = raw_mouth(network, spoken.heard), raw_mouth(network, Heard.nothing(40, 3))
    np.testing.assert_allclose(same, still, atol=2e-2)
    rest = raw_mouth(network, Heard.nothing(1, 3))
    np.testing.assert_allclose(after - rest, gain * (before - rest), atol=2e-2)


def test_commands_say_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SoliloquyError, match="no tracks of filmed talkers"):
        main(["reader", "--size", "tiny", "--steps", "1"])
    with pytest.raises(SoliloquyError, match="no lip reader"):
        main(["expnet", "--size", "tiny", "--steps", "1"])
    assert torch.get_num_threads() == 1
