"""Cut the bust off at the neck, along an edge loop, and lead the neck on to a level edge."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

LOOPS = 10
"""Rows of quads that are taken off the bust. What is left ends where the neck meets the shoulders."""
SOFT_CM = 2.5
"""Distance from the cut over which the surface follows it into its plane."""
ROWS = 6
"""Rows of quads that lead from the cut, which is higher at the nape, down to a level edge."""
BELOW_CM = 0.8
"""The level edge is this far below the lowest point of the cut."""


def border_edges(faces: np.ndarray) -> np.ndarray:
    """(E, 2) edges, sorted, that belong to one face of a mesh of faces (Q, 4) only; −1 ends a triangle."""
    last = np.where(faces[:, 3] < 0, faces[:, 2], faces[:, 3])
    closing = np.stack([last, faces[:, 0]], 1)
    third = np.stack([faces[:, 2], faces[:, 3]], 1)[faces[:, 3] >= 0]
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], third, closing]), axis=1)
    unique, count = np.unique(edges, axis=0, return_counts=True)
    return unique[count == 1]


def border_loops(faces: np.ndarray) -> list[np.ndarray]:
    """The vertices of each closed border, in no order."""
    edges = border_edges(faces)
    size = int(faces.max()) + 1
    graph = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(size, size))
    label = connected_components(graph, directed=False)[1]
    ends = np.unique(edges)
    return [ends[label[ends] == one] for one in np.unique(label[ends])]


def cut_neck(points: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Take rows of quads off the bust of a head (N, 3) with skin faces (Q, 4), y up.

    Returns
    -------
    kept, rim
        (Q,) bool, and the vertices of the new edge. Raises ``ValueError`` if the edge is not one closed loop.
    """
    kept = np.ones(len(faces), bool)
    rim = min(border_loops(faces), key=lambda loop: points[loop, 1].mean())
    for _ in range(LOOPS):
        gone = np.isin(faces, rim).any(1) & kept
        inner = np.setdiff1d(np.unique(faces[gone]), rim)
        kept &= ~gone
        rim = np.intersect1d(inner, np.unique(faces[kept]))
    edges = border_edges(faces[kept])
    around = edges[np.isin(edges, rim).all(1)]
    if np.any(np.bincount(around.ravel())[rim] != 2):
        raise ValueError("the neck does not end in one closed loop")
    return kept, rim


def flatten(points: np.ndarray, tissue: np.ndarray, rim: np.ndarray) -> np.ndarray:
    """The points (N, 3) with the rim in its best plane; ``tissue`` near it follows, less with the distance."""
    centre = points[rim].mean(0)
    normal = np.linalg.svd(points[rim] - centre, full_matrices=False)[2][2]
    off = (points[rim] - centre) @ normal
    distance = np.linalg.norm(points[tissue][:, None] - points[rim][None], axis=-1)
    near = distance.argmin(1)
    out = points.copy()
    out[tissue] -= (np.exp(-((distance.min(1) / SOFT_CM) ** 2)) * off[near])[:, None] * normal
    return out


def in_order(faces: np.ndarray, rim: np.ndarray) -> np.ndarray:
    """The vertices of a closed border one after another, as faces beyond it would run."""
    quads = faces[faces[:, 3] >= 0]
    edges = np.concatenate([quads[:, [k, (k + 1) % 4]] for k in range(4)])
    border = {tuple(edge) for edge in np.sort(border_edges(faces), axis=1).tolist()}
    onward = {int(a): int(b) for a, b in edges[np.isin(edges, rim).all(1)].tolist() if (min(a, b), max(a, b)) in border}
    loop = [int(rim[0])]
    while onward[loop[-1]] != loop[0]:
        loop.append(onward[loop[-1]])
    return np.array(loop)


def extension(points: np.ndarray, loop: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The neck below the cut, a loop of n vertices in order.

    Returns
    -------
    offsets
        (ROWS, n, 3) centimetres from each vertex of the loop to those below it.
    quads, quads_uv
        (ROWS · n, 4): rows of ROWS + 1 times n vertices, the loop first; and of ROWS + 1 times n + 1 texture
        coordinates, whose last column closes the strip.
    uv
        Those coordinates, in the unit square.
    """
    number = len(loop)
    fall = points[loop, 1].min() - BELOW_CM - points[loop, 1]
    share = np.arange(1, ROWS + 1) / ROWS
    offsets = np.zeros((ROWS, number, 3))
    offsets[..., 1] = share[:, None] * fall
    # The level edge is an ellipse around the neck.
    flat = points[loop][:, [0, 2]]
    middle, half = 0.5 * (flat.min(0) + flat.max(0)), 0.5 * np.ptp(flat, axis=0)
    middle[0] = 0
    away = (flat - middle) / half
    round_off = middle + half * away / np.linalg.norm(away, axis=1, keepdims=True) - flat
    offsets[..., [0, 2]] = (1 - (1 - share) ** 2)[:, None, None] * round_off
    row, column = (index.ravel() for index in np.meshgrid(np.arange(ROWS), np.arange(number), indexing="ij"))

    def quads(width: int, following: np.ndarray) -> np.ndarray:
        # The loop runs as the faces above it do, so the faces below run the other way.
        upper, lower = row * width, (row + 1) * width
        return np.stack([upper + following, upper + column, lower + column, lower + following], 1)

    along, down = np.meshgrid(np.arange(number + 1) / number, 1 - np.arange(ROWS + 1) / ROWS)
    return (
        offsets,
        quads(number, (column + 1) % number),
        quads(number + 1, column + 1),
        np.stack([along, down], -1).reshape(-1, 2),
    )
