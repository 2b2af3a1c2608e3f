"""The detailed head's faces, parts and texture coordinates, from ICT-FaceKit's own quads."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from core.detailed_head.parts import DETAILED_PARTS
from core.detailed_head.strands import strand_uv
from core.head.head_model import PARTS

from ..eyeball import make_eyeball
from ..ict import USED_PARTS, IctModel, mirror_by_topology, used_faces, vertex_components
from ..ict_regions import EYE_LEFT, EYE_RIGHT, chain_edges, contour, label_triangles, triangulate
from ..surface import closest_on_mesh
from ..topology import EYE_TILES, TILES, source_contours
from .lashes import LEVELS, Hairs, grow_lashes
from .neck import cut_neck, extension, flatten, in_order

CORNEA_TILES = ((0.51, 0.297, 0.05, 0.05), (0.57, 0.297, 0.05, 0.05))
LASH_TILES = ((0.64, 0.297, 0.17, 0.05), (0.82, 0.297, 0.17, 0.05))
"""Texture rectangles (u, v, width, height) of the corneas and of the lashes, the person's left side first."""
NECK_TILE = (0.51, 0.031, 0.48, 0.024)
"""Texture rectangle of the neck below the source's cut."""
LASH_COLUMNS = 24
"""Hairs beside each other in the lashes' rectangle."""
MATERIAL_PARTS = tuple(name for name in USED_PARTS if name not in ("eyeball_left", "eyeball_right"))


@dataclass(frozen=True)
class Surface:
    """The mesh, and the places of its vertices on the source.

    Attributes
    ----------
    source_vertices, source_weights
        (V, 3) source vertices and their weights.
    faces, face_uv
        (Q, 4) vertex and texture indices, counter-clockwise from outside; −1 ends a triangle.
    face_part
        (Q,) rows of ``core.detailed_head.parts.DETAILED_PARTS``.
    uv
        (U, 2) in one unit square.
    symmetry
        (V,) mirrored vertex.
    landmarks68
        (68,) vertices.
    offsets
        (V, 3) centimetres beside their places: the neck below the source's cut.
    eyes
        Two loops of vertices along the lids' edges, from the outer corner over the upper lid, left first.
    rim
        Vertices of the neck's edge.
    """

    source_vertices: np.ndarray
    source_weights: np.ndarray
    faces: np.ndarray
    face_uv: np.ndarray
    face_part: np.ndarray
    uv: np.ndarray
    symmetry: np.ndarray
    offsets: np.ndarray
    landmarks68: np.ndarray
    eyes: tuple[np.ndarray, np.ndarray]
    rim: np.ndarray

    def transfer(self, field: np.ndarray) -> np.ndarray:
        """(..., N, 3) on the source -> (..., V, 3) on the mesh."""
        return np.einsum("...vkc,vk->...vc", field[..., self.source_vertices, :], self.source_weights)


def lid_edges(model: IctModel) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Source vertices of the upper and of the lower lid's edge of each eye, by side."""
    faces = model.faces[used_faces(model)]
    edges = {}
    for side, landmarks, second in (("left", EYE_LEFT, 45), ("right", EYE_RIGHT, 39)):
        chain = contour(model, faces, landmarks)[:-1]
        turn = chain.index(int(model.landmarks68[second]))
        edges[side] = np.array(chain[: turn + 1]), np.array([*chain[turn:], chain[0]])
    return edges


def following(published: IctModel, closed: IctModel) -> IctModel:
    """``closed`` with lashes that follow the lids where the closures moved them, which the source's lashes don't."""
    neutral, expression = closed.neutral.copy(), closed.expression.copy()
    for side, (upper, lower) in lid_edges(published).items():
        for card in vertex_components(published.faces, np.arange(*published.parts[f"eyelashes_{side}"])):
            above = published.neutral[card, 1].mean() > published.neutral[lower, 1].mean()
            edge = upper if above else lower
            # A hair moves as a whole: all of it follows the place of the edge that it stands on.
            near = edge[np.abs(published.neutral[card, None, 0] - published.neutral[None, edge, 0]).argmin(1)]
            neutral[card] += (closed.neutral - published.neutral)[near]
            expression[:, card] += (closed.expression - published.expression)[:, near]
    return replace(closed, neutral=neutral, expression=expression)


