"""Separates the person from the background.

A frame is ``person`` + (1 − ``alpha``) · ``background``, where ``person`` and ``alpha`` are warped and ``background``
stays. With the photograph's own colours, ``person`` = photograph − (1 − ``alpha``) · ``background``: at rest this gives
the photograph again, whatever the matte. Strands of hair outside the matte are differences from the completed
background, so they move with the head too, without the background around them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import cv2
import numpy as np
import torch
from torch import Tensor

from ..fields import blur, dilate, erode, fill_smoothly, smoothstep
from ..masks import polygon
from .completion import complete

UNIT = 256
"""Lengths below are in pixels of a square with this side."""
CONNECTED = 0.3
"""Probability of the person from which pixels that hang together count as one person."""
REACH = 3
"""Radius by which the segmentation is widened, and then blurred, to find the pixels that can show the person."""
HOLE = 0.02
"""Values of this wide matte from which the background counts as unknown."""
ALPHA_EDGE = (0.5, 0.85)
"""Probabilities of the person between which the matte rises from 0 to 1."""
EDGE = 5
"""Width of the band along the outline, inside it, in which the segmentation can take background for the person."""
ALIKE = 0.05
"""Difference in colour, 0..1, at which a pixel of this band still counts as like the background."""
CONTRAST = 0.2
"""Difference between the person's and the background's colour from which that can be told."""
STRANDS = (2.5, 10.0)
"""Distance outside the outline up to which what differs from the completed background is hair: before a background with
much detail, which nobody can complete exactly, and before a plain one."""
DETAIL = 0.05
"""Standard deviation of the visible background, 0..1, that counts as much detail."""
DETAIL_RADIUS = 8
"""Radius in which it is measured."""
CORE_ERODED = 1.3
CORE = 0.85
"""Pixels whose segmentation is above ``CORE``, even after it is eroded by this radius, show the person alone."""
BELOW_CHIN = 0.5
"""Distance below the face, as a fraction of the face's height, down to which the head can uncover the background."""


@dataclass(frozen=True)
class Layers:
    """The two layers of a square.

    Attributes
    ----------
    tight
        (1, 1, S, S) 0..1, probability of the person.
    pure
        (1, 3, S, S) the photograph, with the person's own colours continued over the rim of the matte.
    alpha
        (1, 1, S, S) 0..1, matte.
    person
        (1, 3, S, S) the person's colours, multiplied by the matte; see above.
    background
        (1, 3, S, S) 0..1 RGB: the photograph, completed behind the person.
    hole
        (1, 1, S, S) bool: pixels that can show the person.
    """

    tight: Tensor
    pure: Tensor
    alpha: Tensor
    person: Tensor
    background: Tensor
    hole: Tensor

    def to(self, device: torch.device) -> Layers:
        """The same layers on a device."""
        return Layers(*(getattr(self, field.name).to(device) for field in fields(self)))


