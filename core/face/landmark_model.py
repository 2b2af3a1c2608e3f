"""The head model reduced to the points that a face tracker sees: what a fit needs, at a hundredth of the vertices.

A landmark p is a fixed point of the mesh (barycentric), so it is linear as the model is:
X_p(β, w) = mean_p + Σ_i β_i · identity_ip + Σ_e w_e · expression_ep, in head space, centimetres.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from ..head.head_model import HeadModel
from ..motion.channels import EXPRESSIONS
from .face_mesh import CONTOUR, IRIS_LEFT, IRIS_RIGHT, LANDMARKS

LIPS_OUTER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409)
LIPS_INNER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415)
EYE_RIGHT = (33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173)
EYE_LEFT = (263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398)
BROWS = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46, 300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
LID_PAIRS_RIGHT = ((160, 144), (159, 145), (158, 153))
LID_PAIRS_LEFT = ((387, 373), (386, 374), (385, 380))
LIP_PAIRS = ((81, 178), (82, 87), (13, 14), (312, 317), (311, 402))
"""Points across the gap of the eyelids and of the inner lips: (upper, lower)."""

IBUG_LID_PAIRS_RIGHT = ((37, 41), (38, 40))
IBUG_LID_PAIRS_LEFT = ((43, 47), (44, 46))
IBUG_LIP_PAIRS = ((61, 67), (62, 66), (63, 65))
"""The same pairs among the 68 landmarks of the iBUG scheme (dlib)."""

OPPOSITES = (
    ("jawLeft", "jawRight"),
    ("mouthLeft", "mouthRight"),
    *((f"{a}_{side}", f"{b}_{side}") for side in "LR" for a, b in (
        ("eyeLookIn", "eyeLookOut"),
        ("eyeLookUp", "eyeLookDown"),
        ("eyeBlink", "eyeWide"),
        ("eyeSquint", "eyeWide"),
        ("mouthSmile", "mouthFrown"),
        ("browDown", "browOuterUp"),
        ("browDown", "browInnerUp"),
    )),
    ("jawOpen", "mouthClose"),
    ("mouthFunnel", "mouthRollUpper"),
    ("mouthFunnel", "mouthRollLower"),
    ("mouthPucker", "mouthStretch_L"),
    ("mouthPucker", "mouthStretch_R"),
)  # fmt: skip
"""Pairs that do opposite things: a fit must not use both at once to cancel each other."""

_RARE = {
    "jawForward": 0.12, "cheekPuff_L": 0.06, "cheekPuff_R": 0.06, "cheekSquint_L": 0.15, "cheekSquint_R": 0.15,
    "noseSneer_L": 0.15, "noseSneer_R": 0.15, "jawLeft": 0.12, "jawRight": 0.12, "mouthClose": 0.12,
    "mouthShrugLower": 0.2, "mouthShrugUpper": 0.2, "mouthRollLower": 0.2, "mouthRollUpper": 0.2,
    "eyeSquint_L": 0.2, "eyeSquint_R": 0.2, "eyeWide_L": 0.2, "eyeWide_R": 0.2,
}  # fmt: skip
_DEFAULT_SPREAD = 0.35
_FREE = {"jawOpen": 1.0, "eyeBlink_L": 1.0, "eyeBlink_R": 1.0}
_FREE |= {name: 0.6 for name in EXPRESSIONS if name.startswith("eyeLook")}


def expression_spread() -> torch.Tensor:
    """(53,) prior standard deviation of each expression weight: how readily a fit may use it."""
    return torch.tensor([_FREE.get(name, _RARE.get(name, _DEFAULT_SPREAD)) for name in EXPRESSIONS])


def expression_acceleration() -> torch.Tensor:
    """(53,) prior standard deviation of each weight's acceleration a frame²: blinks are quick; gaze is held through
    them."""
    return torch.tensor([1.0 if "Blink" in name else 0.06 if "eyeLook" in name else 0.15 for name in EXPRESSIONS])


def opposite_indices() -> torch.Tensor:
    """(pairs, 2) indices into the 53 weights."""
    return torch.tensor([[EXPRESSIONS.index(a), EXPRESSIONS.index(b)] for a, b in OPPOSITES])


@dataclass(frozen=True)
class LandmarkModel:
    """Linear model of P landmarks, with the weight and the pairs that a fit uses.

    mean (P, 3), identity (I, P, 3), expression (53, P, 3) in centimetres of head space; weight (P,) ≥ 0, 0 = not
    observed; lid_points (·,) indices of points on the eyelids; lid_pairs_left, lid_pairs_right, lip_pairs (·, 2) of
    points across a gap; outer_eyes: indices of the person's right and left outer eye corners; contour (P,) bool marks
    points that slide along the face's outline.
    """

    mean: torch.Tensor
    identity: torch.Tensor
    expression: torch.Tensor
    weight: torch.Tensor
    lid_points: torch.Tensor
    lid_pairs_left: torch.Tensor
    lid_pairs_right: torch.Tensor
    lip_pairs: torch.Tensor
    outer_eyes: tuple[int, int]
    contour: torch.Tensor
    irises: tuple[int, ...]
    """Indices of the middle of the left and right iris; empty where they aren't seen, and then the fit leaves the
    gaze at zero."""

    @property
    def points(self) -> int:
        """Number of landmarks P."""
        return self.mean.shape[0]

    def shape(self, identity: torch.Tensor) -> torch.Tensor:
        """Neutral landmarks (P, 3) of a person with coefficients (I,)."""
        return self.mean + torch.einsum("i,ipk->pk", identity, self.identity)

    def positions(self, identity: torch.Tensor, expression: torch.Tensor) -> torch.Tensor:
        """Landmarks (T, P, 3) in head space of one person with expressions (T, 53)."""
        return self.shape(identity) + torch.einsum("te,epk->tpk", expression, self.expression)

    def without_gaze(self) -> LandmarkModel:
        """The same model with irises unobserved and the gaze held at zero."""
        weight = self.weight.clone()
        weight[IRIS_RIGHT] = weight[IRIS_LEFT] = 0.0
        return replace(self, weight=weight, irises=())

    def with_offset(self, offset: torch.Tensor) -> LandmarkModel:
        """The same model with (P, 3) added to its mean: what a person's points differ by from their places on the
        mesh."""
        return replace(self, mean=self.mean + offset)

    def thinned(self, keep: int = 3) -> LandmarkModel:
        """The same model with one in ``keep`` of its plain skin points observed, each counting ``keep`` times:
        faster, hardly different."""
        plain = torch.nonzero(self.weight == self.weight.median())[:, 0]
        weight = self.weight.clone()
        weight[plain] = 0.0
        weight[plain[::keep]] = keep * self.weight[plain[::keep]]
        return replace(self, weight=weight)

    def observed(self) -> tuple[LandmarkModel, torch.Tensor]:
        """The model of the points with a weight alone, and their indices."""
        keep = torch.nonzero(self.weight > 0)[:, 0]
        place = torch.full((self.points,), -1)
        place[keep] = torch.arange(len(keep))
        part = replace(
            self,
            mean=self.mean[keep],
            identity=self.identity[:, keep],
            expression=self.expression[:, keep],
            weight=self.weight[keep],
            contour=self.contour[keep],
            lid_points=place[self.lid_points],
            lid_pairs_left=place[self.lid_pairs_left],
            lid_pairs_right=place[self.lid_pairs_right],
            lip_pairs=place[self.lip_pairs],
            outer_eyes=(int(place[self.outer_eyes[0]]), int(place[self.outer_eyes[1]])),
            irises=tuple(int(place[i]) for i in self.irises),
        )
        return part, keep

    @classmethod
    def face_mesh(cls, head: HeadModel) -> LandmarkModel:
        """The 478 points of ``core.face.face_mesh`` on a ``HeadModel`` (mesh468 and the iris centres)."""
        irises = head.iris_points  # (2,): the person's left, right

        def on_mesh(field: torch.Tensor) -> torch.Tensor:
            """(..., V, 3) vertex field → (..., 478, 3) at the landmarks."""
            left, right = (field[..., irises[side], :][..., None, :].expand(*field.shape[:-2], 5, 3) for side in (0, 1))
            return torch.cat([head.mesh468(field), right, left], dim=-2)

        weight = np.ones(LANDMARKS, np.float32)
        weight[list(CONTOUR)] = 0.1
        weight[list(LIPS_OUTER)] = 3.0
        weight[list(LIPS_INNER)] = 4.0
        weight[[*EYE_LEFT, *EYE_RIGHT]] = 3.0
        weight[list(BROWS)] = 2.0
        weight[IRIS_RIGHT] = weight[IRIS_LEFT] = 0.0
        weight[[IRIS_RIGHT.start, IRIS_LEFT.start]] = 400.0
        contour = torch.zeros(LANDMARKS, dtype=torch.bool)
        contour[list(CONTOUR)] = True
        return cls(
            mean=on_mesh(head.mean),
            identity=on_mesh(head.identity_basis),
            expression=on_mesh(head.expression_basis),
            weight=torch.from_numpy(weight),
            lid_points=torch.tensor([*EYE_LEFT, *EYE_RIGHT]),
            lid_pairs_left=torch.tensor(LID_PAIRS_LEFT),
            lid_pairs_right=torch.tensor(LID_PAIRS_RIGHT),
            lip_pairs=torch.tensor(LIP_PAIRS),
            outer_eyes=(33, 263),
            contour=contour,
            irises=(IRIS_LEFT.start, IRIS_RIGHT.start),
        )

    @classmethod
    def ibug68(cls, head: HeadModel) -> LandmarkModel:
        """The 68 landmarks of the iBUG scheme (dlib) on a ``HeadModel``."""
        index = head.landmarks68
        weight = torch.ones(68)
        weight[:17] = 0.1
        weight[17:27] = 2.0
        weight[27:36] = 2.0
        weight[36:48] = 3.0
        weight[48:] = 3.0
        contour = torch.zeros(68, dtype=torch.bool)
        contour[:17] = True
        return cls(
            mean=head.mean[index],
            identity=head.identity_basis[:, index],
            expression=head.expression_basis[:, index],
            weight=4 * weight,  # fewer points, so each counts more against the priors
            lid_points=torch.arange(36, 48),
            lid_pairs_left=torch.tensor(IBUG_LID_PAIRS_LEFT),
            lid_pairs_right=torch.tensor(IBUG_LID_PAIRS_RIGHT),
            lip_pairs=torch.tensor(IBUG_LIP_PAIRS),
            outer_eyes=(36, 45),
            contour=contour,
            irises=(),
        )
