"""Values on the vertices of the head model: interpolated from points, or smoothed over the mesh."""

from __future__ import annotations

import torch
from torch import Tensor

from ..head.head_model import HeadModel
from ..motion.channels import EXPRESSIONS

APART = (("jawOpen", 1.5), ("eyeBlink_L", 2.0), ("eyeBlink_R", 2.0))
"""Expressions whose movement, times a factor, counts as distance between vertices. It separates the two lips and the
two lids where they touch."""
FADE = 0.1
"""Added to the sum of the kernel. Values fade where points are more than about two widths away."""


def feature_space(model: HeadModel, shape: Tensor, points: bool = False) -> Tensor:
    """Coordinates in which vertices are close if they move alike.

    Parameters
    ----------
    shape
        (V, 3) centimetres.
    points
        Return coordinates of the 468 face-mesh points, not of the vertices.

    Returns
    -------
    Tensor
        (V or 468, 6) centimetres.
    """
    moves = torch.stack([model.expression_basis[EXPRESSIONS.index(name)] * factor for name, factor in APART])
    if points:
        shape, moves = model.mesh468(shape), model.mesh468(moves)
    return torch.cat([shape, moves.norm(dim=-1).T], 1)


def values_from_points(
    features: Tensor, point_features: Tensor, wanted: Tensor, weight: Tensor, widths: tuple[float, ...]
) -> Tensor:
    """Smooth values at the vertices that approximate given values at points (normalised Gaussians, coarse to fine).

    Parameters
    ----------
    features, point_features
        (V, D) and (P, D) coordinates of vertices and points, centimetres.
    wanted
        (P, C) values at the points.
    weight
        (P,) trust in each.
    widths
        Standard deviations in centimetres, widest first.

    Returns
    -------
    Tensor
        (V, C) values at the vertices.
    """
    result = torch.zeros(features.shape[0], wanted.shape[1])
    left = wanted
    for width in widths:
        result = result + _gaussians(features, point_features, left, weight, width)
        left = left - _gaussians(point_features, point_features, left, weight, width)
    return result


def _gaussians(places: Tensor, points: Tensor, values: Tensor, weight: Tensor, width: float) -> Tensor:
    """Weighted mean of the points' values around each place; goes to zero where no point is near."""
    square = torch.cdist(places, points, compute_mode="donot_use_mm_for_euclid_dist").square()
    kernel = weight * torch.exp(-square / (2 * width**2))
    return kernel @ values / (kernel.sum(1, keepdim=True) + FADE)


def _mesh_mean(values: Tensor, triangles: Tensor) -> Tensor:
    """(V, C) for each vertex, mean over its triangles of their mean; its own value if it has no triangle."""
    total, count = torch.zeros_like(values), torch.zeros(len(values), 1)
    mean = values[triangles].mean(1)
    for k in range(3):
        total.index_add_(0, triangles[:, k], mean)
        count.index_add_(0, triangles[:, k], torch.ones(len(triangles), 1))
    return torch.where(count > 0, total / count.clamp_min(1), values)


def lower_on_mesh(values: Tensor, triangles: Tensor, rounds: int = 3) -> Tensor:
    """Lower values (V,) toward their neighbours' mean, but never raise them, so that they fade out before a border."""
    for _ in range(rounds):
        values = torch.minimum(values, _mesh_mean(values[:, None], triangles)[:, 0])
    return values


def smooth_on_mesh(values: Tensor, triangles: Tensor, rounds: int = 1) -> Tensor:
    """Average values (V,) with those of their neighbours."""
    for _ in range(rounds):
        values = _mesh_mean(values[:, None], triangles)[:, 0]
    return values
