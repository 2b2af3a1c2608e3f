"""Wrinkles that the shapes press into the skin, as maps of height over the detailed head's texture.

Creases are lines on the face, drawn between landmarks where faces have them. How deep each is follows from the shapes:
the skin's strain across the line, on the person's own head. Where a shape presses the skin together the crease is as
deep as the pressing is strong; where it stretches the skin there is none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from scipy.spatial import cKDTree

from ..motion.channels import EXPRESSIONS
from ..portrait.texture import Texels, at_texels, texels_of, texels_per_cm
from ..wire.names import WRINKLE_DEEPEST_CM, WRINKLE_HIGHEST_CM, WRINKLES
from .creases import Crease, creases_of
from .model import DetailedHead
from .parts import DETAILED_PARTS

SIDE = 1024
"""Side of the maps in texels."""
DEPTH_CM = 0.25
"""Depth of a crease for each unit of strain across it, centimetres."""
WIDE = 3.0
"""Half widths of a crease within which its folds are."""
FOLD = 0.45
"""Height of the folds beside a crease, relative to its depth."""
CHIN_CM, PEBBLES_CM = 1.5, (0.06, 0.13)
"""Radius of the chin's dimpled skin, and the two blurs between which its dimples are."""


def wrinkle_maps(head: DetailedHead, neutral: np.ndarray) -> np.ndarray:
    """(2, SIDE, SIDE, 3) uint8 heights of the six maps of ``core.wire.names.WRINKLES`` on a neutral head (V, 3).

    A value v stands for ``v / 255 · (WRINKLE_HIGHEST_CM + WRINKLE_DEEPEST_CM) − WRINKLE_DEEPEST_CM`` centimetres.
    """
    skin = head.part_triangles("skin", "lips").numpy()
    texels = texels_of(head, SIDE)
    part = head.triangle_part.numpy()[texels.triangle]
    chosen = np.isin(part, [DETAILED_PARTS.index(name) for name in ("skin", "lips")])
    triangles, shapes = head.triangles.numpy(), head.shapes().numpy()
    texels = texels.only(chosen)
    points = at_texels(neutral, triangles, texels)
    normals = at_texels(head.normals(torch.from_numpy(neutral).float()).numpy(), triangles, texels)
    creases = creases_of(neutral, head.landmarks68.numpy(), np.unique(triangles[skin]))
    out = np.full((2 * 3, SIDE, SIDE), WRINKLE_DEEPEST_CM, np.float32)
    for row, names in enumerate(WRINKLES):
        pressed = shapes[[EXPRESSIONS.index(name) for name in _both_sides(names)]].sum(0)
        tensor = surface_strain(neutral, neutral + pressed, triangles[skin]).reshape(-1, 9)
        near = np.linalg.norm(pressed, axis=1)[triangles[texels.triangle]].max(1) > 1e-3
        here = texels.only(near)
        strain = at_texels(tensor, triangles, here).reshape(-1, 3, 3)
        height = np.zeros(near.sum(), np.float32)
        if creases[row]:
            height = _height(creases[row], points[near], normals[near], strain)
        if "mouthShrugLower" in names:
            chin = neutral[head.landmarks68.numpy()[[57, 8]]].mean(0)
            height += _dimples(here, points[near] - chin, strain, texels_per_cm(head, SIDE))
        out[row, here.row, here.column] += np.clip(height, -WRINKLE_DEEPEST_CM, WRINKLE_HIGHEST_CM)
    scaled = out / (WRINKLE_DEEPEST_CM + WRINKLE_HIGHEST_CM)
    return np.round(255 * scaled).astype(np.uint8).reshape(2, 3, SIDE, SIDE).transpose(0, 2, 3, 1)


def _both_sides(names: tuple[str, ...]) -> list[str]:
    return [one for name in names for one in (name, f"{name}_L", f"{name}_R") if one in EXPRESSIONS]


def surface_strain(before: np.ndarray, after: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(V, 3, 3) Green strain of a surface (V, 3) that moves, in its own plane: 0.1 along a line that grows by a tenth.

    Mean of the triangles (F, 3) around each vertex by their areas; 0 where there are none.
    """
    rest, moved = before[triangles].astype(np.float64), after[triangles].astype(np.float64)
    old = np.stack([rest[:, 1] - rest[:, 0], rest[:, 2] - rest[:, 0]], -1)  # (F, 3, 2)
    new = np.stack([moved[:, 1] - moved[:, 0], moved[:, 2] - moved[:, 0]], -1)
    back = np.linalg.pinv(old)
    change = new.transpose(0, 2, 1) @ new - old.transpose(0, 2, 1) @ old
    strain = 0.5 * back.transpose(0, 2, 1) @ change @ back
    area = np.linalg.norm(np.cross(old[..., 0], old[..., 1]), axis=1)
    total, weight = np.zeros((len(before), 3, 3)), np.zeros(len(before))
    for corner in triangles.T:
        np.add.at(total, corner, area[:, None, None] * strain)
        np.add.at(weight, corner, area)
    return np.asarray(total / np.maximum(weight, 1e-9)[:, None, None])


@dataclass(frozen=True)
class _Line:
    """Points (n, 3) densely along all creases of a map, their directions (n, 3), half widths and strengths (n,)."""

    points: np.ndarray
    along: np.ndarray
    width: np.ndarray
    strength: np.ndarray


def _height(creases: list[Crease], points: np.ndarray, normals: np.ndarray, strain: np.ndarray) -> np.ndarray:
    """(n,) heights in cm at points (n, 3) with normals (n, 3) and strain (n, 3, 3)."""
    line = _Line(*(np.concatenate(values) for values in zip(*(crease.sampled() for crease in creases), strict=True)))
    reach = WIDE * line.width.max()
    distance, row = cKDTree(line.points).query(points, distance_upper_bound=reach)
    found = np.isfinite(distance)
    out = np.zeros(len(points), np.float32)
    row, distance = row[found], distance[found]
    across = np.cross(normals[found], line.along[row])
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    pressed = np.maximum(0, -np.einsum("nc,ncd,nd->n", across, strain[found], across))
    x = distance / line.width[row]
    profile = FOLD * np.exp(-((x - 1.7) ** 2) / 0.8) - np.exp(-(x**2))
    out[found] = DEPTH_CM * pressed * line.strength[row] * profile
    return out


def _dimples(texels: Texels, away: np.ndarray, strain: np.ndarray, detail: float) -> np.ndarray:
    """(n,) heights in cm of the chin's dimples at places (n, 3) seen from its middle; ``detail``: texels a cm."""
    noise = np.random.default_rng(2).standard_normal((SIDE, SIDE)).astype(np.float32)
    fine, coarse = (ndimage.gaussian_filter(noise, blur * detail) for blur in PEBBLES_CM)
    band = fine - coarse
    share = np.exp(-((np.linalg.norm(away, axis=1) / CHIN_CM) ** 4))
    pressed = np.maximum(0, -np.linalg.eigvalsh(strain)[:, 0])
    return np.asarray(0.3 * DEPTH_CM * share * pressed * (band / band.std())[texels.row, texels.column])
