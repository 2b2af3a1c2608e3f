"""Personal corrections that make lips and lids meet.

On a fitted head, "eyes closed" and "mouth at rest" leave a slit or an overlap of a fraction of a millimetre. It shows
as a line of eyeball or a crack of teeth. Both errors are measured once for the person, and removed in proportion as the
expression approaches contact.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..face.points import LID_PAIRS_FROM_MIDDLE, LIP_PAIRS_FROM_MIDDLE
from ..head.expression import target_expression
from ..head.head_model import HeadModel
from ..motion.channels import EXPRESSIONS
from .mesh_values import feature_space, values_from_points

OVERLAP_CM = 0.03
"""The closed upper lid ends this far below the edge of the lower one."""
LEAST_OPENING_CM = 0.05
"""Least change of the lips' gap over which their correction comes in."""
LEAST_CLOSING = 0.05
"""Least remaining change of eyeBlink over which the lids' correction comes in, for eyes that are nearly shut in the
portrait."""
LID_WIDTHS_CM = (0.5, 0.25)
LIP_WIDTHS_CM = (0.6, 0.3)
"""Widths of the corrections around the landmarks; see :func:`.mesh_values.values_from_points`."""

ON_BONE = ("teeth_upper", "teeth_lower", "gums_upper", "gums_lower")
"""Parts that lips don't move."""


class ContactShapes:
    """Three corrective shapes of one person: left lids, right lids, lips."""

    def __init__(self, model: HeadModel, neutral: Tensor, own: Tensor) -> None:
        self.blink = [EXPRESSIONS.index(f"eyeBlink_{side}") for side in "LR"]
        self.own_blink = own[self.blink]
        rest = target_expression(own, torch.zeros_like(own)[None])[0]
        self.lids = torch.stack([self._lid_shape(model, neutral, own, side) for side in range(2)])
        upper, lower = (torch.tensor(lip, device=neutral.device) for lip in zip(*LIP_PAIRS_FROM_MIDDLE, strict=True))
        points, moves = model.mesh468(neutral), model.mesh468(model.expression_basis)
        self._gap = (points[upper] - points[lower])[:, 1].mean()
        self._gap_change = (moves[:, upper] - moves[:, lower])[..., 1].mean(1)  # (53,)
        self._own_gap, self._rest_gap = self.lip_gap(own), self.lip_gap(rest)
        self._gap_range = (self._own_gap - self._rest_gap).abs().clamp_min(LEAST_OPENING_CM)
        self.lips = self._lip_shape(model, neutral, rest, upper, lower)

    def lip_gap(self, weights: Tensor) -> Tensor:
        """Mean height in centimetres of the opening between the inner lips, without the correction."""
        return self._gap + (self._gap_change * weights).sum()

    def opening(self, weights: Tensor) -> Tensor:
        """Mean height in centimetres by which the lips are farther apart than at rest, where they touch."""
        return self.lip_gap(weights) - self._rest_gap

    def offsets(self, weights: Tensor) -> Tensor:
        """(V, 3) head-space centimetres to add for expression weights (53,)."""
        left, right = self.closing(weights).clamp(0, 1).square()
        lips = ((self.lip_gap(weights) - self._own_gap).abs() / self._gap_range).clamp(max=1)
        return left * self.lids[0] + right * self.lids[1] + lips * self.lips

    def closing(self, weights: Tensor) -> Tensor:
        """(..., 2) how far expression weights (..., 53) close each eye from the portrait's own state: 1 is shut."""
        return (weights[..., self.blink] - self.own_blink) / (1 - self.own_blink).clamp_min(LEAST_CLOSING)

    def _lid_shape(self, model: HeadModel, neutral: Tensor, own: Tensor, side: int) -> Tensor:
        """(V, 3) offsets that move the closed upper lid onto the lower one."""
        weights = own.clone()
        weights[self.blink[side]] = 1
        pairs = LID_PAIRS_FROM_MIDDLE[side]
        upper, lower = (torch.tensor(lid, device=neutral.device) for lid in zip(*pairs, strict=True))
        points = model.mesh468(neutral + model.expression_offsets(weights))
        wanted = points[lower] - points[upper]
        wanted[:, 1] -= OVERLAP_CM
        wanted[:, 2] = wanted[:, 2].clamp_min(0)
        open_eye = neutral + model.expression_offsets(own)
        return values_from_points(
            feature_space(model, open_eye),
            feature_space(model, open_eye, points=True)[upper],
            wanted,
            torch.ones(len(upper), device=neutral.device),
            LID_WIDTHS_CM,
        )

    def _lip_shape(self, model: HeadModel, neutral: Tensor, rest: Tensor, upper: Tensor, lower: Tensor) -> Tensor:
        """(V, 3) offsets that move both lips, each half the way, until they touch at rest."""
        shape = neutral + model.expression_offsets(rest)
        points = model.mesh468(shape)
        gap = (points[upper] - points[lower])[:, 1]
        half = torch.zeros(len(upper), 3, device=neutral.device)
        half[:, 1] = gap / 2
        offsets = values_from_points(
            feature_space(model, shape),
            feature_space(model, shape, points=True)[torch.cat([upper, lower])],
            torch.cat([-half, half]),
            torch.ones(2 * len(upper), device=neutral.device),
            LIP_WIDTHS_CM,
        )
        offsets[model.part_vertices(*ON_BONE)] = 0
        return offsets
