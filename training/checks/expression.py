"""A network that tells seven facial expressions apart, to see whether an emotion shows. For measuring only.

Four dense blocks of separable convolutions, as converted by @vladmandic/face-api (MIT): a square of 112 pixels around a
face → seven probabilities. What it was trained on is not documented, so neither losses nor the product use it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .recognition import MEAN, POINTS

FILE = Path("models/face_api/face_expression_model")
"""Of the weights in the data folder, without the endings of the manifest and of the numbers."""
SEEN = ("neutral", "happy", "sad", "angry", "afraid", "disgusted", "surprised")
"""What the network tells apart, in its order, in the words of ``core.wire.emotions``."""
SIDE = 112
_SHARE = 0.45
"""Distance from eyes to mouth divided by the side of the square."""
_CENTRE = (0.5, 0.43)
"""Where the mean of eyes and mouth lies in the square."""


class ExpressionReader:
    """The network with its weights by name (``training.checks.tensorflow_weights``)."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        self._weights = weights

    @torch.inference_mode()
    def read(self, squares: Sequence[np.ndarray]) -> Tensor:
        """(N, 7) probabilities in the order of ``SEEN`` of N squares (112, 112, 3) uint8 from :func:`square`."""
        x = torch.from_numpy(np.stack(squares)).float().permute(0, 3, 1, 2)
        x = (x - torch.tensor(MEAN)[:, None, None]) / 255
        for block in range(4):
            x = self._block(x, f"dense{block}")
        x = F.avg_pool2d(x, 7, 2)
        return (x.flatten(1) @ self._weights["fc/weights"] + self._weights["fc/bias"]).softmax(1)

    def _block(self, x: Tensor, name: str) -> Tensor:
        """Four convolutions, each of which sees the sum of those before; the first one halves the sides."""
        total = self._convolved(x, f"{name}/conv0", 2).relu()
        for index in (1, 2, 3):
            total = total + self._convolved(total.relu(), f"{name}/conv{index}", 1)
        return total.relu()

    def _convolved(self, x: Tensor, name: str, step: int) -> Tensor:
        weights = {part: self._weights.get(f"{name}/{part}") for part in ("filters", "depthwise_filter")}
        bias = self._weights[f"{name}/bias"]
        # As tensorflow pads: with a step of 2 and even sides only the right and the lower edge.
        x = F.pad(x, (0, 1, 0, 1) if step == 2 else (1, 1, 1, 1))
        if (whole := weights["filters"]) is not None:
            return F.conv2d(x, whole.permute(3, 2, 0, 1), bias, step)  # height, width, in, out
        deep = weights["depthwise_filter"]
        assert deep is not None
        x = F.conv2d(x, deep.permute(2, 3, 0, 1), None, step, groups=x.shape[1])
        return F.conv2d(x, self._weights[f"{name}/pointwise_filter"].permute(3, 2, 0, 1), bias)


def square(picture: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """(112, 112, 3) uint8 the face in a picture (H, W, 3) uint8; ``landmarks`` (478, 2 or 3) px."""
    places = np.array([landmarks[list(pair), :2].mean(0) for pair in POINTS])  # two eyes and the mouth
    side = np.linalg.norm(places[:2] - places[2], axis=1).mean() / _SHARE
    corner = places.mean(0) - side * np.array(_CENTRE)
    scale = SIDE / side
    matrix = np.array([[scale, 0, -scale * corner[0]], [0, scale, -scale * corner[1]]])
    return np.asarray(cv2.warpAffine(picture, matrix, (SIDE, SIDE), flags=cv2.INTER_AREA))
