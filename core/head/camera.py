"""A fitted person in front of a pinhole camera: what a fit finds, and where it puts points in the picture."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

FLIP = torch.tensor([1.0, -1.0])
"""Camera y points up, pixels' y down."""


@dataclass(frozen=True)
class Fit:
    """A person and his frames: identity (I,), focal px, centre (2,) px, expression (T, 53), rotation (T, 3, 3),
    translation (T, 3) cm."""

    identity: torch.Tensor
    focal: torch.Tensor
    centre: torch.Tensor
    expression: torch.Tensor
    rotation: torch.Tensor
    translation: torch.Tensor
    residual: torch.Tensor = field(default_factory=lambda: torch.zeros(0))
    """(T,) median landmark distance / outer-eye distance, contour aside."""


def project(positions: torch.Tensor, fit: Fit) -> torch.Tensor:
    """Pixels (T, P, 2) of head-space positions (T, P, 3): X_cam = R X + t, u = cx + f X / −Z, v = cy − f Y / −Z."""
    camera = positions @ fit.rotation.mT + fit.translation[:, None]
    return fit.centre + fit.focal * camera[..., :2] * FLIP / -camera[..., 2:]


def gaps(points: torch.Tensor, pairs: torch.Tensor) -> torch.Tensor:
    """Mean distance (T,) of point pairs (·, 2) in landmarks (T, P, 2 or 3)."""
    return (points[:, pairs[:, 0]] - points[:, pairs[:, 1]]).norm(dim=-1).mean(-1)
