"""A batched triangle rasteriser in plain torch, made for meshes of many triangles a few pixels large.

Scan conversion in two expansions: every triangle into its rows, every row into its covered pixels, all triangles of
all frames at once. Nearest surface by one scatter-minimum over integer keys (depth bits above, triangle number below),
which has no order of evaluation to depend on: the same input gives the same picture on every run and for any batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_EMPTY = torch.iinfo(torch.int64).max


@dataclass(frozen=True)
class Fragments:
    """What the rasteriser saw at each pixel centre.

    Attributes
    ----------
    triangle
        (B, H, W) int64, row of ``triangles`` of the nearest surface, −1 where there is none.
    barycentric
        (B, H, W, 3) float32 weights of that triangle's corners (affine in the image), zero where there is none.
    depth
        (B, H, W) float32 interpolated depth, +inf where there is none.
    """

    triangle: Tensor
    barycentric: Tensor
    depth: Tensor

    @property
    def covered(self) -> Tensor:
        """(B, H, W) bool: some surface is seen."""
        return self.triangle >= 0


def signed_areas(positions: Tensor, triangles: Tensor) -> Tensor:
    """Twice the signed area of each projected triangle.

    Parameters
    ----------
    positions
        (B, V, 2 or 3) pixels, x right, y down.
    triangles
        (F, 3) int64.

    Returns
    -------
    Tensor
        (B, F); negative where the corners run counter-clockwise as seen by the viewer (y pointing down), which is how
        the head model's triangles look from outside.
    """
    a, b, c = (positions[:, triangles[:, k], :2] for k in range(3))
    ab, ac = b - a, c - a
    return ab[..., 0] * ac[..., 1] - ab[..., 1] * ac[..., 0]


def rasterise(positions: Tensor, triangles: Tensor, height: int, width: int, cull_backfaces: bool = False) -> Fragments:
    """Find the nearest triangle at each pixel centre.

    A pixel belongs to a triangle by the half-open scan-line rule, so triangles that share an edge neither leave a gap
    between them nor both claim a pixel on it. Triangles with a non-finite corner are left out.

    Parameters
    ----------
    positions
        (B, V, 3) float32: x right and y down in pixels (centre of the first pixel at 0.5, 0.5) and depth, smaller is
        nearer. Depth is interpolated linearly in the image.
    triangles
        (F, 3) int64.
    height, width
        Size of the picture in pixels.
    cull_backfaces
        Leave out triangles whose corners run clockwise in the image.
    """
    batch, face_count, device = positions.shape[0], triangles.shape[0], positions.device
    corners = positions[:, triangles].reshape(batch * face_count, 3, 3)  # (B, F, 3, 3) -> (B·F, corner, xyz)
    finite = torch.isfinite(corners).all(-1).all(-1)
    area = signed_areas(positions, triangles).reshape(-1)  # (B, F) -> (B·F,)
    kept = finite & (area < 0) if cull_backfaces else finite & (area != 0)
    index = kept.nonzero()[:, 0]
    pixels, keys = _covered_pixels(corners[index], index, face_count, height, width)

    nearest = torch.full((batch * height * width,), _EMPTY, dtype=torch.int64, device=device)
    nearest.scatter_reduce_(0, pixels, keys, "amin", include_self=True)
    seen = (nearest != _EMPTY).nonzero()[:, 0]
    winner = nearest[seen] & 0xFFFFFFFF
    return _resolve(corners, winner, seen, (batch, face_count, height, width))


def interpolate(fragments: Fragments, triangles: Tensor, attributes: Tensor) -> Tensor:
    """Vertex attributes at each pixel, zero where nothing is seen.

    Parameters
    ----------
    attributes
        (B, V, C), or (V, C) shared by all frames.

    Returns
    -------
    Tensor
        (B, H, W, C) float32.
    """
    batch, height, width = fragments.triangle.shape
    frame, y, x = fragments.covered.nonzero(as_tuple=True)
    corner = triangles[fragments.triangle[frame, y, x]]  # (N, 3)
    values = attributes[corner] if attributes.dim() == 2 else attributes[frame[:, None], corner]  # (N, 3, C)
    weights = fragments.barycentric[frame, y, x]
    mixed = (
        values[:, 0] * weights[:, 0:1] + values[:, 1] * weights[:, 1:2] + values[:, 2] * weights[:, 2:3]
    )  # written out: a matrix product may round differently for another number of rows
    out = torch.zeros((batch, height, width, attributes.shape[-1]), dtype=torch.float32, device=attributes.device)
    out[frame, y, x] = mixed
    return out


def _expand(counts: Tensor) -> tuple[Tensor, Tensor]:
    """Owner of each of ``counts.sum()`` items, and the item's number within its owner."""
    owner = torch.repeat_interleave(counts)
    first = counts.cumsum(0) - counts
    return owner, torch.arange(owner.shape[0], device=counts.device) - first[owner]


def _centre_index(coordinate: Tensor, limit: int) -> Tensor:
    """First pixel whose centre is at or beyond a coordinate, within 0..limit."""
    return torch.ceil(coordinate - 0.5).clamp(0, limit).long()


