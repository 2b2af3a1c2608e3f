"""The head model reduced to the points that a face tracker finds: all that a fit needs, with far fewer points.

A landmark p is a fixed (barycentric) point of the mesh, so it is linear in the coefficients, like the model itself:
X_p(β, w) = mean_p + Σ_i β_i · identity_ip + Σ_e w_e · expression_ep, in head space, centimetres.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from ..head.head_model import HeadModel
from ..motion.channels import EXPRESSIONS
from . import points

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
"""Pairs of expressions that move the face in opposite directions. A fit must not use both at once to cancel each
other."""

_RARE = {
    "jawForward": 0.12, "cheekPuff_L": 0.06, "cheekPuff_R": 0.06, "cheekSquint_L": 0.15, "cheekSquint_R": 0.15,
    "noseSneer_L": 0.15, "noseSneer_R": 0.15, "jawLeft": 0.12, "jawRight": 0.12, "mouthClose": 0.12,
    "mouthShrugLower": 0.2, "mouthShrugUpper": 0.2, "mouthRollLower": 0.2, "mouthRollUpper": 0.2,
    "eyeSquint_L": 0.2, "eyeSquint_R": 0.2, "eyeWide_L": 0.2, "eyeWide_R": 0.2,
}  # fmt: skip
"""Prior standard deviation of weights that faces seldom use, or that landmarks hardly show."""
_DEFAULT_DEVIATION = 0.35
"""Prior standard deviation of all other weights."""
_FREE = {"jawOpen": 1.0, "eyeBlink_L": 1.0, "eyeBlink_R": 1.0}
_FREE |= {name: 0.6 for name in EXPRESSIONS if name.startswith("eyeLook")}
"""Prior standard deviation of weights that landmarks show well and that use their whole range."""
_BLINK_ACCELERATION = 1.0
_GAZE_ACCELERATION = 0.06
_OTHER_ACCELERATION = 0.15
"""Prior standard deviation of a weight's acceleration, per frame²: lids move fast; gaze must stay still in a blink,
when the irises are hidden."""

_MESH_WEIGHTS = (
    (points.CONTOUR, 0.1),
    (points.LIPS_OUTER_RING, 3.0),
    (points.LIPS_INNER_RING, 4.0),
    ((*points.LID_RINGS[0], *points.LID_RINGS[1]), 3.0),
    (points.BROWS, 2.0),
)
"""Weight of groups of face-mesh points, relative to a point of plain skin: little for the contour, which slides over
the skin, more for the parts that carry the expression."""
_IRIS_WEIGHT = 400.0
"""Weight of an iris' centre, the only point that shows the gaze."""
_IBUG_WEIGHTS = (
    (points.IBUG_JAW, 0.1),
    (points.IBUG_BROWS, 2.0),
    (points.IBUG_NOSE, 2.0),
    (points.IBUG_EYES, 3.0),
    (points.IBUG_MOUTH, 3.0),
)
_IBUG_FACTOR = 4.0
"""With fewer points, each has to count more against the priors."""


def expression_deviation() -> torch.Tensor:
    """(53,) prior standard deviation of each expression weight: how readily a fit may use it."""
    return torch.tensor([_FREE.get(name, _RARE.get(name, _DEFAULT_DEVIATION)) for name in EXPRESSIONS])


def expression_acceleration() -> torch.Tensor:
    """(53,) prior standard deviation of the acceleration of each expression weight, per frame²."""

    def of(name: str) -> float:
        if "Blink" in name:
            return _BLINK_ACCELERATION
        return _GAZE_ACCELERATION if "eyeLook" in name else _OTHER_ACCELERATION

    return torch.tensor([of(name) for name in EXPRESSIONS])


def opposite_indices() -> torch.Tensor:
    """(pairs, 2) indices of ``OPPOSITES`` into the 53 weights."""
    return torch.tensor([[EXPRESSIONS.index(a), EXPRESSIONS.index(b)] for a, b in OPPOSITES])


