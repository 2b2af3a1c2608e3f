"""Brows: single hairs on the skin where the photograph shows some, in their colour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from .model import DetailedHead
from .strands import strand_quads, strand_uv

BROWS = ((22, 23, 24, 25, 26), (21, 20, 19, 18, 17))
"""Landmarks of each brow from its inner end, the person's left first."""
REACH_CM = 0.62
"""Hairs are looked for up to this distance from the line through the landmarks."""
CANDIDATES = 2600
"""Places on each brow at which a hair can grow."""
MOST = 420
"""Most hairs of a brow."""
DARKER = (0.06, 0.3)
"""How much darker than the skin around a place must be for the first hairs, and for all of them."""
LENGTH_CM, THICK_CM = (0.45, 0.8), 0.016
LIFT_CM = (0.004, 0.035)
"""Distance of root and tip from the skin."""
LEVELS = 4
"""Pairs of vertices along a hair."""
UPWARD = (0.9, 0.15)
"""How far hairs stand up at the inner end and at the outer end, relative to their way along the brow."""
DARKEST = 0.15
"""Quantile of brightness, among the places with hair, that is the hairs' colour."""
NEAREST = 3
"""Vertices of the skin that a hair's vertex follows."""
TILE = (0.51, 0.004, 0.48, 0.024)
"""Texture rectangle (u, v, width, height) of the brows, which nothing else uses."""
COLUMNS = 70
"""Hairs beside each other in that rectangle."""


@dataclass(frozen=True)
class Strands:
    """Hairs bound to the skin.

    Attributes
    ----------
    vertices
        (n, 3) centimetres on the person's neutral head.
    quads
        (q, 4) rows of ``vertices``.
    uv
        (n, 2) texture coordinates: a narrow rectangle for each hair.
    anchors, weights
        (n, 3) vertices of the head that each vertex follows, and their weights.
    colour
        (3,) sRGB 0–255.
    """

    vertices: np.ndarray
    quads: np.ndarray
    uv: np.ndarray
    anchors: np.ndarray
    weights: np.ndarray
    colour: np.ndarray


def grow_brows(head: DetailedHead, neutral: np.ndarray, texture: np.ndarray) -> Strands | None:
    """The brows of a person with a neutral head (V, 3) and a texture (S, S, 3), or None if it shows none."""
    rng = np.random.default_rng(1)
    triangles, corners_uv = head.triangles.numpy(), head.uv.numpy()[head.triangle_uv.numpy()]
    skin = head.part_triangles("skin").numpy()
    normals = head.normals(head.mean.new_tensor(neutral)).numpy()
    lines, colours = [], []
    for side, marks in enumerate(BROWS):
        path = neutral[head.landmarks68.numpy()[list(marks)]]
        middle = neutral[triangles[skin]].mean(1)
        near = skin[cKDTree(_dense(path)).query(middle)[0] < REACH_CM]
        place, mixture = _scattered(neutral[triangles[near]], rng)
        rows = near[place]
        points = np.einsum("nk,nkc->nc", mixture, neutral[triangles[rows]])
        uv = np.einsum("nk,nkc->nc", mixture, corners_uv[rows])
        seen = _looked_up(texture, uv)
        level = seen.mean(1)
        dark = 1 - level / np.quantile(level, 0.8)
        wanted = np.clip((dark - DARKER[0]) / (DARKER[1] - DARKER[0]), 0, 1) * MOST / CANDIDATES * 1.6
        chosen = np.flatnonzero(rng.random(len(points)) < wanted)[:MOST]
        if len(chosen) < MOST // 20:
            continue
        colours.append(seen[chosen])
        lines.append(_lines(points[chosen], path, side, rng))
    if not lines:
        return None
    line = np.concatenate(lines)  # (hairs, levels, 3)
    surface = np.unique(triangles[skin])
    tree = cKDTree(neutral[surface])
    near = surface[tree.query(line)[1]]
    normal = normals[near]
    height = np.linspace(*LIFT_CM, LEVELS)[None, :, None]
    line = line - normal * ((line - neutral[near]) * normal).sum(-1, keepdims=True) + normal * height
    along = np.gradient(line, axis=1)
    across = np.cross(along, normal)
    across /= np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-9)
    half = 0.5 * THICK_CM * (1 - 0.85 * np.linspace(0, 1, LEVELS))[None, :, None]
    vertices = np.stack([line - across * half, line + across * half], 2).reshape(-1, 3)
    distance, found = tree.query(vertices, k=NEAREST)
    weights = 1 / np.maximum(distance, 1e-3)
    seen = np.concatenate(colours)
    darkest = seen[seen.mean(1) <= np.quantile(seen.mean(1), DARKEST)]
    return Strands(
        vertices=vertices,
        quads=strand_quads(len(line), LEVELS),
        uv=strand_uv(len(line), LEVELS, COLUMNS, TILE),
        anchors=surface[found],
        weights=weights / weights.sum(1, keepdims=True),
        colour=np.median(darkest, axis=0),
    )


def _dense(path: np.ndarray) -> np.ndarray:
    """(60, 3) points along a path (n, 3)."""
    t = np.linspace(0, len(path) - 1, 60)
    return np.stack([np.interp(t, np.arange(len(path)), path[:, c]) for c in range(3)], 1)


def _scattered(corners: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Random places on triangles (n, 3, 3), as many on each as its area asks for: rows, and weights (k, 3)."""
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    rows = rng.choice(len(corners), CANDIDATES, p=area / area.sum())
    return rows, rng.dirichlet([1, 1, 1], CANDIDATES)


def _looked_up(texture: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """(n, 3) colours of a texture (S, S, 3) at texture coordinates (n, 2)."""
    size = texture.shape[0]
    column = np.clip((uv[:, 0] * size).astype(int), 0, size - 1)
    row = np.clip(((1 - uv[:, 1]) * size).astype(int), 0, size - 1)
    return texture[row, column].astype(np.float64)


def _lines(roots: np.ndarray, path: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """(n, LEVELS, 3) hairs that leave their roots along the brow, more upward at its inner end."""
    dense = _dense(path)
    near = np.clip(cKDTree(dense).query(roots)[1], 0, len(dense) - 2)
    onward = dense[near + 1] - dense[near]
    onward /= np.linalg.norm(onward, axis=1, keepdims=True)
    share = near / len(dense)
    # Above the line hairs lean down, below it up, so that they meet on it.
    lean = UPWARD[0] + (UPWARD[1] - UPWARD[0]) * share - 0.8 * (roots[:, 1] - dense[near, 1])
    direction = onward + (lean + rng.normal(0, 0.12, len(roots)))[:, None] * np.array([0, 1.0, 0])
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    length = rng.uniform(*LENGTH_CM, len(roots)) * (1 - 0.35 * share)
    t = np.linspace(0, 1, LEVELS)
    bend = onward[:, None] * (0.35 * t**2)[None, :, None]
    return roots[:, None] + length[:, None, None] * (direction[:, None] * t[None, :, None] + bend)