def _sorted_by_row(corners: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The three corners (N, 3) of each triangle ordered from top to bottom."""
    a, b, c = corners.unbind(1)

    def exchange(upper: Tensor, lower: Tensor) -> tuple[Tensor, Tensor]:
        swap = (upper[:, 1] > lower[:, 1])[:, None]
        return torch.where(swap, lower, upper), torch.where(swap, upper, lower)

    a, b = exchange(a, b)
    b, c = exchange(b, c)
    a, b = exchange(a, b)
    return a, b, c


def _crossing(start: Tensor, end: Tensor, y: Tensor) -> Tensor:
    """x where the edge start → end (start above end) meets the row y.

    Both triangles at an edge order it from top to bottom, so both find the same number: no gap can open between them.
    """
    slope = (end[:, 0] - start[:, 0]) / (end[:, 1] - start[:, 1]).clamp_min(1e-20)
    return start[:, 0] + (y - start[:, 1]) * slope


def _covered_pixels(corners: Tensor, index: Tensor, face_count: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Flat pixel address and sort key of every (triangle, pixel) pair."""
    top, middle, bottom = _sorted_by_row(corners)
    first_row, end_row = _centre_index(top[:, 1], height), _centre_index(bottom[:, 1], height)
    owner, step = _expand((end_row - first_row).clamp_min(0))
    row = first_row[owner] + step
    y = row.to(torch.float32) + 0.5

    a, b, c = top[owner], middle[owner], bottom[owner]
    upper = (y < b[:, 1])[:, None]
    long_x = _crossing(a, c, y)
    short_x = _crossing(torch.where(upper, a, b), torch.where(upper, b, c), y)
    left = _centre_index(torch.minimum(long_x, short_x), width)
    right = _centre_index(torch.maximum(long_x, short_x), width)

    slope_x, slope_y = _depth_slopes(corners)
    origin = corners[:, 0]
    row_depth = origin[owner, 2] + (y - origin[owner, 1]) * slope_y[owner] - origin[owner, 0] * slope_x[owner]
    lowest, highest = corners[..., 2].amin(1), corners[..., 2].amax(1)

    span, step = _expand((right - left).clamp_min(0))
    x = left[span] + step
    face = owner[span]
    depth = row_depth[span] + (x.to(torch.float32) + 0.5) * slope_x[face]
    depth = torch.minimum(torch.maximum(depth, lowest[face]), highest[face])
    frame = index[face] // face_count
    pixels = (frame * height + row[span]) * width + x
    return pixels, (_ordered_bits(depth) << 32) | index[face]


def _depth_slopes(corners: Tensor) -> tuple[Tensor, Tensor]:
    """Change of depth per pixel to the right and per pixel down, for each triangle."""
    ab, ac = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    area = torch.where(area == 0, torch.ones_like(area), area)
    slope_x = (ab[:, 2] * ac[:, 1] - ac[:, 2] * ab[:, 1]) / area
    slope_y = (ac[:, 2] * ab[:, 0] - ab[:, 2] * ac[:, 0]) / area
    return slope_x, slope_y


def _ordered_bits(value: Tensor) -> Tensor:
    """Integers that sort as the float32 values do (IEEE 754 bits, negative ones reversed)."""
    bits = value.contiguous().view(torch.int32)
    return (bits ^ ((bits >> 31) & 0x7FFFFFFF)).long()


def _resolve(corners: Tensor, winner: Tensor, seen: Tensor, shape: tuple[int, int, int, int]) -> Fragments:
    """Barycentric weights and depth of the winning triangles."""
    batch, face_count, height, width = shape
    triangle = torch.full((batch * height * width,), -1, dtype=torch.int64, device=corners.device)
    barycentric = torch.zeros((batch * height * width, 3), dtype=torch.float32, device=corners.device)
    depth = torch.full((batch * height * width,), torch.inf, dtype=torch.float32, device=corners.device)

    a, b, c = corners[winner].unbind(1)
    x = (seen % width).to(torch.float32) + 0.5 - a[:, 0]
    y = (seen // width % height).to(torch.float32) + 0.5 - a[:, 1]
    ab, ac = b - a, c - a
    area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    area = torch.where(area == 0, torch.ones_like(area), area)
    weight_b = ((x * ac[:, 1] - y * ac[:, 0]) / area).clamp(0, 1)
    weight_c = ((ab[:, 0] * y - ab[:, 1] * x) / area).clamp(0, 1)
    # A pixel on the rim may lie outside by a rounding error, in a sliver by more: keep the weights a partition of one.
    excess = (weight_b + weight_c).clamp_min(1)
    weight_b, weight_c = weight_b / excess, weight_c / excess
    weights = torch.stack([1 - weight_b - weight_c, weight_b, weight_c], -1)

    triangle[seen] = winner % face_count
    barycentric[seen] = weights
    depth[seen] = weights[:, 0] * a[:, 2] + weights[:, 1] * b[:, 2] + weights[:, 2] * c[:, 2]
    return Fragments(
        triangle.reshape(batch, height, width),
        barycentric.reshape(batch, height, width, 3),
        depth.reshape(batch, height, width),
    )
