"""Pairs for the generator: stored and read without loss, posed correctly, and with correct facts."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import SoliloquyError
from core.head.expression import target_expression
from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS
from core.portrait.fit import fit_portrait
from core.portrait.load import load_portrait
from tests.training.corpus.pairs.made_up_pairs import made_up
from training.corpus.pairs.dataset import ReenactmentPairs
from training.corpus.pairs.pair import collate
from training.corpus.pairs.portraits import (
    LID_MOTIONS,
    Move,
    Photograph,
    cycle_pairs,
    lid_move,
    lid_pairs,
    own_pairs,
    seed_of,
    source_move,
)
from training.corpus.pairs.poses import MAX_MISS, SIZE, Pose, Source, Truth, cast
from training.corpus.pairs.store import PairShard, shard_is_whole, write_pairs
from training.corpus.pairs.synthetic import MOMENTS, Sittings, synthetic_pairs
from training.corpus.synthetic.skins import Surface, procedural_skin
from training.generator.picture_quality import psnr, sharpness


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Ten pairs of "films" and ten of "portraits", two of them from one source."""
    folder = tmp_path_factory.mktemp("pairs")
    for kind in ("films", "portraits"):
        pairs = [made_up(kind, number) for number in range(9)]
        write_pairs(folder / kind / "train" / "0000.safetensors", [*pairs, replace(pairs[0], parts=pairs[1].parts)], {})
    return folder


def test_stored_pairs_come_back(folder):
    shard = PairShard(folder / "films" / "train" / "0000.safetensors")
    for number in range(9):
        kept, pair = shard[number], made_up("films", number)
        for name in ("alpha", "trust", "stretch", "parts", "normals", "flow", "interest", "valid", "channels"):
            assert np.array_equal(getattr(kept, name), getattr(pair, name)), name
        for name in ("source", "truth", "warped"):  # JPEG
            assert np.abs(getattr(kept, name).astype(int) - getattr(pair, name)).max() <= 4, name
        assert kept.facts == pair.facts
    assert np.array_equal(shard[9].source, shard[0].source)
    assert np.array_equal(shard[9].parts, shard[1].parts)


def test_a_batch_has_the_documented_units_and_shapes(folder):
    pair = made_up("films", 3)
    batch = collate([pair, made_up("films", 4)])
    assert batch.source.shape == (2, 3, 64, 64) and batch.alpha.shape == (2, 1, 64, 64)
    assert batch.flow.shape == (2, 2, 32, 32) and batch.interest.shape == (2, 3, 64, 64)
    assert batch.parts.dtype == torch.int64 and int(batch.parts.min()) == -1
    assert float(batch.truth[0, 1, 5, 7]) == pytest.approx(pair.truth[5, 7, 1] / 255)
    assert float(batch.normals[0, 2, 9, 8]) == pytest.approx(pair.normals[9, 8, 2] / 127)
    assert float(batch.flow[0, 1, 3, 2]) == float(pair.flow[3, 2, 1])


def test_kinds_are_drawn_by_their_shares(folder):
    pairs = ReenactmentPairs.open(folder)
    assert len(pairs) == 20
    drawn = pairs.draw(3000, np.random.default_rng(0), {"films": 1.0, "portraits": 3.0, "synthetic": 5.0})
    kinds = [pairs.facts(i)["kind"] for i in drawn]
    assert 0.7 < kinds.count("portraits") / 3000 < 0.8  # there are no synthetic ones
    assert pairs.draw(5, np.random.default_rng(1)) == pairs.draw(5, np.random.default_rng(1))


def test_missing_and_damaged_pairs_give_different_errors(folder, tmp_path):
    with pytest.raises(SoliloquyError) as missing:
        ReenactmentPairs.open(folder, "unseen")
    assert missing.value.code == "pairs_missing"
    broken = tmp_path / "films" / "train" / "0000.safetensors"
    broken.parent.mkdir(parents=True)
    broken.write_bytes((folder / "films" / "train" / "0000.safetensors").read_bytes()[:2000])
    assert not shard_is_whole(broken)
    with pytest.raises(SoliloquyError) as damaged:
        ReenactmentPairs.open(tmp_path)
    assert damaged.value.code == "pairs_damaged"


@pytest.fixture(scope="module")
def portrait():
    data = pytest.importorskip("skimage.data")
    return fit_portrait(np.ascontiguousarray(data.astronaut()[:340, 60:400]))


@pytest.fixture(scope="module")
def source(portrait):
    return Source(HeadModel.load(), portrait)


def as_landmarks(source: Source, pixels: torch.Tensor) -> np.ndarray:
    """(478, 2) px of the image: the face mesh's points on a posed head (V, 3)."""
    head, framing = source.head, source.renderer.framing
    irises = [pixels[head.iris_points[side], :2].expand(5, 2) for side in (1, 0)]  # the right one first
    points = torch.cat([head.mesh468(pixels)[:, :2], *irises]).numpy()
    return (points + np.asarray(framing.origin)) / framing.scale


