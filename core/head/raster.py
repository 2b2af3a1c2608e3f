"""A batched triangle rasteriser in plain torch, for meshes with many triangles that are a few pixels large.

Scan conversion takes two expansions for all triangles of all frames at once: every triangle into its rows, then every
row into its covered pixels. One scatter-minimum over integer keys (depth in the upper bits, triangle number in the
lower ones) finds the nearest surface. Its result doesn't depend on the order of evaluation, so the same input gives the
same picture in every run and for any batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..stopping import check_cancelled

_EMPTY = torch.iinfo(torch.int64).max


@dataclass(frozen=True)
class Fragments:
    """The result of the rasteriser: a list of the N covered pixels of all frames, ordered by address.

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

    def scatter(self, values: Tensor, empty: float) -> Tensor:
        """Pictures (B, H, W) or (B, H, W, C) of values (N,) or (N, C) at the covered pixels, ``empty`` elsewhere."""
        batch, height, width = self.shape
        out = values.new_full((batch * height * width, *values.shape[1:]), empty)
        out[self.address] = values
        return out.reshape(batch, height, width, *values.shape[1:])  # (B·H·W, ...) -> (B, H, W, ...)

    @property
    def triangle(self) -> Tensor:
        """(B, H, W) int64 row of ``triangles`` of the nearest surface; −1 if there is none."""
        return self.scatter(self.face, -1)

    @property
    def covered(self) -> Tensor:
        """(B, H, W) bool: the pixel shows a surface."""
        return self.scatter(torch.ones_like(self.face, dtype=torch.bool), False)

    @property
    def barycentric(self) -> Tensor:
        """(B, H, W, 3) weights; zero if the pixel shows no surface."""
        return self.scatter(self.weights, 0.0)

    @property
    def depth(self) -> Tensor:
        """(B, H, W) depth; +inf if the pixel shows no surface."""
        return self.scatter(self.distance, torch.inf)


def rasterise(positions: Tensor, triangles: Tensor, height: int, width: int, cull_backfaces: bool = False) -> Fragments:
    """Find the nearest triangle at each pixel centre.

    The half-open scan-line rule decides which triangle a pixel belongs to. Triangles that share an edge therefore leave
    no gap between them, and never both claim a pixel on the edge. Triangles with a non-finite corner are left out.

    Parameters
    ----------
    positions
        (B, V, 3) float32: x to the right and y down in pixels (the centre of the first pixel is at 0.5, 0.5), and
        depth, where smaller is nearer. Depth is interpolated linearly in the image.
    triangles
        (F, 3) int64.
    height, width
        Size of the picture in pixels.
    cull_backfaces
        Leave out triangles whose corners run clockwise in the image.
    """
    check_cancelled()
    batch, face_count, device = positions.shape[0], triangles.shape[0], positions.device
    corners = _corners(positions, triangles)
    area = _area(corners)
    # A sum of numbers is finite only if each of them is.
    a, b, c = (x + y + z for x, y, z in corners)
    finite = torch.isfinite(a + b + c)
    kept = finite & (area < 0) if cull_backfaces else finite & (area != 0)
    index = kept.nonzero()[:, 0]
    shown: Corners = [tuple(v.index_select(0, index) for v in corner) for corner in corners]
    pixels, keys = _covered_pixels(shown, index, face_count, height, width)

    nearest = torch.full((batch * height * width,), _EMPTY, dtype=torch.int64, device=device)
    nearest.scatter_reduce_(0, pixels, keys, "amin", include_self=True)
    seen = (nearest != _EMPTY).nonzero()[:, 0]
    winner = nearest.index_select(0, seen) & 0xFFFFFFFF
    shown = [tuple(v.index_select(0, winner) for v in corner) for corner in corners]
    weights, distance = _weigh(shown, seen, height, width)
    return Fragments((batch, height, width), seen, winner if batch == 1 else winner % face_count, weights, distance)


