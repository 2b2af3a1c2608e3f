"""Quadric simplification by half-edge collapse, sensitive to deformation.

Each collapse moves one vertex onto a neighbour. So every remaining vertex is a vertex of the source and has the
source's deformations unchanged. Error quadrics (Garland and Heckbert, 1997) are summed over several poses of the mesh
(after Mohr and Gleicher, "Deformation sensitive decimation", 2003), so that lids and lips keep the vertices they need
to close.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import numpy as np

FEATURE_WEIGHT = 4.0
"""Weight of the planes that keep borders, seams and contours in place, relative to the surface's own planes."""
SPREAD_WEIGHT = 2e-3
"""Weight of the squared edge length (per squared centimetre) that keeps flat regions evenly meshed."""
MIN_NORMAL_COSINE = 0.3
"""A collapse may not turn a triangle by more than about 73 degrees in the first pose, or by 90 degrees in any other."""


@dataclass
class Mesh:
    """A mesh with texture corners, during simplification.

    Attributes
    ----------
    poses
        (P, V, 3) positions of the same vertices in P poses, centimetres.
    triangles, triangle_uv
        (F, 3) vertex and texture indices.
    features
        Undirected edges (a, b), a < b. Their vertices may only move along them.
    locked
        (V,) vertices that must stay.
    weight
        (V,) importance of the error around each vertex.
    around, chains
        For each vertex the triangles around it, and for vertices of features their neighbours along the features.
    """

    poses: np.ndarray
    triangles: np.ndarray
    triangle_uv: np.ndarray
    features: set[tuple[int, int]]
    locked: np.ndarray
    weight: np.ndarray
    around: list[set[int]] = field(init=False)
    chains: dict[int, set[int]] = field(init=False)

    def __post_init__(self) -> None:
        self.triangles = self.triangles.copy()
        self.triangle_uv = self.triangle_uv.copy()
        self.around = [set() for _ in range(self.poses.shape[1])]
        for index, triangle in enumerate(self.triangles):
            for vertex in triangle:
                self.around[vertex].add(index)
        self.chains = {}
        for a, b in self.features:
            self.chains.setdefault(a, set()).add(b)
            self.chains.setdefault(b, set()).add(a)

    def neighbours(self, vertex: int) -> set[int]:
        """Vertices that share a triangle with ``vertex``."""
        return {int(v) for t in self.around[vertex] for v in self.triangles[t]} - {vertex}


def edges_of(triangles: np.ndarray) -> np.ndarray:
    """(3F, 2) directed edges of (F, 3) triangles."""
    return np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])


def border_edges(triangles: np.ndarray) -> set[tuple[int, int]]:
    """Undirected edges with only one triangle."""
    unique, count = np.unique(np.sort(edges_of(triangles), axis=1), axis=0, return_counts=True)
    return {(int(a), int(b)) for a, b in unique[count == 1]}


def label_edges(triangles: np.ndarray, labels: np.ndarray) -> set[tuple[int, int]]:
    """Undirected edges between triangles with different labels."""
    first: dict[tuple[int, int], int] = {}
    result = set()
    for triangle, label in zip(triangles.tolist(), labels.tolist(), strict=True):
        for i in range(3):
            a, b = sorted((triangle[i], triangle[(i + 1) % 3]))
            if first.setdefault((a, b), label) != label:
                result.add((a, b))
    return result


def seam_edges(triangles: np.ndarray, triangle_uv: np.ndarray) -> set[tuple[int, int]]:
    """Undirected edges whose two triangles differ in texture coordinates."""
    first: dict[tuple[int, int], tuple[int, int]] = {}
    result = set()
    for triangle, corner in zip(triangles.tolist(), triangle_uv.tolist(), strict=True):
        for i in range(3):
            pair = sorted(((triangle[i], corner[i]), (triangle[(i + 1) % 3], corner[(i + 1) % 3])))
            (a, uv_a), (b, uv_b) = pair
            if first.setdefault((a, b), (uv_a, uv_b)) != (uv_a, uv_b):
                result.add((a, b))
    return result


def _quadrics(mesh: Mesh) -> np.ndarray:
    """(P, V, 4, 4) error quadrics: area-weighted planes of the triangles, and planes through the feature edges."""
    pose_count, vertex_count, _ = mesh.poses.shape
    total = np.zeros((pose_count, vertex_count, 4, 4))
    corners = mesh.poses[:, mesh.triangles]  # (P, F, 3, 3)
    normal = np.cross(corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0])
    double_area = np.linalg.norm(normal, axis=-1, keepdims=True)
    unit = normal / np.maximum(double_area, 1e-12)

    def add(vertices: np.ndarray, normals: np.ndarray, points: np.ndarray, weights: np.ndarray) -> None:
        plane = np.concatenate([normals, -(normals * points).sum(-1, keepdims=True)], axis=-1)  # (P, n, 4)
        outer = plane[..., :, None] * plane[..., None, :] * weights[..., None]  # (P, n, 4, 4)
        for pose in range(pose_count):
            np.add.at(total[pose], vertices, outer[pose])

    for corner in range(3):
        add(mesh.triangles[:, corner], unit, corners[:, :, 0], double_area / 6)
    for triangle_corner in range(3):
        ends = mesh.triangles[:, [triangle_corner, (triangle_corner + 1) % 3]]
        keys = np.sort(ends, axis=1)
        chosen = np.array([(a, b) in mesh.features for a, b in keys.tolist()])
        if not chosen.any():
            continue
        start, end = mesh.poses[:, ends[chosen, 0]], mesh.poses[:, ends[chosen, 1]]
        side = np.cross(end - start, unit[:, chosen])
        side /= np.maximum(np.linalg.norm(side, axis=-1, keepdims=True), 1e-12)
        squared_length = ((end - start) ** 2).sum(-1, keepdims=True)
        for column in range(2):
            add(ends[chosen, column], side, start, FEATURE_WEIGHT * squared_length)
    return total * mesh.weight[None, :, None, None]


