"""The skin of a closed lid, which the photograph doesn't show.

It is continued from the skin around the eye, and gets a fold, a line of lashes, and the fine texture of the skin below
the eye.
"""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import torch
from torch import Tensor

from ..face.points import EYE_CORNERS, UPPER_LIDS
from .fields import blur, fill_smoothly, smoothstep
from .light import LEAST_LUMA, LUMA, Light

REACH_CM = 0.22
"""The painted skin reaches this far beyond the photograph's opening."""
OUTSIDE = 0.02
"""Value of the painted region below which a pixel shows skin around the eye."""
SKIN_LUMA = (0.3, 0.6)
"""Luma relative to the skin's at which a pixel around the eye begins to count as skin, and counts fully. Brows, lashes,
hair and frames of glasses are darker; they would darken the lid."""
SOFT_CM = 0.1
"""Radius of the blur of the continued skin."""
REGION_EDGE = (0.02, 0.6)
"""Values of the painted region between which it passes over from the photograph."""

# Lines along the closed lid: distance below its margin (negative is above), width, both in cm, and strength ----------
FOLD_CM = (-0.42, 0.10)
FOLD_DARK = 0.12
"""The fold of the lid."""
BELOW_CM = (0.16, 0.22)
BELOW_DARK = 0.10
"""The shadow under the lashes."""
BULGE_CM = (-0.2, 0.3)
BULGE_BRIGHT = 0.04
"""The eyeball's bulge under the lid, which catches light."""
LASH_CM = 0.11
LASH_DARKNESS = 0.72
"""Width of the line of lashes, and how far it covers the skin."""

LASH_SHARE = 0.15
"""Darkest share of the pixels in the opening whose mean is the lashes' colour."""
IN_OPENING = 0.05
"""Opening above which a pixel counts as within it."""
LASH_WARMTH = 0.5
"""Share of the skin's warmth that lashes have at least."""

UNSEEN_LASHES = 0.35
"""Their colour, as a share of the skin's, where the photograph shows no opening."""

GRAIN_CM = 0.12
"""Coarsest detail of the skin that is laid over the lid."""
GRAIN_FROM_CM = 1.2
"""How far below the lid that detail is taken from."""
GRAIN_LIMIT = 0.04
"""Largest change of a colour by it."""
GRAIN_SHARE = 0.8

# Drawing of the soft lines -------------------------------------------------------------------------------------------
FINENESS = 4
"""Lines are drawn this many times larger, then averaged."""
FRACTION_BITS = 4
"""Binary digits behind the point in OpenCV's coordinates."""
PIECES = 39
"""Straight pieces of a line."""
END_STRENGTH = 0.35
END_PIECES = 8
"""Strength at the ends of a line, and the pieces over which it rises to 1."""
CORE_WIDTH = 0.6
"""Width of the drawn line relative to the wanted one, before the blur widens it."""
LINE_BLUR = 0.35
LEAST_LINE_BLUR = 0.4
"""Standard deviation of that blur in widths of the line, and its lower limit in pixels."""
LINE_GAIN = 1.25
"""Makes up for the strength that the blur takes away."""


