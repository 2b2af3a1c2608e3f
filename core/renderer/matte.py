"""The person apart from the background: a generous soft matte, and the background continued behind the person.

The matte reaches a few pixels past the hair and the photograph itself is what moves inside it, so no strand is cut and
at rest the two layers add up to the photograph again; what moves along is a thin ring of background.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from .fields import blur, dilate, fill_smoothly, smoothstep


@dataclass(frozen=True)
class Layers:
    """The two layers of a square.

    Attributes
    ----------
    person
        (1, 1, S, S) 0..1, tight matte as segmented.
    alpha
        (1, 1, S, S) 0..1, generous matte that is warped with the person.
    background
        (1, 3, S, S) 0..1 RGB; the photograph where ``alpha`` is zero, its smooth continuation behind the person.
    """

    person: Tensor
    alpha: Tensor
    background: Tensor


def separate(crop: np.ndarray, face_box: tuple[float, float, float, float]) -> Layers:
    """Separate the person in a square picture.

    Parameters
    ----------
    crop
        (S, S, 3) uint8 RGB.
    face_box
        (x0, y0, x1, y1) pixels of the face, always part of the person.
    """
    size = crop.shape[0]
    person = _segment(crop)
    person = _follow_edges(crop, person)
    x0, y0, x1, y1 = (round(v) for v in face_box)
    person[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = 1.0
    picture = torch.from_numpy(crop).permute(2, 0, 1)[None].float() / 255  # (S, S, 3) -> (1, 3, S, S)
    tight = torch.from_numpy(person)[None, None]

    reach = max(1, round(size * 0.012))
    alpha = smoothstep(0.02, 0.6, blur(dilate(tight, reach), reach))
    known = (alpha < 0.004).float()
    background = fill_smoothly(picture, known)
    soft = blur(background, max(1, size // 64))
    background = torch.where(known > 0, picture, soft + (background - soft) * 0.3)
    return Layers(tight, alpha, background)


def _segment(crop: np.ndarray) -> np.ndarray:
    """(S, S) float32 probability of the person (mediapipe's selfie segmentation, bundled with its wheel)."""
    from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation

    with SelfieSegmentation(model_selection=0) as network:
        mask = network.process(crop).segmentation_mask
    return np.array(mask, np.float32)


def _follow_edges(crop: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Guided filter: a local linear function of the grey picture nearest to the mask, so its edge meets the picture's.

    He, Sun and Tang, "Guided image filtering" (2010), equations 5 and 6.
    """
    guide = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    side = 2 * max(2, crop.shape[0] // 64) + 1

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.blur(values, (side, side))

    guide_mean, mask_mean = mean(guide), mean(mask)
    slope = (mean(guide * mask) - guide_mean * mask_mean) / (mean(guide * guide) - guide_mean**2 + 1e-3)
    offset = mask_mean - slope * guide_mean
    return np.clip(mean(slope) * guide + mean(offset), 0, 1)
