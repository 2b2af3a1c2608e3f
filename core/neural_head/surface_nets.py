"""The surface where a field on a grid is zero, as quads: naive surface nets (Gibson 1998).

Each cell of the grid whose corners have both signs gets one vertex, the mean of the crossings on its edges. Each edge
of the grid that crosses zero joins the four cells around it with a quad. Marching cubes would need a table of cases or
another package, and gives triangles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Surface:
    """Quads: ``vertices`` (N, 3) float32 centimetres, ``quads`` (M, 4) int64, counter-clockwise seen from outside."""

    vertices: np.ndarray
    quads: np.ndarray

    @property
    def triangles(self) -> np.ndarray:
        """(2 M, 3) two triangles for each quad, divided along its shorter diagonal."""
        a, b, c, d = (self.vertices[column] for column in self.quads.T)
        first = np.linalg.norm(a - c, axis=1) <= np.linalg.norm(b - d, axis=1)
        choice = np.where(first[:, None, None], self.quads[:, _FIRST], self.quads[:, _SECOND])
        return choice.reshape(-1, 3)  # (M, 2, 3) -> (2 M, 3)


_FIRST, _SECOND = np.array([[0, 1, 2], [0, 2, 3]]), np.array([[0, 1, 3], [1, 2, 3]])
_CORNERS = np.array([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)])
"""The corners of a cell; corner i has the bits x, y, z."""
_EDGES = [(a, b) for a in range(8) for b in range(a + 1, 8) if bin(a ^ b).count("1") == 1]


def surface_nets(field: np.ndarray, origin: Sequence[float], cell: float) -> Surface:
    """The surface of a field (X, Y, Z) that is negative inside.

    Parameters
    ----------
    field
        Values at the grid's points, in any unit.
    origin
        Place of the first point, centimetres.
    cell
        Distance between neighbours, centimetres.
    """
    shape = np.array(field.shape)
    strides = np.array([shape[1] * shape[2], shape[2], 1])
    inside, flat = field < 0, field.reshape(-1)
    some = every = inside
    for axis in range(3):
        some = np.logical_or(*_neighbours(some, axis))
        every = np.logical_and(*_neighbours(every, axis))
    cells = np.argwhere(some & ~every)
    if not len(cells):
        return Surface(np.zeros((0, 3), np.float32), np.zeros((0, 4), np.int64))
    first = cells @ strides
    corner = flat[first[:, None] + (_CORNERS @ strides)[None]]  # (N, 8)
    total, number = np.zeros((len(cells), 3)), np.zeros(len(cells))
    for a, b in _EDGES:
        one, other = corner[:, a], corner[:, b]
        crosses = (one < 0) != (other < 0)
        share = np.where(crosses, one / np.where(crosses, one - other, 1), 0)
        total += crosses[:, None] * (_CORNERS[a] + share[:, None] * (_CORNERS[b] - _CORNERS[a]))
        number += crosses
    vertices = np.asarray(origin) + cell * (cells + total / number[:, None])
    row = np.full(field.size, -1, np.int64)
    row[first] = np.arange(len(cells))
    quads = [_around(inside, axis, row, strides) for axis in range(3)]
    return Surface(vertices.astype(np.float32), np.concatenate(quads))


def _neighbours(grid: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Views of a grid without the last and without the first place along an axis."""
    before = (slice(None),) * axis
    return grid[(*before, slice(None, -1))], grid[(*before, slice(1, None))]


def _around(inside: np.ndarray, axis: int, row: np.ndarray, strides: np.ndarray) -> np.ndarray:
    """The quads (M, 4) around the grid's edges along an axis that cross zero, where all four cells have a vertex."""
    low, high = _neighbours(inside, axis)
    edges = np.argwhere(low != high)
    left, right = ((axis + 1) % 3, (axis + 2) % 3)
    edges = edges[(edges[:, left] > 0) & (edges[:, right] > 0)]
    outward = low[tuple(edges.T)]
    place = edges @ strides
    a, b = strides[left], strides[right]
    quad = np.stack([row[place - a - b], row[place - b], row[place], row[place - a]], 1)
    quad = np.where(outward[:, None], quad, quad[:, ::-1])
    return quad[(quad >= 0).all(1)]
