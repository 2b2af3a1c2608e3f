"""The two layers where shoulders and chest move.

Around the head, all that differs from the completed background moves with the person, because it may be hair. Beside
shoulders before a busy background that is wrong: nobody can complete it exactly, so a fringe of it would move along.
There the person ends at an outline that follows the picture's own edges, has its own colours up to it, and the
background is known up to it.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from ..fields import blur, fill_smoothly, smoothstep
from .completion import complete
from .matte import DETAIL_RADIUS, UNIT, Layers, plainness

RADIUS = 5.0
"""Radius within which the outline may move to an edge of the picture. Lengths are in pixels of a square of ``UNIT``."""
SMOOTH = 2e-4
"""Variance of colour, 0..1, below which a window of the picture counts as without an edge."""
UNSURE = (0.3, 0.7)
"""Probabilities of the person between which the outline is looked for."""
EDGE = (0.25, 0.75)
"""Filtered probabilities of the person between which the matte rises from 0 to 1."""
SOLID = (0.9, 1.0)
"""Matte between which a pixel begins to show the person alone, and does so."""
REACH = (1.0, 10.0)
"""Distance outside the outline up to which what differs from the background is the person's: before a background with
much detail, and before a plain one."""
LEAST_SEEN = 0.01
"""Share of visible background around a pixel from which its detail can be measured; elsewhere it is that of places
nearby."""
UNCOVERED = 8.0
"""Distance inside the outline up to which the moving shoulders can uncover the background."""


class NearLayers(NamedTuple):
    """``person``, ``alpha`` and ``background`` as in :class:`.matte.Layers`, for a person whose shoulders move."""

    person: Tensor
    alpha: Tensor
    background: Tensor


def near_layers(picture: Tensor, layers: Layers, weight: Tensor, inside: np.ndarray) -> NearLayers:
    """The layers of a picture whose shoulders move.

    Parameters
    ----------
    picture
        (1, 3, S, S) 0..1.
    layers
        The layers around the head.
    weight
        (1, 1, S, S) 0..1: how far a pixel belongs to the shoulders and not to the head.
    inside
        (S, S) bool: pixels that the photograph covers.
    """
    unit = picture.shape[-1] / UNIT
    beyond = ~torch.from_numpy(inside)
    weight = weight * ~beyond
    hidden = layers.hole | beyond
    seen = blur((~hidden).float(), round(DETAIL_RADIUS * unit))
    plain = fill_smoothly(plainness(picture, hidden), (seen >= LEAST_SEEN).float()).clamp(0, 1)
    busy = weight * (1 - plain)
    alpha = layers.alpha + busy * (fitted_matte(picture, layers.tight) - layers.alpha)
    outside = (alpha[0, 0] < 0.02).numpy().astype(np.uint8)
    distance = torch.from_numpy(cv2.distanceTransform(outside, cv2.DIST_L2, 5))[None, None] / unit
    depth = cv2.distanceTransform(1 - outside, cv2.DIST_L2, 5) / unit
    reach = REACH[0] + plain * (REACH[1] - REACH[0])
    hole = layers.hole & (distance < reach) | beyond
    wanted = inside & (depth < UNCOVERED) & (weight[0, 0] > 0).numpy()
    filled = complete(picture[0].permute(1, 2, 0).numpy(), hole[0, 0].numpy(), wanted, inside)
    completed = torch.from_numpy(filled.transpose(2, 0, 1).copy())[None]
    near = picture + smoothstep(reach, reach / 2, distance) * (completed - picture)
    background = layers.background + weight * (near - layers.background)
    own = alpha * (layers.pure + smoothstep(*SOLID, alpha) * (picture - layers.pure))
    return NearLayers(own + (1 - busy) * (picture - (1 - alpha) * background - own), alpha, background)


def fitted_matte(picture: Tensor, tight: Tensor) -> Tensor:
    """(1, 1, S, S) 0..1: the matte of a picture (1, 3, S, S) whose outline follows the picture's edges.

    ``tight`` (1, 1, S, S) is the probability of the person.
    """
    radius = max(1, round(RADIUS * picture.shape[-1] / UNIT))
    return smoothstep(*EDGE, along_edges(smoothstep(*UNSURE, tight), picture, radius))


def along_edges(values: Tensor, picture: Tensor, radius: int) -> Tensor:
    """Values (1, 1, H, W), smoothed, with steps where the picture (1, 3, H, W) has edges.

    This is the guided filter of He, Sun and Tang, "Guided Image Filtering" (2010), eq. 14 and 15: in each window of
    this radius the result is a linear function of the picture's colour.
    """
    mean, product = blur(picture, radius, 1), blur(picture * values, radius, 1)
    level = blur(values, radius, 1)
    squares = blur((picture[:, :, None] * picture[:, None]).flatten(1, 2), radius, 1).unflatten(1, (3, 3))
    spread = (squares - mean[:, :, None] * mean[:, None]).permute(0, 3, 4, 1, 2)  # (1, H, W, 3, 3)
    common = (product - mean * level).permute(0, 2, 3, 1)[..., None]
    slope = torch.linalg.solve(spread + SMOOTH * torch.eye(3), common)[..., 0].permute(0, 3, 1, 2)
    offset = level - (slope * mean).sum(1, keepdim=True)
    both = blur(torch.cat([slope, offset], 1), radius, 1)
    return ((both[:, :3] * picture).sum(1, keepdim=True) + both[:, 3:]).clamp(0, 1)
