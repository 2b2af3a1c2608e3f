"""A face recognition network, to measure whether a face stays the same person. For measuring only.

ResNet-34 of dlib's kind, as converted by @vladmandic/face-api (MIT): a square of 150 pixels around a face → 128
numbers. Pictures of one person are usually less than 0.6 apart, pictures of two people more. What it was trained on is
not documented, so neither losses nor the product use it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

FILE = Path("models/face_api/face_recognition_model")
"""Of the weights in the data folder, without the endings of the manifest and of the numbers."""
SIDE = 150
SAME = 0.6
"""Distance below which the makers of the network take two pictures for one person."""
MEAN, UNIT = (122.782, 117.001, 104.298), 256.0
"""Mean colour that is subtracted, and the number that the rest is divided by."""
PLACES = ((44.0, 47.0), (106.0, 47.0), (75.0, 104.0))
"""Where the middle of the left eye in the picture, of the right one and of the mouth lie in the square."""
POINTS = ((33, 133), (362, 263), (61, 291))
"""Points of the face mesh whose means these are."""
BLOCKS = (
    *("32_1", "32_2", "32_3", "64_down", "64_1", "64_2", "64_3", "128_down", "128_1", "128_2"),
    *("256_down", "256_1", "256_2", "256_down_out"),
)


class Recogniser:
    """The network with its weights by name (``training.checks.tensorflow_weights``)."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        self._weights = weights

    @torch.inference_mode()
    def describe(self, squares: Sequence[np.ndarray]) -> Tensor:
        """(N, 128) of N squares (150, 150, 3) uint8 from :func:`square`; their distances say who is alike."""
        x = torch.from_numpy(np.stack(squares)).float().permute(0, 3, 1, 2)
        x = (x - torch.tensor(MEAN)[:, None, None]) / UNIT
        x = F.max_pool2d(self._convolved(x, "conv32_down", 2, 0).relu(), 3, 2)
        for block in BLOCKS:
            x = self._block(x, f"conv{block}", "down" in block)
        return x.mean((2, 3)) @ self._weights["fc"]

    def _block(self, x: Tensor, name: str, down: bool) -> Tensor:
        """A residual block; with ``down`` it halves the sides, and zeros fill what one of the two ways lacks."""
        step, edge = (2, 0) if down else (1, 1)
        y = self._convolved(self._convolved(x, f"{name}/conv1", step, edge).relu(), f"{name}/conv2", 1, 1)
        if down:
            x = F.avg_pool2d(x, 2)
            x = F.pad(x, (0, 0, 0, 0, 0, y.shape[1] - x.shape[1]))
            y = F.pad(y, (0, x.shape[3] - y.shape[3], 0, x.shape[2] - y.shape[2]))
        return (x + y).relu()

    def _convolved(self, x: Tensor, name: str, step: int, edge: int) -> Tensor:
        filters = self._weights[f"{name}/conv/filters"].permute(3, 2, 0, 1)  # height, width, in, out
        x = F.conv2d(x, filters, self._weights[f"{name}/conv/bias"], step, edge)
        factor, offset = (self._weights[f"{name}/scale/{part}"][:, None, None] for part in ("weights", "biases"))
        return x * factor + offset


def square(picture: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """(150, 150, 3) uint8 the upright face in a picture (H, W, 3) uint8; ``landmarks`` (478, 2 or 3) px."""
    found = np.array([landmarks[list(pair), :2].mean(0) for pair in POINTS], np.float32)
    matrix, _ = cv2.estimateAffinePartial2D(found, np.array(PLACES, np.float32))
    return np.asarray(cv2.warpAffine(picture, matrix, (SIDE, SIDE), flags=cv2.INTER_AREA))
