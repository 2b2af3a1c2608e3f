"""Turntables: coloured meshes from several sides, in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from core.files import make_folder
from core.head.normals import vertex_normals
from core.head.raster import interpolate, rasterise
from core.neural_head.field import REGIONS
from core.neural_head.meshing import Labelled, Person
from core.neural_head.model import NeuralHead

from .hair_fit import fit_hair
from .people import read_truth
from .truth import Truths

TURNS = (0.0, 45.0, 90.0, 180.0)
"""Degrees by which the head is turned to its right in each picture."""
SIZE = 320
RESOLUTION = 128
"""Cells of the meshes along the longest side of the box."""
VIEW_CM, MIDDLE_CM = 36.0, (0.0, 1.5, 0.0)
LIGHT = (0.4, 0.5, 1.0)
AMBIENT = 0.25
COLOURS = np.array(
    [[0.85, 0.66, 0.56], [0.75, 0.45, 0.43], [0.45, 0.2, 0.2], [0.9, 0.9, 0.88], [0.3, 0.2, 0.13], [0.42, 0.26, 0.16]]
)
"""RGB of each of REGIONS."""

Mesh = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Vertices (V, 3) centimetres, triangles (F, 3), colours (V, 3) 0–1."""


def turntable(meshes: Sequence[Mesh], size: int = SIZE) -> np.ndarray:
    """(size, 4 · size, 3) uint8: meshes from the front, from 45° and 90°, and from behind, without perspective."""
    offsets = np.cumsum([0, *(len(vertices) for vertices, _, _ in meshes)])
    vertices = torch.from_numpy(np.concatenate([mesh[0] for mesh in meshes])).float() - torch.tensor(MIDDLE_CM)
    triangles = torch.from_numpy(
        np.concatenate([mesh[1] + first for mesh, first in zip(meshes, offsets, strict=False)])
    )
    colours = torch.from_numpy(np.concatenate([mesh[2] for mesh in meshes])).float()
    pictures = []
    for degrees in TURNS:
        angle = np.radians(degrees)
        turn = torch.tensor([[np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)]]).float()
        seen = vertices @ turn.T
        shade = AMBIENT + (1 - AMBIENT) * (vertex_normals(seen, triangles) @ F.normalize(torch.tensor(LIGHT), dim=0))
        scale = size / VIEW_CM
        places = torch.stack([size / 2 + scale * seen[:, 0], size / 2 - scale * seen[:, 1], -seen[:, 2]], 1)
        fragments = rasterise(places[None], triangles, size, size)
        picture = interpolate(fragments, triangles, colours * shade.clamp_min(0.12)[:, None])[0]
        picture = torch.where(fragments.covered[0][..., None], picture, torch.ones(3))
        pictures.append((picture.clamp(0, 1) * 255).byte().numpy())
    return np.concatenate(pictures, 1)


def coloured(made: Labelled) -> Mesh:
    """A made surface in the colours of its regions."""
    return made.surface.vertices, made.surface.triangles, COLOURS[made.region]


def write_sheet(head: NeuralHead, truths: Truths, seeds: Sequence[int], folder: Path, out: Path) -> None:
    """Write a row for each held-out person: the truth on the left, the made head with its fitted hair on the right."""
    rows = []
    for seed in seeds:
        identity, style = truths.person(seed)
        grown = truths.hair(identity, style)
        skin = truths.vertices(identity)
        labels = np.where(grown.beard, REGIONS.index("beard"), REGIONS.index("hair"))
        truth: list[Mesh] = [(skin, truths.solid.triangles, np.tile(COLOURS[0], (len(skin), 1)))]
        made = Person.of(head, torch.from_numpy(identity))
        parts = [coloured(made.skin_surface(RESOLUTION))]
        if len(labels):
            truth.append((grown.surface.vertices, grown.surface.triangles, COLOURS[labels]))
            code = fit_hair(head, torch.from_numpy(identity), read_truth(seed, folder))
            parts.append(coloured(Person.of(head, torch.from_numpy(identity), code).hair_surface(RESOLUTION)))
        rows.append(np.concatenate([turntable(truth), turntable(parts)], 1))
    make_folder(out.parent)
    Image.fromarray(np.concatenate(rows)).save(out)
