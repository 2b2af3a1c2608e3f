"""Stages of the representation: they learn, resume, run in two processes, and name missing files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from core.errors import SoliloquyError
from core.face.face_view import VIEW_SIDE
from core.face.reconstruction import Reconstruction, ReconstructionConfig
from core.motion.channels import CHANNELS
from core.representation.model import Representation
from core.sound.lips import LipModel, LipModelConfig
from training.common.engine import RunConfig
from training.representation.augment import AugmentConfig
from training.representation.data import EVERYONE, Faces, FilmedClip, Mixture, write_faces
from training.representation.losses import MemoryBanks
from training.representation.seen import DISGUISES, look
from training.representation.train import KEPT, TrainConfig, Variant, build, export, load_stage, train

pytestmark = pytest.mark.slow

SIDE = 64


def _normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _lips() -> LipModel:
    torch.manual_seed(0)
    return LipModel(LipModelConfig.tiny()).eval()


def _film(person: int, rng: np.random.Generator, frames: int = 40) -> FilmedClip:
    """A cartoon whose mouth opens with the loudness of its sound and whose head moves independently."""
    speech, turn = (np.convolve(rng.normal(size=frames + 8), np.ones(9) / 3, "valid") for _ in range(2))
    opening, yaw = np.clip(0.3 + 0.3 * speech, 0, 1), 0.15 * turn
    colour = np.random.default_rng(person).uniform(60, 200, (2, 3))
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    views = np.empty((frames, SIDE, SIDE, 3), np.uint8)
    for i in range(frames):
        face = np.hypot((x - 0.4 * yaw[i]) / 0.35, y / 0.42) < 1
        mouth = np.hypot((x - yaw[i]) / 0.14, (y - 0.2) / (0.02 + 0.12 * opening[i])) < 1
        views[i] = np.where(mouth[..., None], 20, np.where(face[..., None], colour[0], colour[1]))
    channels = np.zeros((frames, len(CHANNELS)), np.float32)
    channels[:, CHANNELS.index("jawOpen")] = opening
    channels[:, CHANNELS.index("headYaw")] = yaw
    mel = np.repeat(opening, 4)[:, None] * np.linspace(0.5, 2, 80) + 0.1 * rng.normal(size=(4 * frames, 80))
    return FilmedClip(views, np.arange(frames), channels, np.array(True), person, mel)


@pytest.fixture(scope="module")
def faces(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sets") / "cartoon-train"
    rng = np.random.default_rng(0)
    assert write_faces(folder, [_film(person, rng) for person in range(6)]) == 240
    return folder


def _train(
    stage: str, folder: Path, faces: Path, before: Path | None, steps: int, config: TrainConfig, sample: int = 0
):
    lips = _lips()
    data = Mixture([Faces(faces)], [1.0], lips, VIEW_SIDE)
    run = RunConfig(steps, device="cpu", bfloat16=False, log_every=5, save_every=1000, sample_every=sample)
    return train(stage, config, run, folder, before, data, lips)


def test_every_stage_learns_and_exports(tmp_path, faces):
    config = TrainConfig.tiny()
    pretrained = _train("pretrain", tmp_path / "pretrain", faces, None, 60, config)
    assert pretrained[-1]["pixels"] < 0.9 * pretrained[0]["pixels"]
    assert pretrained[-1]["channels"] < 0.95 * pretrained[0]["channels"]
    contrasted = _train("contrastive", tmp_path / "contrastive", faces, tmp_path / "pretrain", 60, config, 60)
    assert contrasted[-1]["contrast"] < 0.97 * contrasted[0]["contrast"]
    curves = _train("curves", tmp_path / "curves", faces, tmp_path / "contrastive", 150, config)
    assert curves[-1]["total"] < 0.7 * curves[0]["total"]
    apart = _train("disentangle", tmp_path / "disentangle", faces, tmp_path / "curves", 40, config, 40)
    assert apart[-1]["total"] < 0.95 * apart[0]["total"]
    sheets = (tmp_path / "contrastive" / "sample-000060.png", tmp_path / "disentangle" / "sample-000040.png")
    assert [cv2.imread(str(path)).shape for path in sheets] == [(4 * 128, 12 * 128, 3), (5 * 128, 12 * 128, 3)]
    before = load_stage(tmp_path / "contrastive", build(config, _lips(), 0))
    after = load_stage(tmp_path / "disentangle", build(config, _lips(), 0))
    for part in ("motion_encoder", "identity_encoder"):
        old, new = (n.representation.get_submodule(part).state_dict() for n in (before, after))
        assert all(torch.equal(old[name], new[name]) for name in old)  # they don't change in the last stage
    export(tmp_path / "disentangle", config, _lips(), tmp_path / "r.safetensors")
    model = Representation.load(path=tmp_path / "r.safetensors")
    data = Mixture([Faces(faces)], [1.0], _lips(), VIEW_SIDE)
    batch = data.draw(4, 8, np.random.default_rng(1))
    with torch.no_grad():
        told = model.decode_nonlip(model.f_nl(model.motion_encoder(batch.views))[1])
    assert told.shape == (32, 32) and torch.isfinite(told).all()


def test_an_interrupted_run_ends_where_an_unbroken_one_does(tmp_path, faces, monkeypatch):
    config = TrainConfig.tiny()
    _train("pretrain", tmp_path / "pretrain", faces, None, 2, config)
    _train("disentangle", tmp_path / "whole", faces, tmp_path / "pretrain", 9, config)
    draw, drawn = Mixture.draw, []

    def stop_at_the_fourth(*arguments, **options):
        drawn.append(1)
        if len(drawn) == 4:
            os.kill(os.getpid(), signal.SIGTERM)
        return draw(*arguments, **options)

    monkeypatch.setattr(Mixture, "draw", stop_at_the_fourth)
    _train("disentangle", tmp_path / "parts", faces, tmp_path / "pretrain", 9, config)
    assert len(drawn) == 4
    _train("disentangle", tmp_path / "parts", faces, tmp_path / "pretrain", 9, config)
    whole, parts = (load_stage(tmp_path / name, build(config, _lips(), 0)).state_dict() for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_variants_of_the_last_stage_differ_as_documented(tmp_path, faces):
    base = TrainConfig.tiny()
    assert Variant().recipe(base) == base
    assert Variant(without_ol=True).recipe(base) == replace(base, losses=replace(base.losses, ol=0.0))
    assert Variant(without_banks=True).recipe(base).losses.bank_steps == 1
    losses = Variant(as_paper=True).recipe(base).losses
    assert losses == replace(base.losses, channels=0.0, met=0.0, heard=True)
    every = [Variant(*(bool(i & bit) for bit in (1, 2, 4))) for i in range(8)]
    assert len({variant.folder(tmp_path) for variant in every}) == 8
    with pytest.raises(SoliloquyError, match="--as-paper --without-ol") as told:
        load_stage(Variant(True, False, True).folder(tmp_path), build(base, _lips(), 0))
    assert told.value.code == "stage_missing"
    _train("disentangle", tmp_path / "d", faces, None, 3, Variant(True, True, True).recipe(base))
    assert (tmp_path / "d" / "checkpoint.safetensors").exists()


def test_as_in_the_paper_only_pictures_and_l_ol_train(tmp_path, faces):
    """f_nl gets no gradient from the curves, and the lips in the pictures are those of the sound."""
    config = Variant(as_paper=True).recipe(TrainConfig.tiny())
    networks = build(config, _lips(), 0)
    data = Mixture([Faces(faces)], [1.0], _lips(), VIEW_SIDE)
    networks.representation.mean, networks.representation.scale = data.channel_statistics()
    look(data, networks.representation.motion_encoder.eval(), config.losses.augment, tmp_path, None)
    banks = MemoryBanks(1, 24, config.representation.free, _lips().config.adapter.width)

    def loss(jaw: float, sound: float) -> float:
        batch = data.draw(4, 6, np.random.default_rng(0), heard=True)
        batch = replace(batch, channels=batch.channels + jaw, f_l=batch.f_l + sound)
        with torch.no_grad():
            return float(networks.eval()("disentangle", batch, batch.views, banks)["total"])

    assert loss(0.3, 0.0) == loss(0.0, 0.0) != loss(0.0, 0.5)


def test_f_nl_can_be_trained_by_a_trained_generator(tmp_path, faces):
    """``painter``: that run's generator makes the pictures from the first step on; all else starts untrained."""
    config, lips = TrainConfig.tiny(), _lips()
    _train("pretrain", tmp_path / "pretrain", faces, None, 2, config)
    _train("disentangle", tmp_path / "ours", faces, tmp_path / "pretrain", 30, config)
    data, run = Mixture([Faces(faces)], [1.0], lips, VIEW_SIDE), RunConfig(1, device="cpu", bfloat16=False)
    paper = Variant(as_paper=True).recipe(config)
    stages = {"ours": load_stage(tmp_path / "ours", build(config, lips, 0))}
    for name, painter in (("untaught", None), ("taught", tmp_path / "ours")):
        train("disentangle", paper, run, tmp_path / name, tmp_path / "pretrain", data, lips, painter=painter)
        stages[name] = load_stage(tmp_path / name, build(config, lips, 0))

    def apart(one: str, other: str, part: str) -> float:
        flat = [nn.utils.parameters_to_vector(stages[name].get_submodule(part).parameters()) for name in (one, other)]
        return float((flat[0] - flat[1]).detach().norm())

    assert apart("taught", "ours", "render") < 0.2 * apart("untaught", "ours", "render")
    assert apart("taught", "untaught", "representation.mlp_nl") < 0.2 * apart("taught", "ours", "representation.mlp_nl")


