"""Two shapes of the tongue, ``tongueOut`` and ``tongueUp``, computed from the head model's tongue at rest.

ICT-FaceKit has no such shapes. The tongue is a muscular hydrostat: it has no bone, and its volume stays. So where it
gets longer it gets thinner and narrower (Kier and Smith, "Tongues, tentacles and trunks", Zoological Journal of the
Linnean Society 83, 1985). That is the rule here, with these movements:

* ``tongueOut``: the genioglossus draws the root forward, so all of the tongue slides forward, the more the nearer it is
  to the tip. At 1 the tip lies on the lower lip, as in ARKit's reference for ``tongueOut``; at 0.33 between the teeth.
* ``tongueUp``: the superior longitudinal muscle curls the front up. At 1 the tip is at the ridge behind the upper
  teeth, with the jaw as little open as in speech. The root stays.

Lengths are those of the mean head. Each person's tongue gets the same offsets, as with all other shapes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..motion.channels import TONGUE
from .parted_head import PartedHead


@dataclass(frozen=True)
class Movement:
    """How the front of the tongue moves at weight 1; centimetres.

    Attributes
    ----------
    behind
        The tongue is still up to this distance behind its tip.
    forward, up
        Movement of the tip.
    droop
        How much the very tip falls from that height.
    bend
        Power of the way along the moving part with which it gets higher: 1 is a straight ramp, more a curl at the tip.
    thin, narrow
        Shares of height and width that the tip loses.
    under
        Share of ``up`` that the underside rises. Where it is small, the front becomes a wall between tip and floor.
    """

    behind: float
    forward: float
    up: float
    droop: float
    bend: float
    thin: float
    narrow: float
    under: float


MOVEMENTS: dict[str, Movement] = {
    "tongueOut": Movement(behind=4.6, forward=3.0, up=0.8, droop=0.6, bend=0.8, thin=0.5, narrow=0.25, under=1.0),
    "tongueUp": Movement(behind=3.8, forward=0.45, up=1.3, droop=0.0, bend=1.3, thin=0.0, narrow=0.3, under=0.35),
}
"""Movements by the names of ``core.motion.channels.TONGUE``."""
STRETCH = 1.3
"""Power of the way along the moving part with which it is drawn forward."""
ROUND = 0.3
"""How much less the sides move than the middle, which keeps the tip round: a point at x cm counts as ROUND · x² cm
farther behind."""
DROOP = 5
"""Power of that way with which the tip droops."""
MIDDLE_CM, SLOPE = -4.05, -0.055
"""Height of the tongue's middle at its tip, and how much it falls for each centimetre forward."""
HALF_HEIGHT_CM = 0.5
"""Half of the height of its front."""


def tongue_shapes(model: PartedHead) -> Tensor:
    """Offsets (2, V, 3) in centimetres at weight 1, in the order of ``core.motion.channels.TONGUE``.

    They are zero on all vertices but the tongue's, and left/right symmetric.
    """
    tongue = model.part_vertices("tongue")
    x, y, z = model.mean[tongue].unbind(1)
    behind = z.max() - z
    middle = MIDDLE_CM - SLOPE * behind
    shapes = model.mean.new_zeros(len(TONGUE), len(model.mean), 3)
    for shape, name in zip(shapes, TONGUE, strict=True):
        movement = MOVEMENTS[name]
        along = (1 - (behind + ROUND * x.square()) / movement.behind).clamp(0, 1)  # 0 where it is still, 1 at the tip
        eased = along * along * (3 - 2 * along)
        rise = movement.up * eased**movement.bend - movement.droop * along**DROOP
        above = movement.under + (1 - movement.under) * ((y - middle) / HALF_HEIGHT_CM + 0.5).clamp(0, 1)
        offset = torch.stack(
            [
                -movement.narrow * eased * x,
                rise * above - movement.thin * eased * (y - middle),
                movement.forward * along**STRETCH,
            ],
            1,
        )
        shape[tongue] = offset
    return shapes
