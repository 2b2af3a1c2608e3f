"""The photograph, blurred by as much as it is stretched."""

from __future__ import annotations

from torch import Tensor

from ..fields import blur, smoothstep

SOFTER = ((2.0, 4.0, 1 / 256), (5.0, 8.0, 1 / 128))
"""For each softer photograph: magnification at which it begins to be used, and is used fully, and the radius of its
blur as a fraction of the square's side."""


def softened(pure: Tensor, alpha: Tensor) -> list[Tensor]:
    """The softer photographs (1, 3, S, S) of ``pure`` and ``alpha`` of ``matte.Layers``."""
    softer = []
    for _, _, part in SOFTER:
        radius = max(1, round(part * pure.shape[-1]))
        # Weighted by the matte, so that no colour from outside the person is mixed in.
        softer.append(blur(pure * alpha, radius) / blur(alpha, radius).clamp_min(1e-3))
    return softer


def shares(filled: Tensor) -> list[Tensor]:
    """How far each softer photograph is shown where the magnification is ``filled`` (N,); each lies over the last."""
    return [smoothstep(begins, whole, filled) for begins, whole, _ in SOFTER]