class ClosedLid:
    """Paints the closed lid of one eye.

    Parameters
    ----------
    picture
        (1, 3, S, S) 0..1 the photograph.
    opening
        (1, 1, S, S) 0..1 the photograph's opening between the lids.
    points
        (468, 2) px of the face mesh with this eye closed.
    side
        0 is the person's left eye.
    pixels_per_cm
        At the eye.
    light
        The portrait's light, with the colour of its skin.
    """

    def __init__(
        self, picture: Tensor, opening: Tensor, points: Tensor, side: int, pixels_per_cm: float, light: Light
    ) -> None:
        self.picture, self.opening, self.light, self.pixels_per_cm = picture, opening, light, pixels_per_cm
        outer, inner = EYE_CORNERS[side]
        self.margin = points[[outer, *UPPER_LIDS[side], inner]].cpu().numpy()
        """(9, 2) px along the closed lid's margin."""

    def paint(self) -> Tensor:
        """(1, 4, S, S): the photograph with this eye closed, and where it replaces the photograph."""
        cm = self.pixels_per_cm
        reach = max(2, round(REACH_CM * cm))
        grown = torch.nn.functional.max_pool2d(self.opening, 2 * reach + 1, 1, reach)
        region = blur(grown, max(1, reach // 2), 2)
        luma = torch.tensor(LUMA)
        skin_level = (self.light.skin * luma).sum().clamp_min(LEAST_LUMA)
        level = (self.picture * luma[:, None, None]).sum(1, keepdim=True) / skin_level
        skin = fill_smoothly(self.picture, (region < OUTSIDE).float() * smoothstep(*SKIN_LUMA, level))
        skin = blur(skin, max(1, round(SOFT_CM * cm)), 2)
        skin = skin + self._grain()
        fold, below, bulge = (self._line(*line) for line in (FOLD_CM, BELOW_CM, BULGE_CM))
        skin = skin * (1 - FOLD_DARK * fold) * (1 - BELOW_DARK * below)
        skin = skin * (1 + BULGE_BRIGHT * bulge)
        skin = skin + LASH_DARKNESS * self._line(0.0, LASH_CM) * (self._lash_colour() - skin)
        return torch.cat([skin, smoothstep(*REGION_EDGE, region)], 1)

    def _line(self, below_cm: float, width_cm: float) -> Tensor:
        """(1, 1, S, S) soft line along the lid's margin, ``below_cm`` lower and ``width_cm`` wide."""
        cm, size = self.pixels_per_cm, self.picture.shape[-1]
        return _curve(self.margin + np.array([0, below_cm * cm], np.float32), size, max(1.0, width_cm * cm))

    def _grain(self) -> Tensor:
        """(1, 3, S, S) fine texture of the skin a little below the eye; without it the lid is too smooth."""
        detail = self.picture - blur(self.picture, max(1, round(GRAIN_CM * self.pixels_per_cm)), 2)
        shift = round(GRAIN_FROM_CM * self.pixels_per_cm)
        return torch.roll(detail.clamp(-GRAIN_LIMIT, GRAIN_LIMIT), -shift, 2) * GRAIN_SHARE

    def _lash_colour(self) -> Tensor:
        """(1, 3, 1, 1) the dark colour in the photograph's opening, but at least half as warm as the skin.

        The darkest pixels show lashes or the rim of a blue iris, which a closed lid doesn't show.
        """
        rim = (self.opening > IN_OPENING)[0, 0]
        colours = self.picture[0].permute(1, 2, 0)[rim]
        weights, skin = torch.tensor(LUMA), self.light.skin
        if not len(colours):  # the photograph shows the eye shut
            return (skin * UNSEEN_LASHES)[None, :, None, None]
        luma = colours @ weights
        dark = colours[luma <= luma.quantile(LASH_SHARE)].mean(0)
        red, green, blue = dark
        warm = ((1 - LASH_WARMTH) + LASH_WARMTH * skin / (skin @ weights).clamp_min(LEAST_LUMA)) * (dark @ weights)
        return torch.stack([torch.maximum(red, warm[0]), green, torch.minimum(blue, warm[2])])[None, :, None, None]


def _curve(points: np.ndarray, size: int, width: float) -> Tensor:
    """(1, 1, S, S) soft line through points (N, 2) px, ``width`` px across, fading at both ends."""
    steps = np.linspace(0, len(points) - 1, PIECES + 1)
    dense = np.stack([np.interp(steps, np.arange(len(points)), points[:, k]) for k in (0, 1)], 1)
    corners = np.round((dense * FINENESS - 0.5) * (1 << FRACTION_BITS)).astype(int).tolist()
    canvas = np.zeros((size * FINENESS, size * FINENESS), np.uint8)
    for k, (start, end) in enumerate(pairwise(corners)):
        rise = min(k, PIECES - 1 - k) / END_PIECES
        value = int(255 * min(1.0, END_STRENGTH + (1 - END_STRENGTH) * rise))
        thickness = max(1, round(width * FINENESS * CORE_WIDTH))
        cv2.line(canvas, start, end, (value,), thickness, cv2.LINE_AA, FRACTION_BITS)
    line = np.asarray(cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA), np.float32) / 255
    soft = cv2.GaussianBlur(line, (0, 0), max(LEAST_LINE_BLUR, width * LINE_BLUR))
    return torch.tensor(np.clip(soft * LINE_GAIN, 0, 1))[None, None]
