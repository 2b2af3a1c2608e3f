"""Self-reenactment metrics on pairs whose answer is known."""

import math

import numpy as np
import pytest
import torch

from core.face.reconstruction import Reconstruction, ReconstructionConfig
from tests.training.corpus.pairs.made_up_pairs import made_up
from training.corpus.pairs.store import write_pairs
from training.generator.image_metrics import (
    COLUMNS,
    REGIONS,
    evaluate,
    face_features,
    face_views,
    measure,
    regions,
    still,
    tables,
    unlikeness,
    warp,
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
    found = measure(pairs(6), {"warp": warp, "truth": lambda batch: batch["truth"]}, PerceptualDistance())
    best = found["methods"]["truth"]
    assert found["pairs"] == 6
    assert best["whole"]["psnr"] > 59 and best["mouth"]["ssim"] == pytest.approx(1, abs=1e-4)
    assert best["whole"]["perceptual"] == pytest.approx(0, abs=1e-6)
    assert best["frechet"] == pytest.approx(0, abs=1e-6)
    assert best["better"]["mouth"] == 1.0
    assert math.isnan(best["eyes"]["psnr"])
    assert found["methods"]["warp"]["whole"]["psnr"] < 40 and found["methods"]["warp"]["frechet"] > 0


def test_regions_count_only_what_is_valid():
    batch = {"valid": torch.zeros(1, 1, 8, 8), "interest": torch.ones(1, 3, 8, 8)}
    batch["valid"][..., :4] = 1
    masks = regions(batch)
    assert tuple(masks) == REGIONS
    assert all(float(mask.sum()) == 32 for mask in masks.values())


def test_features_belong_to_the_face_alone():
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


def test_r_finds_the_same_faces_alike_and_blurred_ones_less():
    network = Reconstruction(ReconstructionConfig.tiny()).eval()
    views = torch.rand(2, 3, 128, 128, generator=torch.manual_seed(0))
    soft = torch.nn.functional.avg_pool2d(views, 3, 1, 1)
    with torch.inference_mode():
        assert float(unlikeness(network, views, views).max()) < 1e-6
        assert float(unlikeness(network, soft, views).min()) > 0.01


def test_sets_without_pairs_are_left_out_of_the_table(tmp_path):
    write_pairs(tmp_path / "portraits" / "test" / "0000.safetensors", pairs(3), {})
    results = evaluate(tmp_path, {"still": still, "warp": warp}, limit=2)
    assert list(results["sets"]) == ["portraits held out"]
    whole, regions = tables(results, "command")
    assert len(whole.rows) == len(regions.rows) == 2
    headings = {heading for heading, *_ in COLUMNS}
    assert set(whole.columns[2:-1]) | set(regions.columns[2:-1]) == headings
    assert len(whole.columns) + len(regions.columns) == len(headings) + 6, "each column stands in one table"
    assert whole.columns[-1] == "1000 FD ↓" and {"PSNR", "face to R ↓"} < set(whole.columns)
    for made in (whole, regions):
        assert made.rows[0][:2] == ("portraits held out (2)", "still")
