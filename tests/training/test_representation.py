"""Training of the representation: losses against independent references, gradients, banks, and runs that learn."""

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

from core.channels import CHANNELS
from core.errors import SoliloquyError
from core.face_view import VIEW_SIDE
from core.lips import LipModel, LipModelConfig
from core.reconstruction import Reconstruction, ReconstructionConfig
from core.representation.model import Representation
from training.engine import RunConfig
from training.representation import KEPT, TrainConfig, ablated, build, export, load_stage, stage_folder, train
from training.representation_augment import AugmentConfig, disguised, reshape
from training.representation_data import EVERYONE, Faces, FilmedClip, Mixture, spread_rows, write_faces
from training.representation_decoder import DecoderConfig, FaceDecoder, face_weight, pixel_loss
from training.representation_losses import (
    MemoryBanks,
    about_clips,
    contrastive,
    orthogonality,
    pearson,
    retrieval,
    same_person,
)

SIDE = 64


def _normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# --- losses


def test_pearson_is_numpy_s():
    a, b = _normal(50, 4), _normal(50, 3, seed=1)
    b[:, 0] += 2.0 * a[:, 1] - 5.0
    expected = np.corrcoef(a.numpy(), b.numpy(), rowvar=False)[:4, 4:]
    np.testing.assert_allclose(pearson(a, b).numpy(), expected, atol=1e-5)


def test_pearson_of_a_constant_is_nothing_and_safe():
    a = torch.cat([torch.full((20, 1), 3.0), _normal(20, 1)], 1).requires_grad_()
    correlation = pearson(a, _normal(20, 2, seed=1))
    assert correlation[0].abs().max() < 1e-3
    correlation.square().sum().backward()
    assert torch.isfinite(a.grad).all()


def test_orthogonality_ends_low_only_for_features_apart_from_the_sound():
    sound = _normal(4000, 6)
    assert orthogonality(sound[:, :3], sound) > 0.99
    assert orthogonality(_normal(4000, 3, seed=1), sound) < 0.01
    assert orthogonality(-7.0 * sound[:, :1] + 4.0, sound) == pytest.approx(
        float(orthogonality(sound[:, :1], sound)), abs=1e-4
    )


def test_orthogonality_can_be_descended():
    """What is left of a mixture of sound and something else, after descent on its weights, is something else."""
    sound, free = _normal(500, 2), _normal(500, 2, seed=1)
    weights = torch.full((4, 1), 0.5, requires_grad=True)
    optimiser = torch.optim.Adam([weights], 0.05)
    for _ in range(200):
        optimiser.zero_grad()
        orthogonality(torch.cat([sound, free], 1) @ weights, sound).backward()
        optimiser.step()
    assert weights[:2].abs().max() < 0.1 * weights[2:].abs().max()


def test_banks_give_the_correlations_of_all_steps_together():
    banks = MemoryBanks(3, 10, 4, 5)
    steps = [(_normal(10, 4, seed=i), _normal(10, 5, seed=100 + i)) for i in range(6)]
    for index, (f_ol, f_a) in enumerate(steps):
        joined = banks.joined(f_ol, f_a)
        recent = steps[max(0, index - 2) : index + 1]
        together = [torch.cat(part).numpy() for part in zip(*recent, strict=True)]
        expected = np.corrcoef(*together, rowvar=False)[:4, 4:]
        np.testing.assert_allclose(pearson(*joined).numpy(), expected, atol=1e-5)
        assert orthogonality(*joined) == pytest.approx(np.square(expected).sum(1).mean(), rel=1e-4)
        banks.remember(f_ol, f_a)


def test_banks_give_some_rows_of_every_step():
    """Rows of one set, so that its correlations aren't mixed with another's."""
    banks = MemoryBanks(3, 10, 4, 5)
    steps = [(_normal(10, 4, seed=i), _normal(10, 5, seed=100 + i)) for i in range(2)]
    banks.remember(*steps[0])
    joined = banks.joined(*steps[1], slice(5, 10))
    for found, one, other in zip(joined, steps[1], steps[0], strict=True):
        assert torch.equal(found, torch.cat([one[5:], other[5:]]))


def test_a_clip_s_mean_is_no_correlation():
    level = _normal(4, 1).repeat_interleave(8, 0)  # a talker's own level, in sound and motion
    sound, motion = level + 0.1 * _normal(32, 1, seed=1), 2 * level + 0.1 * _normal(32, 1, seed=2)
    assert pearson(motion, sound).abs() > 0.9
    assert pearson(about_clips(motion, 8), about_clips(sound, 8)).abs() < 0.4


