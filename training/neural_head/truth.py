"""Exact distances of skin and hair: points with signed distances, normals and labels, for people with grown hair."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import trimesh
from scipy.spatial import cKDTree

from core.head.canonical_pose import canonical
from core.head.head_model import PARTS, HeadModel
from core.neural_head.canonical import HIGH, LOW, Solid, anchor_vertices
from core.neural_head.field import REGIONS

from .hair_growth import Hair, grow
from .hair_style import HairStyle, random_style

DENSE = 30_000
"""Points on a surface, beside the middles of its triangles, among which the nearest triangles are searched."""
CANDIDATES = 6
"""Nearest of these points whose triangles are compared."""
NEAR_CM = (0.2, 0.8)
"""Standard deviations with which points are moved off the surface."""
FACE_SHARE = 0.5
"""Share of the skin's points that lie on the face."""
LIPS = 4.0
"""How many times as many points lie on the lips as on the rest of the face."""
FAR_CM = 4.0
"""Distances of a person's hair are limited to this; a person without hair has it everywhere."""


@dataclass(frozen=True)
class Truth:
    """Points of one person. All float32; distances and places in centimetres.

    Attributes
    ----------
    skin, skin_normals, skin_region
        (N, 3) points on the skin in the box, their normals, and (N,) int64 rows of ``core.neural_head.field.REGIONS``.
    hair, hair_normals, hair_region
        (M, 3) points on the hair outside the skin, and so on; M is 0 for bald people.
    space, space_skin, space_hair
        (K, 3) points near surfaces and anywhere in the box, and (K,) their signed distances from skin and hair.
    """

    skin: np.ndarray
    skin_normals: np.ndarray
    skin_region: np.ndarray
    hair: np.ndarray
    hair_normals: np.ndarray
    hair_region: np.ndarray
    space: np.ndarray
    space_skin: np.ndarray
    space_hair: np.ndarray


