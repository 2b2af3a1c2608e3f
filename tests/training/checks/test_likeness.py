"""Likeness and flicker: the recognition network, and how takes are compared with films."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from core.portrait.load import load_portrait
from training.checks.likeness import STILL, Reading, flicker, reading, table
from training.checks.recognition import BLOCKS, FILE, PLACES, POINTS, SAME, SIDE, Recogniser, square
from training.checks.tensorflow_weights import read_weights
from training.common.folders import data_folder


def random_weights(seed: int = 0) -> dict[str, torch.Tensor]:
    """Weights of the network's shapes, small and random."""
    rng = torch.Generator().manual_seed(seed)
    found = {"fc": torch.randn(256, 128, generator=rng)}

    def add(name: str, size: int, inward: int, outward: int) -> None:
        found[f"{name}/conv/filters"] = torch.randn(size, size, inward, outward, generator=rng) / (3 * inward**0.5)
        for key in ("conv/bias", "scale/weights", "scale/biases"):
            found[f"{name}/{key}"] = torch.rand(outward, generator=rng)

    add("conv32_down", 7, 3, 32)
    width = 32
    for block in BLOCKS:
        outward = int(block.split("_")[0])
        add(f"conv{block}/conv1", 3, width, outward)
        add(f"conv{block}/conv2", 3, outward, outward)
        width = outward
    return found


def faces(count: int, seed: int = 0) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 3), np.uint8))


def test_manifest_is_read_with_bytes_scaled_and_floats_as_they_are(tmp_path):
    path = tmp_path / f"{FILE}-weights_manifest.json"
    path.parent.mkdir(parents=True)
    quantised = {"name": "a", "shape": [2, 2], "dtype": "float32", "quantization": {"scale": 0.5, "min": -1.0}}
    plain = {"name": "b", "shape": [3], "dtype": "float32"}
    path.write_text(json.dumps([{"paths": ["x.bin"], "weights": [quantised, plain]}]))
    numbers = bytes([0, 2, 4, 255]) + np.array([1.5, -2, 3], "<f4").tobytes()
    (tmp_path / f"{FILE}.bin").write_bytes(numbers)
    found = read_weights(tmp_path / FILE)
    assert found["a"].tolist() == [[-1.0, 0.0], [1.0, 126.5]]
    assert found["b"].tolist() == [1.5, -2.0, 3.0]


def test_descriptions_do_not_depend_on_the_others_in_the_batch():
    recogniser = Recogniser(random_weights())
    three = faces(3)
    together = recogniser.describe(three)
    assert together.shape == (3, 128)
    assert torch.allclose(together[1], recogniser.describe([three[1]])[0], rtol=1e-3, atol=1e-3)
    assert (together[0] - together[1]).norm() > 1e-3


def test_a_turned_face_is_put_upright_at_its_place():
    angle, scale, shift = np.radians(25), 3.0, np.array([210.0, 40.0])
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    landmarks = np.zeros((478, 3), np.float32)
    picture = np.zeros((600, 700, 3), np.uint8)
    for pair, place in zip(POINTS, PLACES, strict=True):
        x, y = turn @ place + shift
        landmarks[list(pair), :2] = (x, y)
        picture[int(y) - 9 : int(y) + 9, int(x) - 9 : int(x) + 9] = 255
    found = square(picture, landmarks)
    assert found.shape == (SIDE, SIDE, 3)
    for x, y in PLACES:
        assert found[round(y), round(x)].min() > 200
    assert found[75, 10].max() == 0


def test_flicker_sees_noise_but_no_steady_change():
    rng = np.random.default_rng(1)
    rising = [np.full((SIDE, SIDE, 3), 10 + 3 * k, np.uint8) for k in range(12)]
    assert flicker(rising) == 0
    noisy = [np.clip(face + rng.normal(0, 4, face.shape), 0, 255).astype(np.uint8) for face in rising]
    # A second difference of noise of deviation s is normal with deviation s · √6.
    assert flicker(noisy[3:]) == pytest.approx(4 * np.sqrt(6) * np.sqrt(2 / np.pi), rel=0.1)
    beside = [face.copy() for face in rising]
    for face in beside[::2]:
        face[STILL[0].stop :] = 255
    assert flicker(beside) == 0


def test_frames_that_are_the_first_one_are_at_no_distance():
    first, *others = faces(6, 2)
    same = reading(Recogniser(random_weights()), first, [first] * 11)
    assert (same.distance, same.farthest, same.flicker) == pytest.approx((0, 0, 0), abs=1e-3)
    moved = reading(Recogniser(random_weights()), first, others)
    assert moved.farthest >= moved.distance > 0


def test_the_table_has_the_mean_first_and_film_beside_take():
    found = {"a": (Reading(0.1, 0.2, 3), Reading(0.3, 0.4, 1)), "b": (Reading(0.3, 0.4, 5), Reading(0.5, 0.6, 1))}
    rows = table(found).rows
    assert rows[0] == ("**mean**", "0.20", "0.40", "0.30", "0.50", "4.00", "1.00")
    assert rows[1] == ("a", "0.10", "0.30", "0.20", "0.40", "3.00", "1.00")


@pytest.mark.real_data
@pytest.mark.skipif(not (data_folder() / f"{FILE}.bin").is_file(), reason="the recognition network is not there")
def test_two_people_are_farther_apart_than_one_from_itself(tmp_path):
    files = sorted((data_folder() / "portraits").glob("*.jpg"))[:12]
    cache = Path(os.environ.get("SOLILOQUY_CACHE", tmp_path))
    portraits = [load_portrait(path, cache) for path in files]
    recogniser = Recogniser(read_weights(data_folder() / FILE))
    upright = [square(p.image, p.landmarks) for p in portraits]
    described = recogniser.describe(upright)
    others = torch.cdist(described, described)[~torch.eye(len(files), dtype=torch.bool)]
    changed = recogniser.describe([(face * 0.8).astype(np.uint8)[:, ::-1] for face in upright])
    same = (described - changed).norm(dim=1)
    assert same.max() < SAME < float(others.median())
    assert same.mean() < 0.5 * others.mean()