def test_gradients_reach_the_current_step_alone():
    banks = MemoryBanks(3, 10, 4, 5)
    earlier = _normal(10, 4).requires_grad_()
    banks.remember(earlier, _normal(10, 5, seed=1))
    now = _normal(10, 4, seed=2).requires_grad_()
    orthogonality(*banks.joined(now, _normal(10, 5, seed=3))).backward()
    assert earlier.grad is None and now.grad.abs().min() > 0


def test_without_banks_a_step_stands_alone():
    banks = MemoryBanks(1, 10, 4, 5)
    f_ol, f_a = _normal(10, 4), _normal(10, 5, seed=1)
    banks.remember(f_ol, f_a)
    assert torch.equal(banks.joined(f_ol, f_a)[0], f_ol) and int(banks.filled) == 0


def test_contrastive_loss_is_the_sum_written_out():
    motion, sound = _normal(2, 5, 7), _normal(2, 5, 7, seed=1)
    total = 0.0
    for c in range(2):
        for i in range(5):
            for query, keys in ((motion[c, i], sound[c]), (sound[c, i], motion[c])):
                cosines = [float(torch.cosine_similarity(query, key, dim=0)) for key in keys]
                shares = np.exp(np.array(cosines) / 0.2)
                total -= np.log(shares[i] / shares.sum())
    assert float(contrastive(motion, sound, 0.2)) == pytest.approx(total / 20, rel=1e-4)


def test_negatives_are_frames_of_the_same_clip():
    motion = _normal(2, 5, 7)
    other = motion.clone()
    other[1] = _normal(5, 7, seed=3)
    first = motion[:1]
    alone = contrastive(first, first, 0.1)
    both = contrastive(motion, torch.cat([first, other[1:]]), 0.1)
    second = contrastive(motion[1:], other[1:], 0.1)
    torch.testing.assert_close(both, (alone + second) / 2)
    assert retrieval(motion, motion) == 1.0 and retrieval(motion, motion.roll(1, 1)) == 0.0


def test_people_are_told_apart():
    person = torch.tensor([0, 0, 1, 1, 2])
    apart = torch.nn.functional.one_hot(person).float()
    assert same_person(apart, person, 0.1) < 1e-3
    assert same_person(torch.ones(5, 3), person, 0.1) == pytest.approx(np.log(4), rel=1e-4)  # four others, all alike
    assert same_person(apart, torch.arange(5), 0.1) == 0.0  # nobody twice


# --- views


def test_disguise_changes_colours_and_shape_but_not_much_of_the_place():
    views = torch.zeros(4, 3, 32, 32)
    views[:, 0, 12:20, 12:20] = 1.0
    config = AugmentConfig(occlusion=0.0)
    one = disguised(views, config, torch.Generator().manual_seed(0))
    again = disguised(views, config, torch.Generator().manual_seed(0))
    assert torch.equal(one, again) and one.shape == views.shape and 0 <= float(one.min()) <= float(one.max()) <= 1
    assert (one - views).abs().mean() > 0.03
    still = AugmentConfig(stretch=0, bulge=0, shift=0, turn=0, zoom=0)
    torch.testing.assert_close(
        reshape(views, still, torch.Generator().manual_seed(0)), views, atol=1e-4, rtol=0
    )  # fmt: skip


def test_a_clip_keeps_one_crop():
    views = torch.rand(1, 3, 32, 32).expand(6, -1, -1, -1)
    cropped = reshape(views, AugmentConfig(), torch.Generator().manual_seed(0), each=3)
    torch.testing.assert_close(cropped[0], cropped[2])
    assert (cropped[0] - cropped[3]).abs().mean() > 1e-3


def test_drawn_frames_are_apart():
    rng, frames = np.random.default_rng(0), np.arange(0, 75, 3)
    rows = np.arange(100, 125)
    for _ in range(20):
        chosen = spread_rows(rows, frames, 10, 4, rng)
        assert np.diff(np.sort(frames[chosen - 100])).min() >= 4 and len(chosen) == 10
    assert len(spread_rows(rows[:3], frames[:3], 6, 4, rng)) == 6  # a short clip repeats itself


