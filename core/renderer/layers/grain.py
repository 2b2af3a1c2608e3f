"""The grain of the skin where the photograph has to be stretched: pores, stubble and film grain of a well seen cheek.

A stretched cheek is blurred, because a stretched grain would be a streak. Skin without any grain looks like plastic.
Here it gets that of a patch of the same photograph which faces the camera. The patch is laid around the head, mirrored
at its edges, in centimetres. So its grain is as fine as in the photograph, and it moves with the head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import EllipsisType

import numpy as np
import torch
from torch import Tensor

from ..chosen import sample_points
from ..fields import blur, smoothstep
from ..geometry import HeadGeometry
from ..light import LUMA

PATCHES = (50, 280, 205, 425, 151)
"""Points of the face mesh around which a patch may lie: both cheeks, high and low, and the forehead."""
PATCH_CM = 2.2
"""Side of a patch."""
LEAST_PATCH = 8
"""Least side of a patch in pixels; in smaller faces there is no grain."""
MOST_DEVIATIONS = 3.0
"""Larger values of the grain are cut off: they are hairs, moles and glints."""
ALIKE = (0.45, 0.2)
"""Difference from the patch in chromaticity, as logarithms, up to which a place counts as skin a little, and fully."""
BRIGHT = (0.25, 0.5)
"""Brightness relative to the patch from which it counts a little, and fully."""
Box = tuple[EllipsisType, slice, slice]
"""The rows and columns of a patch."""
DARKEST = 1 / 64
"""Lower limit of a brightness that something is divided by."""


@dataclass(frozen=True)
class SkinGrain:
    """The grain of one portrait's skin.

    Attributes
    ----------
    tile
        (1, N, n, n) what each of the N softer photographs lacks of the sharper one before, relative to the brightness.
    pixels_per_cm
        Its scale.
    skin
        (1, 1, S, S) 0..1: how far each place of the photograph is skin.
    """

    tile: Tensor
    pixels_per_cm: float
    skin: Tensor

    @classmethod
    def of(
        cls, geometry: HeadGeometry, pure: Tensor, alpha: Tensor, softer: Sequence[Tensor], landmarks: np.ndarray
    ) -> SkinGrain | None:
        """The grain of a photograph with the landmarks (478, 2) px; None where no patch of skin is large enough.

        ``pure`` and ``alpha`` are those of ``matte.Layers``, ``softer`` is ``softened`` of them.
        """
        pixels_per_cm = geometry.focal / float(geometry.source.pixels[0, :, 2].median())
        layers = [pure, *softer]
        brightness = [_luma(layer).clamp_min(DARKEST) for layer in layers]  # (1, 1, S, S) each
        bands = torch.cat([(fine - coarse) / brightness[-1] for fine, coarse in pairwise(brightness)], 1)
        boxes = _patches(landmarks, round(PATCH_CM * pixels_per_cm), alpha)
        if not boxes:
            return None
        box = min(boxes, key=lambda box: _unevenness(bands[box]))
        grain = bands[box] - bands[box].mean((2, 3), keepdim=True)
        most = MOST_DEVIATIONS * grain.std((2, 3), keepdim=True)
        skin = _likeness(layers[-1], layers[-1][box].mean((2, 3), keepdim=True))
        return cls(torch.maximum(torch.minimum(grain, most), -most), pixels_per_cm, skin)

    def factors(self, points: Tensor, on_head: Tensor, shares: Sequence[Tensor]) -> Tensor:
        """(N,) factors for the colours of places.

        Parameters
        ----------
        points
            (2, N) px of the photograph that are shown.
        on_head
            (2, N) cm: where on the head they are shown; see ``Flow``.
        shares
            (N,) of each softer photograph: how far it is shown.
        """
        side = self.tile.shape[-1]
        folded = side - ((on_head * self.pixels_per_cm).remainder(2 * side) - side).abs()
        grain = (torch.stack(list(shares)) * sample_points(self.tile, folded)).sum(0)
        return 1 + sample_points(self.skin, points)[0] * grain


def _luma(picture: Tensor) -> Tensor:
    """(1, 1, S, S) luma of a picture (1, 3, S, S)."""
    return (picture * torch.tensor(LUMA)[:, None, None]).sum(1, keepdim=True)


def _patches(landmarks: np.ndarray, side: int, alpha: Tensor) -> list[Box]:
    """The squares of ``side`` pixels around ``PATCHES`` that lie wholly within the person."""
    if side < LEAST_PATCH:
        return []
    corners = np.round(landmarks[list(PATCHES), :2] - side / 2).astype(int)
    inside = corners[((corners >= 0) & (corners + side <= alpha.shape[-1])).all(1)]
    boxes = [np.s_[..., y : y + side, x : x + side] for x, y in inside]
    return [box for box in boxes if float(alpha[box].amin()) == 1]


def _unevenness(grain: Tensor) -> float:
    """How much the strongest grain of a patch (1, N, n, n) exceeds the usual one: hairs and glints make it large, and
    so does a patch that has no grain at all."""
    strength = grain.sum(1).abs().flatten()
    return float(strength.quantile(0.99).clamp_min(1e-3) / strength.median().clamp_min(1e-6))


def _likeness(picture: Tensor, colour: Tensor) -> Tensor:
    """(1, 1, S, S) 0..1: how far a picture (1, 3, S, S) is skin of a colour (1, 3, 1, 1)."""
    red, green, blue = ((picture.clamp_min(DARKEST) / colour.clamp_min(DARKEST)).log()[:, k] for k in range(3))
    alike = smoothstep(*ALIKE, torch.hypot(red - green, blue - green))
    bright = smoothstep(*BRIGHT, _luma(picture) / _luma(colour).clamp_min(DARKEST))
    return blur(alike[:, None] * bright, 2, 1)
