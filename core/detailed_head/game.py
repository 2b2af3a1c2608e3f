"""The game preset: the detailed head in less than 8,000 triangles, with a normal map of what they leave out.

Its triangles are in the head's file (``training/head/detailed/game.py`` chose them). Its vertices are vertices of the
detailed head, so shapes, weights and texture coordinates are the same and one texture fits both.
"""

from __future__ import annotations

import numpy as np
import torch

from ..portrait.texture import at_texels, continued, texels_in
from .hair import COLUMNS, ROWS, HairMesh
from .hair_texture import LAYERS
from .model import DetailedHead
from .parts import DETAILED_PARTS

NORMALS = 1024
"""Side of the normal map in texels: finer than the detailed head's vertices."""
COLUMN_STEP, ROW_STEP = 3, 5
"""Columns and rows of the hair's grid of which one is kept."""
LEVEL = (0.0, 0.0, 1.0)
"""The normal of the surface itself, in the axes of a normal map."""


def game_arrays(head: DetailedHead, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays of a detailed head's file with the game preset's vertices and triangles.

    ``arrays`` are those of ``core.detailed_head.rig.write_detailed_head``: the head's vertices and faces, then the
    hairs of the brows. Those are left out, because the texture shows them.
    """
    parts = head.face_part.numpy()
    used, faces = np.unique(head.game_triangles.numpy(), return_inverse=True)
    used_uv, face_uv = np.unique(head.game_triangle_uv.numpy(), return_inverse=True)
    material = np.zeros(len(DETAILED_PARTS), np.int32)
    material[parts] = arrays["face_material"][: len(parts)]  # a part has one material

    def closed(corners: np.ndarray) -> np.ndarray:
        return np.pad(corners.reshape(-1, 3).astype(np.int32), ((0, 0), (0, 1)), constant_values=-1)

    return arrays | {
        "vertices": arrays["vertices"][used],
        "shapes": arrays["shapes"][:, used],
        "weights": arrays["weights"][used],
        "uv": arrays["uv"][used_uv],
        "faces": closed(faces),
        "face_uv": closed(face_uv),
        "face_material": material[head.game_part.numpy()],
    }


def normal_map(head: DetailedHead, neutral: np.ndarray, size: int = NORMALS) -> np.ndarray:
    """(size, size, 3) uint8 normals of the detailed head (V, 3) in the tangent axes of the game preset.

    Red points along u, green along v (as glTF and Blender have it), blue out of the surface.
    """
    fine = head.normals(torch.from_numpy(neutral).float()).numpy()
    texels = texels_in(head.uv, head.triangle_uv, size)
    seen = np.zeros((size, size, 3), np.float32)
    covered = np.zeros((size, size), bool)
    seen[texels.row, texels.column] = at_texels(fine, head.triangles.numpy(), texels)
    covered[texels.row, texels.column] = True
    # The borders of the charts have fewer corners: a few texels are inside those of the game preset alone.
    seen = continued(seen, covered)

    triangles, rows = head.game_triangles.numpy(), head.game_triangle_uv.numpy()
    texels = texels_in(head.uv, head.game_triangle_uv, size)
    normals, (tangents, side) = angle_weighted_normals(neutral, triangles), _tangents(head, neutral)
    normal = _unit(at_texels(normals, triangles, texels))
    tangent = at_texels(tangents, rows, texels)
    tangent = _unit(tangent - normal * (tangent * normal).sum(1, keepdims=True))
    across = side[texels.triangle, None] * np.cross(normal, tangent)
    wanted = _unit(seen[texels.row, texels.column])
    out = np.broadcast_to(np.array(LEVEL, np.float32), (size, size, 3)).copy()
    out[texels.row, texels.column] = np.stack([(wanted * axis).sum(1) for axis in (tangent, across, normal)], 1)
    covered = np.zeros((size, size), bool)
    covered[texels.row, texels.column] = True
    return np.round(127.5 + 127.5 * continued(out, covered)).astype(np.uint8)


def angle_weighted_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(V, 3) unit normals: means of the triangles' (F, 3) normals, weighted by their angles, as in Blender."""
    corners = vertices[triangles].astype(np.float64)
    face = _unit(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]))
    return _unit(_gathered(np.repeat(face[:, None], 3, 1), _angles(corners), triangles, len(vertices)))


def _tangents(head: DetailedHead, neutral: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(U, 3) directions in which u grows, and (G,) 1, or −1 where a triangle is mirrored in the texture."""
    rows = head.game_triangle_uv.numpy()
    corners, flat = neutral[head.game_triangles.numpy()].astype(np.float64), head.uv.numpy()[rows].astype(np.float64)
    (first, second), (a, b) = ((x[:, 1] - x[:, 0], x[:, 2] - x[:, 0]) for x in (corners, flat))
    area = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    side = np.where(area < 0, -1.0, 1.0)
    along = _unit(side[:, None] * (first * b[:, 1:] - second * a[:, 1:]))
    return _gathered(np.repeat(along[:, None], 3, 1), _angles(corners), rows, len(head.uv)), side


def _gathered(values: np.ndarray, weights: np.ndarray, corners: np.ndarray, count: int) -> np.ndarray:
    """(count, 3) sums of values (F, 3, 3) with weights (F, 3) over the corners (F, 3) with the same number."""
    out = np.zeros((count, 3))
    np.add.at(out, corners, values * weights[..., None])
    return out


def _angles(corners: np.ndarray) -> np.ndarray:
    """(F, 3) angles of triangles (F, 3, 3) at their corners, radians."""
    onward = _unit(np.roll(corners, -1, 1) - corners)
    back = _unit(np.roll(corners, 1, 1) - corners)
    return np.asarray(np.arccos(np.clip((onward * back).sum(-1), -1, 1)))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12))


def coarser(hair: HairMesh) -> HairMesh:
    """The hair with a part of the rows and columns of its grid, found by its texture coordinates; the same texture."""
    place = (1 - hair.uv[:, 1]) * LAYERS
    layer = np.floor(place).astype(int)
    row = np.round((place - layer - 0.02) / 0.96 * (ROWS - 1)).astype(int)
    column = np.round(hair.uv[:, 0] * COLUMNS).astype(int)
    number = np.full((LAYERS, ROWS, COLUMNS + 1), -1)
    number[layer, row, column] = np.arange(len(hair.uv))
    kept = number[:, ::ROW_STEP, ::COLUMN_STEP]
    quads = np.stack([kept[:, :-1, :-1], kept[:, 1:, :-1], kept[:, 1:, 1:], kept[:, :-1, 1:]], -1).reshape(-1, 4)
    used, faces = np.unique(quads[(quads >= 0).all(1)], return_inverse=True)
    return HairMesh(hair.vertices[used], faces.reshape(-1, 4).astype(np.int32), hair.uv[used], hair.texture)