def find_person(crop: np.ndarray, landmarks: np.ndarray) -> Tensor:
    """(1, 1, S, S) probability of the person whose face has these landmarks; see :func:`separate`."""
    face = _face(landmarks, crop.shape[0])
    tight = torch.maximum(blur(torch.tensor(_segment(crop))[None, None], 1, 1), face)
    _, labels = cv2.connectedComponents((tight[0, 0] > CONNECTED).numpy().astype(np.uint8))
    own = np.unique(labels[face[0, 0].numpy() > 0.5])
    mine = torch.from_numpy(np.isin(labels, own[own > 0])).float()[None, None]
    return tight * dilate(mine, max(1, crop.shape[0] // UNIT))


def _face(landmarks: np.ndarray, size: int) -> Tensor:
    """(1, 1, S, S) mask of the face, which always belongs to the person."""
    return polygon(cv2.convexHull(landmarks[:, :2].astype(np.float32))[:, 0], size)


def separate(crop: np.ndarray, landmarks: np.ndarray, inside: np.ndarray) -> Layers:
    """Separate the person from the background in a square picture.

    Parameters
    ----------
    crop
        (S, S, 3) uint8 RGB.
    landmarks
        (N, 2 or 3) pixels of the face, which always belongs to the person.
    inside
        (S, S) bool: pixels that the photograph covers.
    """
    size = crop.shape[0]
    unit = size / UNIT
    picture = torch.tensor(crop).permute(2, 0, 1)[None].float() / 255  # (S, S, 3) -> (1, 3, S, S)
    tight = find_person(crop, landmarks)
    reach = max(1, round(REACH * unit))
    hole = blur(dilate(tight, reach), reach) > HOLE
    top, bottom = landmarks[:, 1].min(), landmarks[:, 1].max()
    wanted = np.zeros_like(inside)
    wanted[: max(0, round(bottom + BELOW_CHIN * (bottom - top)))] = True
    filled = complete(crop.astype(np.float32) / 255, hole[0, 0].numpy(), wanted & inside, inside)
    completed = torch.from_numpy(filled.transpose(2, 0, 1).copy())[None]

    core = (erode(tight, max(1, round(CORE_ERODED * unit))) > CORE).float()
    pure = picture + (1 - core) * (fill_smoothly(picture, core) - picture)
    taken = _taken_for_person(picture, pure, completed, tight) * (1 - _face(landmarks, size))
    alpha = smoothstep(*ALPHA_EDGE, tight) * (1 - taken)
    background = picture + _strands(picture, hole, tight) * (completed - picture)
    return Layers(tight, pure, alpha, picture - (1 - alpha) * background, background, hole)


def _taken_for_person(picture: Tensor, pure: Tensor, background: Tensor, tight: Tensor) -> Tensor:
    """(1, 1, S, S) 0..1: background along the outline that the segmentation takes for the person."""
    size = picture.shape[-1]
    band = 1 - erode((tight > ALPHA_EDGE[0]).float(), round(EDGE * size / UNIT))
    off = (picture - background).square().sum(1, keepdim=True)
    apart = (pure - background).square().sum(1, keepdim=True)
    return band * torch.exp(-off / (2 * ALIKE**2)) * smoothstep(CONTRAST**2 / 4, CONTRAST**2, apart)


def _strands(picture: Tensor, hole: Tensor, tight: Tensor) -> Tensor:
    """(1, 1, S, S) 0..1: pixels in which the completed background is trusted: the person and the hair around it."""
    outside = (tight[0, 0] < ALPHA_EDGE[0]).numpy().astype(np.uint8)
    distance = torch.from_numpy(cv2.distanceTransform(outside, cv2.DIST_L2, 5))[None, None]
    reach = STRANDS[0] + plainness(picture, hole) * (STRANDS[1] - STRANDS[0])
    return smoothstep(reach, reach / 2, distance / (picture.shape[-1] / UNIT))


def plainness(picture: Tensor, hole: Tensor) -> Tensor:
    """(1, 1, S, S) 0..1: how plain the visible background around each pixel of a picture (1, 3, S, S) is.

    ``hole`` (1, 1, S, S) bool marks the pixels that can show the person.
    """
    known = (~hole).float()
    radius = round(DETAIL_RADIUS * picture.shape[-1] / UNIT)
    share = blur(known, radius).clamp_min(1e-4)
    mean = blur(picture * known, radius) / share
    variance = (blur(picture.square() * known, radius) / share - mean.square()).clamp_min(0).mean(1, keepdim=True)
    return torch.exp(-variance / (2 * DETAIL**2))


def _segment(crop: np.ndarray) -> np.ndarray:
    """(S, S) float32 probability of the person, by mediapipe's selfie segmentation (part of its wheel)."""
    from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation

    with SelfieSegmentation(model_selection=0) as network:
        mask = network.process(crop).segmentation_mask
    return np.array(mask, np.float32)
