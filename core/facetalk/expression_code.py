"""z_ex, the code of an expression: 64 numbers that say how far a face moves, and back to the 53 ARKit weights.

FaceTalk's code is learned together with its head (arXiv 2312.08459, section 3). Here the expressions of the head are
known exactly: the head model adds 53 shapes. So the code is computed, and nothing is lost on the way back.

- The first 53 numbers are the *movements*: the principal axes of the 53 shapes on the surface, the largest first. They
  are in millimetres: the distance of two codes is the root mean square of how far the surface moves between the two
  faces. Weights don't have this property. A jaw that opens moves ten times as far as a dimple of the same weight.
- The last eleven are the *turns*: what the shapes can't say about parts that turn. A shape moves a point along a
  straight line, but a jaw and an eyeball turn on an arc. Two numbers are of the jaw, and nine, a matrix, of both eyes.
  They follow from the weights, so decoding doesn't need them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..head.head_model import HeadModel
from ..head.rotation import euler_to_matrix
from ..motion.channels import EXPRESSIONS

MOVEMENTS = len(EXPRESSIONS)
JAW_TURNS, EYE_TURNS = 2, 9
CODE = MOVEMENTS + JAW_TURNS + EYE_TURNS
"""Numbers of z_ex."""
MOVING_PARTS = ("skin", "lips", "eye_left", "eye_right")
"""Parts of the head model whose movement counts. The rest is inside the mouth and behind the lids."""
_MILLIMETRES = 10.0
_JAW = EXPRESSIONS.index("jawOpen")
_LOOKS = ("eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp")
"""Gaze shapes in the order of ``HeadModel.gaze_angles``."""
_SIDEWAYS = {"L": {"eyeLookOut": 1.0, "eyeLookIn": -1.0}, "R": {"eyeLookOut": -1.0, "eyeLookIn": 1.0}}


@dataclass(frozen=True, eq=False)
class ExpressionCode:
    """The code of one head model. All tensors are float32 on one device.

    Attributes
    ----------
    to_movements, to_weights
        (53, 53) from weights to movements in millimetres, and back: rows are the results.
    jaw_angle
        (1,) radians that the jaw turns at jawOpen = 1.
    gaze_angles
        (4,) radians that an eye turns at weight 1 of eyeLookDown, eyeLookIn, eyeLookOut and eyeLookUp.
    """

    to_movements: Tensor
    to_weights: Tensor
    jaw_angle: Tensor
    gaze_angles: Tensor

    @classmethod
    def of(cls, head: HeadModel) -> ExpressionCode:
        """The code of a head model."""
        seen = head.part_vertices(*MOVING_PARTS)
        shapes = _MILLIMETRES * head.expression_basis[:, seen].double().cpu().flatten(1)  # (53, n, 3) -> (53, 3 n)
        spread, axes = torch.linalg.eigh(shapes @ shapes.T / len(seen))  # rising
        spread, axes = spread.flip(0), axes.flip(1)
        axes = axes * torch.where(axes.sum(0) < 0.0, -1.0, 1.0)  # so that the signs are the same everywhere
        size = spread.sqrt()
        return cls(
            (size[:, None] * axes.T).float().to(head.device),
            (axes / size).float().to(head.device),
            head.jaw_angle,
            head.gaze_angles,
        )

    def encode(self, weights: Tensor) -> Tensor:
        """(…, 53) weights → (…, 64) z_ex."""
        return torch.cat([weights @ self.to_movements.T, self.turns(weights)], -1)

    def decode(self, code: Tensor) -> Tensor:
        """(…, 64) z_ex, or its (…, 53) movements alone → (…, 53) weights, not limited to 0–1."""
        return code[..., :MOVEMENTS] @ self.to_weights.T

    def turns(self, weights: Tensor) -> Tensor:
        """(…, 11) of weights (…, 53): of the jaw, sine and 1 − cosine of its angle beyond the straight line; of the
        eyes, the rotation matrix beyond the straight lines, the mean of both eyes."""
        opened = weights[..., _JAW, None]
        angle = opened * self.jaw_angle
        jaw = torch.cat(
            [angle.sin() - opened * self.jaw_angle.sin(), (1 - angle.cos()) - opened * (1 - self.jaw_angle.cos())], -1
        )
        eyes = (self._eye_turn(weights, "L") + self._eye_turn(weights, "R")) / 2.0
        return torch.cat([jaw, eyes.flatten(-2)], -1)

    def _eye_turn(self, weights: Tensor, side: str) -> Tensor:
        """(…, 3, 3) rotation of one eye without what its four gaze shapes move along straight lines."""
        down, inwards, outwards, up = self.gaze_angles
        whole = {"eyeLookDown": (down, 0.0), "eyeLookUp": (-up, 0.0)} | {
            name: (0.0, sign * (outwards if name == "eyeLookOut" else inwards))
            for name, sign in _SIDEWAYS[side].items()
        }
        one = torch.eye(3, dtype=weights.dtype, device=weights.device)
        angles = weights.new_zeros(*weights.shape[:-1], 3)
        straight = weights.new_zeros(*weights.shape[:-1], 3, 3)
        for name in _LOOKS:
            weight = weights[..., EXPRESSIONS.index(f"{name}_{side}"), None]
            turned = torch.stack(
                [torch.as_tensor(a, dtype=weights.dtype, device=weights.device) for a in (*whole[name], 0.0)]
            )
            angles = angles + weight * turned
            straight = straight + weight[..., None] * (euler_to_matrix(turned) - one)
        return euler_to_matrix(angles) - one - straight
