"""The game preset's triangles: the detailed head's own vertices, as few as a game engine wants.

Half of the head is simplified and mirrored. Each collapse moves a vertex onto a neighbour, so what is left are vertices
of the detailed head with their shapes and texture coordinates, and one texture fits both.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import torch
from scipy.spatial import cKDTree

from core.detailed_head.model import DetailedHead
from core.detailed_head.parts import DETAILED_PARTS
from core.motion.channels import EXPRESSIONS

from .. import simplify
from ..topology import POSES
from .lashes import LEVELS

HALF_VERTICES = {
    ("skin", "lips", "mouth_socket", "eye_socket_left"): 1150,
    ("gums_upper", "gums_lower", "tongue"): 115,
    ("teeth_upper", "teeth_lower"): 200,
    ("eye_left",): 110,
    ("cornea_left",): 60,
}
"""Vertices that are left of each kind of part in the person's left half."""
HIDDEN = {"mouth_socket": 0.02, "gums_upper": 0.2, "gums_lower": 0.2, "eye_socket_left": 0.3}
"""Importance of an error on parts that are hardly seen; 1 on the face."""
BACK, BACK_CM = 0.15, 0.0
"""Importance of an error behind this depth."""
GAINS = ((slice(36, 48), 0.6, 40.0), (slice(48, 68), 0.9, 15.0), (slice(31, 36), 0.9, 4.0))
"""Landmarks of the iBUG 68 (lids, lips, nostrils), distance in cm within which an error counts more, and how much."""


def loaded(tensors: dict[str, np.ndarray]) -> DetailedHead:
    """The detailed head of a file's tensors that have no game preset yet; its own are empty."""
    made = {name: torch.from_numpy(value) for name, value in tensors.items()}
    none = torch.zeros(0, 3, dtype=torch.long)
    return DetailedHead.of(made | {"game_triangles": none, "game_triangle_uv": none, "game_part": none[:, 0]})


def build_game(head: DetailedHead) -> dict[str, np.ndarray]:
    """The tensors of the game preset of a detailed head."""
    triangles, part = head.triangles.numpy(), head.triangle_part.numpy()
    left = head.mean.numpy()[triangles, 0].mean(1) > 0
    mirror = _mirrored_uv(head)
    seams = simplify.seam_edges(triangles, head.triangle_uv.numpy())
    other = head.symmetry.tolist()
    # Vertices on the mirror image of a seam stay on it, or triangles of the other half would cross the seam.
    seams |= {(min(other[a], other[b]), max(other[a], other[b])) for a, b in seams}
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for names, count in HALF_VERTICES.items():
        chosen = left & np.isin(part, [DETAILED_PARTS.index(name) for name in names])
        found.append(_simplified(head, chosen, count, seams))
    found.append(_lashes(head))
    half, half_uv, half_part = (np.concatenate(column) for column in zip(*found, strict=True))
    swapped = np.array([DETAILED_PARTS.index(name.replace("_left", "_right")) for name in DETAILED_PARTS])
    uv = head.uv.numpy()
    corner_uv = np.array([
        _nearest_rows([mirror[pair] for pair in zip(one, rows, strict=True)], uv)
        for one, rows in zip(half.tolist(), half_uv.tolist(), strict=True)
    ])  # fmt: skip
    return {
        "game_triangles": np.concatenate([half, head.symmetry.numpy()[half][:, ::-1]]).astype(np.int16),
        "game_triangle_uv": np.concatenate([half_uv, corner_uv[:, ::-1]]).astype(np.int16),
        "game_part": np.concatenate([half_part, swapped[half_part]]).astype(np.uint8),
    }


