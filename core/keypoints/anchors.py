"""Which keypoints are led by landmarks, and where all of them begin.

Unsupervised keypoints take long to find lips and lids, which are small. As in LivePortrait (Guo et al. 2024,
arXiv 2407.03168, "landmark-guided implicit keypoints optimization"), some of them are led to places of the face in
training. The other ones are free.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..motion.channels import BLINK, BROWS, EXPRESSIONS, GAZE

_EYES = (*BLINK, *BROWS, *GAZE, "cheekSquint_L", "cheekSquint_R")
PARTS: dict[str, tuple[str, ...]] = {
    "eyes": _EYES,
    "mouth": tuple(name for name in EXPRESSIONS if name not in _EYES),
}
"""The expression weights that move the keypoints of a part. Others follow the head alone. So a blink can't move the
mouth, nor speech the hair, and neither can turn the head."""


@dataclass(frozen=True)
class Anchor:
    """A keypoint that is led to the mean of landmarks.

    Attributes
    ----------
    landmarks
        Indices of the face mesh.
    place
        Mean place (x, y) in the square over 150 pairs.
    spread
        Deviation of the region that follows it, when training begins.
    part
        One of ``PARTS``, or "head" if only the head moves it.
    """

    landmarks: tuple[int, ...]
    place: tuple[float, float]
    spread: float
    part: str = "mouth"


MIDDLE = (
    Anchor((0, 13), (0.0, 0.224), 0.03),  # upper lip
    Anchor((17, 14), (0.0, 0.277), 0.03),  # lower lip
    Anchor((1,), (0.0, 0.10), 0.06),  # tip of the nose
    Anchor((168,), (0.0, -0.133), 0.06, "head"),  # bridge of the nose
    Anchor((199,), (0.0, 0.417), 0.06),  # chin
    Anchor((151,), (0.0, -0.307), 0.08, "head"),  # forehead
)
"""Anchors in the face's middle."""
SIDES = (
    (Anchor((39, 81), (-0.072, 0.222), 0.03), (269, 311)),  # upper lip
    (Anchor((181, 178), (-0.070, 0.265), 0.03), (405, 402)),  # lower lip
    (Anchor((61, 78), (-0.132, 0.230), 0.03), (291, 308)),  # corner of the mouth
    (Anchor((159,), (-0.169, -0.142), 0.02, "eyes"), (386,)),  # upper lid
    (Anchor((145,), (-0.158, -0.100), 0.02, "eyes"), (374,)),  # lower lid
    (Anchor((468,), (-0.162, -0.123), 0.02, "eyes"), (473,)),  # iris
    (Anchor((70,), (-0.290, -0.192), 0.05, "eyes"), (300,)),  # outer end of the brow
    (Anchor((107, 55), (-0.070, -0.198), 0.05, "eyes"), (336, 285)),  # inner end of the brow
    (Anchor((50,), (-0.250, 0.053), 0.07), (280,)),  # cheek
    (Anchor((214,), (-0.240, 0.245), 0.07), (434,)),  # jaw
)
"""Anchors at the person's right, and the landmarks of their partners at the left."""
ANCHORS = MIDDLE + tuple(
    anchor
    for right, left in SIDES
    for anchor in (right, replace(right, landmarks=left, place=(-right.place[0], right.place[1])))
)
"""The first keypoints are led to these."""
MIRRORED = [*range(len(MIDDLE)), *(len(MIDDLE) + k + 1 - 2 * (k % 2) for k in range(2 * len(SIDES)))]
"""Which anchor each one is in a mirror."""
FREE_SPREAD = 0.1
"""Deviation of the region that follows a free keypoint, when training begins."""


def anchor_places(landmarks: Tensor) -> Tensor:
    """(B, len(ANCHORS), 2) the anchors' places of face-mesh landmarks (B, 478, 2 or more), in the same unit."""
    return torch.stack([landmarks[:, list(anchor.landmarks), :2].mean(1) for anchor in ANCHORS], 1)


def follows(count: int) -> Tensor:
    """(len(PARTS), ``count``, 1) 1 where a keypoint is moved by the weights of a part, else 0. Free ones follow the
    head."""
    moved = torch.zeros(len(PARTS), count, 1)
    for number, part in enumerate(PARTS):
        moved[number, : len(ANCHORS), 0] = torch.tensor([float(anchor.part == part) for anchor in ANCHORS])[:count]
    return moved


def first_places(count: int) -> Tensor:
    """(``count``, 2) where keypoints begin: the anchors, and free ones spread evenly over an upright ellipse, where a
    portrait's head is, as a sunflower's seeds, with those in the middle left out."""
    free = max(count - len(ANCHORS), 0)
    index = torch.arange(free) + 0.5
    radius, angle = (0.4 + 0.6 * index / max(free, 1)).sqrt(), index * math.pi * (3 - math.sqrt(5))
    around = torch.stack([0.45 * radius * angle.cos(), 0.6 * radius * angle.sin() - 0.05], 1)
    return torch.cat([torch.tensor([anchor.place for anchor in ANCHORS])[:count], around])


def first_spreads(count: int) -> Tensor:
    """(``count``,) deviations of the regions that follow keypoints when training begins."""
    free = max(count - len(ANCHORS), 0)
    return torch.tensor([anchor.spread for anchor in ANCHORS][:count] + [FREE_SPREAD] * free)
