"""Operations on picture-shaped fields: smooth filling, blurring, sampling along a flow.

All of them treat the pictures of a batch independently, so a frame has the same result in any batch.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..stopping import check_cancelled


def pixel_grid(height: int, width: int, device: torch.device | str | None = None) -> Tensor:
    """(H, W, 2) pixel centres (x, y), the first at (0.5, 0.5)."""
    y, x = torch.meshgrid(
        torch.arange(height, device=device, dtype=torch.float32) + 0.5,
        torch.arange(width, device=device, dtype=torch.float32) + 0.5,
        indexing="ij",
    )
    return torch.stack([x, y], -1)


def sample(picture: Tensor, positions: Tensor, mode: str = "bilinear") -> Tensor:
    """Sample a picture at pixel positions. Beyond its edge the colours of the edge continue.

    Parameters
    ----------
    picture
        (B or 1, C, H, W).
    positions
        (B, h, w, 2) pixels (x, y) of ``picture``.
    mode
        ``bilinear``, ``bicubic`` or ``nearest``.

    Returns
    -------
    Tensor
        (B, C, h, w).
    """
    height, width = picture.shape[-2:]
    scale = torch.tensor([2.0 / width, 2.0 / height], device=positions.device)
    picture = picture.expand(positions.shape[0], -1, -1, -1)
    return F.grid_sample(picture, positions * scale - 1, mode=mode, padding_mode="border", align_corners=False)


def resize(field: Tensor, height: int, width: int) -> Tensor:
    """Resize (B, C, H, W): means of blocks if it shrinks by whole factors, else bilinear."""
    if field.shape[-2] % height == 0 and field.shape[-1] % width == 0:
        tall, wide = field.shape[-2] // height, field.shape[-1] // width
        # Sums of views, rows first: many times faster than pooling on a processor.
        rows = _total([field[..., k::tall, :] for k in range(tall)])
        return _total([rows[..., k::wide] for k in range(wide)]) * (1.0 / (tall * wide))
    return F.interpolate(field, (height, width), mode="bilinear", align_corners=False)


def _total(parts: list[Tensor]) -> Tensor:
    """Sum of tensors of one shape, in their order."""
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def enlarged(field: Tensor, size: int) -> Tensor:
    """(B, C, ``size``, ``size``) of a field (B, C, N, N), bilinear."""
    return F.interpolate(field, (size, size), mode="bilinear", align_corners=False)


def blur(field: Tensor, radius: int, passes: int = 3) -> Tensor:
    """Repeated box means of (B, C, H, W). Beyond the edge its values continue.

    Three passes are close to a Gaussian with sigma ≈ 1.05 · radius + 0.5.
    """
    check_cancelled()
    if radius < 1:
        return field
    reach, count = radius * passes, 2 * radius + 1
    for dim, padding in ((3, (reach, reach, 0, 0)), (2, (0, 0, reach, reach))):
        field = F.pad(field, padding, mode="replicate")
        for _ in range(passes):
            field = _sums(field, count, dim)
    return field * (1.0 / count ** (2 * passes))


def _sums(field: Tensor, count: int, dim: int) -> Tensor:
    """Sums over a sliding window of ``count`` entries (odd) along a dimension, which gets shorter by ``count`` − 1."""
    length = field.shape[dim] - count + 1
    # Sums of 1, 2, 4, … entries are joined by the binary digits of the count. This is much faster than pooling here.
    total, start, span = field.narrow(dim, 0, length), 1, 1
    while start < count:
        kept = field.shape[dim] - span
        field, span = field.narrow(dim, 0, kept) + field.narrow(dim, span, kept), 2 * span
        if count & span:
            total, start = total + field.narrow(dim, start, length), start + span
    return total


def dilate(mask: Tensor, radius: int) -> Tensor:
    """Largest value within a square around each pixel of (B, C, H, W)."""
    if radius < 1:
        return mask
    rows = largest_of(F.pad(mask, (radius, radius, 0, 0), value=-torch.inf), 2 * radius + 1, 3)
    return largest_of(F.pad(rows, (0, 0, radius, radius), value=-torch.inf), 2 * radius + 1, 2)


def largest_of(field: Tensor, count: int, dim: int) -> Tensor:
    """Largest value in a sliding window of ``count`` entries along a dimension, which gets shorter by ``count`` − 1.

    The window doubles at each step, which is many times faster than pooling on a processor.
    """
    span = 1
    while span < count:
        step = min(span, count - span)
        kept = field.shape[dim] - step
        field, span = torch.maximum(field.narrow(dim, 0, kept), field.narrow(dim, step, kept)), span + step
    return field


def erode(mask: Tensor, radius: int) -> Tensor:
    """Smallest value within a square around each pixel of (B, C, H, W)."""
    return -dilate(-mask, radius)


def fill_smoothly(values: Tensor, weights: Tensor) -> Tensor:
    """Continue values smoothly into unknown pixels, by a pyramid of weighted means (push and pull).

    Parameters
    ----------
    values
        (B, C, H, W).
    weights
        (B, 1, H, W) in 0..1: trust in each value. A value with weight 1 stays as it is.
    """
    check_cancelled()
    height, width = values.shape[-2:]
    if height <= 2 or width <= 2:
        total = weights.sum((-2, -1), keepdim=True).clamp_min(1e-6)
        mean = (values * weights).sum((-2, -1), keepdim=True) / total
        return values * weights + mean * (1 - weights)
    padding = (0, width % 2, 0, height % 2)
    product = F.avg_pool2d(F.pad(values * weights, padding), 2)
    weight = F.avg_pool2d(F.pad(weights, padding), 2)
    coarse_values = product / weight.clamp_min(1e-6)
    coarse = fill_smoothly(coarse_values, (weight * 4).clamp(max=1))
    fine = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)[..., :height, :width]
    return values * weights + fine * (1 - weights)


def smoothstep(low: float | Tensor, high: float | Tensor, value: Tensor) -> Tensor:
    """0 below ``low``, 1 above ``high``, cubic in between; falling instead of rising if ``low`` > ``high``."""
    t = ((value - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)
