"""How far a portrait's head may turn from its pose in the photograph.

What the photograph shows at a grazing angle, or hides, has to be stretched over more and more pixels as the head turns
it to the camera: ears, temples, the sides of the hair, the skin below the chin. A head may turn until a certain share
of what a frame shows of it is stretched that much. This follows from the fit alone, in less than a tenth of a second,
so it isn't kept with it. A head that looks aside in the photograph may turn farther to that side than back.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ..head.camera import pinhole
from ..head.head_model import HeadModel
from ..head.rotation import euler_to_matrix
from ..motion.turning import TurningLimits
from .portrait import Portrait

STRETCHED = 3.0
"""Frame pixels for one pixel of the photograph from which a part of the head counts as stretched."""
SHARE = 0.14
"""Share of the shown head that may be stretched. Chosen on pictures of five held-out portraits turned by 15 to 30°: at
25° ears come off. Faces from the front may turn by about 21° to each side."""
LEAST, MOST = math.radians(10), math.radians(25)
"""Bounds of every limit. Nobody looked at pictures beyond."""
STEPS = 11
"""Angles at which the share is measured between the two; in between it is interpolated."""
HEAD_CM = -5.0
"""Slanted height (y + z / 2 in head space) from which a surface belongs to the head, and not to the neck."""


def turning_limits(head: HeadModel, portrait: Portrait) -> TurningLimits:
    """How far the portrait's head may turn from its pose in the photograph; ``head`` is on the processor."""
    measure = _Stretch(head, portrait)
    pitch, yaw = ((-measure.limit(axis, -1), measure.limit(axis, 1)) for axis in (0, 1))
    return TurningLimits(pitch, yaw)


class _Stretch:
    """Measures how much of a portrait's head is stretched when it turns."""

    def __init__(self, head: HeadModel, portrait: Portrait) -> None:
        triangles = head.triangles[head.part_triangles("skin", "lips")]
        middles = head.mean[triangles].mean(1)
        self._triangles = triangles[middles[:, 1] + middles[:, 2] / 2 > HEAD_CM]
        self._pivot = head.neck_pivot
        identity, expression = (torch.from_numpy(v).float() for v in (portrait.identity, portrait.expression))
        self._shape = head.vertices(identity, expression)
        self._pose = euler_to_matrix(torch.from_numpy(portrait.rotation).float())
        self._place = torch.from_numpy(portrait.translation).float()
        self._focal, self._centre = float(portrait.focal), torch.from_numpy(portrait.centre).float()
        self._source = self._edges(self._shape)
        self._shown = torch.linalg.det(self._source)
        # Pixels go down, and triangles counter-clockwise: those that face the camera have a negative area.
        self._inverse = torch.linalg.inv(self._source[self._shown < 0])

    def _edges(self, shape: Tensor) -> Tensor:
        """(F, 2, 2) px: two edges of each triangle of a head (V, 3) in the picture, as columns."""
        pixels = pinhole(shape @ self._pose.T + self._place, self._focal, self._centre)
        corners = pixels[self._triangles].double()
        return torch.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], -1)

    def share(self, axis: int, angle: float) -> float:
        """Share 0..1 of the shown head that is stretched or wasn't seen, turned by radians of pitch (0) or yaw (1)."""
        turn = torch.zeros(3)
        turn[axis] = angle
        frame = self._edges((self._shape - self._pivot) @ euler_to_matrix(turn).T + self._pivot)
        areas = -torch.linalg.det(frame).clamp(max=0)
        stretched = torch.ones_like(areas)
        seen = self._shown < 0
        stretched[seen] = (_most_stretched(frame[seen] @ self._inverse) > STRETCHED).double()
        return float((areas * stretched).sum() / areas.sum().clamp_min(1e-9))

    def limit(self, axis: int, sign: int) -> float:
        """Radians that the head may turn in a direction (−1 or 1) of an axis."""
        angles = np.linspace(LEAST, MOST, STEPS)
        shares = np.maximum.accumulate([self.share(axis, sign * angle) for angle in angles])
        return float(np.interp(SHARE, shares, angles)) if shares[-1] > SHARE else MOST


def _most_stretched(matrices: Tensor) -> Tensor:
    """(F,) the larger singular value of matrices (F, 2, 2), written out because torch's takes far longer."""
    total = matrices.square().sum((1, 2))
    area = torch.linalg.det(matrices)
    return ((total + (total.square() - 4 * area.square()).clamp_min(0).sqrt()) / 2).sqrt()
