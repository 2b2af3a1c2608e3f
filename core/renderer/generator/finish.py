"""The last step from the generator's correction to the shown frame.

Two habitual errors of the generator are limited, and fine detail is added that is lost when the photograph is sampled
between its pixels.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ...head.head_model import PARTS
from ..chosen import box_of, pixels_of, put, sample_points, take
from ..fields import blur, pixel_grid, smoothstep
from .conditions import UNIT, around_features
from .generator import Correction, resized
from .layers import enlarge, halve

DETAIL_GAIN = 0.05
"""Share of the finest detail that is added. Tried: 0, 0.05, 0.1 and 0.15 on 24 training pairs of each kind. This is the
largest value with which no distance from the truth got worse than the warp's."""
REACH = 2
"""How far the blur that the detail is measured with reaches, in pixels."""
FAR = (1.0, 4.0)
"""Movement of the photograph, in pixels of a square of ``UNIT``, at which detail begins to be added, and is added
fully."""


def finished(
    correction: Correction, warped: Tensor, paint: Tensor, moved: Tensor, parts: Tensor, stretch: Tensor
) -> Tensor:
    """Finished frames (B, 3, N, N) 0..1.

    Parameters
    ----------
    correction
        The generator's, of the warped frames.
    warped
        (B, 3, N, N) 0..1.
    paint
        (B, 1, S, S) where the generator may paint; see :func:`.conditions.paintable`.
    moved
        (B, 2, S/2, S/2) displacement; see :func:`.conditions.half_flow`.
    parts
        (B, S, S) label of ``head_model.PARTS``; −1 if there is no head.
    stretch
        (B, 1, S, S) 0..1: how strongly the photograph is stretched; see ``Flow.stretch``.
    """
    made = applied(without_stripes(without_cooling(correction, parts), stretch), warped)
    return with_detail(made, paint, moved, parts).clamp_(0, 1)


def applied(correction: Correction, warped: Tensor) -> Tensor:
    """The same as ``Correction.apply``, without gradients. Only pixels that the correction changes are computed."""
    size, side = warped.shape[-1], correction.share.shape[-1]
    maps = torch.cat([correction.shift, correction.share * correction.change], 1)  # (B, 2 + 3, S, S)
    touched = resized((maps != 0).any(1, keepdim=True).float(), size)
    grid = pixel_grid(size, size, warped.device).permute(2, 0, 1)
    made = warped.clone()
    for frame, picture, given, mask in zip(made, warped, maps, touched, strict=True):
        at = pixels_of(mask)
        points = take(grid, at)
        values = take(given, at) if size == side else sample_points(given[None], points * (side / size))
        put(frame, at, sample_points(picture[None], points + values[:2] * (size / side), "bicubic") + values[2:])
    return made


def without_cooling(correction: Correction, parts: Tensor) -> Correction:
    """The correction without the part that makes skin bluer.

    The generator darkens the lashes of closed eyes, and without this they got blue on fair skin.
    """
    skin = (parts == PARTS.index("skin"))[:, None].to(correction.change.dtype)
    cooling = (correction.change[:, 2:] - correction.change[:, :1]).clamp_min(0) * skin
    shift = cooling * torch.tensor([0.5, 0.0, -0.5], device=cooling.device)[:, None, None]
    return replace(correction, change=correction.change + shift)


def without_stripes(correction: Correction, stretch: Tensor) -> Correction:
    """The correction, with its change at half the resolution where the photograph is stretched.

    A stretched photograph has no fine detail. There the generator, which works at half the frame's side, painted
    vertical stripes of two pixels, on the temples of heads turned by 15 degrees.
    """
    coarse = enlarge(halve(correction.change))
    return replace(correction, change=torch.lerp(correction.change, coarse, stretch))


def with_detail(picture: Tensor, paint: Tensor, moved: Tensor, parts: Tensor) -> Tensor:
    """Pictures (B, 3, N, N) with sharper skin and hair. Still areas, mouth, eyes and background are unchanged."""
    size, side = picture.shape[-1], parts.shape[-1]
    far = resized(smoothstep(*FAR, moved.norm(dim=1, keepdim=True) * (UNIT / side)), side)
    weights = resized(paint.float() * far * (1 - around_features(parts)), size)
    sharp = picture.clone()
    for frame, given, weight in zip(sharp, picture, weights, strict=True):
        box = box_of(weight[0] > 0)
        if box is None:
            continue
        rows, columns = box
        wide = tuple(slice(max(side.start - REACH, 0), min(side.stop + REACH, size)) for side in box)
        inner = tuple(slice(at.start - w.start, at.stop - w.start) for at, w in zip(box, wide, strict=True))
        soft = blur(given[None, :, wide[0], wide[1]], 1, 2)[0, :, inner[0], inner[1]]
        part = given[:, rows, columns]
        frame[:, rows, columns] = part + DETAIL_GAIN * weight[:, rows, columns] * (part - soft)
    return sharp
