"""From what the generator wants to do to the frame that is shown: its correction, held back where it errs by habit, and
the fine detail that reading the photograph between its pixels loses."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ...head.head_model import PARTS
from ..fields import blur, smoothstep
from .conditions import around_features
from .generator import Correction, resized
from .layers import enlarge, halve

DETAIL_GAIN = 0.05
"""Share of the finest detail that is added. Of 0, 0.05, 0.1 and 0.15 the most with which no distance from the truth was
lost to the warp's on training pairs (24 of each kind)."""
FAR = (1.0, 4.0)
"""Pixels (of 256) that the photograph moves by where that begins, and is whole."""


def finished(
    correction: Correction, warped: Tensor, paint: Tensor, moved: Tensor, parts: Tensor, stretch: Tensor
) -> Tensor:
    """Frames (B, 3, N, N) 0..1 of warped frames of that size and the generator's correction of them.

    Parameters
    ----------
    paint
        (B, 1, S, S) where the generator may paint, see :func:`.conditions.paintable`.
    moved
        (B, 2, S/2, S/2) the flow, see :func:`.conditions.half_flow`.
    parts
        (B, S, S) label of ``head_model.PARTS``, −1 where no head is.
    stretch
        (B, 1, S, S) 0..1: how strongly the photograph is stretched, see ``Flow.stretch``.
    """
    made = without_stripes(without_cooling(correction, parts), stretch).apply(warped)
    return with_detail(made, paint, moved, parts).clamp(0, 1)


def without_cooling(correction: Correction, parts: Tensor) -> Correction:
    """The correction without what makes skin bluer: closed lashes, which it darkens, came out blue on fair skin."""
    skin = (parts == PARTS.index("skin"))[:, None].to(correction.change.dtype)
    cooling = (correction.change[:, 2:] - correction.change[:, :1]).clamp_min(0) * skin
    shift = cooling * torch.tensor([0.5, 0.0, -0.5], device=cooling.device)[:, None, None]
    return replace(correction, change=correction.change + shift)


def without_stripes(correction: Correction, stretch: Tensor) -> Correction:
    """The correction with a change of half the detail where the photograph is stretched.

    A stretched photograph has none. There the generator, which works at half the frame's side, painted stripes of two
    pixels: upright ones, on temples of heads turned by 15 degrees.
    """
    coarse = enlarge(halve(correction.change))
    return replace(correction, change=torch.lerp(correction.change, coarse, stretch))


def with_detail(picture: Tensor, paint: Tensor, moved: Tensor, parts: Tensor) -> Tensor:
    """Pictures (B, 3, N, N) with crisper skin and hair; what stands still, mouth, eyes and background stay."""
    size, side = picture.shape[-1], parts.shape[-1]
    far = resized(smoothstep(*FAR, moved.norm(dim=1, keepdim=True) * (256 / side)), side)
    weight = resized(paint.float() * far * (1 - around_features(parts)), size)
    return picture + DETAIL_GAIN * weight * (picture - blur(picture, 1, 2))