def _candidate_costs(mesh: Mesh, quadrics: np.ndarray, vertex: int) -> list[tuple[float, int]]:
    """Cost of moving a vertex onto each neighbour that it may move to."""
    if mesh.locked[vertex]:
        return []
    chain = mesh.chains.get(vertex)
    if chain is not None and len(chain) != 2:
        return []
    targets = sorted(chain if chain is not None else mesh.neighbours(vertex))
    if not targets:
        return []
    point = mesh.poses[:, targets]  # (P, k, 3)
    point = np.concatenate([point, np.ones_like(point[..., :1])], axis=-1)
    quadric = quadrics[:, vertex, None] + quadrics[:, targets]  # (P, k, 4, 4)
    error = np.einsum("pki,pkij,pkj->k", point, quadric, point) / len(mesh.poses)
    step = ((mesh.poses[0, targets] - mesh.poses[0, vertex]) ** 2).sum(-1)
    cost = np.maximum(error, 0) + SPREAD_WEIGHT * mesh.weight[vertex] * step * step
    return list(zip(cost.tolist(), targets, strict=True))


def _collapse_is_legal(mesh: Mesh, vertex: int, target: int) -> dict[int, int] | None:
    """New texture index for each texture index of ``vertex``, or None if the collapse would harm the mesh."""
    shared = mesh.around[vertex] & mesh.around[target]
    if not shared or len(mesh.neighbours(vertex) & mesh.neighbours(target)) != len(shared):
        return None
    uv_of: dict[int, int] = {}
    for t in shared:
        triangle = mesh.triangles[t].tolist()
        source = int(mesh.triangle_uv[t, triangle.index(vertex)])
        goal = int(mesh.triangle_uv[t, triangle.index(target)])
        if uv_of.setdefault(source, goal) != goal:
            return None
    rest = list(mesh.around[vertex] - shared)
    if not rest:
        return None
    triangles = mesh.triangles[rest]  # (k, 3)
    if any(int(uv) not in uv_of for uv in mesh.triangle_uv[rest][triangles == vertex]):
        return None
    moved = np.where(triangles == vertex, target, triangles)
    before, after = mesh.poses[:, triangles], mesh.poses[:, moved]  # (P, k, 3, 3)
    old = np.cross(before[:, :, 1] - before[:, :, 0], before[:, :, 2] - before[:, :, 0])
    new = np.cross(after[:, :, 1] - after[:, :, 0], after[:, :, 2] - after[:, :, 0])
    size = np.linalg.norm(new, axis=-1)
    if ((old * new).sum(-1) < MIN_NORMAL_COSINE * np.linalg.norm(old, axis=-1) * size)[0].any():
        return None
    if ((old * new).sum(-1) < 0).any():
        return None
    longest = max(((after[0, :, i] - after[0, :, i - 1]) ** 2).sum(-1).max() for i in range(3))
    if size[0].min() < 0.05 * longest and size[0].min() < 0.9 * np.linalg.norm(old[0], axis=-1).min():
        return None
    return uv_of


def _collapse(mesh: Mesh, vertex: int, target: int, uv_of: dict[int, int]) -> None:
    shared = mesh.around[vertex] & mesh.around[target]
    for t in shared:
        for v in mesh.triangles[t]:
            mesh.around[int(v)].discard(t)
        mesh.triangles[t] = -1
    for t in mesh.around[vertex]:
        column = mesh.triangles[t].tolist().index(vertex)
        mesh.triangles[t, column] = target
        mesh.triangle_uv[t, column] = uv_of[int(mesh.triangle_uv[t, column])]
        mesh.around[target].add(t)
    mesh.around[vertex] = set()
    for other in mesh.chains.pop(vertex, set()):
        mesh.chains[other].discard(vertex)
        if other != target:
            mesh.chains[other].add(target)
            mesh.chains[target].add(other)


def simplify(mesh: Mesh, vertex_count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Collapse edges until ``vertex_count`` vertices are left, or until no collapse is allowed.

    Returns
    -------
    triangles, triangle_uv, kept
        (F', 3) vertex indices and (F', 3) texture indices, both into the source's arrays, and (F',) the source triangle
        of each remaining one.
    """
    quadrics = _quadrics(mesh)
    stamp = np.zeros(len(mesh.around), np.int64)
    alive = sum(bool(a) for a in mesh.around)
    heap = [
        (cost, vertex, target, 0)
        for vertex in range(len(mesh.around))
        if mesh.around[vertex]
        for cost, target in _candidate_costs(mesh, quadrics, vertex)
    ]
    heapq.heapify(heap)
    while alive > vertex_count and heap:
        _, vertex, target, when = heapq.heappop(heap)
        if when != stamp[vertex] or not mesh.around[vertex] or not mesh.around[target]:
            continue
        if mesh.chains.get(vertex) is not None and target not in mesh.chains[vertex]:
            continue
        uv_of = _collapse_is_legal(mesh, vertex, target)
        if uv_of is None:
            continue
        changed = mesh.neighbours(vertex)
        _collapse(mesh, vertex, target, uv_of)
        quadrics[:, target] += quadrics[:, vertex]
        alive -= 1
        for other in sorted(changed):
            stamp[other] += 1
            for cost, goal in _candidate_costs(mesh, quadrics, other):
                heapq.heappush(heap, (cost, other, goal, int(stamp[other])))
    kept = np.flatnonzero(mesh.triangles[:, 0] >= 0)
    return mesh.triangles[kept], mesh.triangle_uv[kept], kept
