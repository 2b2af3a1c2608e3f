"""Single hairs as narrow strips of quads, for brows and lashes: pairs of vertices from root to tip."""

from __future__ import annotations

import numpy as np

FILL = 0.8
"""Share of its cell that a hair's texture rectangle fills."""


def strand_quads(hairs: int, levels: int) -> np.ndarray:
    """(hairs · (levels − 1), 4) rows of the vertices of so many hairs, each with ``levels`` pairs of vertices."""
    first = np.arange(hairs)[:, None] * 2 * levels + 2 * np.arange(levels - 1)
    return np.stack([first, first + 1, first + 3, first + 2], -1).reshape(-1, 4)


def strand_uv(hairs: int, levels: int, columns: int, tile: tuple[float, float, float, float]) -> np.ndarray:
    """(hairs · 2 · levels, 2) texture coordinates: a cell for each hair, ``columns`` of them beside each other.

    ``tile`` is the rectangle that the cells fill: u, v, width, height.
    """
    rows = max(1, -(-hairs // columns))
    hair = np.repeat(np.arange(hairs), 2 * levels)
    level = np.tile(np.repeat(np.arange(levels), 2), hairs) / (levels - 1)
    across = np.tile([0, 1], hairs * levels)
    cell = np.stack([hair % columns + FILL * across, hair // columns + FILL * level], 1) / (columns, rows)
    return cell * tile[2:] + tile[:2]
