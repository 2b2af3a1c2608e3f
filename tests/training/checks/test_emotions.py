"""The check of emotions: the network that reads expressions, and what it says of lips."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from core.face.face_mesh import FaceMesh
from core.head.head_model import HeadModel
from core.motion.channels import EXPRESSIONS, FPS
from core.motion.motion import Motion
from core.wire.emotions import EMOTIONS
from training.checks.emotions import Lips, table
from training.checks.expression import FILE, SEEN, SIDE, ExpressionReader, square
from training.checks.recognition import POINTS
from training.checks.tensorflow_weights import read_weights
from training.common.folders import data_folder


def random_weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    weights, before = {"fc/weights": torch.randn(256, 7), "fc/bias": torch.randn(7)}, 3
    for block, width in enumerate((32, 64, 128, 256)):
        for index in range(4):
            name = f"dense{block}/conv{index}"
            if before == 3:
                weights[f"{name}/filters"] = torch.randn(3, 3, 3, width) / 5
            else:
                weights[f"{name}/depthwise_filter"] = torch.randn(3, 3, before, 1) / 3
                weights[f"{name}/pointwise_filter"] = torch.randn(1, 1, before, width) / before**0.5
            weights[f"{name}/bias"] = torch.randn(width)
            before = width
    return weights


def by_hand(x: np.ndarray, deep: np.ndarray, mixed: np.ndarray, bias: np.ndarray, step: int) -> np.ndarray:
    """(C', h, w) a separable convolution with tensorflow's padding "same", pixel by pixel."""
    side = -(-x.shape[1] // step)
    total = max((side - 1) * step + 3 - x.shape[1], 0)
    first = total // 2
    padded = np.pad(x, ((0, 0), (first, total - first), (first, total - first)))
    out = np.zeros((mixed.shape[1], side, side))
    for row in range(side):
        for column in range(side):
            part = padded[:, row * step : row * step + 3, column * step : column * step + 3]
            out[:, row, column] = (part * deep.transpose(2, 0, 1)).sum((1, 2)) @ mixed + bias
    return out


@pytest.mark.parametrize(("index", "step"), [(0, 2), (1, 1)])
def test_convolutions_are_those_of_tensorflow(index, step):
    weights, name = random_weights(), f"dense1/conv{index}"
    x = torch.rand(1, 32 if index == 0 else 64, 10, 10)
    made = ExpressionReader(weights)._convolved(x, name, step)[0]
    deep, mixed, bias = (weights[f"{name}/{part}"] for part in ("depthwise_filter", "pointwise_filter", "bias"))
    expected = by_hand(x[0].numpy(), deep[..., 0].numpy(), mixed[0, 0].numpy(), bias.numpy(), step)
    np.testing.assert_allclose(made.numpy(), expected, atol=1e-4)


def test_probabilities_of_each_square():
    faces = list(np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3), np.uint8))
    read = ExpressionReader(random_weights()).read(faces)
    assert read.shape == (3, 7) and torch.allclose(read.sum(1), torch.ones(3))
    assert sorted(SEEN) == sorted(EMOTIONS)


def test_the_square_lies_around_eyes_and_mouth():
    landmarks = np.zeros((478, 3), np.float32)
    places = np.array([[100.0, 100.0], [160.0, 100.0], [130.0, 160.0]])
    for pair, place in zip(POINTS, places, strict=True):
        landmarks[list(pair), :2] = place
    picture = np.zeros((400, 400, 3), np.uint8)
    for x, y in places.astype(int):
        cv2.circle(picture, (x, y), 5, (255, 255, 255), -1)
    found = np.argwhere(square(picture, landmarks)[..., 0] > 128).mean(0)
    np.testing.assert_allclose(found, (0.43 * SIDE, 0.5 * SIDE), atol=1)


def motion(jaw: np.ndarray) -> Motion:
    expression = np.zeros((len(jaw), len(EXPRESSIONS)), np.float32)
    expression[:, EXPRESSIONS.index("jawOpen")] = jaw
    return Motion(expression, np.zeros((len(jaw), 3)), np.zeros((len(jaw), 3)), FPS)


def test_lips_that_no_longer_shut_are_told():
    jaw = np.array([0.0, 0.0, 0.3, 0.5, 0.0, 0.4], np.float32)
    head, plain = HeadModel.load(), motion(jaw)
    same, apart = Lips.of(plain, plain, head), Lips.of(motion(0.5 * jaw + 0.2), plain, head)
    assert (same.correlation, same.movement, same.shut) == (pytest.approx(1), pytest.approx(1), 1)
    assert apart.shut == 0 and apart.movement == pytest.approx(0.5, abs=0.05)


def test_the_table_counts_who_shows_it_more():
    found = np.full((2, 7, 7), 0.1)
    happy = EMOTIONS.index("happy"), SEEN.index("happy")
    found[0][happy] = 0.9
    lips = dict.fromkeys(EMOTIONS, Lips(1.0, 1.0, 1.0))
    rows = {row[0]: row for row in table(found, lips, 0.7, "portraits").rows}
    assert rows["happy"][1 + EMOTIONS.index("happy")] == "50" and rows["happy"][8] == "1 of 2"


@pytest.mark.real_data
def test_official_portraits_smile():
    data = data_folder()
    if not (data / f"{FILE}.bin").is_file():
        pytest.skip("the network for expressions is not there")
    faces = []
    with FaceMesh() as mesh:
        for path in sorted((data / "portraits").glob("*.jpg"))[::40]:
            picture = np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])
            faces += [square(picture, points) for points in mesh.detect(picture)[:1]]
    seen = ExpressionReader(read_weights(data / FILE)).read(faces)
    assert (seen.argmax(1) == SEEN.index("happy")).float().mean() > 0.7
