"""How the lids of posed heads move, apart from the skin around them.

The head model closes an eye by stretching the skin between lid and brow, and so it would stretch the photograph of
that skin, brow and all. A real lid rolls out from under its crease instead, and the skin above the crease stays. So
lids are taken out of the head model's motion here, and their movement is told as two numbers for each eye. ``eye.py``
draws the lids with these numbers.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ...face.points import LOWER_LIDS, MIDDLE_LIDS, UPPER_LIDS
from ...motion.channels import EXPRESSIONS
from ..geometry import HeadGeometry, PosedHeads
from .lid_shape import LEAST_OPENING_PX, LOWER_SHARE

CHANNELS = ("eyeBlink", "eyeLookDown")
"""Channels whose movement of the lids is taken out. The others (squints, wide eyes, a look up) move little skin."""
LEAST_MOVE_CM = 1e-3
"""A vertex that these channels move by less stays as it is."""
SLOPE = (0.0, 2.0)
"""Limits of the share of a blink that grows with the weight itself; between them, more weight closes more."""
LEAST_REST = 0.05
"""Lower limit of what a look down can add to the photograph's own."""
PARTS = ("skin", "eye_socket_left", "eye_socket_right")


class LidMotion:
    """The lids of one portrait's head."""

    def __init__(self, geometry: HeadGeometry) -> None:
        model = geometry.model
        self.geometry = geometry
        self.channels = torch.tensor([EXPRESSIONS.index(f"{name}_{side}") for name in CHANNELS for side in "LR"])
        basis = model.expression_basis[self.channels]  # (4, V, 3)
        moves = (torch.cat([basis, geometry.contact.lids]).norm(dim=-1) > LEAST_MOVE_CM).any(0)
        chosen = torch.zeros(len(moves), dtype=torch.bool)
        chosen[model.part_vertices(*PARTS)] = True
        self.vertices = (moves & chosen).nonzero()[:, 0]
        self.basis = torch.cat([basis, geometry.contact.lids])[:, self.vertices]
        self.travel = [self._travel(side) for side in (0, 1)]

    def _travel(self, side: int) -> tuple[Tensor, Tensor, Tensor]:
        """How an eye closes with a blink (see :meth:`moved`), and how far, in openings of the photograph, a look down
        of weight 1 moves the upper lid down and the lower lid up."""
        geometry, model = self.geometry, self.geometry.model
        zero, down = torch.zeros(1, 3), geometry.source.down[0]
        lids = torch.tensor([UPPER_LIDS[side][MIDDLE_LIDS], LOWER_LIDS[side][MIDDLE_LIDS]])

        def heights(channel: str, weight: float) -> Tensor:
            """(2,) mean height of the upper and of the lower lid, pixels downward."""
            weights = geometry.own_expression.clone()
            index = EXPRESSIONS.index(f"{channel}_{'LR'[side]}")
            weights[index] = weights[index] + (1 - weights[index]) * weight
            posed = geometry.pose(weights[None], zero, zero, absolute=True).pixels[0]
            return (model.mesh468(posed)[lids, :2] * down).sum(-1).mean(1)

        blink, look = CHANNELS
        (upper, lower), half, shut = (heights(blink, weight) for weight in (0.0, 0.5, 1.0))
        opening = (lower - upper).clamp_min(LEAST_OPENING_PX)
        way = torch.stack([(half - shut)[0] - (half - shut)[1], upper - lower - (shut[0] - shut[1])])
        early = 1 - way[0] / way[1] if way[1].abs() > LEAST_OPENING_PX else torch.tensor(0.5)
        looking = heights(look, 1.0)
        rest = 1 - geometry.own_expression[EXPRESSIONS.index(f"{look}_{'LR'[side]}")]
        scale = opening * rest.clamp_min(LEAST_REST)
        slope = (4 * early - 1).clamp(*SLOPE)
        return slope, (looking[0] - upper) / scale, (lower - looking[1]) / scale

    def resting(self, heads: PosedHeads) -> PosedHeads:
        """The same heads with the lids as the photograph shows them."""
        change = heads.expression[:, self.channels] - self.geometry.own_expression[self.channels]
        contact = self.geometry.contact.closing(heads.expression).clamp(0, 1).square()
        offsets = torch.zeros(len(change), *self.basis.shape[1:])
        for weight, basis in zip(torch.cat([change, contact], 1).T, self.basis, strict=True):
            # Not as a matrix product, which can round differently for another number of frames.
            offsets = offsets + weight[:, None, None] * basis
        turned = sum(offsets[..., k, None] * heads.rotation[:, None, :, k] for k in range(3))
        camera = self.geometry.unproject(heads.pixels[:, self.vertices]) - turned
        pixels = heads.pixels.clone()
        pixels[:, self.vertices] = self.geometry.project(camera)
        return replace(heads, pixels=pixels)

    def moved(self, heads: PosedHeads, side: int) -> tuple[Tensor, Tensor]:
        """(B,) how far the upper lid moved down and the lower lid up, in openings of the photograph; together at
        most 1.

        A blink closes the eye as the head model's does: with the weight and with its square. But it shuts it exactly.
        """
        slope, look_upper, look_lower = self.travel[side]
        weight = self.geometry.contact.closing(heads.expression)[:, side]
        shut = (slope * weight + (1 - slope) * weight * weight.abs()).clamp(max=1)
        channel = self.channels[2 + side]
        look = heads.expression[:, channel] - self.geometry.own_expression[channel]
        upper, lower = shut * (1 - LOWER_SHARE) + look * look_upper, shut * LOWER_SHARE + look * look_lower
        return torch.minimum(upper, 1 - lower), lower