class TriangleDistance:
    """Signed distances from a surface whose triangles run counter-clockwise seen from outside."""

    def __init__(self, vertices: np.ndarray, triangles: np.ndarray, rng: np.random.Generator) -> None:
        self.mesh = trimesh.Trimesh(vertices, triangles, process=False)
        self.corners = vertices[triangles].astype(np.float64)
        self.normals = np.asarray(self.mesh.vertex_normals)[triangles]  # (F, 3, 3)
        weights, owner = self.sample(DENSE, np.ones(len(triangles)), rng)
        points = (self.corners[owner] * weights[..., None]).sum(1)
        self._owner = np.concatenate([np.arange(len(triangles)), owner])
        self._tree = cKDTree(np.concatenate([self.corners.mean(1), points]))

    def sample(self, count: int, share: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Barycentric weights (count, 3) and triangles (count,) of random points; density (F,) ∝ area · ``share``."""
        chance = self.mesh.area_faces * share
        return rng.dirichlet((1.0, 1.0, 1.0), count), rng.choice(len(chance), count, p=chance / chance.sum())

    def at(self, weights: np.ndarray, owner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points and unit normals (N, 3) at barycentric weights (N, 3) of triangles (N,)."""
        normals = (self.normals[owner] * weights[..., None]).sum(1)
        normals /= np.linalg.norm(normals, axis=1, keepdims=True).clip(1e-6)
        return (self.corners[owner] * weights[..., None]).sum(1), normals

    def nearest(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Nearest points of the surface to points (N, 3), the unit normals there, and their triangles (N,)."""
        _, near = self._tree.query(points, CANDIDATES)
        owner = self._owner[near].reshape(-1)  # (N, C) -> (N·C,)
        repeated = np.repeat(points.astype(np.float64), CANDIDATES, 0)
        closest = trimesh.triangles.closest_point(self.corners[owner], repeated)
        distance = np.linalg.norm(closest - repeated, axis=1).reshape(-1, CANDIDATES)
        best = distance.argmin(1) + CANDIDATES * np.arange(len(points))
        weights = trimesh.triangles.points_to_barycentric(self.corners[owner[best]], closest[best])
        return closest[best], self.at(np.clip(weights, 0, 1), owner[best])[1], owner[best]

    def signed(self, points: np.ndarray) -> np.ndarray:
        """(N,) distances of points (N, 3), negative inside."""
        closest, normals, _ = self.nearest(points)
        outside = ((points - closest) * normals).sum(1) >= 0
        return np.where(outside, 1.0, -1.0) * np.linalg.norm(points - closest, axis=1)


class Truths:
    """Makes the truth of people: any identity with any style."""

    def __init__(self, head: HeadModel) -> None:
        self.head, self.solid = head, Solid.of(head)
        self.mean = canonical(head, torch.zeros(1)).numpy()
        self.face = face_triangles(self.mean, self.solid)
        self.inside = self.solid.part == PARTS.index("mouth_socket")
        self._anchors = anchor_vertices(head)

    @cached_property
    def _skin(self) -> np.ndarray:
        return self.head.triangles[self.head.part_triangles("skin", "lips")].numpy()

    def person(self, seed: int) -> tuple[np.ndarray, HairStyle]:
        """The identity (I,) ~ N(0, 1) and the style of a person's seed."""
        rng = np.random.default_rng([seed, 0x4EAD])
        return rng.standard_normal(self.head.identity_count).astype(np.float32), random_style(rng)

    def vertices(self, identity: np.ndarray) -> np.ndarray:
        """(V + …, 3) vertices of the solid of an identity (I,)."""
        return self.solid.vertices(canonical(self.head, torch.from_numpy(identity)).numpy())

    def anchors(self, identities: torch.Tensor) -> torch.Tensor:
        """(P, 16, 3) places of the anchors of people (P, I)."""
        return canonical(self.head, identities)[:, self._anchors]

    def hair(self, identity: np.ndarray, style: HairStyle) -> Hair:
        """The grown hair of an identity (I,)."""
        vertices = canonical(self.head, torch.from_numpy(identity))
        return grow(vertices.numpy(), self.head.normals(vertices).numpy(), self.mean, self._skin, style)

    def make(self, seed: int, count: int) -> Truth:
        """The truth of a person's seed: ``count`` points on the skin, as many on the hair, and four times as many in
        space."""
        identity, style = self.person(seed)
        rng = np.random.default_rng([seed, 1])
        skin = TriangleDistance(self.vertices(identity), self.solid.triangles, rng)
        area = skin.mesh.area_faces
        share = np.where(self.face, FACE_SHARE / area[self.face].sum(), (1 - FACE_SHARE) / area[~self.face].sum())
        share *= np.where(self.solid.part == PARTS.index("lips"), LIPS, 1.0)
        weights, owner = skin.sample(3 * count, share, rng)
        points, normals = skin.at(weights, owner)
        kept = np.flatnonzero(_in_box(points))[:count]
        grown = self.hair(identity, style)
        hair_points, hair_normals, hair_region = np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0, np.int64)
        hair = None
        if len(grown.surface.quads):
            triangles = grown.surface.triangles
            hair = TriangleDistance(grown.surface.vertices, triangles, rng)
            hair_weights, hair_owner = hair.sample(2 * count, np.ones(len(triangles)), rng)
            hair_points, hair_normals = hair.at(hair_weights, hair_owner)
            seen = np.flatnonzero((skin.signed(hair_points) > -0.2) & _in_box(hair_points))[:count]
            beard = grown.beard[triangles[hair_owner]].sum(1) > 1
            hair_region = np.where(beard, REGIONS.index("beard"), REGIONS.index("hair"))[seen]
            hair_points, hair_normals = hair_points[seen], hair_normals[seen]
        space = self._space(points[kept], hair_points, count, rng)
        distance = np.full(len(space), FAR_CM) if hair is None else np.minimum(hair.signed(space), FAR_CM)
        arrays = (points[kept], normals[kept], _regions(self.solid.part[owner[kept]]))
        return Truth(
            *(_single(array) for array in (*arrays, hair_points, hair_normals, hair_region)),
            *(_single(array) for array in (space, skin.signed(space), distance)),
        )

    def _space(self, skin: np.ndarray, hair: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        """(4 count, 3) points near skin and hair and anywhere in the box."""
        around = [skin, hair if len(hair) else skin]
        parts = []
        for surface, deviation in ((a, d) for a in around for d in NEAR_CM):
            chosen = surface[rng.integers(len(surface), size=count * 3 // 4)]
            parts.append(chosen + deviation * rng.standard_normal(chosen.shape))
        parts.append(rng.uniform(LOW, HIGH, (count, 3)))
        return np.clip(np.concatenate(parts), LOW, HIGH)


def face_triangles(mean: np.ndarray, solid: Solid) -> np.ndarray:
    """(F,) bool: triangles of the solid that belong to the face, from ear to ear and from the forehead to the chin.

    ``mean`` (V, 3) is the mean head in the canonical pose. The inside of the mouth doesn't count.
    """
    middles = solid.vertices(mean)[solid.triangles].mean(1)
    across, y, z = np.abs(middles[:, 0]), middles[:, 1], middles[:, 2]
    return (z > 3.0) & (across < 7.0) & (y > -9.5) & (y < 9.5) & (solid.part != PARTS.index("mouth_socket"))


def _regions(part: np.ndarray) -> np.ndarray:
    """Rows of REGIONS for rows of PARTS (N,)."""
    table = np.full(len(PARTS), REGIONS.index("skin"))
    table[PARTS.index("lips")] = REGIONS.index("lips")
    table[PARTS.index("mouth_socket")] = REGIONS.index("mouth")
    table[[PARTS.index("eye_left"), PARTS.index("eye_right")]] = REGIONS.index("eye")
    return table[part]


def _in_box(points: np.ndarray) -> np.ndarray:
    return ((points > LOW) & (points < HIGH)).all(1)


def _single(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32) if array.dtype.kind == "f" else array