def test_the_picture_loss_looks_at_eyes_and_mouth():
    truth = torch.full((1, 3, 64, 64), 0.5)
    mouth, corner = truth.clone(), truth.clone()
    mouth[..., 42:46, 30:34] += 0.3
    corner[..., :4, :4] += 0.3
    assert pixel_loss(mouth, truth) > 2 * pixel_loss(corner, truth) and pixel_loss(truth, truth) == 0
    assert face_weight(64, torch.device("cpu"))[23, 23] > 3.5


def test_the_decoder_needs_matching_sizes():
    assert FaceDecoder(DecoderConfig.tiny(), (16, 8), (8, 4))(torch.rand(2, 16, 8, 8), torch.rand(2, 12)).shape == (
        2, 3, 32, 32,
    )  # fmt: skip
    with pytest.raises(ValueError, match="sizes"):
        FaceDecoder(DecoderConfig.tiny(), (16, 4), (8, 4))


# --- runs


def _lips() -> LipModel:
    torch.manual_seed(0)
    return LipModel(LipModelConfig.tiny()).eval()


def _film(person: int, rng: np.random.Generator, frames: int = 40) -> FilmedClip:
    """A cartoon whose mouth opens as its sound is loud and whose head moves by itself."""
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
        assert all(torch.equal(old[name], new[name]) for name in old)  # they stand still in the last stage
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


def test_ablations_are_what_they_say(tmp_path, faces):
    base = TrainConfig.tiny()
    assert ablated(base, True, False) == replace(base, losses=replace(base.losses, ol=0.0))
    assert ablated(base, False, True).losses.bank_steps == 1
    assert stage_folder(Path("r"), "disentangle", without_banks=True) == Path("r/disentangle-without-banks")
    _train("disentangle", tmp_path / "d", faces, None, 3, ablated(base, True, True))
    assert (tmp_path / "d" / "checkpoint.safetensors").exists()


def test_what_a_generator_was_trained_on_can_stay(tmp_path, faces):
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


def test_people_seen_once_are_read_but_not_painted(tmp_path, faces):
    """Views of different people in one clip: no other view of theirs could tell who they are."""
    crowd = replace(_film(0, np.random.default_rng(0)), person=EVERYONE, mel=None)
    write_faces(tmp_path / "crowd-train", [crowd, crowd])
    data = Mixture([Faces(faces), Faces(tmp_path / "crowd-train", 6)], [0.5, 0.5], _lips(), VIEW_SIDE)
    batch = data.draw(8, 4, np.random.default_rng(1))
    assert batch.alike.any() and not batch.alike.all() and not batch.heard[~batch.alike].any()
    alone = batch.person[~batch.alike]
    assert len(alone.unique()) == len(alone) and not torch.isin(alone, batch.person[batch.alike]).any()
    assert data.draw(8, 4, np.random.default_rng(1), heard=True).alike.all()
    networks = build(TrainConfig.tiny(), _lips(), 0)
    assert batch.alike[networks._painted(batch)].all()
    crowd_alone = Mixture([Faces(tmp_path / "crowd-train")], [1.0], _lips(), VIEW_SIDE).draw(
        2, 4, np.random.default_rng(0)
    )
    terms = networks("pretrain", crowd_alone, crowd_alone.views)
    assert terms["pixels"] == 0.0 and terms["person"] == 0.0 and terms["channels"] > 0.0


def test_missing_sets_and_stages_are_told(tmp_path):
    with pytest.raises(SoliloquyError) as told:
        Faces(tmp_path / "grid-train")
    assert told.value.code == "faces_missing" and "prepare grid" in told.value.hint
    with pytest.raises(SoliloquyError) as told:
        load_stage(tmp_path / "pretrain", build(TrainConfig.tiny(), _lips(), 0))
    assert told.value.code == "stage_missing"


def test_pre_training_starts_from_r(tmp_path, faces):
    """E_v and the reading of weights and turn off f_v are R's before the first step."""
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


def test_the_way_back_starts_from_what_a_take_shows():
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
from core.lips import LipModel, LipModelConfig
from training.engine import RunConfig
from training.representation import STAGES, TrainConfig, train
from training.representation_data import Faces, Mixture

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
print("done", lines[-1]["step"])
"""


def test_two_processes_train_every_stage(tmp_path, faces):
    script = tmp_path / "two.py"
    script.write_text(TWO_PROCESSES)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, str(faces), str(tmp_path / "runs")], env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("done 3") == 2
