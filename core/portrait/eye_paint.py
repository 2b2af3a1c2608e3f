"""Paint of an eyeball's texture: white, iris with a darker rim, and pupil.

White and iris are as bright as in the photograph, if it shows enough of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..head.head_model import HeadModel

SCLERA = (222, 214, 208)
IRIS = (98, 72, 52)
"""sRGB colours 0–255 for a white or an iris of which the photograph shows too little."""
PUPIL = (12, 10, 10)
PUPIL_SHARE = 0.36
"""Radius of the pupil, in radii of the iris."""
BEHIND = 9.0
"""Radius given to the back of the eyeball: plain white."""
WELL_SEEN = 0.3
LEAST_TEXELS = 20
"""A colour is read from texels with a confidence above ``WELL_SEEN``, if there are at least so many."""
IRIS_RING = (PUPIL_SHARE + 0.1, 0.85)
WHITE_RING = (1.2, 2.0)
"""Radii, in radii of the iris, between which iris and white are read."""
IRIS_QUANTILE, WHITE_QUANTILE = 0.5, 0.7
QUANTILE_SPAN = 0.15
"""The mean is taken over brightnesses this far around a quantile: lids shade the dark end, and the bright end is
reflections."""
WHITE_TINT = (0.85, 1.15)
"""Limits of each channel of the white relative to their mean."""
WHITE_LEVEL = (110, 225)
"""Limits of that mean. The photograph shows the white between dark lashes, darker than the white itself."""
SOFT_EDGE = 0.08
"""Width of the edges of pupil and iris, in radii of the iris."""
RIM_DARK, RIM_RADIUS, RIM_WIDTH = 0.45, 0.95, 0.1
"""The iris' darker rim: share of the light that it loses, radius and width in radii of the iris."""
LID_SHADE, LID_SHADE_FROM, LID_SHADE_OVER = 0.3, 1.2, 1.3
"""Shade of the lids on the white: share of the light, radius at which it begins, and radii over which it grows."""


@dataclass(frozen=True)
class EyePoints:
    """The n texels of one eyeball.

    Attributes
    ----------
    radius
        (n,) distance from the middle of the pupil, in radii of the iris; ``BEHIND`` on the back of the eyeball.
    photographed
        (n, 3) sRGB colours 0–255 of the photograph there.
    confidence
        (n,) how well the photograph shows them.
    """

    radius: np.ndarray
    photographed: np.ndarray
    confidence: np.ndarray

    @classmethod
    def of(
        cls, head: HeadModel, side: int, points: np.ndarray, photographed: np.ndarray, confidence: np.ndarray
    ) -> EyePoints:
        """From points (n, 3) on the mean head, centimetres; ``side`` 0 is the person's left eye."""
        mean = head.mean.numpy()
        centre = mean[int(head.iris_points[side])]
        limbus = float(np.linalg.norm(mean[head.iris_ring[side].numpy(), :2] - centre[:2], axis=1).mean())
        front = points[:, 2] > float(head.eye_centres[side, 2])
        radius = np.where(front, np.linalg.norm(points[:, :2] - centre[:2], axis=1) / limbus, BEHIND)
        return cls(radius, photographed, confidence)

    def mean_colour(self, ring: tuple[float, float], quantile: float, otherwise: tuple[int, int, int]) -> np.ndarray:
        """(3,) mean colour around a quantile of brightness in a ring of radii; ``otherwise`` if too little is seen."""
        chosen = (self.radius > ring[0]) & (self.radius < ring[1]) & (self.confidence > WELL_SEEN)
        if chosen.sum() < LEAST_TEXELS:
            return np.array(otherwise, np.float32)
        found = self.photographed[chosen]
        order = np.argsort(found.sum(1))
        first = int(max(0.0, quantile - QUANTILE_SPAN) * len(order))
        last = max(first + 1, int(min(1.0, quantile + QUANTILE_SPAN) * len(order)))
        mean: np.ndarray = found[order[first:last]].mean(0)
        return mean


def eye_colours(eye: EyePoints) -> tuple[np.ndarray, np.ndarray]:
    """Colours (n, 3) of an eyeball's texels, and its white (3,); sRGB 0–255."""
    radius = eye.radius
    iris = eye.mean_colour(IRIS_RING, IRIS_QUANTILE, IRIS)
    white = eye.mean_colour(WHITE_RING, WHITE_QUANTILE, SCLERA)
    white = np.clip(white / max(white.mean(), 1.0), *WHITE_TINT) * np.clip(white.mean(), *WHITE_LEVEL)

    def step(edge: float) -> np.ndarray:
        """(n, 1) 0 within a radius, 1 beyond it, with a soft edge."""
        t = np.clip((radius - edge) / SOFT_EDGE + 0.5, 0, 1)[:, None]
        return t * t * (3 - 2 * t)

    rim = 1 - RIM_DARK * np.exp(-(((radius - RIM_RADIUS) / RIM_WIDTH) ** 2))[:, None]
    colour = np.array(PUPIL) + step(PUPIL_SHARE) * (iris * rim - np.array(PUPIL))
    shaded = white * (1 - LID_SHADE * np.clip((radius - LID_SHADE_FROM) / LID_SHADE_OVER, 0, 1))[:, None]
    return colour + step(1.0) * (shaded - colour), white