def _simplified(
    head: DetailedHead, chosen: np.ndarray, count: int, seams: set[tuple[int, int]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Triangles, their texture rows and parts of the chosen triangles (F,) bool, with ``count`` vertices.

    Vertices of ``seams``, pairs of vertices of the head, move along them.
    """
    triangles, triangle_uv = head.triangles.numpy()[chosen], head.triangle_uv.numpy()[chosen]
    part = head.triangle_part.numpy()[chosen]
    used, rows = np.unique(triangles, return_inverse=True)
    rows = rows.reshape(-1, 3)
    features = simplify.border_edges(rows) | simplify.label_edges(rows, part)
    lid = head.contour_eye_left.numpy()
    number = np.full(len(head.mean), -1)
    number[used] = np.arange(len(used))
    present = set(map(tuple, np.sort(simplify.edges_of(rows), axis=1).tolist()))
    kept = np.concatenate([np.stack([lid, np.roll(lid, -1)], 1), np.array(sorted(seams))])
    features |= set(map(tuple, np.sort(number[kept], axis=1).tolist())) & present
    mesh = simplify.Mesh(
        poses=_poses(head)[:, used],
        triangles=rows,
        triangle_uv=triangle_uv,
        features=features,
        locked=np.zeros(len(used), bool),
        weight=_importance(head)[used],
    )
    made, made_uv, kept = simplify.simplify(mesh, count)
    return used[made], made_uv, part[kept]


def _poses(head: DetailedHead) -> np.ndarray:
    """(P, V, 3) centimetres of the mean head in the expressions that the head model's simplification keeps."""
    weights = torch.zeros(len(POSES), len(EXPRESSIONS))
    for row, pose in enumerate(POSES):
        for name, value in pose.items():
            weights[row, EXPRESSIONS.index(name)] = value
    nobody = torch.zeros(len(head.identity_basis))
    return np.stack([head.vertices(nobody, one).numpy() for one in weights]).astype(np.float64)


def _importance(head: DetailedHead) -> np.ndarray:
    """(V,) importance of an error around each vertex."""
    mean = head.mean.numpy()
    weight = np.where(mean[:, 2] > BACK_CM, 1.0, BACK)
    for name, value in HIDDEN.items():
        weight[head.part_vertices(name).numpy()] = value
    skin = head.part_vertices("skin", "lips").numpy()
    for landmarks, reach, gain in GAINS:
        distance, _ = cKDTree(mean[head.landmarks68.numpy()[landmarks]]).query(mean[skin])
        weight[skin] += gain * np.exp(-((distance / reach) ** 2))
    return weight


def _mirrored_uv(head: DetailedHead) -> dict[tuple[int, int], set[int]]:
    """The texture rows of the mirrored vertex, for each pair of a vertex and its texture row; two on a seam."""
    faces = [tuple(zip(f, u, strict=True)) for f, u in zip(
        head.triangles.tolist(), head.triangle_uv.tolist(), strict=True
    )]  # fmt: skip
    symmetry = head.symmetry.tolist()
    by_corners = {frozenset(vertex for vertex, _ in face): dict(face) for face in faces}
    found: dict[tuple[int, int], set[int]] = {}
    for face in faces:
        image = by_corners[frozenset(symmetry[vertex] for vertex, _ in face)]
        for vertex, row in face:
            found.setdefault((vertex, row), set()).add(image[symmetry[vertex]])
    return found


def _nearest_rows(choices: list[set[int]], uv: np.ndarray) -> tuple[int, ...]:
    """One of the texture rows for each corner of a triangle: those that lie closest together."""
    return min(product(*map(sorted, choices)), key=lambda rows: float(np.ptp(uv[list(rows)], axis=0).sum()))


def _lashes(head: DetailedHead) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every second of the left lashes, a triangle each: the root's two corners and the tip."""
    part = DETAILED_PARTS.index("lashes_left")
    rows = head.face_part.numpy() == part
    strips = (all_faces.numpy()[rows].reshape(-1, LEVELS - 1, 4)[::2] for all_faces in (head.faces, head.face_uv))
    triangles, corners = (np.stack([one[:, 0, 0], one[:, 0, 1], one[:, -1, 2]], 1) for one in strips)
    return triangles, corners, np.full(len(triangles), part)
