"""Make our left/right symmetric topology from ICT-FaceKit's: simplify half the head, mirror it, and add new eyeballs.

Every vertex of skin, mouth, gums, tongue and teeth is a vertex of the source. The eyeballs are polar grids around the
line of sight, so that pupil and edge of the iris are rings of vertices. They have the shape of the source's surface.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.head.head_model import PARTS

from . import simplify
from .eyeball import make_eyeball
from .ict import IctModel, mirror_by_topology, used_faces
from .ict_regions import (
    EYE_LEFT,
    LIP_INNER,
    LIP_OUTER,
    chain_edges,
    contour,
    label_triangles,
    triangulate,
    vertex_weights,
)
from .surface import closest_on_mesh

HALF_TARGETS = {"skin": 2060, "gums_tongue": 230, "teeth": 450}
"""Number of vertices in the person's left half of each kind of part."""
POSES: tuple[dict[str, float], ...] = (
    {},
    {"jawOpen": 1},
    {"eyeBlink_L": 1},
    {"eyeBlink_L": 0.5, "eyeLookDown_L": 1},
    {"eyeWide_L": 1, "browInnerUp_L": 1, "browOuterUp_L": 1},
    {"browDown_L": 1, "noseSneer_L": 1, "eyeSquint_L": 1},
    {"mouthPucker": 1},
    {"mouthFunnel": 1, "jawOpen": 0.3},
    {"mouthSmile_L": 1, "cheekSquint_L": 1},
    {"mouthStretch_L": 1, "mouthFrown_L": 1},
    {"mouthRollUpper": 1, "mouthRollLower": 1},
    {"mouthUpperUp_L": 1, "mouthLowerDown_L": 1},
    {"jawOpen": 1, "mouthClose": 1, "cheekPuff_L": 1},
)
"""Expressions in which the half mesh must keep its shape."""
TILES = {
    0: (0.0, 0.36, 0.64, 0.64),
    1: (0.64, 0.36, 0.36, 0.64),
    2: (0.0, 0.0, 0.24, 0.35),
    3: (0.25, 0.0, 0.24, 0.35),
}
"""Texture tile of the source -> (u, v, width, height) in our atlas."""
EYE_TILES = ((0.51, 0.06, 0.23, 0.23), (0.76, 0.06, 0.23, 0.23))


@dataclass(frozen=True)
class Topology:
    """The new mesh, and the places of its vertices on the source.

    Attributes
    ----------
    source_vertices, source_weights
        (V, 3) source vertices and their barycentric weights. Except on the eyeballs, one vertex has weight 1.
    triangles, triangle_uv, triangle_part
        (F, 3), (F, 3), (F,): vertex and texture indices, index into ``core.head.head_model.PARTS``.
    uv
        (U, 2) in one unit square.
    symmetry
        (V,) mirrored vertex.
    vertex_part
        (V,) part of each vertex: of its triangles' parts the last one in ``PARTS``.
    landmarks68
        (68,) vertices.
    iris_points, iris_ring
        (2,) vertex at the middle of the iris and (2, K) vertices at its edge, the person's left eye first.
    contours
        Closed loops of vertices: lips_outer, lips_inner (from the person's right corner along the upper lip), eye_left,
        eye_right (from the outer corner along the upper lid).
    source_triangles
        (S, 3) triangles of the source that the new mesh represents.
    """

    source_vertices: np.ndarray
    source_weights: np.ndarray
    triangles: np.ndarray
    triangle_uv: np.ndarray
    triangle_part: np.ndarray
    uv: np.ndarray
    symmetry: np.ndarray
    vertex_part: np.ndarray
    landmarks68: np.ndarray
    iris_points: np.ndarray
    iris_ring: np.ndarray
    contours: dict[str, np.ndarray]
    source_triangles: np.ndarray

    def transfer(self, field: np.ndarray) -> np.ndarray:
        """(..., N, 3) on the source -> (..., V, 3) on the new mesh."""
        return np.einsum("...vkc,vk->...vc", field[..., self.source_vertices, :], self.source_weights)


