"""Hair as a grown volume: strands grow from the scalp, fall, rest on the skin, and their locks add up to a solid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from core.neural_head.canonical import HIGH, LOW
from core.neural_head.surface_nets import Surface, surface_nets

from .hair_style import HairStyle

STEP_CM = 0.5
"""Length of a piece of a strand."""
ROOTS, BEARD_ROOTS, SHELL_ROOTS = 2200, 700, 8000
"""Strands of a full head of hair and of a full beard, and short hairs by which the scalp is covered everywhere."""
HAIRLINE = np.array(
    [
        *((14.0, 9.8), (8.4, 9.8), (6.0, 8.6), (4.4, 5.0), (3.0, 1.0), (1.7, 0.6), (1.5, 4.2), (-4.0, 4.2)),
        *((-4.7, -1.0), (-7.0, -5.5), (-14.0, -5.5)),
    ]
)
"""z and y on the mean head: hair grows above this line."""
EAR_CM = 7.6
"""Distance from the middle of the head beyond which skin below the line's ear is the ear's."""
CELL_CM = 0.4
"""Side of the cells in which strands are counted."""
FULL = 0.35
"""Locks in a cell, smoothed, at which it counts as half full."""


@dataclass(frozen=True)
class Hair:
    """A volume of hair.

    Attributes
    ----------
    surface
        Its closed surface, quads, in head space.
    beard
        (N,) bool: vertices that belong to a beard.
    """

    surface: Surface
    beard: np.ndarray


def scalp(mean: np.ndarray, style: HairStyle) -> np.ndarray:
    """(V,) bool: vertices (V, 3) of the mean head on which hair grows."""
    x, y, z = mean.T
    order = np.argsort(HAIRLINE[:, 0])
    line = np.interp(z, HAIRLINE[order, 0], HAIRLINE[order, 1])
    grows = y > line + style.receding * np.clip((z - 1.0) / 4.0, 0, 1) * np.clip((y - 5.0) / 3.0, 0, 1)
    grows &= ~((z > 8.5 - style.receding) & (style.receding > 0) & (np.abs(x) > 2.5) & (y < 12))
    crown = np.linalg.norm(mean - (0.0, 13.5, -3.5), axis=1) < style.thinning
    return grows & ~_ears(mean) & ~crown


def _ears(mean: np.ndarray) -> np.ndarray:
    """(V,) bool: vertices of the mean head's ears."""
    x, y, z = mean.T
    return (np.abs(x) > EAR_CM) & (y < 4.3) & (y > -4) & (z > -5) & (z < 2.2)


def beard_area(mean: np.ndarray, style: HairStyle) -> tuple[np.ndarray, np.ndarray]:
    """(V,) bool each: vertices of the mean head, in its canonical pose, on which beard and moustache grow."""
    x, y, z = mean.T
    across = np.abs(x)
    chin = (y < -5.4) & (z > 5.5) & (y > -9.5) & (across < 2.6)
    jaw = (z > 1.8) & (across > 2.2) & (y < -1.2 - 0.45 * (z - 2)) & (y > -9.0)
    jaw &= z > 9.0 - 7.4 * style.beard_width
    moustache = (y > -2.6) & (y < -1.1) & (z > 9.3) & (across < 2.9)
    return chin | (jaw & (style.beard_width > 0)), moustache