def interpolate(fragments: Fragments, triangles: Tensor, attributes: Tensor) -> Tensor:
    """Vertex attributes at each pixel; zero if the pixel shows no surface.

    Parameters
    ----------
    fragments, triangles
        Of :func:`rasterise`.
    attributes
        (B, V, C), or (V, C) shared by all frames.

    Returns
    -------
    Tensor
        (B, H, W, C) float32. In memory each attribute is one contiguous picture.
    """
    batch, height, width = fragments.shape
    out = attributes.new_zeros(attributes.shape[-1], batch * height * width)
    for plane, values in zip(out, _interpolated(fragments, triangles, attributes), strict=True):
        plane.index_copy_(0, fragments.address, values)
    return out.reshape(-1, *fragments.shape).permute(1, 2, 3, 0)  # (C, B·H·W) -> (C, B, H, W) -> (B, H, W, C)


def interpolate_fragments(fragments: Fragments, triangles: Tensor, attributes: Tensor) -> Tensor:
    """Vertex attributes, (B, V, C) or (V, C), at the covered pixels only: (N, C) in the order of ``fragments``."""
    return torch.stack(list(_interpolated(fragments, triangles, attributes)), -1)


def _interpolated(fragments: Fragments, triangles: Tensor, attributes: Tensor) -> Iterator[Tensor]:
    """Yield each of the C attributes as (N,) at the covered pixels."""
    vertices = [corner.index_select(0, fragments.face) for corner in triangles.T]
    if attributes.dim() == 3 and len(attributes) > 1:
        _, height, width = fragments.shape
        first = fragments.address // (height * width) * attributes.shape[1]
        vertices = [vertex + first for vertex in vertices]
    columns = attributes.reshape(-1, attributes.shape[-1]).T.contiguous()  # (B, V, C) -> (C, B·V)
    for column in columns:
        # Written out, because a matrix product can round differently for another number of rows.
        (a, b, c), (wa, wb, wc) = (column.index_select(0, v) for v in vertices), fragments.weights.unbind(1)
        yield a * wa + b * wb + c * wc


Corners = list[tuple[Tensor, ...]]
"""The three corners of N triangles, each as x, y and depth (N,). Processors gather and compute such columns several
times faster than rows of a few numbers."""


def _corners(positions: Tensor, triangles: Tensor) -> Corners:
    """The corners of all B·F triangles."""
    batch, count, _ = positions.shape
    first = torch.arange(batch, device=positions.device)[:, None] * count
    columns = positions.reshape(-1, positions.shape[-1]).T.contiguous()  # (B, V, 3) -> (3, B·V)
    vertices = [(first + corner).reshape(-1) for corner in triangles.T]  # (B, F) -> (B·F,)
    return [tuple(column.index_select(0, vertex) for column in columns) for vertex in vertices]


def _area(corners: Corners) -> Tensor:
    """Twice the signed area (N,)."""
    (ax, ay, *_), (bx, by, *_), (cx, cy, *_) = corners
    return (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)


def _expand(counts: Tensor) -> tuple[Tensor, Tensor]:
    """For owners with ``counts`` items each: the owner of each item, and the item's number within its owner."""
    owner = torch.repeat_interleave(counts)
    first = counts.cumsum(0) - counts
    return owner, torch.arange(owner.shape[0], device=counts.device) - first[owner]


def _centre_index(coordinate: Tensor, limit: int) -> Tensor:
    """The first pixel with its centre at or beyond a coordinate, limited to 0..limit."""
    return torch.ceil(coordinate - 0.5).clamp(0, limit).long()


def _sorted_by_row(corners: Corners) -> list[tuple[Tensor, Tensor]]:
    """x and y of the three corners of each triangle, ordered from top to bottom."""
    a, b, c = ((x, y) for x, y, _ in corners)

    def exchange(upper: tuple[Tensor, Tensor], lower: tuple[Tensor, Tensor]) -> list[tuple[Tensor, Tensor]]:
        """The same two corners, the upper one first."""
        swap = upper[1] > lower[1]
        (x0, y0), (x1, y1) = upper, lower
        return [
            (torch.where(swap, x1, x0), torch.where(swap, y1, y0)),
            (torch.where(swap, x0, x1), torch.where(swap, y0, y1)),
        ]

    a, b = exchange(a, b)
    b, c = exchange(b, c)
    a, b = exchange(a, b)
    return [a, b, c]


