"""The losses of the neural head, after NPHM (arXiv 2212.02761, section 3.2): each of them on skin and on hair."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core.neural_head.field import SKIN_REGIONS, with_gradient
from core.neural_head.model import NeuralHead

from .people import Batch

CLAMP_CM = 3.0
"""Distances beyond this needn't be exact."""
DEEP_CM = 0.6
"""Hair that lies deeper than this in the head isn't learned, because nobody sees it."""
SLOPES = 4
"""One in so many points in space has its gradient in the losses."""
FREE_PER_CM = 4.0
"""α of the loss of free space, exp(−α |distance|)."""


@dataclass(frozen=True)
class Weights:
    """Weights of the terms. Distances are in centimetres.

    Attributes
    ----------
    surface, distance
        |f| on the surface, and |f − truth| in space.
    normal, eikonal, free
        Difference of gradient and normal on the surface, | |∇f| − 1 |² in space, and exp(−α |f|) away from it.
    region
        Cross-entropy of the labels.
    anchor, symmetry, code
        Squared error of the anchors' places; squared difference of mirrored anchors' codes; squares of all codes.
    """

    surface: float = 8.0
    distance: float = 4.0
    normal: float = 1.0
    eikonal: float = 0.2
    free: float = 0.05
    region: float = 0.2
    anchor: float = 1.0
    symmetry: float = 0.01
    code: float = 0.001


def losses(head: NeuralHead, hair: Tensor, batch: Batch, weights: Weights) -> dict[str, Tensor]:
    """The terms by name, and their weighted sum as ``total``; ``hair`` (P, ·) are the people's z_hair."""
    face, anchors = head.codes(batch.identity)
    some = batch.space.shape[1] // SLOPES
    code = head.whole_hair_code(face, hair)
    has_hair = batch.has_hair.float()
    terms = {
        f"{name}_{term}": value
        for name, found in (
            ("skin", _field(head, "skin", batch, anchors, face, some, torch.ones_like(has_hair))),
            ("hair", _field(head, "hair", batch, anchors, code, some, has_hair)),
        )
        for term, value in found.items()
    }
    terms["anchor"] = F.mse_loss(anchors, batch.anchors)
    terms["symmetry"] = _symmetry(head, face)
    terms["code"] = face.square().mean() + hair.square().mean()
    terms["total"] = torch.stack([getattr(weights, name.split("_")[-1]) * value for name, value in terms.items()]).sum()
    return terms


def _field(
    head: NeuralHead, name: str, batch: Batch, anchors: Tensor, code: Tensor, some: int, exists: Tensor
) -> dict[str, Tensor]:
    """The terms of one field. ``exists`` (P,) is 1 for people with a surface; others have distances only."""
    field = head.skin if name == "skin" else head.hair
    points, normals, region = (getattr(batch, f"{name}{ending}") for ending in ("", "_normals", "_region"))
    truth = batch.space_skin if name == "skin" else batch.space_hair
    wanted = torch.ones_like(truth) if name == "skin" else (batch.space_skin > -DEEP_CM).float()
    # The surface and some of the space with gradients, the rest without.
    count = points.shape[1]
    values, gradient = with_gradient(field, torch.cat([points, batch.space[:, :some]], 1), anchors, code)
    rest = field(batch.space[:, some:], anchors, code)[..., 0]
    near, space = values[:, :count, 0], torch.cat([values[:, count:, 0], rest], 1)
    on = exists[:, None].expand_as(near)
    logits = values[:, :count, 1:]
    first = 0 if name == "skin" else SKIN_REGIONS
    labels = (region - first).clamp_min(0)
    known = truth.abs() < CLAMP_CM
    return {
        "surface": _mean(near.abs(), on),
        "distance": _mean((space.clamp(-CLAMP_CM, CLAMP_CM) - truth.clamp(-CLAMP_CM, CLAMP_CM)).abs(), wanted),
        "normal": _mean((gradient[:, :count] - normals).norm(dim=-1), on),
        "eikonal": _mean((gradient[:, count:].norm(dim=-1) - 1).square(), (known * wanted)[:, :some]),
        "free": _mean(torch.exp(-FREE_PER_CM * space.abs()), (truth.abs() > 0.5).float() * wanted),
        "region": _mean(F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none"), on.flatten()),
    }


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    return (values * weights).sum() / weights.sum().clamp_min(1.0)


def _symmetry(head: NeuralHead, face: Tensor) -> Tensor:
    config = head.skin.config
    left, right = face[:, config.whole :].reshape(len(face), 2, -1).unbind(1)
    return (left - right).square().mean()