def _simplify_half(
    model: IctModel,
    triangles: np.ndarray,
    triangle_uv: np.ndarray,
    label: np.ndarray,
    chains: dict[str, list[int]],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Simplify each kind of part of the left half; returns vertex indices, texture indices and labels."""
    features = (
        simplify.border_edges(triangles)
        | simplify.label_edges(triangles, label)
        | simplify.seam_edges(triangles, triangle_uv)
    )
    present = set(map(tuple, np.sort(simplify.edges_of(triangles), axis=1).tolist()))
    for chain in chains.values():
        features |= chain_edges(chain) & present
    locked = np.zeros(len(model.neutral), bool)
    locked[model.landmarks68] = True
    poses = np.stack([
        model.neutral + sum((w * model.expression_of(name) for name, w in pose.items()), np.zeros(3)) for pose in POSES
    ])  # fmt: skip
    weight = vertex_weights(model)
    kinds = {
        "teeth": ("teeth_upper", "teeth_lower"),
        "gums_tongue": ("gums_upper", "gums_lower", "tongue"),
        "skin": ("skin", "lips", "mouth_socket", "eye_socket_left", "eye_socket_right"),
    }
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for kind, names in kinds.items():
        chosen = np.isin(label, [PARTS.index(name) for name in names])
        vertices = np.unique(triangles[chosen])
        number = np.full(len(model.neutral), -1)
        number[vertices] = np.arange(len(vertices))
        mesh = simplify.Mesh(
            poses=poses[:, vertices],
            triangles=number[triangles[chosen]],
            triangle_uv=triangle_uv[chosen],
            features={
                (min(number[a], number[b]), max(number[a], number[b]))
                for a, b in features
                if number[a] >= 0 and number[b] >= 0
            },
            locked=locked[vertices],
            weight=weight[vertices],
        )
        result, result_uv, kept = simplify.simplify(mesh, HALF_TARGETS[kind])
        parts.append((vertices[result], result_uv, label[chosen][kept]))
    simplified, simplified_uv, labels = (np.concatenate(column) for column in zip(*parts, strict=True))
    return simplified, simplified_uv, labels


def _mirror_half(
    half: tuple[np.ndarray, np.ndarray, np.ndarray], mirror: np.ndarray, uv_mirror: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both sides of a half: triangles, texture triangles, labels, all in source indices."""
    triangles, triangle_uv, label = half
    swap = {PARTS.index("eye_socket_left"): PARTS.index("eye_socket_right")}
    other = np.array([swap.get(int(part), int(part)) for part in label])
    return (
        np.concatenate([triangles, mirror[triangles][:, ::-1]]),
        np.concatenate([triangle_uv, uv_mirror[triangle_uv][:, ::-1]]),
        np.concatenate([label, other]),
    )


def source_contours(model: IctModel, faces: np.ndarray) -> dict[str, list[int]]:
    """Closed chains of source vertices: symmetric ones for the lips, one on the left for the eye."""
    return {
        "lips_outer": contour(model, faces, LIP_OUTER, across=True),
        "lips_inner": contour(model, faces, LIP_INNER),
        "eye_left": contour(model, faces, EYE_LEFT),
    }


def _contours(
    model: IctModel, chains: dict[str, list[int]], number: np.ndarray, symmetry: np.ndarray
) -> dict[str, np.ndarray]:
    """Loops of new vertices. ``number`` is the new index of each source vertex, or -1.

    Simplification moves contour vertices only along their contour. So the remaining vertices of the source's chain, in
    its order, are the new chain.
    """

    def left_half(chain: list[int]) -> list[int]:
        return [int(number[v]) for v in chain if number[v] >= 0 and model.neutral[v, 0] > -1e-6]

    loops = {}
    for name, first in (("lips_outer", 48), ("lips_inner", 60)):
        half = left_half(chains[name])  # from the upper middle via the left corner to the lower middle
        other = symmetry[half[1:-1]][::-1]  # from the lower middle via the right corner to the upper middle
        loop = np.array([*half, *other])
        corner = int(np.flatnonzero(loop == number[model.landmarks68[first]])[0])
        loops[name] = np.roll(loop, -corner)
    # The chain of the left eye begins at the inner corner. Ours begins at the outer one and runs along the upper lid.
    eye = np.array(left_half(chains["eye_left"])[:-1])
    outer = int(np.flatnonzero(eye == number[model.landmarks68[45]])[0])
    loops["eye_left"] = np.roll(np.roll(eye, -outer)[::-1], 1)
    loops["eye_right"] = symmetry[loops["eye_left"]]
    return loops


def _pack_uv(uv: np.ndarray) -> np.ndarray:
    """Move texture coordinates (U, 2) of the source's tiles to their places in our atlas."""
    tile = np.floor(uv[:, 0]).astype(int)
    place = np.array([TILES[min(max(t, 0), max(TILES))] for t in tile])
    return np.stack([place[:, 0] + (uv[:, 0] - tile) * place[:, 2], place[:, 1] + uv[:, 1] * place[:, 3]], axis=1)


def build_topology(model: IctModel) -> Topology:
    """Simplify, mirror and label the source. Raises ``ValueError`` if it is not the symmetric model that is
    expected."""
    faces = used_faces(model)
    chains = source_contours(model, model.faces[faces])
    diagonals = set().union(*map(chain_edges, chains.values()))
    triangles, triangle_uv = triangulate(model, model.faces[faces], model.face_uv[faces], diagonals)
    mirror, uv_mirror = mirror_by_topology(model, model.faces[faces], model.face_uv[faces])
    is_eye = (triangles >= model.parts["eyeball_left"][0]).all(1)
    left = ~is_eye & (model.neutral[triangles, 0].mean(1) > 0)
    label = label_triangles(model, triangles[~is_eye], triangle_uv[~is_eye], chains)[left[~is_eye]]
    half = _simplify_half(model, triangles[left], triangle_uv[left], label, chains)
    body, body_uv, body_part = _mirror_half(half, mirror, uv_mirror)

    used, body_triangles = np.unique(body, return_inverse=True)
    used_uv, body_triangle_uv = np.unique(body_uv, return_inverse=True)
    source_vertices, source_weights = np.repeat(used[:, None], 3, axis=1), np.tile([1.0, 0.0, 0.0], (len(used), 1))
    number = np.full(len(model.neutral), -1)
    number[used] = np.arange(len(used))
    all_triangles, all_uv_triangles = [body_triangles.reshape(-1, 3)], [body_triangle_uv.reshape(-1, 3)]
    parts, uvs, symmetry = [body_part], [_pack_uv(model.uv[used_uv])], [number[mirror[used]]]
    iris_points, iris_ring = [], []
    count, uv_count = len(used), len(used_uv)
    for side, name in enumerate(("eyeball_left", "eyeball_right")):
        shell = triangles[is_eye & np.isin(triangles[:, 0], np.arange(*model.parts[name]))]
        eye = make_eyeball(model.neutral[np.unique(shell)], mirrored=side == 1)
        triangle, weights, _ = closest_on_mesh(eye.points, model.neutral, shell)
        source_vertices = np.concatenate([source_vertices, shell[triangle]])
        source_weights = np.concatenate([source_weights, weights])
        all_triangles.append(eye.triangles + count)
        all_uv_triangles.append(eye.triangle_uv + uv_count)
        parts.append(np.full(len(eye.triangles), PARTS.index(("eye_left", "eye_right")[side])))
        u, v, width, height = EYE_TILES[side]
        uvs.append(eye.uv * (width, height) + (u, v))
        offset = len(eye.points) * (1 if side == 0 else -1)
        symmetry.append(count + offset + np.arange(len(eye.points)))
        iris_points.append(count)
        iris_ring.append(count + eye.limbus)
        count, uv_count = count + len(eye.points), uv_count + len(eye.uv)
    new_triangles, triangle_part = np.concatenate(all_triangles), np.concatenate(parts)
    vertex_part = np.zeros(count, np.int64)
    np.maximum.at(vertex_part, new_triangles, triangle_part[:, None])
    return Topology(
        source_vertices=source_vertices,
        source_weights=source_weights,
        triangles=new_triangles,
        triangle_uv=np.concatenate(all_uv_triangles),
        triangle_part=triangle_part,
        uv=np.concatenate(uvs),
        symmetry=np.concatenate(symmetry),
        vertex_part=vertex_part,
        landmarks68=number[model.landmarks68],
        iris_points=np.array(iris_points),
        iris_ring=np.array(iris_ring),
        contours=_contours(model, chains, number, symmetry[0]),
        source_triangles=triangles,
    )
