"""A portrait: a photograph with the head model fitted to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..head.camera import Fit
from ..head.rotation import euler_to_matrix


@dataclass(frozen=True)
class Portrait:
    """A photograph and the head model fitted to it. Pixels are those of the upright ``image``.

    Attributes
    ----------
    image
        (H, W, 3) uint8 RGB.
    landmarks
        (478, 3) px of the face mesh; z has the same scale.
    identity, expression
        (I,) coefficients and (53,) weights, 0–1, of the head model.
    rotation, translation
        (3,) pitch, yaw, roll in radians and (3,) centimetres, from head space to camera axes; see
        ``core.head.camera``.
    focal, centre
        Focal length and (2,) principal point, px.
    crop
        (x0, y0, side) px of the square that is rendered. It can reach beyond the image.
    residual
        Median landmark distance over the outer-eye distance, without the face's contour.
    digest
        SHA-256 of the file.
    alpha
        (H, W) uint8, or None where the whole picture is opaque. What is transparent is grey in ``image``.
    quarters
        Quarter turns against the clock by which ``image`` was turned, because the face stood on its head.
    """

    image: np.ndarray
    landmarks: np.ndarray
    identity: np.ndarray
    expression: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    focal: float
    centre: np.ndarray
    crop: tuple[float, float, float]
    residual: float
    digest: str
    alpha: np.ndarray | None = None
    quarters: int = 0


def fitted(portrait: Portrait) -> Fit:
    """The portrait's person, camera, expression and pose as a ``Fit`` of one frame."""
    return Fit(
        identity=torch.from_numpy(portrait.identity).float(),
        focal=torch.tensor(float(portrait.focal)),
        centre=torch.from_numpy(portrait.centre).float(),
        expression=torch.from_numpy(portrait.expression).float()[None],
        rotation=euler_to_matrix(torch.from_numpy(portrait.rotation).float())[None],
        translation=torch.from_numpy(portrait.translation).float()[None],
        residual=torch.tensor([portrait.residual]),
    )