def _eye_shells(model: IctModel, side: str) -> tuple[np.ndarray, np.ndarray]:
    """Vertices of the inner shell with the iris, and of the clear outer shell with the cornea."""
    shells = vertex_components(model.faces, np.arange(*model.parts[f"eyeball_{side}"]))
    inner, outer = sorted(shells, key=lambda shell: float(np.ptp(model.neutral[shell], axis=0).sum()))
    return inner, outer


def _as_quads(triangles: np.ndarray, first: int) -> np.ndarray:
    """(Q, 4) faces of an eyeball's triangles (T, 3), numbered from ``first``; −1 ends the triangles at its poles.

    ``make_eyeball`` splits each quad into two triangles in a row, which share the edge from the first's end to its
    start.
    """
    out, row = [], 0
    while row < len(triangles):
        one = triangles[row].tolist()
        rest = [] if row + 1 == len(triangles) else [v for v in triangles[row + 1].tolist() if v not in one]
        is_quad = len(rest) == 1 and {one[2], one[0]} <= set(triangles[row + 1].tolist())
        out.append([first + v for v in one] + ([first + rest[0]] if is_quad else [-1]))
        row += 2 if is_quad else 1
    return np.array(out)


def _labels(model: IctModel, faces: np.ndarray, face_uv: np.ndarray) -> np.ndarray:
    """(Q,) row of PARTS of each face of skin, mouth and teeth: that of its triangles; lips only if both are."""
    chains = source_contours(model, faces)
    diagonals = set().union(*map(chain_edges, chains.values()))
    triangles, triangle_uv = triangulate(model, faces, face_uv, diagonals)
    label = label_triangles(model, triangles, triangle_uv, chains)
    first, second = label[: len(faces)], label[: len(faces)].copy()
    second[faces[:, 3] >= 0] = label[len(faces) :]
    lips, skin = PARTS.index("lips"), PARTS.index("skin")
    return np.where((first == lips) & (second == lips), lips, np.where(first == lips, skin, first))


def _tiled(uv: np.ndarray, tile: tuple[float, float, float, float]) -> np.ndarray:
    """(n, 2) coordinates in the unit square moved into a rectangle (u, v, width, height)."""
    u, v, width, height = tile
    return uv * (width, height) + (u, v)


