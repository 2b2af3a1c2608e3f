"""The pinhole camera that every module uses, and a fitted person in front of it.

Camera axes are in centimetres: X to the right of the picture, Y up, and Z toward the viewer, so the camera looks along
−Z. Pixels count x to the right and y down, and the centre of the first pixel is at (0.5, 0.5).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

FLIP = torch.tensor([1.0, -1.0])
"""Signs that turn camera axes (Y up) into pixel axes (y down)."""


@dataclass(frozen=True)
class Fit:
    """The result of a fit: one person, one camera, and the expression and pose of T frames.

    Attributes
    ----------
    identity
        (I,) coefficients of the head model.
    focal
        () focal length in pixels.
    centre
        (2,) principal point in pixels.
    expression
        (T, 53) weights, 0–1.
    rotation, translation
        (T, 3, 3) and (T, 3) centimetres, from head space to camera axes.
    residual
        (T,) median landmark distance over the outer-eye distance, without the face's contour.
    """

    identity: Tensor
    focal: Tensor
    centre: Tensor
    expression: Tensor
    rotation: Tensor
    translation: Tensor
    residual: Tensor = field(default_factory=lambda: torch.zeros(0))


def pinhole(points: Tensor, focal: Tensor | float, centre: Tensor, nearest: float | None = None) -> Tensor:
    """Project points with a pinhole camera: u = cx + f X / d, v = cy − f Y / d, with the distance d = −Z.

    Parameters
    ----------
    points
        (..., 3) camera axes, centimetres.
    focal
        Focal length in pixels: a number, or a tensor that broadcasts against (..., 1).
    centre
        Principal point in pixels; broadcasts against (..., 2).
    nearest
        Centimetres; points nearer to the camera plane than this, or behind it, are projected as if at this distance.
        Without it nothing is limited.

    Returns
    -------
    Tensor
        (..., 2) pixels.
    """
    distance = -points[..., 2:]
    if nearest is not None:
        distance = distance.clamp(min=nearest)
    return centre + focal * points[..., :2] * FLIP.to(points.device) / distance


def unproject(pixels: Tensor, distance: Tensor, focal: Tensor | float, centre: Tensor) -> Tensor:
    """Points (..., 3) in camera axes (cm) from pixels (..., 2) and distances (..., 1) in cm; inverts :func:`pinhole`.

    ``focal`` and ``centre`` are those of :func:`pinhole`.
    """
    plane = (pixels - centre) * FLIP.to(pixels.device) * distance / focal
    return torch.cat([plane, -distance], -1)


def project(positions: Tensor, fit: Fit) -> Tensor:
    """Pixels (T, P, 2) of head-space positions (T, P, 3) in the fit's frames: :func:`pinhole` of R X + t."""
    return pinhole(positions @ fit.rotation.mT + fit.translation[:, None], fit.focal, fit.centre)


def gaps(points: Tensor, pairs: Tensor) -> Tensor:
    """Mean distance (T,) between the points of index pairs (·, 2), for landmarks (T, P, 2 or 3)."""
    return (points[:, pairs[:, 0]] - points[:, pairs[:, 1]]).norm(dim=-1).mean(-1)
