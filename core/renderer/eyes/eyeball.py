"""The eyeball, completed once: the photograph's iris is made whole, and the white is continued under the lids."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...face.eye_size import iris_radius
from ..fields import blur, fill_smoothly, pixel_grid, smoothstep
from ..light import LUMA, Light

# Reading the photograph's eye ---------------------------------------------------------------------------------------
INNER = (0.55, 0.95)
"""Blurred opening between which a pixel is trusted: the rim of the opening shows lashes and the lids' shadow."""
BESIDE_IRIS = 1.25
"""Distance from the middle of the iris, in its radii, from which a pixel shows the white of the eye."""
SEEN_CM2 = (0.004, 0.02)
"""Area of white that the photograph shows from which it is used, and used fully. Shut eyes show none."""
IRIS_INSIDE = 0.5
LEAST_RADIUS_PX = 0.5
"""Lower limit of the radius of the iris in pixels."""
LEAST_IRIS = 6
"""The iris is read only if at least so many of its pixels have a trust above ``IRIS_INSIDE``."""
CATCHLIGHT = 0.8
"""Quantile of the iris' luma above which a pixel counts as a catchlight; it would be smeared around the ring."""
RING_END = 1.15
"""Radius up to which the iris' colour is measured, in radii of the iris."""
RING_BINS = 12
"""Rings in which it is measured."""
LEAST_RING = 0.3
"""Trusted pixels that a ring needs; others take the colour of the nearest ring that has them."""
IRIS_EDGE = (1.1, 0.92)
"""Radii between which the white passes over to the completed iris."""

# An eye that the photograph doesn't show; colours under white light -------------------------------------------------
UNSEEN_WHITE = (0.70, 0.65, 0.62)
UNSEEN_IRIS = (0.30, 0.20, 0.14)
UNSEEN_PUPIL = (0.05, 0.04, 0.04)
UNSEEN_RIM = (0.75, 1.0)
"""Radii between which the iris darkens toward its rim ..."""
UNSEEN_RIM_DARK = 0.5
"""... by this share."""
UNSEEN_PUPIL_EDGE = (0.36, 0.46)
UNSEEN_IRIS_EDGE = (0.95, 1.1)
"""Radii between which pupil passes over to iris, and iris to white."""


def complete_eye(picture: Tensor, opening: Tensor, iris: np.ndarray, light: Light, pixels_per_cm: float) -> Tensor:
    """(1, 3, h, w) the picture with an eye's iris made whole and its white continued past the lids.

    For an eye that the photograph shows shut it is a plain brown one.

    Parameters
    ----------
    picture
        (1, 3, h, w) 0..1 part of the photograph.
    opening
        (1, 1, h, w) 0..1 the opening between the lids.
    iris
        (5, 2) px: the middle of the iris, and four points around it.
    light
        The portrait's light.
    pixels_per_cm
        At the eye.
    """
    radius = max(iris_radius(iris), LEAST_RADIUS_PX)
    distance = (pixel_grid(*picture.shape[-2:]) - torch.tensor(iris[0])).norm(dim=-1)[None, None] / radius
    inner = smoothstep(*INNER, blur(opening, 1, 1))
    beside = inner * (distance > BESIDE_IRIS)
    seen = smoothstep(*SEEN_CM2, beside.sum() / pixels_per_cm**2)
    white = fill_smoothly(picture, beside)
    luma = (picture * torch.tensor(LUMA)[:, None, None]).sum(1, keepdim=True)
    level = luma[(distance < 1) & (inner > IRIS_INSIDE)]
    whole = white
    if len(level) >= LEAST_IRIS:
        catchlight = level.quantile(CATCHLIGHT)
        # An iris of one brightness has no catchlight.
        dull = (luma < catchlight).float() if bool((level < catchlight).any()) else torch.ones_like(luma)
        ring = _ring_profile(picture, distance, inner * dull * (distance < RING_END).float())
        whole = white + smoothstep(*IRIS_EDGE, distance) * (ring - white)
    whole = whole + inner * (picture - whole)
    return whole if seen == 1 else whole + (1 - seen) * (_plain_eye(distance, light) - whole)


def _ring_profile(picture: Tensor, distance: Tensor, weight: Tensor) -> Tensor:
    """(1, 3, S, S) colour as a function of the distance from the iris' middle, measured on trusted pixels.

    ``distance`` (1, 1, S, S) is in radii of the iris, ``weight`` (1, 1, S, S) is the trust.
    """
    index = (distance * RING_BINS / RING_END).long().clamp(0, RING_BINS - 1).reshape(-1)
    total = torch.zeros(RING_BINS, 3).index_add_(0, index, (picture * weight)[0].reshape(3, -1).T)
    count = torch.zeros(RING_BINS).index_add_(0, index, weight.reshape(-1))
    known = (count > LEAST_RING) | (count == count.max())  # of tiny eyes no ring has so many
    centres = torch.arange(RING_BINS, dtype=torch.float32)
    nearest = (centres[:, None] - centres[known][None]).abs().argmin(1)
    profile = (total / count.clamp_min(1e-3)[:, None])[known][nearest]
    position = (distance * RING_BINS / RING_END - 0.5).clamp(0, RING_BINS - 1.001)[0, 0]
    low = position.long()
    mixed = profile[low] + (position - low)[..., None] * (profile[low + 1] - profile[low])
    return mixed.permute(2, 0, 1)[None]


def _plain_eye(distance: Tensor, light: Light) -> Tensor:
    """(1, 3, S, S) a plain eye in the portrait's light.

    ``distance`` (1, 1, S, S) is from the middle of the iris, in its radii.
    """
    white, iris, pupil = (
        (torch.tensor(colour) * light.white)[None, :, None, None]
        for colour in (UNSEEN_WHITE, UNSEEN_IRIS, UNSEEN_PUPIL)
    )
    rim = 1 - UNSEEN_RIM_DARK * smoothstep(*UNSEEN_RIM, distance)
    inside = pupil + smoothstep(*UNSEEN_PUPIL_EDGE, distance) * (iris * rim - pupil)
    return inside + smoothstep(*UNSEEN_IRIS_EDGE, distance) * (white - inside)