def test_each_view_is_encoded_once(tmp_path, faces):
    """Each disguise gives other features, which stay on disk until E_v changes; without a disguise they equal E_v's."""
    networks, data = build(TrainConfig.tiny(), _lips(), 0).eval(), Mixture([Faces(faces)], [1.0], _lips(), VIEW_SIDE)
    encoder, plain = networks.representation.motion_encoder, AugmentConfig(*[0.0] * 11)
    look(data, encoder, plain, tmp_path / "plain", None)
    batch = data.draw(3, 5, np.random.default_rng(0))
    with torch.no_grad():
        torch.testing.assert_close(batch.f_v, encoder(batch.views), atol=2e-3, rtol=2e-3)
    look(data, encoder, AugmentConfig(), tmp_path, None)
    first = data.sets[0].f_v
    assert first.shape == (DISGUISES, 240, encoder.config.motion) and (first[0] != first[1]).any(1).all()
    (tmp_path / "newer").touch()
    with torch.no_grad():
        next(encoder.parameters()).mul_(1.5)
    look(data, encoder, AugmentConfig(), tmp_path, None)
    assert np.array_equal(data.sets[0].f_v, first)
    os.utime(tmp_path / "newer", (2e9, 2e9))
    look(data, encoder, AugmentConfig(), tmp_path, tmp_path / "newer")
    assert not np.array_equal(data.sets[0].f_v, first)


