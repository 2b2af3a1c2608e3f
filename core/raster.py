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
    """What the rasteriser saw, as a list of the N covered pixels of all frames, in order of their address.

    Attributes
    ----------
    shape
        (B, H, W).
    address
        (N,) int64: (frame · H + row) · W + column.
    face
        (N,) int64: row of ``triangles`` of the nearest surface.
    weights
        (N, 3) float32 barycentric weights of that triangle's corners (affine in the image).
    distance
        (N,) float32 interpolated depth.
    """

    shape: tuple[int, int, int]
    address: Tensor
    face: Tensor
    weights: Tensor
    distance: Tensor

    def spread(self, values: Tensor, empty: float) -> Tensor:
        """(B, H, W) or (B, H, W, C): values (N,) or (N, C) of the covered pixels, ``empty`` elsewhere."""
        batch, height, width = self.shape
        out = values.new_full((batch * height * width, *values.shape[1:]), empty)
        out[self.address] = values
        return out.reshape(batch, height, width, *values.shape[1:])  # (B·H·W, ...) -> (B, H, W, ...)

    @property
    def triangle(self) -> Tensor:
        """(B, H, W) int64 row of ``triangles`` of the nearest surface, −1 where there is none."""
        return self.spread(self.face, -1)

    @property
    def covered(self) -> Tensor:
        """(B, H, W) bool: some surface is seen."""
        return self.spread(torch.ones_like(self.face, dtype=torch.bool), False)

    @property
    def barycentric(self) -> Tensor:
        """(B, H, W, 3) weights, zero where nothing is seen."""
        return self.spread(self.weights, 0.0)

    @property
    def depth(self) -> Tensor:
        """(B, H, W) depth, +inf where nothing is seen."""
        return self.spread(self.distance, torch.inf)


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
    weights, distance = _weigh(corners[winner], seen, height, width)
    return Fragments((batch, height, width), seen, winner % face_count, weights, distance)


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
    return fragments.spread(interpolate_fragments(fragments, triangles, attributes), 0.0)


def interpolate_fragments(fragments: Fragments, triangles: Tensor, attributes: Tensor) -> Tensor:
    """(N, C) vertex attributes, (B, V, C) or (V, C), at the covered pixels alone, in the order of ``fragments``."""
    corner = triangles[fragments.face]  # (N, 3)
    if attributes.dim() == 2:
        values = attributes[corner]  # (N, 3, C)
    else:
        _, height, width = fragments.shape
        frame = fragments.address // (height * width)
        flat = attributes.reshape(-1, attributes.shape[-1])  # (B, V, C) -> (B·V, C)
        values = flat[corner + (frame * attributes.shape[1])[:, None]]
    weights = fragments.weights
    # Written out: a matrix product may round differently for another number of rows.
    return values[:, 0] * weights[:, 0:1] + values[:, 1] * weights[:, 1:2] + values[:, 2] * weights[:, 2:3]


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


def _slope(start: Tensor, end: Tensor) -> Tensor:
    """Change of x per row along the edge start → end, start above end.

    Both triangles at an edge order it from top to bottom, so both find the same crossings: no gap can open there.
    """
    return (end[:, 0] - start[:, 0]) / (end[:, 1] - start[:, 1]).clamp_min(1e-20)


def _covered_pixels(corners: Tensor, index: Tensor, face_count: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Flat pixel address and sort key of every (triangle, pixel) pair."""
    top, middle, bottom = _sorted_by_row(corners)
    first_row, end_row = _centre_index(top[:, 1], height), _centre_index(bottom[:, 1], height)
    slope_x, slope_y = _depth_slopes(corners)
    origin = corners[:, 0]
    # One table, one gather: rows are many and each gather has its cost.
    edges = torch.stack(
        [top[:, 0], top[:, 1], _slope(top, bottom), _slope(top, middle), middle[:, 0], middle[:, 1],
         _slope(middle, bottom), origin[:, 2] - origin[:, 0] * slope_x, origin[:, 1], slope_y,
         slope_x, corners[..., 2].amin(1), corners[..., 2].amax(1)],
        1,
    )  # fmt: skip
    owner, step = _expand((end_row - first_row).clamp_min(0))
    row = first_row[owner] + step
    y = row.to(torch.float32) + 0.5
    table = edges[owner]
    below = y - table[:, 1]
    long_x = table[:, 0] + below * table[:, 2]
    beyond = y - table[:, 5]
    short_x = torch.where(beyond < 0, table[:, 0] + below * table[:, 3], table[:, 4] + beyond * table[:, 6])
    left = _centre_index(torch.minimum(long_x, short_x), width)
    right = _centre_index(torch.maximum(long_x, short_x), width)
    at_left = table[:, 7] + (y - table[:, 8]) * table[:, 9] + (left.to(torch.float32) + 0.5) * table[:, 10]

    span, step = _expand((right - left).clamp_min(0))
    depths = torch.cat([at_left[:, None], table[:, 10:]], 1)[span]
    depth = depths[:, 0] + step.to(torch.float32) * depths[:, 1]
    depth = torch.minimum(torch.maximum(depth, depths[:, 2]), depths[:, 3])
    number = index[owner]
    start = ((number // face_count) * height + row) * width + left
    places = torch.stack([start, number], 1)[span]
    return places[:, 0] + step, (_ordered_bits(depth) << 32) | places[:, 1]


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


def _weigh(corners: Tensor, address: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Barycentric weights (N, 3) and depth (N,) of pixels in the triangles (N, 3, 3) that won them."""
    a, b, c = corners.unbind(1)
    line = address // width
    x = (address - line * width).to(torch.float32) + 0.5 - a[:, 0]
    y = (line % height).to(torch.float32) + 0.5 - a[:, 1]
    ab, ac = b - a, c - a
    area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    area = torch.where(area == 0, torch.ones_like(area), area)
    weight_b = ((x * ac[:, 1] - y * ac[:, 0]) / area).clamp(0, 1)
    weight_c = ((ab[:, 0] * y - ab[:, 1] * x) / area).clamp(0, 1)
    # A pixel on the rim may lie outside by a rounding error, in a sliver by more: keep the weights a partition of one.
    excess = (weight_b + weight_c).clamp_min(1)
    weight_b, weight_c = weight_b / excess, weight_c / excess
    weight_a = 1 - weight_b - weight_c
    depth = weight_a * a[:, 2] + weight_b * b[:, 2] + weight_c * c[:, 2]
    return torch.stack([weight_a, weight_b, weight_c], -1), depth