def grow(vertices: np.ndarray, normals: np.ndarray, mean: np.ndarray, triangles: np.ndarray, style: HairStyle) -> Hair:
    """Grow the hair of one person.

    Parameters
    ----------
    vertices, normals
        (V, 3) centimetres and unit vectors: the skin in the canonical pose.
    mean
        (V, 3) the mean head in the same pose, on which the areas are defined.
    triangles
        (F, 3) of the skin.
    style
        What to grow.

    Returns
    -------
    Hair
        A surface without vertices for bald people without beards.
    """
    rng = np.random.default_rng(style.seed)
    skin = _Skin(vertices, normals, triangles, _ears(mean))
    points = []
    if style.top > 0:
        roots, root_mean = skin.roots(scalp(mean, style), mean, ROOTS, rng)
        points.append(_strands(skin, roots, root_mean, style, rng))
        roots, _ = skin.roots(scalp(mean, style), mean, SHELL_ROOTS, rng)
        shell = roots + skin.normal(roots) * rng.uniform(-0.3, 0.5 * min(1.0, style.sides), len(roots))[:, None]
    else:
        shell = np.zeros((0, 3))
    head_points = np.concatenate(points) if points else np.zeros((0, 3))
    beards = []
    for area, length in zip(beard_area(mean, style), (style.beard, style.moustache), strict=True):
        if length > 0 and area.any():
            share = min(1.0, area.sum() / 400)
            roots, root_mean = skin.roots(area, mean, max(60, round(BEARD_ROOTS * share)), rng)
            beards.append(_beard(skin, roots, root_mean, length, rng))
    beard_points = np.concatenate(beards) if beards else np.zeros((0, 3))
    volume, shape = _density(head_points, style.thickness)
    chin = _density(beard_points, 0.5)[0] + _density(shell, 0.45)[0]
    if style.curl > 0:
        noise = gaussian_filter(rng.standard_normal(shape), style.curl_length / 2.5 / CELL_CM)
        volume = volume * np.exp(0.9 * min(style.curl, 1.0) * noise / noise.std())
    full = 1 - np.exp(-np.log(2) * (volume + chin) / FULL)
    surface = surface_nets(0.5 - full, LOW, CELL_CM)
    beard = np.zeros(len(surface.vertices), bool)
    if len(beard_points) and len(surface.vertices):
        near = cKDTree(beard_points).query(surface.vertices)[0]
        far = cKDTree(np.concatenate([head_points, shell])).query(surface.vertices)[0] if len(head_points) else np.inf
        beard = near < far
    return Hair(surface, beard)


