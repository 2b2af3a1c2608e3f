"""The person's head model in the square: the place of each vertex in the photograph, and in the frames of a motion.

After the fit, the model's landmarks are still a pixel or two away from the detected ones. This remaining error is
interpolated over the vertices as an offset in head space. The model's lips, lids and irises then lie on the person's
own, and the offset moves with the head.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..face.points import CONTOUR, MESH_POINTS
from ..head.camera import FLIP, pinhole, unproject
from ..head.expression import target_expression
from ..head.head_model import HeadModel
from ..head.rotation import euler_to_matrix
from ..head.tongue import tongue_shapes
from ..portrait.portrait import Portrait
from .contact import ContactShapes
from .fields import smoothstep
from .framing import Framing
from .mesh_values import feature_space, values_from_points

WIDTHS_CM = (3.0, 1.2, 0.45)
"""Widths with which the landmarks' errors are interpolated, one after the other. Each width takes the error that the
wider one left."""
NECK_SPAN_CM = (-14.0, -5.0)
"""Slanted height (see ``head_share``) of the shoulders, which stay in place, and of jaw and nape, which follow the
head."""
NECK_SLANT = 0.5
"""Slope of that height: centimetres that it rises for each centimetre forward."""
BEHIND_LIDS_CM = 1.5
"""Distance by which eyeballs are moved back before it is decided what hides what. It is more than the radius
of an eyeball."""
LIP_ROOM_CM, TEETH_ROOM_CM = (0.03, 0.25), (-0.15, 0.25)
"""Mean opening of the lips, and distance between the front teeth's edges, at which the tongue can begin to come out,
and can come out as far as it wants. The edges of closed teeth overlap."""
FRONT_TEETH_CM = 0.5
"""Front teeth reach this far to either side of the middle."""
CONTOUR_WEIGHT = 0.15
"""Trust in landmarks of the face's outline, which slide over the skin as the head turns."""


@dataclass(frozen=True)
class PosedHeads:
    """Heads of B frames.

    Attributes
    ----------
    pixels
        (B, V, 3): x, y in pixels of the square, and the distance from the camera plane in centimetres.
    expression
        (B, 53) applied weights.
    rotation
        (B, 3, 3) head space to camera axes.
    tongue
        (B, 2) applied weights of the tongue.
    """

    pixels: Tensor
    expression: Tensor
    rotation: Tensor
    tongue: Tensor

    def chosen(self, rows: Tensor) -> PosedHeads:
        """The heads of some of the frames, by their indices."""
        return PosedHeads(self.pixels[rows], self.expression[rows], self.rotation[rows], self.tongue[rows])

    @property
    def across(self) -> Tensor:
        """(B, 2) direction in the picture toward the person's left, of length 1."""
        left = self.rotation[:, :2, 0] * FLIP.to(self.rotation.device)
        return left / left.square().sum(1, keepdim=True).clamp_min(1e-12).sqrt()

    @property
    def down(self) -> Tensor:
        """(B, 2) direction in the picture from the eyes to the chin, of length 1; at right angles to ``across``."""
        x, y = self.across.unbind(1)
        return torch.stack([-y, x], 1)