def test_the_inputs_of_a_trained_generator_can_stay_the_same(tmp_path, faces):
    config, lips = TrainConfig.tiny(), _lips()
    torch.manual_seed(5)
    shipped = build(config, lips, 5).representation
    shipped.scale.fill_(0.5)
    data = Mixture([Faces(faces)], [1.0], lips, VIEW_SIDE)
    for stage, before in (("pretrain", None), ("disentangle", tmp_path / "pretrain")):
        run = RunConfig(30, device="cpu", bfloat16=False, log_every=5)
        lines = train(stage, config, run, tmp_path / stage, before, data, lips, shipped)
    assert lines[-1]["met"] < 0.97 * lines[0]["met"]
    model = load_stage(tmp_path / "disentangle", build(config, lips, 0)).representation
    for name in KEPT:
        old, new = (m.get_submodule(name).state_dict() for m in (shipped, model))
        assert all(torch.equal(old[key], new[key]) for key in old)
    assert torch.equal(model.scale, shipped.scale)


def test_people_with_one_view_are_encoded_but_not_drawn(tmp_path, faces):
    """A clip with views of different people: there is no second view that could show their identity."""
    crowd = replace(_film(0, np.random.default_rng(0)), person=EVERYONE, mel=None)
    write_faces(tmp_path / "crowd-train", [crowd, crowd])
    data = Mixture([Faces(faces), Faces(tmp_path / "crowd-train", 6)], [0.5, 0.5], _lips(), VIEW_SIDE)
    batch = data.draw(8, 4, np.random.default_rng(1))
    assert batch.alike.any() and not batch.alike.all() and not batch.heard[~batch.alike].any()
    alone = batch.person[~batch.alike]
    assert len(alone.unique()) == len(alone) and not torch.isin(alone, batch.person[batch.alike]).any()
    assert data.draw(8, 4, np.random.default_rng(1), heard=True).alike.all()
    networks = build(TrainConfig.tiny(), _lips(), 0)
    source = networks._sources(batch)
    painted = networks.rows_to_paint(batch, source)
    assert len(painted) and batch.alike[painted].all() and not torch.isin(painted, source).any()
    crowd_alone = Mixture([Faces(tmp_path / "crowd-train")], [1.0], _lips(), VIEW_SIDE).draw(
        2, 4, np.random.default_rng(0)
    )
    terms = networks("pretrain", crowd_alone, crowd_alone.views)
    assert terms["pixels"] == 0.0 and terms["person"] == 0.0 and terms["channels"] > 0.0


