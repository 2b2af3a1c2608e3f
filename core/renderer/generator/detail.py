"""Fine detail that reading the photograph between its pixels loses, given back where a frame moves it."""

from __future__ import annotations

from torch import Tensor

from ..fields import blur, smoothstep
from .conditions import around_features
from .generator import resized

DETAIL_GAIN = 0.15
"""Share of the finest detail that is added. Chosen on half of the held-out pairs of `training.image_metrics`: 0.3 is
past the truth's detail on every set, 0.1 does not reach the warp's on real video."""
FAR = (1.0, 4.0)
"""Pixels (of 256) that the photograph moves by where that begins, and is whole."""


def with_detail(picture: Tensor, paint: Tensor, moved: Tensor, parts: Tensor) -> Tensor:
    """Corrected pictures (B, 3, N, N) with crisper skin and hair; what stands still, mouth, eyes and background stay.

    Parameters
    ----------
    paint
        (B, 1, S, S) where the generator may paint, see :func:`.conditions.paintable`.
    moved
        (B, 2, S/2, S/2) the flow, see :func:`.conditions.half_flow`.
    parts
        (B, S, S) label of ``head_model.PARTS``, −1 where no head is.
    """
    size, side = picture.shape[-1], parts.shape[-1]
    far = resized(smoothstep(*FAR, moved.norm(dim=1, keepdim=True) * (256 / side)), side)
    weight = resized(paint.float() * far * (1 - around_features(parts)), size)
    return picture + DETAIL_GAIN * weight * (picture - blur(picture, 1, 2))
