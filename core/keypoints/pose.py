"""Where a head is in the square, and how keypoints of the head follow it.

The square's coordinates are x to the right and y down, from −1 to 1, and z toward the viewer in the same unit. The
camera is a scaled orthographic one: this is enough for small changes of a head's pose, and it can be found from
landmarks alone, in training as for a user's portrait.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..face.fit_problem import FitSettings
from ..face.points import CONTOUR, MESH_POINTS
from ..head.head_model import HeadModel
from ..head.rotation import euler_to_matrix
from ..motion.channels import EXPRESSIONS

UNIT_CM = 10.0
"""Centimetres in one unit of canonical keypoints."""
DISTANCE_CM = FitSettings.distance
"""Usual distance of the camera. It decides how much a head grows that comes nearer."""
FLIP = torch.tensor([1.0, -1.0, 1.0])
"""Signs that turn camera axes (Y up) into those of the square."""
_INNER = [point for point in range(MESH_POINTS) if point not in CONTOUR]


@dataclass(frozen=True)
class HeadPose:
    """The poses of B heads.

    Attributes
    ----------
    rotation
        (B, 3, 3) head space to camera axes.
    place
        (B, 2) the neck's pivot in the square.
    scale
        (B,) lengths in the square per ``UNIT_CM`` of the head.
    """

    rotation: Tensor
    place: Tensor
    scale: Tensor

    def __len__(self) -> int:
        return len(self.scale)

    def to(self, device: torch.device | str) -> HeadPose:
        """The same poses on a device."""
        return HeadPose(self.rotation.to(device), self.place.to(device), self.scale.to(device))

    def moved(self, rotation: Tensor, translation: Tensor) -> HeadPose:
        """The poses after a motion's rotation (B, 3), radians, and translation (B, 3), cm, as in
        ``core.renderer.geometry.HeadGeometry.pose``."""
        shift = (self.rotation @ translation[..., None])[..., 0]  # cm in camera axes
        nearer = DISTANCE_CM / (DISTANCE_CM - shift[:, 2])
        across = shift[:, :2] * FLIP[:2].to(shift.device) * (self.scale / UNIT_CM)[:, None]
        return HeadPose(self.rotation @ euler_to_matrix(rotation), self.place + across, self.scale * nearer)

    def to_square(self, canonical: Tensor) -> Tensor:
        """Points (B, K, 3) in head space about the pivot, in ``UNIT_CM``, to the square: R x + t."""
        turned = canonical @ self.rotation.mT * FLIP.to(canonical.device) * self.scale[:, None, None]
        return torch.cat([turned[..., :2] + self.place[:, None], turned[..., 2:]], -1)

    def to_head(self, points: Tensor) -> Tensor:
        """Inverse of :meth:`to_square`."""
        about = torch.cat([points[..., :2] - self.place[:, None], points[..., 2:]], -1)
        return (about * FLIP.to(points.device) / self.scale[:, None, None]) @ self.rotation

    def between(self, other: HeadPose) -> Tensor:
        """(B, 3, 3) that turns and scales directions of the square from this pose to ``other``'s."""
        flip = FLIP.to(self.scale.device)
        turn = other.rotation @ self.rotation.mT
        return turn * flip[:, None] * flip * (other.scale / self.scale)[:, None, None]


def head_pose(model: HeadModel, expression: Tensor, landmarks: Tensor) -> HeadPose:
    """The poses that bring the mean head onto face-mesh landmarks.

    Parameters
    ----------
    expression
        (B, 53) weights that the faces show.
    landmarks
        (B, 468 or more, 2) in the square's coordinates (−1 … 1).

    The points of the face's outline slide over the skin, so they don't count. Solved in closed form: least squares for
    an affine camera, then the nearest camera that only turns and scales.
    """
    if expression.shape[-1] != len(EXPRESSIONS):
        raise ValueError(f"expression has {expression.shape[-1]} weights, expected {len(EXPRESSIONS)}")
    heads = model.mesh468(model.mean + model.expression_offsets(expression))[:, _INNER]
    # In double precision, because in single precision the solvers' last bits depend on where memory lies.
    points = (heads - model.neck_pivot).double() / UNIT_CM
    seen = (landmarks[:, _INNER, :2] * FLIP[:2].to(landmarks.device)).double()
    middle, centre = points.mean(1, keepdim=True), seen.mean(1, keepdim=True)
    camera = torch.linalg.lstsq(points - middle, seen - centre).solution.mT  # (B, 2, 3)
    left, sizes, right = torch.linalg.svd(camera, full_matrices=False)
    rows = left @ right
    third = torch.linalg.cross(rows[:, 0], rows[:, 1])
    rotation = torch.cat([rows, third[:, None]], 1)
    scale = sizes.mean(1)
    place = (centre - scale[:, None, None] * middle @ rows.mT)[:, 0] * FLIP[:2].to(seen.device)
    return HeadPose(rotation.float(), place.float(), scale.float())
