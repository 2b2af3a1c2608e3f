"""Geometry of a mouth from its lip weights: opening, width, and lower lip on teeth; linear in the weights."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from core.face.points import IBUG_LIP_PAIRS, IBUG_MOUTH_CORNERS, IBUG_OUTER_EYES
from core.head.head_model import HeadModel
from core.motion.channels import LIP_COLUMNS

_UPPER, _LOWER = zip(*IBUG_LIP_PAIRS, strict=True)
_INCISORS_CM = 0.9
"""The upper front teeth are within this distance of the middle."""


@dataclass(frozen=True)
class MouthGeometry:
    """Measures on the mean head, in units of its outer-eye distance. Negative openings mean lips pressed together.

    Attributes
    ----------
    opening, width, cover
        (27,) change at weight 1 of each lip channel. The cover is the height of the lower lip's inner margin over the
        edge of the upper incisors: at 0 they meet, below 0 the teeth are uncovered.
    opening_at_rest, width_at_rest, cover_at_rest
        Values of the neutral face.
    """

    opening: Tensor
    width: Tensor
    cover: Tensor
    opening_at_rest: float
    width_at_rest: float
    cover_at_rest: float

    @classmethod
    def of(cls, head: HeadModel) -> MouthGeometry:
        """The measures of a head model, from its landmarks."""
        points = head.landmarks68
        basis = head.expression_basis[LIP_COLUMNS][:, points]  # (27, 68, 3)
        mean = head.mean[points]  # (68, 3)
        eyes = float((mean[IBUG_OUTER_EYES[0]] - mean[IBUG_OUTER_EYES[1]]).norm())

        def gap(shape: Tensor) -> Tensor:
            return (shape[..., _UPPER, 1] - shape[..., _LOWER, 1]).mean(-1) / eyes

        def width(shape: Tensor) -> Tensor:
            return (shape[..., IBUG_MOUTH_CORNERS[1], 0] - shape[..., IBUG_MOUTH_CORNERS[0], 0]) / eyes

        def lower_lip(shape: Tensor) -> Tensor:
            return shape[..., _LOWER, 1].mean(-1) / eyes

        teeth = head.mean[head.part_vertices("teeth_upper")]  # (n, 3)
        edge = float(teeth[teeth[:, 0].abs() < _INCISORS_CM, 1].min()) / eyes
        return cls(
            *(gap(basis), width(basis), lower_lip(basis)),
            *(float(gap(mean)), float(width(mean)), float(lower_lip(mean)) - edge),
        )

    def to(self, device: torch.device) -> MouthGeometry:
        """The same measures on a device."""
        return replace(self, opening=self.opening.to(device), width=self.width.to(device), cover=self.cover.to(device))

    def openings(self, weights: Tensor) -> Tensor:
        """(…, 27) weights → (…) inner-lip gap, divided by the outer-eye distance."""
        return weights @ self.opening + self.opening_at_rest

    def widths(self, weights: Tensor) -> Tensor:
        """(…, 27) weights → (…) distance of the mouth's corners, divided by the outer-eye distance."""
        return weights @ self.width + self.width_at_rest

    def covers(self, weights: Tensor) -> Tensor:
        """(…, 27) weights → (…) height of the lower lip over the upper incisors' edge, divided by the outer-eye
        distance.
        """
        return weights @ self.cover + self.cover_at_rest

    def opening_curve(self, weights: np.ndarray) -> np.ndarray:
        """:meth:`openings` of a (T, 27) float32 array, at least 0, because lips can't pass through each other."""
        return np.maximum(self.openings(torch.from_numpy(weights)).numpy(), 0.0)