def _atlas(model: IctModel, face_uv: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Texture coordinates of body faces in our atlas, and the faces with new texture indices."""
    used, corners = np.unique(face_uv, return_inverse=True)
    corners = corners.reshape(face_uv.shape)
    lacking = int(used[0] < 0)
    uv = model.uv[used[lacking:]]
    tile = np.minimum(np.floor(uv[:, 0]).astype(int), max(TILES))
    place = np.array([TILES[t] for t in tile])
    inside = np.stack([uv[:, 0] - tile, uv[:, 1]], 1)
    return place[:, :2] + inside * place[:, 2:], corners - lacking


def build_surface(model: IctModel, seed: int) -> tuple[Surface, IctModel]:
    """The mesh, and the source with a flat cut at the neck. ``model`` has its closures and following lashes.

    Raises ``ValueError`` if the source is not the symmetric model that is expected.
    """
    body = np.zeros(len(model.neutral), bool)
    for name in MATERIAL_PARTS:
        body[slice(*model.parts[name])] = True
    rows = np.flatnonzero(body[model.faces[:, 0]])
    outer = model.faces[rows, 0] < model.parts["head_and_neck"][1]
    kept, rim = cut_neck(model.neutral, model.faces[rows[outer]])
    rows = np.setdiff1d(rows, rows[outer][~kept])
    neutral = flatten(model.neutral, np.arange(model.parts["head_and_neck"][1]), rim)
    model = replace(model, neutral=neutral)
    label = _labels(model, model.faces[rows], model.face_uv[rows])

    faces, face_uv, parts = [model.faces[rows]], [], [label]
    uv, corners = _atlas(model, model.face_uv[rows])
    uvs, uv_count = [uv], len(uv)
    face_uv.append(corners)
    mirror = mirror_by_topology(model, model.faces, model.face_uv)[0]
    used = np.unique(faces[0][faces[0] >= 0])
    number = np.full(len(model.neutral), -1)
    number[used] = np.arange(len(used))
    faces[0] = np.where(faces[0] < 0, -1, number[faces[0]])
    sources, weights = [np.repeat(used[:, None], 3, 1)], [np.tile([1.0, 0.0, 0.0], (len(used), 1))]
    symmetry, count = [number[mirror[used]]], len(used)
    for shell, part, tiles in ((0, "eye", EYE_TILES), (1, "cornea", CORNEA_TILES)):
        for side, name in enumerate(("left", "right")):
            ball = make_eyeball(model.neutral[_eye_shells(model, name)[1]], mirrored=side == 1)
            own = model.faces[np.isin(model.faces[:, 0], _eye_shells(model, name)[shell])]
            triangles = np.concatenate([own[:, :3], own[own[:, 3] >= 0][:, [0, 2, 3]]])
            place, mixture, _ = closest_on_mesh(ball.points, model.neutral, triangles)
            sources.append(triangles[place])
            weights.append(mixture)
            faces.append(_as_quads(ball.triangles, count))
            face_uv.append(_as_quads(ball.triangle_uv, uv_count))
            uvs.append(_tiled(ball.uv, tiles[side]))
            parts.append(np.full(len(faces[-1]), DETAILED_PARTS.index(f"{part}_{name}")))
            symmetry.append(count + len(ball.points) * (1 - 2 * side) + np.arange(len(ball.points)))
            count, uv_count = count + len(ball.points), uv_count + len(ball.uv)

    edges = lid_edges(model)
    chains = [np.concatenate([upper, lower[1:-1]]) for upper, lower in edges.values()]
    left = grow_lashes(model, "left", chains[0], np.random.default_rng(seed))
    right = Hairs(mirror[left.vertices], left.weights, left.quads[:, ::-1], left.hair)
    for side, (hairs, name) in enumerate(((left, "left"), (right, "right"))):
        sources.append(hairs.vertices)
        weights.append(hairs.weights)
        faces.append(hairs.quads + count)
        face_uv.append(hairs.quads + uv_count)
        hair_uv = strand_uv(hairs.hair[-1] + 1, LEVELS, LASH_COLUMNS, LASH_TILES[0])
        if side == 1:
            hair_uv = (LASH_TILES[0][0] + LASH_TILES[1][0] + LASH_TILES[1][2], 0) + hair_uv * (-1, 1)
        uvs.append(hair_uv)
        parts.append(np.full(len(hairs.quads), DETAILED_PARTS.index(f"lashes_{name}")))
        offset = len(hairs.vertices) * (1 if side == 0 else -1)
        symmetry.append(count + offset + np.arange(len(hairs.vertices)))
        count, uv_count = count + len(hairs.vertices), uv_count + len(uvs[-1])
    ring = in_order(model.faces[rows[model.faces[rows, 0] < model.parts["head_and_neck"][1]]], rim)
    offsets, quads, quads_uv, strip = extension(model.neutral, ring)
    below = np.concatenate([number[ring], count + np.arange(offsets[..., 0].size)])
    sources.append(np.tile(np.repeat(ring[:, None], 3, 1), (len(offsets), 1)))
    weights.append(np.tile([1.0, 0.0, 0.0], (len(sources[-1]), 1)))
    faces.append(below[quads])
    face_uv.append(quads_uv + uv_count)
    uvs.append(_tiled(strip, NECK_TILE))
    parts.append(np.full(len(quads), DETAILED_PARTS.index("skin")))
    order = {int(vertex): place for place, vertex in enumerate(ring)}
    opposite = np.array([order[int(mirror[vertex])] for vertex in ring])
    symmetry.append((count + np.arange(len(offsets))[:, None] * len(ring) + opposite).ravel())
    beside = np.zeros((count + offsets[..., 0].size, 3))
    beside[count:] = offsets.reshape(-1, 3)
    surface = Surface(
        offsets=beside,
        source_vertices=np.concatenate(sources),
        source_weights=np.concatenate(weights),
        faces=np.concatenate(faces),
        face_uv=np.concatenate(face_uv),
        face_part=np.concatenate(parts),
        uv=np.concatenate(uvs),
        symmetry=np.concatenate(symmetry),
        landmarks68=number[model.landmarks68],
        eyes=(
            _from_outer_corner(number[chains[0]], number[model.landmarks68[45]], 0),
            _from_outer_corner(number[chains[1]], number[model.landmarks68[36]], 1),
        ),
        rim=below[-len(ring) :],
    )
    return surface, model


def _from_outer_corner(loop: np.ndarray, outer: int, side: int) -> np.ndarray:
    """A loop of lid vertices that begins at the outer corner and runs along the upper lid."""
    # The left eye's chain begins at the inner corner and runs along the upper lid, the right eye's at the outer one.
    turned = np.roll(loop, -int(np.flatnonzero(loop == outer)[0]))
    return np.roll(turned[::-1], 1) if side == 0 else turned