def test_a_known_pose_is_found_from_its_landmarks(source):
    own = source.renderer.geometry.own_expression
    weights = own.clone()
    weights[EXPRESSIONS.index("jawOpen")] += 0.4
    rotation, translation = torch.tensor([0.05, 0.2, -0.04]), torch.tensor([0.3, -0.2, 0.5])
    heads = source.renderer.geometry.pose(weights[None], rotation[None], translation[None], absolute=True)
    landmarks = as_landmarks(source, heads.pixels[0])
    found = source.pose_on(landmarks)
    assert float((found.rotation - rotation).abs().max()) < 0.035
    posed = source.renderer.geometry.pose(
        found.expression[None], found.rotation[None], found.translation[None], absolute=True
    )
    assert source.miss(posed.pixels[0], landmarks) < 0.01


def test_a_film_is_posed_more_steadily_than_its_frames(source):
    """A head that turns evenly, seen through landmarks that tremble by half a pixel."""
    own, count = source.renderer.geometry.own_expression, 15
    turn = torch.zeros(count, 3)
    turn[:, 1] = torch.linspace(0, 0.2, count)
    heads = source.renderer.geometry.pose(own.expand(count, -1), turn, torch.zeros(count, 3), absolute=True)
    landmarks = np.stack([as_landmarks(source, pixels) for pixels in heads.pixels])
    landmarks += np.random.default_rng(0).normal(0, 0.5 / source.renderer.framing.scale, (count, 1, 2))
    film = torch.stack([pose.translation for pose in source.poses_on(landmarks)])
    alone = torch.stack([source.pose_on(points).translation for points in landmarks])
    tremble, of_each = (moved.diff(n=2, dim=0)[:, :2].abs().mean() for moved in (film, alone))
    assert tremble < 0.6 * of_each
    found = torch.stack([pose.rotation for pose in source.poses_on(landmarks)])
    assert float((found - turn).abs().max()) < 0.05


def test_lids_close_as_far_as_asked(source):
    own = source.renderer.geometry.own_expression
    still = Pose(own, torch.zeros(3), torch.zeros(3))
    opened = source._lid_gaps(source.renderer.geometry.source.pixels)
    for openness in (torch.zeros(2), torch.tensor([0.5, 0.2]), torch.tensor([0.3, 1.0])):
        pose = source.with_lids(still, openness)
        heads = source.renderer.geometry.pose(
            pose.expression[None], torch.zeros(1, 3), torch.zeros(1, 3), absolute=True
        )
        assert torch.allclose(source._lid_gaps(heads.pixels), openness * opened, atol=0.35)
    assert source.with_lids(still, torch.ones(2)) is still


def test_the_source_itself_is_its_own_truth(source, portrait):
    own = source.renderer.geometry.own_expression
    truth = Truth(portrait.image, portrait.landmarks, Pose(own, torch.zeros(3), torch.zeros(3)), "itself")
    (pair,) = source.pairs([truth], {"kind": "own", "name": "astronaut"}, shoulders_move=False, own_background=True)
    batch = collate([pair])
    assert float(psnr(batch.warped, batch.truth)[0]) > 32
    assert np.abs(pair.flow).max() < 1.0
    shown = target_expression(own, torch.from_numpy(pair.channels[:53])[None])[0]
    follows = torch.tensor([not name.startswith(("mouth", "jaw")) for name in EXPRESSIONS])
    assert torch.allclose(shown[follows], own[follows], atol=1e-5)
    # masks lie where the landmarks are
    mouth, eye = pair.landmarks[[13, 14]].mean(0).astype(int), pair.landmarks[[159, 145]].mean(0).astype(int)
    assert pair.interest[mouth[1], mouth[0], 0] == 255 and pair.interest[eye[1], eye[0], 1] == 255
    assert pair.interest[10, 10].max() == 0
    assert pair.valid.min() >= 0 and pair.valid[SIZE // 2, SIZE // 2] == 255


def test_a_head_that_misses_the_truth_makes_no_pair(source, portrait):
    own = source.renderer.geometry.own_expression
    turned = Pose(own, torch.tensor([0.0, 0.4, 0.0]), torch.zeros(3))
    truth = Truth(portrait.image, portrait.landmarks, turned, "elsewhere")
    assert source.pairs([truth], {"kind": "own", "name": "astronaut"}, shoulders_move=False, own_background=True) == []
    assert MAX_MISS < 0.1


def test_a_truth_in_other_light_makes_no_pair(source, portrait):
    own = source.renderer.geometry.own_expression
    still = Pose(own, torch.zeros(3), torch.zeros(3))
    made = []
    for gain in ((1.0, 1.0, 1.0), (1.0, 1.0, 0.8)):
        image = (portrait.image * np.array(gain)).astype(np.uint8)
        truth = Truth(image, portrait.landmarks, still, "itself")
        made.append(source.pairs([truth], {"kind": "own"}, shoulders_move=False, own_background=False))
    assert len(made[0]) == 1 and made[1] == []
    black, white = torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4)
    left = torch.zeros(1, 1, 4, 4)
    left[..., :2] = 1
    half = torch.cat([white[..., :2] * torch.tensor([0.1, 0.2, 0.0])[:, None, None], white[..., 2:]], 3)
    assert cast(black, half, left) == pytest.approx(51)