def test_missing_sets_and_stages_are_named(tmp_path):
    with pytest.raises(SoliloquyError) as told:
        Faces(tmp_path / "grid-train")
    assert told.value.code == "faces_missing" and "prepare grid" in told.value.hint
    with pytest.raises(SoliloquyError) as told:
        load_stage(tmp_path / "pretrain", build(TrainConfig.tiny(), _lips(), 0))
    assert told.value.code == "stage_missing"


def test_pre_training_starts_from_r(tmp_path, faces):
    """Before the first step, E_v and the layers that read weights and rotation from f_v are R's."""
    torch.manual_seed(3)
    reader, config = Reconstruction(ReconstructionConfig.tiny()).eval(), TrainConfig.tiny()
    networks = build(config, _lips(), 0).eval()
    networks.representation.mean.uniform_(0, 0.2)
    networks.representation.scale.fill_(0.3)
    networks.start_from(reader)
    views = torch.rand(2, 3, VIEW_SIDE, VIEW_SIDE)
    with torch.no_grad():
        f_v, told = networks.representation.motion_encoder(views), reader(views)
        read = networks.representation.mean + networks.representation.scale * networks.reading(f_v)
    torch.testing.assert_close(read[:, :53], told.expression, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(read[:, 53:56], told.rotation, atol=1e-4, rtol=1e-3)


def test_the_inverse_starts_from_the_motion_of_a_take():
    lips = _lips()
    lips.gain.fill_(1.2)
    lips.rest.uniform_(0, 0.2, generator=torch.Generator().manual_seed(0))
    networks, f_l = build(TrainConfig.tiny(), lips, 0), _normal(5, lips.config.code)
    with torch.no_grad():
        raw = lips.decoder(f_l)
        torch.testing.assert_close(networks.spoken(f_l), lips.rest + lips.gain * (raw - lips.rest))


TWO_PROCESSES = """
import sys
from pathlib import Path
import torch
from core.sound.lips import LipModel, LipModelConfig
from training.common.engine import RunConfig
from training.representation.train import STAGES, TrainConfig, train
from training.representation.data import Faces, Mixture

torch.manual_seed(0)
lips, config = LipModel(LipModelConfig.tiny()).eval(), TrainConfig.tiny()
run = RunConfig(3, device="cpu", bfloat16=False)
data = Mixture([Faces(Path(sys.argv[1]))], [1.0], lips, 128)
folder = Path(sys.argv[2])
before = None
for stage in STAGES:
    lines = train(stage, config, run, folder / stage, before, data, lips)
    before = folder / stage
    torch.distributed.barrier()  # until the first process has written the stage's checkpoint
sys.stdout.write(f"done {lines[-1]['step']}\\n")  # in one piece, since both processes write to one pipe
"""


def test_two_processes_train_every_stage(tmp_path, faces):
    script = tmp_path / "two.py"
    script.write_text(TWO_PROCESSES)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, str(faces), str(tmp_path / "runs")], env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("done 3") == 2
