"""Separates the person from the background: a wide soft matte, and the background continued behind the person.

The matte reaches a few pixels past the hair, and the photograph itself moves inside it. No strand of hair is cut off,
and at rest the two layers add up to the photograph again. Only a thin ring of background moves with the person. Where
the flow stretches, that ring would widen into a halo. There a tight matte and the person's own colours are used instead
(``stretched.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from .fields import blur, dilate, erode, fill_smoothly, smoothstep
from .masks import polygon

REACH = 0.012
"""Width of the ring of background that moves with the person, as a fraction of the square's side."""
ALPHA_EDGE = (0.02, 0.6)
"""Values of the widened, blurred segmentation between which the wide matte rises from 0 to 1."""
TIGHT_EDGE = (0.5, 0.85)
"""Probabilities of the person between which the tight matte rises from 0 to 1."""
NOTHING = 0.004
"""Wide matte below which a pixel is plain background (one level of 255)."""
BACKGROUND_BLUR = 1 / 64
"""Radius of the blur of the background behind the person, as a fraction of the square's side."""
BACKGROUND_DETAIL = 0.3
"""Share of the detail that this blur leaves."""
CORE_ERODED = 1 / 200
CORE = 0.85
"""Pixels whose segmentation is above ``CORE``, even after it is eroded by this fraction of the side, have the person's
own colours."""


@dataclass(frozen=True)
class Layers:
    """The two layers of a square.

    Attributes
    ----------
    tight
        (1, 1, S, S) 0..1, tight matte as segmented.
    pure
        (1, 3, S, S) the photograph, with the person's own colours continued over the rim of the tight matte.
    alpha
        (1, 1, S, S) 0..1, wide matte that is warped with the person.
    background
        (1, 3, S, S) 0..1 RGB: the photograph where ``alpha`` is zero, and its smooth continuation behind the person.
    """

    tight: Tensor
    pure: Tensor
    alpha: Tensor
    background: Tensor


def separate(crop: np.ndarray, landmarks: np.ndarray) -> Layers:
    """Separate the person from the background in a square picture.

    Parameters
    ----------
    crop
        (S, S, 3) uint8 RGB.
    landmarks
        (N, 2 or 3) pixels of the face, which always belongs to the person.
    """
    size = crop.shape[0]
    person = _segment(crop)
    face = polygon(cv2.convexHull(landmarks[:, :2].astype(np.float32))[:, 0], size)
    picture = torch.tensor(crop).permute(2, 0, 1)[None].float() / 255  # (S, S, 3) -> (1, 3, S, S)
    tight = torch.maximum(blur(torch.tensor(person)[None, None], 1, 1), face)

    reach = max(1, round(size * REACH))
    alpha = smoothstep(*ALPHA_EDGE, blur(dilate(tight, reach), reach))
    known = (alpha < NOTHING).float()
    background = fill_smoothly(picture, known)
    soft = blur(background, max(1, int(size * BACKGROUND_BLUR)))
    background = torch.where(known > 0, picture, soft + (background - soft) * BACKGROUND_DETAIL)
    core = (erode(tight, max(1, int(size * CORE_ERODED))) > CORE).float()
    pure = picture + (1 - core) * (fill_smoothly(picture, core) - picture)
    return Layers(smoothstep(*TIGHT_EDGE, tight), pure, alpha, background)


def _segment(crop: np.ndarray) -> np.ndarray:
    """(S, S) float32 probability of the person, by mediapipe's selfie segmentation (part of its wheel)."""
    from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation

    with SelfieSegmentation(model_selection=0) as network:
        mask = network.process(crop).segmentation_mask
    return np.array(mask, np.float32)
