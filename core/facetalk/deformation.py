"""The low-rank deformation of FaceTalk's head: D(x, z_ex, β) = Σ z_k B_k(x, β), in centimetres.

The bases B_k are computed once for a person and are shape keys. The numbers of z_ex are their coefficients in a frame,
as they are. FaceTalk learns its deformation. Here the truth is known, so nothing is learned and nothing is lost:

- On the surface of the head model the first 53 bases are its expression shapes, turned into the axes of the code. That
  part of the truth is linear, and the same for every person: the head model has no shape that depends on another one
  or on the identity.
- The last eleven bases make the truth a little better than the head model: jaw and eyeballs turn about their pivots
  in place of moving along straight lines. Their coefficients aren't linear in the weights, and pivots and eye centres
  depend on the person. Halfway open, the chin is up to 2 mm farther out than by the shape alone.
- Points beside the surface, of hair or of a finer mesh, follow the nearest points of the head model. They are found in
  the canonical pose, in which the lips are a centimetre apart, so that an upper lip never follows the lower one.

Nothing in the product uses this module yet: both heads of *Add Head* have the shapes of the head model, and takes are
weights. It is for surfaces that have no shapes of their own.
"""

from __future__ import annotations

import numpy as np
import scipy.spatial
import torch
from torch import Tensor

from ..face.points import IBUG_TEMPLES
from ..head.canonical_pose import canonical
from ..head.head_model import HeadModel
from ..head.rotation import euler_to_matrix
from ..motion.channels import EXPRESSIONS
from .expression_code import CODE, JAW_TURNS, MOVEMENTS, ExpressionCode

_JAW = EXPRESSIONS.index("jawOpen")
_NEIGHBOURS = 4


def surface_bases(head: HeadModel, code: ExpressionCode, identity: Tensor) -> Tensor:
    """(64, V, 3) bases on the vertices of the head model, for a person with coefficients (n ≤ I,)."""
    neutral = head.neutral(identity)
    bases = neutral.new_zeros(CODE, len(neutral), 3)
    bases[:MOVEMENTS] = torch.einsum("wk,wvc->kvc", code.to_weights, head.expression_basis)
    bases[MOVEMENTS : MOVEMENTS + JAW_TURNS] = _jaw_bases(head, neutral)
    centres = head.eye_centres_of(identity)
    turned = bases[MOVEMENTS + JAW_TURNS :].unflatten(0, (3, 3))  # a view: rows and columns of the rotation
    for eye, name in enumerate(("eye_left", "eye_right")):
        rows = head.part_vertices(name)
        arm = neutral[rows] - centres[eye]
        for axis in range(3):
            turned[axis, :, rows, axis] = arm.T
    return bases


def bases_at(points: Tensor, head: HeadModel, code: ExpressionCode, identity: Tensor) -> Tensor:
    """(64, N, 3) bases of any points near a head.

    Parameters
    ----------
    points
        (N, 3) centimetres in the canonical pose of the person (:func:`core.head.canonical_pose.canonical`).
    head, code, identity
        As in :func:`surface_bases`.
    """
    bases = surface_bases(head, code, identity)
    tree = scipy.spatial.cKDTree(canonical(head, identity).numpy(force=True))
    distance, nearest = tree.query(points.numpy(force=True), _NEIGHBOURS)
    weight = 1.0 / np.maximum(distance, 1e-6) ** 2
    share = torch.from_numpy(weight / weight.sum(1, keepdims=True)).to(bases)
    rows = torch.from_numpy(nearest).to(bases.device)
    return (bases[:, rows] * share[None, :, :, None]).sum(2)


def deformed(rest: Tensor, bases: Tensor, z_ex: Tensor) -> Tensor:
    """Points (…, N, 3) of a face: ``rest`` (N, 3) of the neutral face, bases (64, N, 3), codes (…, 64)."""
    moved = z_ex @ bases.flatten(1)
    return rest + moved.unflatten(-1, (-1, 3))


def _jaw_bases(head: HeadModel, neutral: Tensor) -> Tensor:
    """(2, V, 3) of how far each point follows the jaw: its turn about the joint, and towards the joint."""
    temples = head.landmarks68[list(IBUG_TEMPLES)]
    joint = head.jaw_pivot + (neutral - head.mean)[temples].mean(0)
    arm = neutral - joint
    angles = torch.cat([head.jaw_angle, head.jaw_angle.new_zeros(2)])
    rigid = arm @ euler_to_matrix(angles).T - arm
    shape = head.expression_basis[_JAW]
    follows = ((shape * rigid).sum(-1) / rigid.square().sum(-1).clamp_min(1e-9)).clamp(0.0, 1.0)
    axis = torch.tensor([1.0, 0.0, 0.0], device=neutral.device).expand_as(arm)
    sideways = torch.linalg.cross(axis, arm)
    return follows[:, None] * torch.stack([sideways, torch.linalg.cross(axis, sideways)])