def _slope(start: tuple[Tensor, Tensor], end: tuple[Tensor, Tensor]) -> Tensor:
    """Change of x per row along the edge start → end, with start above end.

    Both triangles of an edge order it from top to bottom. They compute the same crossings, so there is no gap.
    """
    return (end[0] - start[0]) / (end[1] - start[1]).clamp_min(1e-20)


def _covered_pixels(corners: Corners, index: Tensor, face_count: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Flat pixel address and sort key of each pair of triangle and pixel."""
    top, middle, bottom = _sorted_by_row(corners)
    first_row, end_row = _centre_index(top[1], height), _centre_index(bottom[1], height)
    owner, step = _expand((end_row - first_row).clamp_min(0))

    def of_rows(value: Tensor) -> Tensor:
        return value.index_select(0, owner)

    row = of_rows(first_row) + step
    y = row.to(torch.float32) + 0.5
    below, beyond = y - of_rows(top[1]), y - of_rows(middle[1])
    x_top = of_rows(top[0])
    long_x = x_top + below * of_rows(_slope(top, bottom))
    short_x = torch.where(
        beyond < 0,
        x_top + below * of_rows(_slope(top, middle)),
        of_rows(middle[0]) + beyond * of_rows(_slope(middle, bottom)),
    )
    left = _centre_index(torch.minimum(long_x, short_x), width)
    right = _centre_index(torch.maximum(long_x, short_x), width)
    right_down, (x, y_first, depth) = _depth_slopes(corners), corners[0]
    along, down = of_rows(right_down[0]), of_rows(right_down[1])
    at_left = (
        of_rows(depth - x * right_down[0]) + (y - of_rows(y_first)) * down + (left.to(torch.float32) + 0.5) * along
    )
    depths = [corner[2] for corner in corners]
    least = torch.minimum(torch.minimum(*depths[:2]), depths[2])
    most = torch.maximum(torch.maximum(*depths[:2]), depths[2])
    number = of_rows(index)
    start = row * width + left + of_rows(index // face_count * (height * width))

    span, step = _expand((right - left).clamp_min(0))

    def of_pixels(value: Tensor) -> Tensor:
        return value.index_select(0, span)

    depth = of_pixels(at_left) + step.to(torch.float32) * of_pixels(along)
    depth = torch.minimum(torch.maximum(depth, of_pixels(of_rows(least))), of_pixels(of_rows(most)))
    return of_pixels(start) + step, (_ordered_bits(depth) << 32) | of_pixels(number)


def _depth_slopes(corners: Corners) -> tuple[Tensor, Tensor]:
    """Change of depth per pixel to the right and per pixel down, for each triangle."""
    (ax, ay, az), (bx, by, bz), (cx, cy, cz) = corners
    area = _area(corners)
    area = torch.where(area == 0, 1.0, area)
    slope_x = ((bz - az) * (cy - ay) - (cz - az) * (by - ay)) / area
    slope_y = ((cz - az) * (bx - ax) - (bz - az) * (cx - ax)) / area
    return slope_x, slope_y


def _ordered_bits(value: Tensor) -> Tensor:
    """Integers in the same order as the float32 values (IEEE 754 bits, reversed for negative values)."""
    bits = value.contiguous().view(torch.int32)
    return (bits ^ ((bits >> 31) & 0x7FFFFFFF)).long()


def _weigh(corners: Corners, address: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Barycentric weights (N, 3) and depth (N,) of pixels in their nearest triangles."""
    (ax, ay, az), (bx, by, bz), (cx, cy, cz) = corners
    line = address // width
    x = (address - line * width).to(torch.float32) + 0.5 - ax
    y = (line % height).to(torch.float32) + 0.5 - ay
    area = _area(corners)
    area = torch.where(area == 0, 1.0, area)
    weight_b = ((x * (cy - ay) - y * (cx - ax)) / area).clamp(0, 1)
    weight_c = ((y * (bx - ax) - x * (by - ay)) / area).clamp(0, 1)
    # A pixel at the edge can lie outside by a rounding error, in a sliver by more. The weights must still add up to 1.
    excess = (weight_b + weight_c).clamp_min(1)
    weight_b, weight_c = weight_b / excess, weight_c / excess
    weight_a = 1 - weight_b - weight_c
    depth = weight_a * az + weight_b * bz + weight_c * cz
    return torch.stack([weight_a, weight_b, weight_c]).T, depth
