"""The person apart from the background: a generous soft matte, and the background continued behind the person.

The matte reaches a few pixels past the hair and the photograph itself is what moves inside it, so no strand is cut and
at rest the two layers add up to the photograph again; what moves along is a thin ring of background. Where the flow
stretches, that ring would widen into a halo: there a tight matte and the person's own colours take its place.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from .fields import blur, dilate, erode, fill_smoothly, smoothstep
from .masks import polygon


@dataclass(frozen=True)
class Layers:
    """The two layers of a square.

    Attributes
    ----------
    tight
        (1, 1, S, S) 0..1, matte as segmented.
    pure
        (1, 3, S, S) the photograph with the person's own colours continued over the rim of the tight matte.
    alpha
        (1, 1, S, S) 0..1, generous matte that is warped with the person.
    background
        (1, 3, S, S) 0..1 RGB; the photograph where ``alpha`` is zero, its smooth continuation behind the person.
    """

    tight: Tensor
    pure: Tensor
    alpha: Tensor
    background: Tensor


def separate(crop: np.ndarray, landmarks: np.ndarray) -> Layers:
    """Separate the person in a square picture.

    Parameters
    ----------
    crop
        (S, S, 3) uint8 RGB.
    landmarks
        (N, 2 or 3) pixels of the face, always part of the person.
    """
    size = crop.shape[0]
    person = _segment(crop)
    face = polygon(cv2.convexHull(landmarks[:, :2].astype(np.float32))[:, 0], size)
    picture = torch.tensor(crop).permute(2, 0, 1)[None].float() / 255  # (S, S, 3) -> (1, 3, S, S)
    tight = torch.maximum(blur(torch.tensor(person)[None, None], 1, 1), face)

    reach = max(1, round(size * 0.012))
    alpha = smoothstep(0.02, 0.6, blur(dilate(tight, reach), reach))
    known = (alpha < 0.004).float()
    background = fill_smoothly(picture, known)
    soft = blur(background, max(1, size // 64))
    background = torch.where(known > 0, picture, soft + (background - soft) * 0.3)
    core = (erode(tight, max(1, size // 200)) > 0.85).float()
    pure = picture + (1 - core) * (fill_smoothly(picture, core) - picture)
    return Layers(smoothstep(0.5, 0.85, tight), pure, alpha, background)


def _segment(crop: np.ndarray) -> np.ndarray:
    """(S, S) float32 probability of the person (mediapipe's selfie segmentation, bundled with its wheel)."""
    from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation

    with SelfieSegmentation(model_selection=0) as network:
        mask = network.process(crop).segmentation_mask
    return np.array(mask, np.float32)
