"""Lashes: single hairs of a few quads, laid out on ICT-FaceKit's lash cards.

The cards are sheets for a picture with transparency. Hairs of their own need no transparency: they look the same in
every renderer and survive every export. Each vertex of a hair is a fixed mixture of three vertices of its card, so it
follows the card in every shape.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.detailed_head.strands import strand_quads

from ..ict import IctModel, vertex_components
from ..surface import closest_on_mesh

UPPER_HAIRS, LOWER_HAIRS = 44, 22
"""Hairs on each of the three cards of an upper and a lower lid."""
LEVELS = 4
"""Pairs of vertices along a hair."""
THICK = (0.016, 0.011)
"""Width of a hair at its root on the upper and on the lower lid, centimetres."""
FAN = 0.035
"""How far a hair leans along the lid from root to tip, in the card's texture coordinates, at the ends of the lid."""
SHORTEST = 0.6
"""Length of the shortest hair, relative to the card."""


@dataclass(frozen=True)
class Hairs:
    """Hairs on source vertices.

    Attributes
    ----------
    vertices, weights
        (L, 3) source vertices, and their weights with sum 1.
    quads
        (H, 4) rows of ``vertices``.
    hair
        (L,) number of the hair to which a vertex belongs.
    """

    vertices: np.ndarray
    weights: np.ndarray
    quads: np.ndarray
    hair: np.ndarray


def grow_lashes(model: IctModel, side: str, margin: np.ndarray, rng: np.random.Generator) -> Hairs:
    """The lashes of one eye, ``side`` "left" or "right"; ``margin`` (n,) are source vertices of the lid's edges."""
    vertices, weights = [], []
    for card in vertex_components(model.faces, np.arange(*model.parts[f"eyelashes_{side}"])):
        upper = model.neutral[card, 1].mean() > model.neutral[margin, 1].mean()
        triangles, corners = _triangles(model, card)
        low, high = corners.reshape(-1, 2).min(0), corners.reshape(-1, 2).max(0)
        root, tip = _root_and_tip(model, triangles, corners, model.neutral[margin])
        number = UPPER_HAIRS if upper else LOWER_HAIRS
        start = (np.arange(number) + rng.uniform(0.15, 0.85, number)) / number
        length = rng.uniform(SHORTEST, 1.0, number)
        lean = FAN * (2 * start - 1) + rng.normal(0, 0.006, number)
        across = high[0] - low[0]
        along = np.linspace(0, 1, LEVELS)
        half = 0.5 * THICK[0 if upper else 1] / np.ptp(model.neutral[card, 0]) * across * (1 - 0.85 * along)
        middle = low[0] + across * start[:, None] + lean[:, None] * along**1.5  # (hairs, levels)
        u = np.clip(np.stack([middle - half, middle + half], -1), low[0], high[0])
        v = np.broadcast_to((root + (tip - root) * along * length[:, None])[..., None], u.shape)
        flat = np.concatenate([corners.reshape(-1, 2), np.zeros((corners.size // 2, 1))], 1)
        places = np.stack([u, v, np.zeros_like(u)], -1).reshape(-1, 3)  # (hairs, levels, 2, 3) -> (n, 3)
        rows, mixture, _ = closest_on_mesh(places, flat, np.arange(len(flat)).reshape(-1, 3))
        vertices.append(triangles[rows])
        weights.append(mixture)
    hair = np.repeat(np.arange(sum(map(len, vertices)) // (2 * LEVELS)), 2 * LEVELS)
    return Hairs(np.concatenate(vertices), np.concatenate(weights), strand_quads(hair[-1] + 1, LEVELS), hair)


def _triangles(model: IctModel, card: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Triangles (T, 3) of a card, and texture coordinates (T, 3, 2) of their corners."""
    rows = np.flatnonzero(np.isin(model.faces[:, 0], card))
    faces, uv = model.faces[rows], model.face_uv[rows]
    split = ([0, 1, 2], [0, 2, 3])
    return (
        np.concatenate([faces[:, s] for s in split]),
        model.uv[np.concatenate([uv[:, s] for s in split])],
    )


def _root_and_tip(
    model: IctModel, triangles: np.ndarray, corners: np.ndarray, margin: np.ndarray
) -> tuple[float, float]:
    """v of a card's edge on the lid, and of its free edge."""
    v = corners[..., 1].ravel()
    points = model.neutral[triangles.ravel()]
    distance = np.linalg.norm(points[:, None] - margin[None], axis=-1).min(1)
    ends = [(distance[np.isclose(v, end)].mean(), end) for end in (v.min(), v.max())]
    return float(min(ends)[1]), float(max(ends)[1])