def test_small_motions_leave_the_mouth_unchanged(portrait):
    head = HeadModel.load()
    photograph = Photograph(head, portrait)
    assert photograph.image.shape[0] > portrait.image.shape[0] / 2
    pairs = own_pairs(head, photograph, "astronaut", {"name": "astronaut", "split": "train"})
    assert len(pairs) == 3
    for pair in pairs[1:]:
        gap = [np.linalg.norm(points[13] - points[14]) for points in (pair.source_landmarks, pair.landmarks)]
        assert abs(gap[0] - gap[1]) < 1.5
        assert 0 < np.abs(pair.flow).max() < 12


def test_a_portrait_that_is_cut_out_can_be_a_source(portrait):
    alpha = np.full(portrait.image.shape[:2], 255, np.uint8)
    alpha[:20] = 0
    head = HeadModel.load()
    assert Source(head, Photograph(head, replace(portrait, alpha=alpha)).portrait).renderer.frame_shape == (SIZE, SIZE)


def test_lids_of_a_photograph_close_and_its_mouth_stays(portrait):
    head = HeadModel.load()
    pairs = lid_pairs(head, Photograph(head, portrait), "astronaut", {"name": "astronaut", "split": "train"})
    assert len(pairs) == LID_MOTIONS
    for pair in pairs:
        assert pair.facts["kind"] == "lids" and "eyeBlink" in pair.facts["what"]
        eye, lip = (159, 145), (13, 14)
        opened, closed = (
            [float(np.linalg.norm(points[a] - points[b])) for points in (pair.source_landmarks, pair.landmarks)]
            for a, b in (eye, lip)
        )
        assert opened[1] < 0.8 * opened[0] and abs(closed[0] - closed[1]) < 1.5
        batch = collate([pair])
        # The truth is drawn at twice the size: similar to the warp, but not a copy of it.
        assert 28 < float(psnr(batch.warped, batch.truth)[0]) < 50
    moves = [lid_move(seed_of(str(k))) for k in range(100)]
    assert 0.4 < np.mean([move.weights["eyeBlink"] == 1.0 for move in moves]) < 0.6
    assert max(abs(move.rotation[1]) for move in moves) <= 15


def test_source_motions_depend_only_on_the_name():
    first, again = (source_move(seed_of("A"), True, True) for _ in range(2))
    assert first == again and first != source_move(seed_of("B"), True, True)
    assert 6 <= abs(first.rotation[1]) <= 15
    expression, rotation, _ = Move({"eyeBlink": 1.0, "jawOpen": 2.0}, (10.0, 0.0, 0.0)).tensors()
    assert float(expression[0, EXPRESSIONS.index("eyeBlink_R")]) == 1.0
    assert float(expression.max()) == 1.0 and float(rotation[0, 0]) == pytest.approx(np.deg2rad(10))


def test_synthetic_people_are_posed_on_the_rendered_truth(tmp_path):
    procedural_skin(Surface(HeadModel.load(), 256), 1).save(tmp_path / "train" / "procedural-1.safetensors")
    talkers = Sittings("train", 192, "head", samples=1.0, cache=tmp_path)
    pairs = synthetic_pairs(HeadModel.load(), talkers, 1)
    assert len(pairs) >= MOMENTS - 1
    batch = collate(pairs)
    weight = batch.interest[:, 1:2] * batch.valid
    nearer = psnr(batch.warped, batch.truth, weight) > psnr(batch.source, batch.truth, weight)
    assert nearer.float().mean() > 0.7
    blinking = next(pair for pair in pairs if pair.facts["what"] == "moment 1")
    assert blinking.expression[EXPRESSIONS.index("eyeBlink_L")] > 0.9


@pytest.mark.real_data
def test_a_portraits_cycle_gives_its_photograph_back():
    data = Path(os.environ.get("SOLILOQUY_DATA", Path(__file__).resolve().parents[4].parent / "shared" / "data"))
    files = sorted((data / "portraits").glob("*.jpg"))
    if not files:
        pytest.skip("no portraits: set SOLILOQUY_DATA to the data folder")
    photograph = Photograph(HeadModel.load(), load_portrait(files[0]))
    pairs = cycle_pairs(HeadModel.load(), photograph, files[0].stem, {"name": files[0].stem, "split": "train"})
    assert pairs and all(pair.facts["kind"] == "portraits" for pair in pairs)
    batch = collate(pairs)
    warp, still = (psnr(picture, batch.truth, batch.valid) for picture in (batch.warped, batch.source))
    assert (warp > still + 1).all()
    # Shrunk from twice the size, the source keeps most of the photograph's detail.
    assert float(sharpness(batch.source, batch.truth).min()) > 0.6
