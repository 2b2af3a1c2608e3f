"""Whether the eyes and the mouth of a found face are seen, or the landmarks lie on something else.

The face mesh places eyes and a mouth wherever a face may be: also on a mask, on sunglasses, and on the hair of a face
that stands on its head. So each eye and the mouth are cut out of the picture along the landmarks, and two linear models
say whether the cut-out looks like the thing itself. Their input is a histogram of oriented gradients (Dalal and Triggs,
"Histograms of Oriented Gradients for Human Detection", 2005, with one normalisation for the whole cut-out) and a small
copy of the brightness. Colour isn't used, so that black-and-white photographs and paintings count alike.
``training/visible`` makes the models, from people of all skin tones: on dark skin the white of an eye is brighter than
its surroundings, on light skin it is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from ..compute.weight_files import open_weights
from ..places import WEIGHTS
from .eye_size import eyes_are_large
from .points import EYE_CORNERS, MOUTH_CORNERS, OUTER_EYES

FILE = WEIGHTS / "visible.safetensors"
WIDTH, HEIGHT = 48, 32
"""Pixels of a cut-out."""
EYE_WIDTH = 0.46
"""Width of an eye's cut-out in outer-eye distances."""
LARGE_EYES = 1.4
"""Factor on that width for eyes that are larger than those of people; the models know only photographs."""
MOUTH_WIDTH = 2.0
"""Width of the mouth's cut-out in distances of its corners."""
LEAST_MOUTH = 0.36
"""Distance of the mouth's corners, in outer-eye distances, below which it counts as this."""
SMOOTH = 0.45
"""Standard deviation of the Gaussian before a picture shrinks, in pixels of the cut-out."""
CELL, DIRECTIONS = 8, 8
"""Side of a cell of the histogram in pixels; directions of gradients, over the full circle."""
FAINT = 0.03
"""Gradient, in levels a pixel, that counts as noise when the histogram is normalised."""
LUMA_SIZE, LUMA_NOISE = (12, 8), 2.0
"""Width and height of the copy of the brightness; levels that count as noise."""
GRADIENT_SCALE, LUMA_SCALE = 3.0, 0.5
"""Factors that give both inputs a similar size."""
FEATURES = (WIDTH // CELL) * (HEIGHT // CELL) * DIRECTIONS + LUMA_SIZE[0] * LUMA_SIZE[1]
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Seen:
    """How surely parts of a face are seen: log odds of two linear models. Below 0 a part counts as hidden.

    Attributes
    ----------
    eyes
        The person's left eye, the right one.
    mouth
        The lips.
    """

    eyes: tuple[float, float]
    mouth: float

    @property
    def parts(self) -> tuple[float, float, float]:
        """Eyes and mouth."""
        return (*self.eyes, self.mouth)


def look(image: np.ndarray, landmarks: np.ndarray) -> Seen:
    """How surely the parts of a face are seen in ``image`` (H, W, 3) uint8 RGB at its face mesh (478, …) px."""
    eye, mouth = _models()
    left, right = (float(features(cut_out(image, landmarks, part)) @ eye[:-1] + eye[-1]) for part in (0, 1))
    return Seen((left, right), float(features(cut_out(image, landmarks, 2)) @ mouth[:-1] + mouth[-1]))


@cache
def _models(path: Path = FILE) -> tuple[np.ndarray, np.ndarray]:
    """Weights and constant (FEATURES + 1,) of the models of an eye and of the mouth."""
    with open_weights(path, "model of what is seen of a face") as file:
        eye, mouth = (file.tensors[name].double().numpy() for name in ("eye", "mouth"))
        if eye.shape != (FEATURES + 1,) or mouth.shape != (FEATURES + 1,):
            raise ValueError(f"shapes {eye.shape} and {mouth.shape}")
    return eye, mouth


def cut_out(image: np.ndarray, landmarks: np.ndarray, part: int) -> np.ndarray:
    """(HEIGHT, WIDTH) float32 brightness of a part, upright in the face, 0–255.

    Parts 0 and 1 are the person's left and right eye, 2 is the mouth. The right eye is mirrored.
    """
    points = landmarks[:, :2].astype(np.float64)
    right, left = points[list(OUTER_EYES)]
    eyes = max(float(np.linalg.norm(left - right)), 1e-6)
    across = (left - right) / eyes
    down = np.array([-across[1], across[0]])
    corners = points[list(MOUTH_CORNERS if part == 2 else EYE_CORNERS[part])]
    if part == 2:
        width = MOUTH_WIDTH * max(abs(float((corners[1] - corners[0]) @ across)), LEAST_MOUTH * eyes)
    else:
        width = EYE_WIDTH * eyes * (LARGE_EYES if eyes_are_large(landmarks) else 1)
    scale = width / WIDTH
    right_ward, down_ward = (-across if part == 1 else across) * scale, down * scale
    # OpenCV has pixel centres at integers, we have them at half-integers.
    origin = corners.mean(0) - 0.5 - right_ward * (WIDTH - 1) / 2 - down_ward * (HEIGHT - 1) / 2
    matrix = np.column_stack([right_ward, down_ward, origin])
    low = np.floor(np.clip(points.min(0) - eyes, 0, None)).astype(int)
    high = np.ceil(points.max(0) + eyes).astype(int)
    near = image[low[1] : max(high[1], low[1] + 1), low[0] : max(high[0], low[0] + 1)]
    if not near.size:
        return np.zeros((HEIGHT, WIDTH), np.float32)
    matrix[:, 2] -= low
    luma: np.ndarray = near.astype(np.float32) @ _LUMA
    if scale > 1:
        luma = cv2.GaussianBlur(luma, (0, 0), SMOOTH * scale)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(luma, matrix, (WIDTH, HEIGHT), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def features(luma: np.ndarray) -> np.ndarray:
    """(FEATURES,) what the linear models see of a cut-out (HEIGHT, WIDTH)."""
    smooth = cv2.GaussianBlur(luma, (0, 0), 1.0)
    right, down = (cv2.Sobel(smooth, cv2.CV_32F, *order) / 8 for order in ((1, 0), (0, 1)))
    strength = np.hypot(right, down)
    direction = np.arctan2(down, right) % (2 * np.pi) * (DIRECTIONS / (2 * np.pi))
    first = np.floor(direction).astype(int) % DIRECTIONS
    share = direction - np.floor(direction)
    histogram = np.empty((HEIGHT // CELL, WIDTH // CELL, DIRECTIONS), np.float32)
    for index in range(DIRECTIONS):
        weight = (1 - share) * (first == index) + share * ((first + 1) % DIRECTIONS == index)
        histogram[..., index] = (strength * weight).reshape(HEIGHT // CELL, CELL, WIDTH // CELL, CELL).mean((1, 3))
    histogram = np.sqrt(histogram / (np.linalg.norm(histogram) + FAINT))
    small = cv2.resize(smooth, LUMA_SIZE, interpolation=cv2.INTER_AREA)
    small = (small - small.mean()) / (small.std() + LUMA_NOISE)
    return np.concatenate([GRADIENT_SCALE * histogram.ravel(), LUMA_SCALE * small.ravel()])
