"""Losses of G and D: L_GAN, L_1, L_VGG, L_gaze and feature matching (paper §3.3, eq. 5), and steadiness in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .gaze import CORNERS, GazeDistance

Judgement = Sequence[Sequence[Tensor]]
"""For each scale of D the features of its layers and, last, its verdicts."""


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms of eq. 5, and of the terms that keep the correction small.

    Attributes
    ----------
    gan, pixels, perceptual, gaze, features
        L_GAN, L_1, L_VGG, L_gaze, feature matching.
    time
        For the error of the second difference of three neighbouring frames; see :func:`unsteadiness`.
    share, shift
        For the mean replaced share (1 − mask), and for the residual flow's differences between neighbours (pixels).
    mouth, eyes, edge
        Additional weight of L_1 and L_VGG in these regions; elsewhere their weight is 1.
    gan_from, gan_over
        Step at which L_GAN and feature matching set in, and number of steps over which they grow to their weights.
    """

    gan: float = 0.06
    pixels: float = 8.0
    perceptual: float = 3.0
    gaze: float = 0.2
    features: float = 0.5
    time: float = 1.0
    share: float = 0.002
    shift: float = 0.02
    mouth: float = 3.0
    eyes: float = 3.0
    edge: float = 2.0
    gan_from: int = 1000
    gan_over: int = 500


def share_of_gan(step: int, start: int, over: int) -> float:
    """0..1: share of L_GAN's full weight at a step, for a loss that sets in at ``start`` and grows ``over`` steps."""
    return min(max((step - start) / max(over, 1), 0.0), 1.0)


def importance(interest: Tensor, weights: LossWeights) -> Tensor:
    """(B, 1, H, W) weight ≥ 1 of each pixel from masks (B, 3, H, W) 0..1 of mouth, eyes and edge."""
    more = torch.tensor([weights.mouth, weights.eyes, weights.edge], device=interest.device)
    return 1 + (interest * more[:, None, None]).sum(1, keepdim=True)


def weighted_l1(made: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """L_1: mean over pixels of the weighted absolute difference; pictures (B, 3, H, W), weight (B, 1, H, W)."""
    return (weight * (made - truth).abs()).mean()


def unsteadiness(made: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Mean weighted error of the second difference in time, a − 2 b + c of the frames a, b, c.

    A film that is drawn right moves as the truth does. Where it flickers, its second difference is larger, although
    each frame may be near to the truth. ``made`` and ``truth`` are (3 N, 3, H, W), first all N windows of the first
    frame. A pixel has the least of its three weights (3 N, 1, H, W).
    """
    before, middle, after = (made - truth).chunk(3)
    least = torch.stack(weight.chunk(3)).amin(0)
    return weighted_l1(before + after, 2 * middle, least)


def hinge_discriminator(real: Judgement, made: Judgement) -> Tensor:
    """D's hinge loss: verdicts should be above 1 for real pictures and below −1 for made ones; mean over scales."""
    terms = [
        F.relu(1 - r[-1].float()).mean() + F.relu(1 + m[-1].float()).mean() for r, m in zip(real, made, strict=True)
    ]
    return torch.stack(terms).mean()


def hinge_generator(made: Judgement) -> Tensor:
    """G's hinge loss: verdicts on made pictures should be high."""
    return torch.stack([-m[-1].float().mean() for m in made]).mean()


def feature_matching(real: Judgement, made: Judgement) -> Tensor:
    """Mean absolute difference of D's features, equal for every layer and scale; no gradient into the real ones."""
    terms = [
        F.l1_loss(m.float(), r.detach().float())
        for scale_real, scale_made in zip(real, made, strict=True)
        for r, m in zip(scale_real[:-1], scale_made[:-1], strict=True)
    ]
    return torch.stack(terms).mean()


def unevenness(shift: Tensor) -> Tensor:
    """Mean absolute difference between neighbours of a residual flow (B, 2, H, W), pixels per pixel."""
    return (shift.diff(dim=2).abs().mean() + shift.diff(dim=3).abs().mean()) / 2


def gaze_difference(gaze: GazeDistance, made: Tensor, truth: Tensor, landmarks: Tensor, margin: int) -> Tensor:
    """L_gaze of the pictures (B, 3, H, W) that show both eyes at least ``margin`` pixels from the rim; 0 if there are
    none.

    ``landmarks`` (B, 478, 2) px.
    """
    corners = landmarks[:, [corner for eye in CORNERS[478] for corner in eye]]  # (B, 4, 2)
    limit = corners.new_tensor([made.shape[-1] - margin, made.shape[-2] - margin])
    shown = ((corners > margin) & (corners < limit)).all(-1).all(-1)
    if not shown.any():
        return made.sum() * 0
    return gaze(made[shown], truth[shown], landmarks[shown])
