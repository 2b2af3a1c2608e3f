"""Read ICT-FaceKit (light) from one npz: arrays in centimetres, left/right mirror, regions.

The data folder's DATA.md describes the file. The model is ICT-FaceKit, © 2020 USC Institute for Creative Technologies,
MIT.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from core.motion.channels import EXPRESSIONS

USED_PARTS = (
    "face",
    "head_and_neck",
    "mouth_socket",
    "eye_socket_left",
    "eye_socket_right",
    "gums_and_tongue",
    "teeth",
    "eyeball_left",
    "eyeball_right",
)
"""Parts that the head model keeps. Tear line, occlusion shells and lashes are cards for special shaders."""


@dataclass(frozen=True)
class IctModel:
    """The source model.

    Attributes
    ----------
    neutral
        (N, 3) float64, centimetres, x to the person's left, y up, z out of the face.
    uv
        (U, 2) texture coordinates in UDIM tiles (tile k is u in [k, k+1]).
    faces, face_uv
        (Q, 4) int vertex and texture indices, -1 in the last column of a triangle.
    identity
        (100, N, 3) float32 centimetres; the weights of real faces are ~ N(0, 1).
    expression
        (53, N, 3) float32 centimetres in the order of ``core.motion.channels.EXPRESSIONS``.
    landmarks68
        (68,) vertex of each of the 68 landmarks.
    parts
        name -> (first, last + 1) vertex.
    """

    neutral: np.ndarray
    uv: np.ndarray
    faces: np.ndarray
    face_uv: np.ndarray
    identity: np.ndarray
    expression: np.ndarray
    landmarks68: np.ndarray
    parts: dict[str, tuple[int, int]]

    def expression_of(self, name: str) -> np.ndarray:
        """(N, 3) centimetres of one expression at weight 1."""
        return self.expression[EXPRESSIONS.index(name)]

    def part_of_vertex(self) -> np.ndarray:
        """(N,) index into ``list(parts)`` of each vertex."""
        label = np.zeros(len(self.neutral), np.int64)
        for index, (first, last) in enumerate(self.parts.values()):
            label[first:last] = index
        return label


def load_ict(path: Path) -> IctModel:
    """Read ``ict_facekit.npz``; raises ``FileNotFoundError`` and ``KeyError`` as numpy does."""
    with np.load(path, allow_pickle=False) as file:
        names = list(file["expression_names"])
        order = [names.index(name) for name in EXPRESSIONS]
        expression = file["expression"][order].astype(np.float32) * file["expression_scale"][order, None, None]
        return IctModel(
            neutral=file["neutral"].astype(np.float64),
            uv=file["uv"].astype(np.float64),
            faces=file["faces"].astype(np.int64),
            face_uv=file["face_uv"].astype(np.int64),
            identity=file["identity"].astype(np.float32) * file["identity_scale"][:, None, None],
            expression=expression,
            landmarks68=file["landmarks68"].astype(np.int64),
            parts={name: tuple(span) for name, span in json.loads(str(file["parts"])).items()},
        )


def used_faces(model: IctModel) -> np.ndarray:
    """(Q,) mask of the faces of :data:`USED_PARTS`, without the inner shells of the eyeballs.

    Each eyeball has two closed shells: a clear outer one with the cornea's bulge, which the lids follow, and an inner
    one with the iris. If the outer shell is painted opaque, it is all that is visible of the eye.
    """
    keep_vertex = np.zeros(len(model.neutral), bool)
    for name in USED_PARTS:
        keep_vertex[slice(*model.parts[name])] = True
    for side in ("eyeball_left", "eyeball_right"):
        first, last = model.parts[side]
        components = vertex_components(model.faces, np.arange(first, last))
        extent = [np.ptp(model.neutral[component], axis=0).sum() for component in components]
        for component, size in zip(components, extent, strict=True):
            keep_vertex[component] = size == max(extent)
    return keep_vertex[model.faces[:, 0]]


def vertex_components(faces: np.ndarray, vertices: np.ndarray) -> list[np.ndarray]:
    """Connected components (arrays of vertices) of the part of a mesh that lies on ``vertices``."""
    inside = faces[np.isin(faces[:, 0], vertices)]
    count = int(faces.max()) + 1
    starts = np.concatenate([inside[:, 0], inside[:, 1], inside[:, 2]])
    ends = np.concatenate([inside[:, 1], inside[:, 2], np.where(inside[:, 3] < 0, inside[:, 0], inside[:, 3])])
    graph = coo_matrix((np.ones(len(starts)), (starts, ends)), shape=(count, count))
    _, labels = connected_components(graph, directed=False)
    return [vertices[labels[vertices] == label] for label in np.unique(labels[vertices])]


def mirror_by_topology(model: IctModel, faces: np.ndarray, face_uv: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Left/right partner of each vertex and of each texture coordinate, found by visiting mirrored faces in parallel.

    The nearest mirrored point is ambiguous where surfaces touch (closed lips, lid folds). So positions only choose the
    first face of each component. From there the neighbours follow from the topology.

    Returns
    -------
    mirror, uv_mirror
        (N,) and (U,) indices, -1 for unused ones. Raises ``ValueError`` if the topology is not symmetric.
    """
    corners = [face[face >= 0].tolist() for face in faces]
    uv_corners = [face[face >= 0].tolist() for face in face_uv]
    edge_face = {(c[i], c[(i + 1) % len(c)]): (f, i) for f, c in enumerate(corners) for i in range(len(c))}
    mirror = np.full(len(model.neutral), -1)
    uv_mirror = np.full(len(model.uv), -1)
    used = np.unique(faces[faces >= 0])
    tree = cKDTree(model.neutral[used])
    distance, nearest = tree.query(model.neutral * (-1.0, 1.0, 1.0), k=2)
    done = np.zeros(len(faces), bool)

    # Start from the faces whose corners have the most certain mirrored partners.
    clear = np.array([max(distance[v, 0] - 0.5 * distance[v, 1] for v in c) for c in corners])
    for seed in np.argsort(clear, kind="stable"):
        if done[seed]:
            continue
        c = corners[seed]
        a, b = (int(used[nearest[v, 0]]) for v in c[:2])
        if (b, a) not in edge_face:
            continue
        queue = deque([(int(seed), 0, *edge_face[(b, a)])])
        while queue:
            face, start, partner, partner_start = queue.popleft()
            if done[face]:
                continue
            done[face] = True
            size = len(corners[face])
            if size != len(corners[partner]):
                raise ValueError(f"faces {face} and {partner} should mirror each other but differ in corners")
            for step in range(size):
                # The partner's edge runs b' -> a': a step forward on our face is a step backward on the partner.
                here, there = (start + step) % size, (partner_start + 1 - step) % size
                vertex, other = corners[face][here], corners[partner][there]
                if mirror[vertex] not in (-1, other):
                    raise ValueError(f"vertex {vertex} would mirror both {mirror[vertex]} and {other}")
                mirror[vertex] = other
                uv_mirror[uv_corners[face][here]] = uv_corners[partner][there]
                following = corners[face][(here + 1) % size]
                neighbour = edge_face.get((following, vertex))
                before = corners[partner][(there - 1) % size]
                partner_neighbour = edge_face.get((other, before))
                if neighbour is not None and partner_neighbour is not None:
                    # neighbour's edge is following -> vertex, its partner's is other -> before.
                    queue.append((*neighbour, *partner_neighbour))
    return mirror, uv_mirror
