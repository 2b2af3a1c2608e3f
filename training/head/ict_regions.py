"""Contours, part labels and importance of ICT-FaceKit's surface, which the simplification must respect."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import cKDTree

from core.head.head_model import PARTS

from . import simplify
from .ict import IctModel

LIP_OUTER = (48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 48)
LIP_INNER = (60, 61, 62, 63, 64, 65, 66, 67, 60)
EYE_RIGHT = (36, 37, 38, 39, 40, 41, 36)
EYE_LEFT = (42, 43, 44, 45, 46, 47, 42)
"""Contours as closed chains of the 68 landmarks."""


BITE_HEIGHT_CM, CROWN_CM, FRONT_TEETH_CM = -3.4, 1.2, 8.3
"""Height at which the rows of teeth meet, height of their crowns, and z from which teeth are front teeth."""
STRAIGHT_CM = 0.08
"""At this distance from the straight line a path across quads costs twice its length."""


def triangulate(
    model: IctModel, faces: np.ndarray, face_uv: np.ndarray, diagonals: set[tuple[int, int]]
) -> tuple[np.ndarray, np.ndarray]:
    """Split quads along the given diagonals, others along the shorter one: (T, 3) vertex and texture indices."""
    quad = faces[:, 3] >= 0
    p = model.neutral[faces]  # (Q, 4, 3)
    other = np.linalg.norm(p[:, 1] - p[:, 3], axis=1) < np.linalg.norm(p[:, 0] - p[:, 2], axis=1)
    for row in np.flatnonzero(quad):
        a, b, c, d = faces[row].tolist()
        if (min(b, d), max(b, d)) in diagonals:
            other[row] = True
        elif (min(a, c), max(a, c)) in diagonals:
            other[row] = False
    other &= quad
    first = np.where(other[:, None], [0, 1, 3], [0, 1, 2])
    second = np.where(other[:, None], [1, 2, 3], [0, 2, 3])[quad]
    take = np.take_along_axis
    return (
        np.concatenate([take(faces, first, 1), take(faces[quad], second, 1)]),
        np.concatenate([take(face_uv, first, 1), take(face_uv[quad], second, 1)]),
    )


def contour(model: IctModel, faces: np.ndarray, chain: tuple[int, ...], across: bool = False) -> list[int]:
    """Vertices of a path along mesh edges, or also across quads, through a chain of landmarks.

    The paths are shortest paths. With ``across`` they stay close to the straight line from landmark to landmark and may
    cross quads: the border of the red of the lips crosses the source's edge loops, and along edges it would be a
    staircase.
    """
    pairs = [(0, 1), (1, 2), (2, 3), (3, 0)] + ([(0, 2), (1, 3)] if across else [])
    edges = np.concatenate([faces[:, pair] for pair in pairs])
    edges = np.concatenate([edges[(edges >= 0).all(1)], faces[faces[:, 3] < 0][:, [2, 0]]])
    edges = np.unique(np.sort(edges, axis=1), axis=0)
    length = np.linalg.norm(model.neutral[edges[:, 0]] - model.neutral[edges[:, 1]], axis=1)
    middle = model.neutral[edges].mean(1)
    result = [int(model.landmarks68[chain[0]])]
    for a, b in zip(model.landmarks68[list(chain[:-1])], model.landmarks68[list(chain[1:])], strict=True):
        start, line = model.neutral[a], model.neutral[b] - model.neutral[a]
        along = np.clip((middle - start) @ line / (line @ line), 0, 1)
        off = np.linalg.norm(middle - start - along[:, None] * line, axis=1)
        cost = length * (1 + (off / STRAIGHT_CM) ** 2) if across else length
        graph = coo_matrix((cost, (edges[:, 0], edges[:, 1])), shape=(len(model.neutral),) * 2).tocsr()
        before = dijkstra(graph, directed=False, indices=a, return_predecessors=True)[1]
        path = [int(b)]
        while path[-1] != a:
            path.append(int(before[path[-1]]))
        result += path[-2::-1]
    return result


def chain_edges(chain: list[int]) -> set[tuple[int, int]]:
    """Undirected edges of a chain of vertices."""
    return {(min(a, b), max(a, b)) for a, b in pairwise(chain)}


def label_triangles(
    model: IctModel, triangles: np.ndarray, triangle_uv: np.ndarray, contours: dict[str, list[int]]
) -> np.ndarray:
    """(T,) index into PARTS. ``contours`` has the closed chains lips_outer and lips_inner."""
    names = list(model.parts)
    part = model.part_of_vertex()[triangles]  # (T, 3)
    label = np.full(len(triangles), PARTS.index("skin"))
    for name in ("mouth_socket", "eye_socket_left", "eye_socket_right"):
        label[(part == names.index(name)).any(1)] = PARTS.index(name)
    # Lips: everything on the face that can be reached from the inner contour without crossing the outer one, including
    # the wet side.
    in_face = label == PARTS.index("skin")
    walls = chain_edges(contours["lips_outer"])
    inner = set(contours["lips_inner"])
    face_triangles = np.flatnonzero(in_face)
    owner: dict[tuple[int, int], list[int]] = {}
    for t in face_triangles:
        for a, b in chain_edges([*triangles[t].tolist(), int(triangles[t, 0])]):
            if (a, b) not in walls:
                owner.setdefault((a, b), []).append(int(t))
    pairs = np.array([ts for ts in owner.values() if len(ts) == 2])
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(triangles),) * 2)
    region = connected_components(graph, directed=False)[1]
    seeds = {int(region[t]) for t in face_triangles if inner & set(triangles[t].tolist())}
    lips = in_face & np.isin(region, list(seeds))
    if lips.sum() > 0.2 * in_face.sum():
        raise ValueError("the outer lip contour is not closed: the lips' label would spread over the face")
    label[lips] = PARTS.index("lips")
    # Lower teeth and gums move with the jaw. The tongue is a separate chart in the gums' texture tile.
    falls = np.linalg.norm(model.expression_of("jawOpen")[triangles], axis=-1).mean(1) > 0.5
    teeth = (part == names.index("teeth")).all(1)
    label[teeth] = np.where(falls, PARTS.index("teeth_lower"), PARTS.index("teeth_upper"))[teeth]
    gums = (part == names.index("gums_and_tongue")).all(1)
    label[gums] = np.where(falls, PARTS.index("gums_lower"), PARTS.index("gums_upper"))[gums]
    edges = simplify.edges_of(triangle_uv[gums])
    graph = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(len(model.uv),) * 2)
    chart = connected_components(graph, directed=False)[1][triangle_uv[:, 0]]
    # The tongue's tip is the foremost point of the midline below the teeth's edges and behind them.
    tip = max(np.unique(triangles[gums]), key=lambda v: _tongue_score(model, int(v)))
    tongue_chart = chart[np.flatnonzero(gums & (triangles == tip).any(1))[0]]
    label[gums & (chart == tongue_chart)] = PARTS.index("tongue")
    return label


def _tongue_score(model: IctModel, vertex: int) -> float:
    """Height of a midline vertex that moves with the jaw and is 6 to 8.5 cm forward. The tongue's back is the
    highest."""
    x, y, z = model.neutral[vertex]
    falls = np.linalg.norm(model.expression_of("jawOpen")[vertex]) > 0.5
    return float(y) if abs(x) < 0.3 and 6.0 < z < 8.5 and falls else -np.inf


def vertex_weights(model: IctModel) -> np.ndarray:
    """(N,) importance of errors around each source vertex: high at lips, lids and nostrils, low at hidden places."""
    base = {"face": 1.0, "head_and_neck": 0.08, "mouth_socket": 0.02, "gums_and_tongue": 0.2}
    weight = np.full(len(model.neutral), 0.03)
    for name, value in base.items():
        weight[slice(*model.parts[name])] = value
    # The crowns of the front teeth are visible. Roots are inside the gums.
    teeth = slice(*model.parts["teeth"])
    crown = np.abs(model.neutral[teeth, 1] - BITE_HEIGHT_CM) < CROWN_CM
    weight[teeth] = np.where(crown, np.where(model.neutral[teeth, 2] > FRONT_TEETH_CM, 2.0, 0.3), 0.005)
    face = slice(*model.parts["face"])
    for landmarks, reach, gain in ((slice(36, 48), 0.6, 40.0), (slice(48, 68), 0.9, 15.0), (slice(31, 36), 0.9, 4.0)):
        distance, _ = cKDTree(model.neutral[model.landmarks68[landmarks]]).query(model.neutral[face])
        weight[face] += gain * np.exp(-((distance / reach) ** 2))
    return weight
