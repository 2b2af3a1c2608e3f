"""The gaze encoder: cutting out eyes, training, and L_gaze."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from core.errors import SoliloquyError
from core.face.face_view import VIEW_SIDE
from core.head.head_model import HeadModel
from training.common.engine import RunConfig
from training.corpus.synthetic.skins import Surface, procedural_skin
from training.corpus.synthetic.talkers import SyntheticTalkers
from training.corpus.synthetic.views import render_shard
from training.generator.gaze import (
    CORNERS,
    HEIGHT,
    REACH,
    WIDTH,
    GazeConfig,
    GazeDistance,
    GazeEncoder,
    errors,
    export,
    eye_pictures,
    loss_of,
    train,
)
from training.reconstruction.data import SyntheticExamples


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> SyntheticExamples:
    folder = tmp_path_factory.mktemp("synthetic")
    procedural_skin(Surface(HeadModel.load(), 128), 1).save(folder / "skins" / "train" / "procedural-1.safetensors")
    talkers = SyntheticTalkers("train", size=VIEW_SIDE, samples=1.0, cache=folder / "skins")
    (folder / "train").mkdir()
    save_file(render_shard(talkers, 0, size=30), folder / "train" / "00000.safetensors")
    return SyntheticExamples(folder, "train")


def _landmarks(left: tuple[tuple[float, float], ...], right: tuple[tuple[float, float], ...]) -> torch.Tensor:
    """(1, 478, 2) with the given (inner, outer) corners of both eyes."""
    points = torch.zeros(1, 478, 2)
    for (inner, outer), (a, b) in zip(CORNERS[478], (left, right), strict=True):
        points[0, inner], points[0, outer] = torch.tensor(a), torch.tensor(b)
    return points


def test_eyes_are_cut_out_level_and_centred():
    rows, columns = torch.meshgrid(torch.arange(100.0), torch.arange(100.0), indexing="ij")
    picture = torch.stack([columns, rows, rows * 0])[None] + 0.5  # colours encode the place
    points = _landmarks(((60, 40), (80, 40)), ((40, 40), (20, 40)))
    eyes = eye_pictures(picture, points)
    assert eyes.shape == (1, 2, 3, HEIGHT, WIDTH)
    middle = eyes[0, :, :2, HEIGHT // 2 - 1 : HEIGHT // 2 + 1, WIDTH // 2 - 1 : WIDTH // 2 + 1].mean((2, 3))
    assert torch.allclose(middle, torch.tensor([[70.0, 40.0], [30.0, 40.0]]), atol=1e-3)
    step = REACH * 20 / WIDTH
    assert torch.allclose(eyes[0, 0, 0].diff(dim=1), torch.tensor(step), atol=1e-3)  # left: x grows outward
    assert torch.allclose(eyes[0, 1, 0].diff(dim=1), torch.tensor(-step), atol=1e-3)  # right: mirrored
    assert torch.allclose(eyes[0, :, 1].diff(dim=1), torch.tensor(step), atol=1e-3)  # down is down in both


def test_a_tilted_face_gives_the_same_eyes():
    generator = torch.Generator().manual_seed(0)
    picture = torch.nn.functional.interpolate(torch.rand(1, 3, 12, 12, generator=generator), (120, 120), mode="bicubic")
    points = _landmarks(((70, 50), (90, 48)), ((50, 50), (30, 52)))
    turned = torch.rot90(picture, -1, (2, 3))  # clockwise: (x, y) -> (120 − y, x)
    moved = torch.stack([120 - points[..., 1], points[..., 0]], -1)
    assert torch.allclose(eye_pictures(picture, points), eye_pictures(turned, moved), atol=1e-4)


def test_unknown_landmarks_are_refused():
    with pytest.raises(KeyError):
        eye_pictures(torch.zeros(1, 3, 32, 32), torch.zeros(1, 5, 2))


def test_gaze_of_closed_eyes_does_not_count():
    truth = torch.tensor([[0.3, 0.1, 0.0], [0.3, 0.1, 1.0]])
    seen = truth.clone()
    seen[1, :2] += 1.0
    assert float(loss_of(seen, truth)["gaze"]) == 0
    seen[0, :2] += 1.0
    assert float(loss_of(seen, truth)["gaze"]) == pytest.approx(1.0)


@pytest.mark.slow
def test_training_lowers_the_loss_and_the_export_loads(source, tmp_path):
    run = train(tmp_path, RunConfig(steps=120, log_every=20, device="cpu", ema=0.9), GazeConfig.tiny(), source, views=8)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()[1:]]
    assert lines[-1]["total"] < 0.75 * lines[0]["total"]
    export(tmp_path, GazeConfig.tiny(), tmp_path / "gaze.safetensors")
    encoder = GazeEncoder.load(path=tmp_path / "gaze.safetensors")
    eyes = torch.rand(4, 3, HEIGHT, WIDTH)
    assert torch.allclose(encoder(eyes)[1], run.averages["gaze"](eyes)[1], atol=5e-3)
    report = errors(encoder, [source.of(i) for i in range(20)])
    assert report["eyes"] == 40 and np.isfinite(report["median, °"])
    with pytest.raises(SoliloquyError, match="missing"):
        GazeEncoder.load(path=tmp_path / "none.safetensors")


def test_distance_depends_only_on_the_eyes_and_has_gradients():
    torch.manual_seed(0)
    distance = GazeDistance(GazeEncoder(GazeConfig.tiny()))
    picture = torch.rand(2, 3, 100, 100)
    points = _landmarks(((60, 40), (80, 40)), ((40, 40), (20, 40))).expand(2, -1, -1)
    assert float(distance(picture, picture, points)) == 0
    elsewhere = picture.clone()
    elsewhere[:, :, 70:] = 0
    assert float(distance(elsewhere, picture, points)) == 0
    eyes = picture.clone()
    eyes[:, :, 36:44, 66:74] = 0
    eyes.requires_grad_()
    loss = distance(eyes, picture, points)
    assert float(loss.detach()) > 1e-4
    loss.backward()
    assert eyes.grad[:, :, 35:45, 62:78].abs().sum() > 0
    assert eyes.grad[:, :, 70:].abs().sum() == 0
