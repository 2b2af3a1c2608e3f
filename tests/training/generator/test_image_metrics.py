"""Self-reenactment metrics on pairs with known results."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from core.face.face_view import clip_similarity, face_view, network_input
from core.face.reconstruction import Reconstruction, ReconstructionConfig
from tests.training.corpus.pairs.made_up_pairs import made_up
from training.corpus.pairs.pair import collate
from training.corpus.pairs.store import write_pairs
from training.generator.image_metrics import COLUMNS, evaluate, still, tables, warp
from training.generator.measurement import (
    REGIONS,
    face_features,
    face_views,
    measure,
    measure_flicker,
    regions,
    unlikeness,
)
from training.generator.perceptual import OrientedPyramid, PerceptualDistance


def pairs(count: int):
    """Pairs of smooth pictures with a face in the middle."""
    rng = np.random.default_rng(0)
    out = []
    for number in range(count):
        pair = made_up("portraits", number)
        pair.landmarks[:] = rng.uniform(20, 44, (478, 2))
        pair.valid[:] = 255
        pair.interest[:] = 0
        pair.interest[30:40, 25:40, 0] = 255
        out.append(pair)
    return out


def test_the_truth_itself_is_best_and_regions_without_pixels_are_left_out():
    found = measure(pairs(6), {"warp": warp, "truth": lambda batch: batch.truth}, PerceptualDistance())
    best = found.methods["truth"]
    assert found.pairs == 6
    assert best.regions["whole"].psnr > 59 and best.regions["mouth"].ssim == pytest.approx(1, abs=1e-4)
    assert best.regions["whole"].perceptual == pytest.approx(0, abs=1e-6)
    assert best.frechet == pytest.approx(0, abs=1e-6)
    assert best.better is not None and best.better["mouth"] == 1.0
    assert math.isnan(best.regions["eyes"].psnr) and math.isnan(best.unlike)
    warped = found.methods["warp"]
    assert warped.better is None
    assert warped.regions["whole"].psnr < 40 and warped.frechet > 0


def test_regions_count_only_valid_pixels():
    batch = collate(pairs(1))
    valid, interest = torch.zeros(1, 1, 8, 8), torch.ones(1, 3, 8, 8)
    valid[..., :4] = 1
    masks = regions(replace(batch, valid=valid, interest=interest))
    assert tuple(masks) == REGIONS
    assert all(float(mask.sum()) == 32 for mask in masks.values())


def test_features_describe_only_the_face():
    filters = OrientedPyramid()
    picture = torch.rand(1, 3, 64, 64, generator=torch.manual_seed(0))
    face = np.zeros((478, 2), np.float32)
    for pair, x, y in (((33, 133), 26, 28), ((263, 362), 38, 28), ((61, 291), 32, 41)):
        face[list(pair)] = x, y
    points = torch.from_numpy(face)[None]

    def features(picture: torch.Tensor) -> torch.Tensor:
        return face_features(face_views(picture, points), filters)

    other = picture.clone()
    other[..., :8, :] = 0
    assert torch.allclose(features(picture), features(other))
    other[..., 30:34, 30:34] = 0
    assert not torch.allclose(features(picture), features(other))


def test_face_views_are_those_of_the_networks():
    """They are what ``core.face.face_view`` cuts from the same picture, up to its rounding and smoothing."""
    rng = np.random.default_rng(0)
    smooth = torch.nn.functional.interpolate(
        torch.from_numpy(rng.random((1, 3, 8, 8))).float(), (128, 128), mode="bicubic"
    )
    picture = (smooth.clamp(0, 1) * 255).round() / 255
    points = np.zeros((478, 2), np.float32)
    for pair, place in (((33, 133), (50.0, 52.0)), ((263, 362), (78.0, 54.0)), ((61, 291), (63.0, 85.0))):
        points[list(pair)] = place
    ours = face_views(picture, torch.from_numpy(points)[None])[0]
    bytes_of = (picture[0].permute(1, 2, 0) * 255).byte().numpy()
    theirs = torch.from_numpy(network_input(face_view(bytes_of, clip_similarity(points))))
    assert float((ours - theirs).abs().mean()) < 0.02
    assert float((ours.flip(-1) - theirs).abs().mean()) > 0.1


def test_flicker_is_measured_in_levels_away_from_mouth_and_eyes():
    still = pairs(1)[0]
    jump = replace(still, truth=np.minimum(still.truth + 3, 255).astype(np.uint8))
    mouth = np.where(still.interest[..., :1] == 255, 255, still.truth).astype(np.uint8)
    steady, jumping, speaking = (
        measure_flicker([run], {"warp": warp})
        for run in ((still,) * 3, (still, jump, still), (still, replace(still, truth=mouth), still))
    )
    assert steady["truth"] == 0 and steady["warp"] == 0
    assert jumping["truth"] == pytest.approx(6, abs=0.1)  # up by 3 and down by 3
    assert speaking["truth"] == pytest.approx(0, abs=1e-4)


def test_r_finds_equal_faces_alike_and_blurred_ones_less_alike():
    network = Reconstruction(ReconstructionConfig.tiny()).eval()
    views = torch.rand(2, 3, 128, 128, generator=torch.manual_seed(0))
    soft = torch.nn.functional.avg_pool2d(views, 3, 1, 1)
    with torch.inference_mode():
        assert float(unlikeness(network, views, views).max()) < 1e-6
        assert float(unlikeness(network, soft, views).min()) > 0.01


def test_sets_without_pairs_are_left_out_of_the_table(tmp_path):
    write_pairs(tmp_path / "portraits" / "test" / "0000.safetensors", pairs(3), {})
    results = evaluate(tmp_path, {"still": still, "warp": warp}, limit=2)
    assert list(results.sets) == ["portraits held out"]
    whole, regions = tables(results, "command")  # no third one: there are no films
    assert len(whole.rows) == len(regions.rows) == 2
    headings = {heading for heading, *_ in COLUMNS}
    assert set(whole.columns[2:-1]) | set(regions.columns[2:-1]) == headings
    assert len(whole.columns) + len(regions.columns) == len(headings) + 6, "each column stands in one table"
    assert whole.columns[-1] == "1000 FD ↓" and {"PSNR", "face to R ↓"} < set(whole.columns)
    for made in (whole, regions):
        assert made.rows[0][:2] == ("portraits held out (2)", "still")