class _Skin:
    """The skin that strands grow from; they rest on it without its ears, which may come out between them."""

    def __init__(self, vertices: np.ndarray, normals: np.ndarray, triangles: np.ndarray, ears: np.ndarray) -> None:
        corners = triangles[~ears[triangles].any(1)]
        used = np.unique(corners)
        middles = vertices[corners].mean(1)
        self.vertices, self.normals, self.triangles = vertices, normals, triangles
        self.points = np.concatenate([vertices[used], middles])
        toward = normals[corners].mean(1)
        self.toward = np.concatenate([normals[used], toward / np.linalg.norm(toward, axis=1, keepdims=True).clip(1e-6)])
        self.tree = cKDTree(self.points)

    def roots(
        self, area: np.ndarray, mean: np.ndarray, full: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Random places in an area (V,) bool of the skin, and the same places on the mean head: (N, 3) each."""
        inside = self.triangles[area[self.triangles].all(1)]
        corners = self.vertices[inside]
        sizes = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
        if not len(inside) or sizes.sum() == 0:
            return np.zeros((0, 3)), np.zeros((0, 3))
        chosen = inside[rng.choice(len(inside), full, p=sizes / sizes.sum())]
        weights = rng.dirichlet((1.0, 1.0, 1.0), full)[..., None]
        return (self.vertices[chosen] * weights).sum(1), (mean[chosen] * weights).sum(1)

    def push(self, points: np.ndarray, gap: float | np.ndarray) -> np.ndarray:
        """Points (N, 3), moved out so that they are at least ``gap`` above the skin."""
        _, nearest = self.tree.query(points)
        above = ((points - self.points[nearest]) * self.toward[nearest]).sum(1)
        return points + self.toward[nearest] * np.maximum(gap - above, 0)[:, None]

    def normal(self, points: np.ndarray) -> np.ndarray:
        """Unit normals (N, 3) of the skin next to points."""
        return self.toward[self.tree.query(points)[1]]


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-6)


def _strands(
    skin: _Skin, roots: np.ndarray, mean: np.ndarray, style: HairStyle, rng: np.random.Generator
) -> np.ndarray:
    """All points of the strands of the head."""
    x, y, z = mean.T
    up = np.clip((y - 4.0) / 6.0, 0, 1)
    lengths = (style.sides + (style.top - style.sides) * up) * rng.uniform(0.85, 1.05, len(roots))
    if np.isnan(style.parting):
        comb = np.stack([0.25 * np.sign(x), 0 * x, -np.ones_like(x)], 1)
    else:
        side = np.tanh((x - style.parting) * 1.5)
        comb = np.stack([side, 0 * x, -0.35 * np.ones_like(x)], 1)
    front = np.clip((z - 2.0) / 5.0, 0, 1) * up * style.fringe
    behind = np.clip((-2.0 - z) / 3.0, 0, 1)[:, None]
    comb = comb * (1 - behind) + np.array([0.0, -1.0, -0.3]) * behind
    comb = comb * up[:, None] + np.array([0.0, -1.0, -0.15]) * (1 - up)[:, None]
    comb = _unit(comb * (1 - front)[:, None] + np.array([0.0, 0.0, 1.4]) * front[:, None])
    outward = skin.normal(roots)
    points, place = [roots], roots
    phase, offset = rng.uniform(0, 2 * np.pi, len(roots)), rng.uniform(0.2, 1.0, len(roots))
    gap = 0.15 + style.lift * 1.3 * offset * np.clip(lengths / 5, 0.1, 1)
    for step in range(int(np.ceil(lengths.max() / STEP_CM))):
        along = step * STEP_CM
        rise = np.exp(-along / (0.6 + 2.2 * style.lift))
        fall = 1 - np.exp(-along / 5.0)
        direction = outward * (0.2 + 1.2 * style.lift) * rise + comb * (1 - 0.8 * fall) + np.array([0, -1.3, 0]) * fall
        if style.curl > 0:
            turn = 2 * np.pi * along / style.curl_length + phase
            direction = direction + style.curl * np.stack([np.sin(turn), 0 * turn, np.cos(turn)], 1)
        direction = _unit(direction)
        moving = along < lengths
        place = place + direction * (STEP_CM * moving)[:, None]
        place = skin.push(place, gap * np.minimum(1, (along + 0.5) / 3))
        place = _out_of_face(place, 5.0 if style.fringe == 0 else 4.6)
        points.append(place[moving])
    return np.concatenate(points)


def _out_of_face(points: np.ndarray, below: float) -> np.ndarray:
    """Points (N, 3); those in front of the face and under ``below`` are pushed to its sides."""
    x, y, z = points.T
    half = 5.9 + 0.12 * np.clip(-y, 0, 10)
    inside = (np.abs(x) < half) & (z > 5.5) & (y < below)
    out = points.copy()
    out[inside, 0] = np.where(x >= 0, half, -half)[inside]
    out[:, 2] = np.where(y < below, np.minimum(z, 7.0), z)
    return out


def _beard(skin: _Skin, roots: np.ndarray, mean: np.ndarray, length: float, rng: np.random.Generator) -> np.ndarray:
    """All points of the strands of a beard; they part around the mouth."""
    outward = skin.normal(roots)
    aside = np.stack([np.sign(mean[:, 0]) * (mean[:, 1] > -4), np.full(len(mean), -1.2), 0 * mean[:, 0]], 1)
    points, place = [roots], roots
    lengths = length * rng.uniform(0.6, 1.0, len(roots))
    for step in range(int(np.ceil(length / STEP_CM)) + 1):
        direction = _unit(outward * np.exp(-step * STEP_CM / 1.0) + _unit(aside) * (1 - np.exp(-step * STEP_CM)))
        place = skin.push(place + direction * np.minimum(STEP_CM, lengths)[:, None] * 0.8, 0.1)
        points.append(place[step * STEP_CM < lengths])
    return np.concatenate(points)


def _density(points: np.ndarray, thickness: float) -> tuple[np.ndarray, tuple[int, ...]]:
    """Points in each cell of the box, smoothed over the thickness of a lock, and its shape (X, Y, Z)."""
    shape = tuple(int(np.ceil((high - low) / CELL_CM)) + 1 for low, high in zip(LOW, HIGH, strict=True))
    counts = np.zeros(shape)
    if len(points):
        cells = np.rint((points - LOW) / CELL_CM).astype(int)
        cells = cells[((cells >= 2) & (cells < np.array(shape) - 2)).all(1)]
        np.add.at(counts, tuple(cells.T), 1.0)
    return gaussian_filter(np.minimum(counts, 3.0), thickness / CELL_CM), shape