class HeadGeometry:
    """One person's head, made once; :meth:`pose` for each motion. ``landmarks`` (478, 2) are px of the square."""

    def __init__(self, model: HeadModel, portrait: Portrait, framing: Framing, landmarks: np.ndarray) -> None:
        device = model.device
        self.model = model
        self.digest = portrait.digest
        self.own_expression = torch.tensor(portrait.expression, dtype=torch.float32, device=device)
        self.focal, centre = framing.camera(portrait)
        self.centre = torch.tensor(centre, device=device)
        rotation, translation = framing.pose(portrait)
        self.rotation, self.translation = rotation.to(device), translation.to(device)
        self.pivot = model.neck_pivot
        sides = ("left", "right")
        eyes = model.part_vertices(*(f"{part}_{side}" for part in ("eye", "eye_socket") for side in sides))
        self._back = torch.zeros_like(model.mean)
        self._back[eyes, 2] = BEHIND_LIDS_CM
        self.rigidity = head_share(model.mean)[:, None]  # (V, 1)

        self.tongue = model.part_vertices("tongue")
        self._tongue_shapes = tongue_shapes(model)[:, self.tongue]
        rows = [model.part_vertices(f"teeth_{row}") for row in ("upper", "lower")]
        self._front_teeth = [teeth[model.mean[teeth, 0].abs() < FRONT_TEETH_CM] for teeth in rows]
        identity = torch.tensor(portrait.identity, dtype=torch.float32, device=device)
        fitted = model.neutral(identity)
        seen = torch.tensor(landmarks, dtype=torch.float32, device=device)
        self.neutral = fitted + self._landmark_offsets(fitted, seen)
        self.contact = ContactShapes(model, self.neutral, self.own_expression)
        self.source = self._pose_source()

    def _pose_source(self) -> PosedHeads:
        return self.pose(self.own_expression[None], torch.zeros(1, 3), torch.zeros(1, 3), absolute=True)

    def behind_lids(self, pixels: Tensor) -> Tensor:
        """Heads (B, V, 3) whose eyeballs and eye sockets lie so far back that no lid is inside the eyeball.

        A fitted lid follows its landmarks in the picture only. Where the eye is large, the closing lid would cut
        through the ball, which would be seen through the hole.
        """
        return pixels + self._back

    def shift(self, vertices: Tensor, offset: Tensor) -> None:
        """Permanently move some vertices (indices) of the neutral head by centimetres (3,) in head space."""
        self.neutral[vertices] += offset
        self.source = self._pose_source()

    def tongue_offsets(self, weights: Tensor) -> Tensor:
        """(n, 3) centimetres that the tongue's vertices ``tongue`` (n,) move for its weights (2,)."""
        return weights[0] * self._tongue_shapes[0] + weights[1] * self._tongue_shapes[1]

    def pose(
        self,
        expression: Tensor,
        rotation: Tensor,
        translation: Tensor,
        absolute: bool = False,
        tongue: Tensor | None = None,
    ) -> PosedHeads:
        """Pose the head for the frames of a motion.

        Parameters
        ----------
        expression
            (B, 53) weights of the motion; see ``head.expression.target_expression``.
        rotation, translation
            (B, 3) radians and centimetres, relative to the portrait's own pose, about the neck.
        absolute
            Apply the weights as given, without the portrait's own expression.
        tongue
            (B, 2) weights of the tongue. None: it rests.
        """
        weights = expression if absolute else target_expression(self.own_expression, expression)
        tongue = expression.new_zeros(len(expression), 2) if tongue is None else self._fitting_tongue(tongue, weights)
        # One frame at a time: a matrix product can round differently for another number of rows.
        frames = [
            self._pose_one(self.shape(w, m) + self.contact.offsets(w), r, t)
            for w, m, r, t in zip(weights, tongue, rotation, translation, strict=True)
        ]
        return PosedHeads(torch.stack([f[0] for f in frames]), weights, torch.stack([f[1] for f in frames]), tongue)

    def _fitting_tongue(self, tongue: Tensor, weights: Tensor) -> Tensor:
        """(B, 2) weights of the tongue in 0–1; it doesn't come out through lips or teeth (B, 53) that are shut."""
        room = torch.stack([self._room(row) for row in weights])
        return torch.stack([tongue[:, 0].clamp(0, 1) * room, tongue[:, 1].clamp(0, 1)], 1)

    def _room(self, weights: Tensor) -> Tensor:
        """() 0..1: how far lips and teeth are open for a tongue that comes out."""
        upper, lower = (
            self.neutral[teeth, 1] + torch.einsum("e,ev->v", weights, self.model.expression_basis[:, teeth, 1])
            for teeth in self._front_teeth
        )
        between = smoothstep(*TEETH_ROOM_CM, upper.min() - lower.max())
        return smoothstep(*LIP_ROOM_CM, self.contact.opening(weights)) * between

    def shape(self, weights: Tensor, tongue: Tensor) -> Tensor:
        """(V, 3) the head in head space for weights (53,) and those of the tongue (2,), without ``contact``."""
        head = self.neutral + self.model.expression_offsets(weights)
        head[self.tongue] += self.tongue_offsets(tongue)
        return head

    def _pose_one(self, head: Tensor, rotation: Tensor, translation: Tensor) -> tuple[Tensor, Tensor]:
        turn = euler_to_matrix(rotation)
        moved = (head - self.pivot) @ turn.T + self.pivot + translation
        head = head + self.rigidity * (moved - head)
        return self.project(head @ self.rotation.T + self.translation), self.rotation @ turn

    def project(self, camera: Tensor) -> Tensor:
        """Points (..., 3) in camera axes (cm) to x, y in pixels of the square and distance in cm (..., 3)."""
        return torch.cat([pinhole(camera, self.focal, self.centre), -camera[..., 2:]], -1)

    def unproject(self, pixels: Tensor) -> Tensor:
        """Inverse of :meth:`project`: x, y in pixels and distance in cm (..., 3) to camera axes (..., 3) in cm."""
        return unproject(pixels[..., :2], pixels[..., 2:], self.focal, self.centre)

    def _landmark_offsets(self, fitted: Tensor, landmarks: Tensor) -> Tensor:
        """(V, 3) head-space offsets that move the model's mesh points onto the detected landmarks (478, 2)."""
        model = self.model
        shape = fitted + model.expression_offsets(self.own_expression)
        points = model.mesh468(shape)
        seen = self.project(points @ self.rotation.T + self.translation)
        residual = landmarks[:MESH_POINTS] - seen[:, :2]
        cm_per_pixel = seen[:, 2:] / self.focal
        planar = torch.cat([residual * cm_per_pixel * FLIP.to(residual.device), torch.zeros(MESH_POINTS, 1)], 1)
        wanted = planar @ self.rotation  # rows: R^T · offset in camera axes
        features = feature_space(model, shape)
        point_features = feature_space(model, shape, points=True)
        weight = torch.ones(MESH_POINTS)
        weight[torch.tensor(CONTOUR)] = CONTOUR_WEIGHT
        return values_from_points(features, point_features, wanted, weight, WIDTHS_CM)


def head_share(points: Tensor) -> Tensor:
    """(...,) how far points (..., 3) in head space follow the head: 1 on the head, falling to 0 down the neck.

    The height is slanted (y + z / 2), so that the chin follows the head, but not the nape at the same height.
    """
    return smoothstep(*NECK_SPAN_CM, points[..., 1] + NECK_SLANT * points[..., 2])
