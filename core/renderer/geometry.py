"""The person's head model in the square: where each vertex is in the photograph, and where a motion takes it.

The fit leaves the model's landmarks a pixel or two beside the seen ones. What is left is spread over the vertices as an
offset in head space, so that lips, lids and irises of the model lie on the person's own, and move with the head.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..face.face_mesh import CONTOUR
from ..head.expression import target_expression
from ..head.head_model import HeadModel
from ..head.rotation import euler_to_matrix
from ..portrait.portrait import Portrait
from .contact import ContactShapes
from .fields import smoothstep
from .framing import Framing
from .spread import feature_space, spread

SPREADS_CM = (3.0, 1.2, 0.45)
"""Widths, in turn, over which the landmarks' residuals are spread; each takes what the wider one left."""
NECK_SPAN_CM = (-14.0, -5.0)
"""Slanted height (see ``head_share``) of the shoulders, which stay, and of jaw and nape, which follow the head."""
CONTOUR_WEIGHT = 0.15
"""Trust in landmarks of the outline, which slide over the skin as the head turns."""


@dataclass(frozen=True)
class PosedHeads:
    """Heads of B frames.

    Attributes
    ----------
    pixels
        (B, V, 3): x, y in pixels of the square, and distance from the camera plane in centimetres.
    expression
        (B, 53) weights that were applied.
    rotation
        (B, 3, 3) head space to camera axes.
    """

    pixels: Tensor
    expression: Tensor
    rotation: Tensor


class HeadGeometry:
    """One person's head, made once; :meth:`pose` for each motion."""

    def __init__(self, model: HeadModel, portrait: Portrait, framing: Framing) -> None:
        device = model.device
        self.model = model
        self.own_expression = torch.tensor(portrait.expression, dtype=torch.float32, device=device)
        self.focal, self.centre_x, self.centre_y = framing.camera(portrait)
        self.rotation = euler_to_matrix(torch.tensor(portrait.rotation, dtype=torch.float32, device=device))
        self.translation = torch.tensor(portrait.translation, dtype=torch.float32, device=device)
        self.pivot = model.neck_pivot
        self.rigidity = head_share(model.mean)[:, None]  # (V, 1)

        identity = torch.tensor(portrait.identity, dtype=torch.float32, device=device)
        fitted = model.neutral(identity)
        landmarks = torch.tensor(framing.to_crop(portrait.landmarks), dtype=torch.float32, device=device)
        self.neutral = fitted + self._landmark_offsets(fitted, landmarks)
        self.contact = ContactShapes(model, self.neutral, self.own_expression)
        self.source = self._pose_source()

    def _pose_source(self) -> PosedHeads:
        return self.pose(self.own_expression[None], torch.zeros(1, 3), torch.zeros(1, 3), absolute=True)

    def shift(self, vertices: Tensor, offset: Tensor) -> None:
        """Move some vertices (indices) of the neutral head by centimetres (3,) in head space, for good."""
        self.neutral[vertices] += offset
        self.source = self._pose_source()

    def pose(self, expression: Tensor, rotation: Tensor, translation: Tensor, absolute: bool = False) -> PosedHeads:
        """Vertices for the frames of a motion.

        Parameters
        ----------
        expression
            (B, 53) weights of the motion (see ``expression.target_expression``); with ``absolute`` they are applied as
            they are.
        rotation, translation
            (B, 3) radians and centimetres, relative to the portrait's own pose, about the neck.
        """
        weights = expression if absolute else target_expression(self.own_expression, expression)
        # One frame at a time: a matrix product may round differently for another number of rows.
        frames = [self._pose_one(w, r, t) for w, r, t in zip(weights, rotation, translation, strict=True)]
        return PosedHeads(torch.stack([f[0] for f in frames]), weights, torch.stack([f[1] for f in frames]))

    def _pose_one(self, weights: Tensor, rotation: Tensor, translation: Tensor) -> tuple[Tensor, Tensor]:
        head = self.neutral + self.model.expression_offsets(weights) + self.contact.offsets(weights)
        turn = euler_to_matrix(rotation)
        moved = (head - self.pivot) @ turn.T + self.pivot + translation
        head = head + self.rigidity * (moved - head)
        return self.project(head @ self.rotation.T + self.translation), self.rotation @ turn

    def project(self, camera: Tensor) -> Tensor:
        """(..., 3) camera space (cm) to x, y pixels of the square and distance (cm)."""
        distance = -camera[..., 2]
        x = self.centre_x + self.focal * camera[..., 0] / distance
        y = self.centre_y - self.focal * camera[..., 1] / distance
        return torch.stack([x, y, distance], -1)

    def unproject(self, pixels: Tensor) -> Tensor:
        """x, y pixels and distance (..., 3) back to camera space."""
        distance = pixels[..., 2]
        x = (pixels[..., 0] - self.centre_x) * distance / self.focal
        y = -(pixels[..., 1] - self.centre_y) * distance / self.focal
        return torch.stack([x, y, -distance], -1)

    def _landmark_offsets(self, fitted: Tensor, landmarks: Tensor) -> Tensor:
        """(V, 3) head-space offsets that carry the model's mesh points onto the landmarks (468, 2) seen."""
        model = self.model
        shape = fitted + model.expression_offsets(self.own_expression)
        points = model.mesh468(shape)
        seen = self.project(points @ self.rotation.T + self.translation)
        residual = landmarks[:468] - seen[:, :2]
        per_pixel = seen[:, 2:] / self.focal
        planar = torch.cat([residual * per_pixel * torch.tensor([1.0, -1.0]), torch.zeros(468, 1)], 1)
        wanted = planar @ self.rotation  # rows: R^T · offset in camera axes
        features = feature_space(model, shape)
        point_features = feature_space(model, shape, points=True)
        weight = torch.ones(468)
        weight[torch.tensor(CONTOUR)] = CONTOUR_WEIGHT
        return spread(features, point_features, wanted, weight, SPREADS_CM)


def head_share(points: Tensor) -> Tensor:
    """(...,) how far points (..., 3) in head space follow the head: 1 on it, falling to 0 down the neck.

    The slanted measure y + z/2 keeps the chin with the head and lets the nape at the same height go.
    """
    return smoothstep(*NECK_SPAN_CM, points[..., 1] + 0.5 * points[..., 2])
