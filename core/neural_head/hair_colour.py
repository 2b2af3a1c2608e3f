"""Colours of a portrait's hair mesh: the photograph's where it shows them, and like those nearby where it doesn't."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from ..head.normals import vertex_normals
from ..head.raster import rasterise
from ..renderer.fields import sample
from .hair_mask import SIZE, HairMask, View

HIDDEN_CM = 0.5
"""A vertex that lies deeper than this behind what the view shows is hidden."""
SOURCES, NEIGHBOURS = 1500, 40
"""Seen vertices that hidden ones take colours from, and those of them whose mean one gets."""
SEEN, SOURCE = 0.2, 0.4
"""Cosines between a vertex's normal and the line of sight from which it has the photograph's colour, and from which
others take that too: rims show background."""
ACROSS = 0.5
"""Weight of the distance from side to side in this: hidden hair takes colours from both sides."""
INSIDE = 3
"""Pixels by which the mask is narrowed, so that no background is taken for hair."""


def hair_colours(
    view: View, vertices: np.ndarray, triangles: np.ndarray, skin_distance: Tensor, mask: HairMask
) -> np.ndarray:
    """Colours (N, 3) float32 sRGB 0–1.

    Parameters
    ----------
    view
        The photograph's square and camera.
    vertices, triangles
        (N, 3) head space, cm, and (F, 3): the hair.
    skin_distance
        (S, S) distance of the bald head in cm, infinite beside it.
    mask
        Where the photograph shows hair; it must show some.
    """
    seen = view.project(torch.from_numpy(vertices))
    shown = rasterise(seen[None], torch.from_numpy(triangles), SIZE, SIZE).depth[0]
    nearest = torch.minimum(shown, skin_distance)
    cells = seen[:, :2].long().clamp(0, SIZE - 1)
    inner = cv2.erode(mask.hair.astype(np.uint8), np.ones((2 * INSIDE + 1,) * 2, np.uint8)) > 0
    if not inner.any():
        inner = mask.hair
    picture = view.crop.astype(np.float32) / 255
    in_front = (seen[:, 2] < nearest[cells[:, 1], cells[:, 0]] + HIDDEN_CM).numpy()
    columns, rows = cells.numpy().T
    facing = _facing(view, vertices, triangles)
    known = in_front & inner[rows, columns] & (facing > SEEN)
    colours = np.tile(np.median(picture[inner], 0), (len(vertices), 1)).astype(np.float32)
    if known.sum() < NEIGHBOURS:
        return colours
    photograph = torch.from_numpy(picture).permute(2, 0, 1)[None]
    sampled = sample(photograph, seen[None, None, :, :2])[0, :, 0].T.numpy()  # (1, 3, 1, N) -> (N, 3)
    colours[known] = sampled[known]
    sources = np.flatnonzero(known & (facing > SOURCE))
    sources = np.random.default_rng(0).permutation(sources)[:SOURCES]
    if len(sources) < NEIGHBOURS:
        return colours
    hidden = ~known
    scale = np.array([ACROSS, 1.0, 0.3])
    _, near = cKDTree(vertices[sources] * scale).query(vertices[hidden] * scale, NEIGHBOURS)
    colours[hidden] = sampled[sources][near].mean(1)
    return np.clip(colours, 0, 1)


def _facing(view: View, vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(N,) cosine between the vertices' normals and the direction to the camera."""
    normals = vertex_normals(torch.from_numpy(vertices), torch.from_numpy(triangles)).numpy()
    camera = (-view.translation @ view.rotation).numpy()
    toward = camera - vertices
    return (normals * toward).sum(1) / np.linalg.norm(toward, axis=1).clip(1e-9)
