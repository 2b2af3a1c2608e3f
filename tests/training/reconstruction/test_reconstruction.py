"""Training of R: the loss falls, an interrupted run ends like an uninterrupted one, and the truth has no loss."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from core.face.face_view import VIEW_SIDE, clip_similarity
from core.face.reconstruction import Face, Reconstruction, ReconstructionConfig, sight_pose
from core.head.head_model import HeadModel
from training.common.engine import RunConfig
from training.corpus.synthetic.skins import Surface, procedural_skin
from training.corpus.synthetic.talkers import SyntheticTalkers
from training.corpus.synthetic.views import SyntheticViews, render_shard
from training.reconstruction.data import SyntheticExamples, collate, cut_example, misframed, photographed
from training.reconstruction.evaluation import Geometry, evaluate_exact
from training.reconstruction.train import Losses, Recipe, Sources, export, train

NETWORK, RECIPE = ReconstructionConfig.tiny(), Recipe.tiny()


@pytest.fixture(scope="module")
def views(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthetic")
    surface = Surface(HeadModel.load(), 128)
    procedural_skin(surface, 1).save(folder / "skins" / "train" / "procedural-1.safetensors")
    talkers = SyntheticTalkers("train", size=VIEW_SIDE, samples=1.0, cache=folder / "skins")
    for split in ("train", "test"):
        (folder / split).mkdir()
        save_file(render_shard(talkers, 0 if split == "train" else 1, size=20), folder / split / "00000.safetensors")
    return folder


@pytest.fixture(scope="module")
def sources(views, tmp_path_factory) -> Sources:
    return Sources(RECIPE, tmp_path_factory.mktemp("nothing"), synthetic=views)


def test_stored_views_equal_the_rendered_ones(views):
    kept = SyntheticViews("train", views)
    assert len(kept) == 20
    assert kept[3].shape == (VIEW_SIDE, VIEW_SIDE, 3) and kept[3].dtype == np.uint8
    assert kept.truth["landmarks"].shape == (20, 478, 2)


def test_the_truth_has_no_loss_but_errors_have(views):
    source = SyntheticExamples(views, "train")
    truth = collate([source.of(i) for i in range(8)])
    rotation, place = sight_pose(truth.rotation, truth.translation, (truth.focal, truth.centre), VIEW_SIDE)
    exact = {"rotation": rotation, "place": place}
    exact |= {name: getattr(truth, name) for name in ("identity", "expression", "gaze", "light")}
    losses = Losses(RECIPE)
    assert float(losses(Face(**exact), truth)["total"]) < 1e-4
    for name in exact:
        worse = losses(Face(**{**exact, name: exact[name] + 0.2}), truth)
        assert float(worse[name]) > 1e-3 and float(worse["total"]) > 1e-3, name


def test_a_badly_cut_view_still_has_true_landmarks():
    rng = np.random.default_rng(3)
    points = rng.normal(size=(478, 3)) * (6, 8, 3)
    rotation, translation = np.eye(3), np.array([2.0, -1.0, -80.0])
    camera = points @ rotation.T + translation
    focal, centre = 400.0, np.array([128.0, 128.0])
    pixels = centre + focal * camera[:, :2] * (1, -1) / -camera[:, 2:]
    similarity = misframed(clip_similarity(pixels), rng)
    picture = np.zeros((256, 256, 3), np.uint8)
    zero = (np.zeros(50, np.float32), np.zeros(53, np.float32))
    example = cut_example(picture, pixels, zero, (rotation, translation), (focal, centre), similarity)
    posed = points @ example.rotation.T + example.translation
    seen = example.centre + example.focal * posed[:, :2] * (1, -1) / -posed[:, 2:]
    assert np.allclose(seen, example.landmarks, atol=1e-6)


def test_other_cameras_change_the_picture_but_not_its_shape():
    rng = np.random.default_rng(0)
    views = torch.rand(6, 3, VIEW_SIDE, VIEW_SIDE)
    other = photographed(views, rng)
    assert other.shape == views.shape
    assert other.min() >= 0 and other.max() <= 1
    assert all((a - b).abs().mean() > 1e-3 for a, b in zip(views, other, strict=True))


@pytest.mark.slow
def test_training_lowers_the_loss_and_the_export_can_be_measured(views, sources, tmp_path):
    run = train(tmp_path, RunConfig(steps=150, log_every=25, device="cpu", ema=0.9), NETWORK, RECIPE, sources)
    lines = [line for line in _log(tmp_path) if "total" in line]
    assert lines[-1]["total"] < 0.8 * lines[0]["total"]
    export(tmp_path, NETWORK, tmp_path / "R.safetensors")
    network = Reconstruction.load(tmp_path / "R.safetensors")
    for name, value in run.averages["R"].state_dict().items():
        assert torch.allclose(network.state_dict()[name].float(), value.float(), atol=2e-3, rtol=2e-3), name
    report = evaluate_exact(network, Geometry(), views)
    assert report["views"] == 20 and np.isfinite(report["rotation median, °"])


def test_an_interrupted_run_ends_like_an_uninterrupted_one(sources, tmp_path):
    def config(steps: int) -> RunConfig:
        return RunConfig(steps=steps, log_every=2, device="cpu", bfloat16=False)

    whole = train(tmp_path / "whole", config(4), NETWORK, RECIPE, sources)
    halted = RunConfig(steps=4, log_every=2, device="cpu", bfloat16=False, save_every=2)

    class Halt(Exception):
        pass

    class Broken(Sources):
        def __init__(self) -> None:
            self.recipe, self.synthetic, self.grid, self.portraits = RECIPE, sources.synthetic, None, None
            self.left = 2

        def batch(self, rng):
            if not self.left:
                raise Halt
            self.left -= 1
            return super().batch(rng)

    with pytest.raises(Halt):
        train(tmp_path / "parts", halted, NETWORK, RECIPE, Broken())
    parts = train(tmp_path / "parts", halted, NETWORK, RECIPE, sources)
    for name, value in whole.modules["R"].state_dict().items():
        assert torch.equal(value, parts.modules["R"].state_dict()[name]), name


def _log(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