@dataclass(frozen=True)
class LandmarkModel:
    """Linear model of P landmarks, with the weights and the pairs of points that a fit uses.

    Attributes
    ----------
    mean, identity, expression
        (P, 3), (I, P, 3) and (53, P, 3) centimetres of head space.
    weight
        (P,) ≥ 0; 0 means not observed.
    lid_points
        (·,) indices of the points on the eyelids.
    lid_pairs_left, lid_pairs_right, lip_pairs
        (·, 2) indices of (upper, lower) points across a gap.
    outer_eyes
        Indices of the outer corners of the person's right eye and left eye.
    contour
        (P,) bool: points that slide along the face's outline.
    irises
        Indices of the centres of the left and right iris; empty if they aren't observed. The fit then leaves the gaze
        at zero.
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

    @property
    def points(self) -> int:
        """Number of landmarks P."""
        return self.mean.shape[0]

    def shape(self, identity: torch.Tensor) -> torch.Tensor:
        """Landmarks (P, 3) of the neutral face of a person with coefficients (I,)."""
        return self.mean + torch.einsum("i,ipk->pk", identity, self.identity)

    def positions(self, identity: torch.Tensor, expression: torch.Tensor) -> torch.Tensor:
        """Landmarks (T, P, 3) in head space of one person with expressions (T, 53)."""
        return self.shape(identity) + torch.einsum("te,epk->tpk", expression, self.expression)

    def without_gaze(self) -> LandmarkModel:
        """The same model with the irises not observed and the gaze held at zero."""
        weight = self.weight.clone()
        weight[points.IRIS_RIGHT] = weight[points.IRIS_LEFT] = 0.0
        return replace(self, weight=weight, irises=())

    def with_offset(self, offset: torch.Tensor) -> LandmarkModel:
        """The same model with (P, 3) added to its mean: the difference of a person's points from the model's."""
        return replace(self, mean=self.mean + offset)

    def thinned(self, keep: int = 3) -> LandmarkModel:
        """The same model, but with only every ``keep``-th point of plain skin observed, with ``keep`` times the weight.

        A fit is faster with it and hardly different.
        """
        plain = torch.nonzero(self.weight == self.weight.median())[:, 0]
        weight = self.weight.clone()
        weight[plain] = 0.0
        weight[plain[::keep]] = keep * self.weight[plain[::keep]]
        return replace(self, weight=weight)

    def observed(self) -> tuple[LandmarkModel, torch.Tensor]:
        """The model of only the observed points (those with a weight), and their indices."""
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
        """The 478 points of ``core.face.face_mesh`` on a ``HeadModel``.

        These are the model's ``mesh468`` points. All five points of an iris lie at the middle of the pupil, and only
        the first is observed.
        """
        irises = head.iris_points  # (2,): the person's left, right

        def on_mesh(field: torch.Tensor) -> torch.Tensor:
            """(..., V, 3) vertex field → (..., 478, 3) at the landmarks."""
            left, right = (field[..., irises[side], :][..., None, :].expand(*field.shape[:-2], 5, 3) for side in (0, 1))
            return torch.cat([head.mesh468(field), right, left], dim=-2)

        weight = torch.ones(points.LANDMARKS)
        for group, value in _MESH_WEIGHTS:
            weight[list(group)] = value
        for iris in points.IRISES:
            weight[iris] = 0.0
            weight[iris.start] = _IRIS_WEIGHT
        contour = torch.zeros(points.LANDMARKS, dtype=torch.bool)
        contour[list(points.CONTOUR)] = True
        return cls(
            mean=on_mesh(head.mean),
            identity=on_mesh(head.identity_basis),
            expression=on_mesh(head.expression_basis),
            weight=weight,
            lid_points=torch.tensor([*points.LID_RINGS[0], *points.LID_RINGS[1]]),
            lid_pairs_left=torch.tensor(points.LID_PAIRS[0][points.MIDDLE_LIDS]),
            lid_pairs_right=torch.tensor(points.LID_PAIRS[1][points.MIDDLE_LIDS]),
            lip_pairs=torch.tensor(points.MIDDLE_LIP_PAIRS),
            outer_eyes=points.OUTER_EYES,
            contour=contour,
            irises=tuple(iris.start for iris in points.IRISES),
        )

    @classmethod
    def ibug68(cls, head: HeadModel) -> LandmarkModel:
        """The 68 landmarks of the iBUG scheme (dlib) on a ``HeadModel``."""
        index = head.landmarks68
        weight = torch.ones(points.IBUG_LANDMARKS)
        for group, value in _IBUG_WEIGHTS:
            weight[group] = value
        contour = torch.zeros(points.IBUG_LANDMARKS, dtype=torch.bool)
        contour[points.IBUG_JAW] = True
        return cls(
            mean=head.mean[index],
            identity=head.identity_basis[:, index],
            expression=head.expression_basis[:, index],
            weight=_IBUG_FACTOR * weight,
            lid_points=torch.arange(points.IBUG_LANDMARKS)[points.IBUG_EYES],
            lid_pairs_left=torch.tensor(points.IBUG_LID_PAIRS[0]),
            lid_pairs_right=torch.tensor(points.IBUG_LID_PAIRS[1]),
            lip_pairs=torch.tensor(points.IBUG_LIP_PAIRS),
            outer_eyes=points.IBUG_OUTER_EYES,
            contour=contour,
            irises=(),
        )
