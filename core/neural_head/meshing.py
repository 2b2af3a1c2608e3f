"""Meshes of a person's fields: evaluated only in a narrow band around the surface, from a coarse grid to a fine one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..head.head_model import HeadModel
from .canonical import HIGH, LOW
from .field import SKIN_REGIONS, Field
from .model import NeuralHead
from .surface_nets import Surface, surface_nets

COARSE = 16
"""Cells along the longest side of the box of the first grid; each next grid has twice as many."""
MARGIN = 0.35
"""Half width of the band, in diagonals of a cell: beyond it the next grid has interpolation. With 0.6 every corner
of a cell with a surface is evaluated. With 0.35 few aren't: the head that was compared has the same number of vertices,
each within 0.3 mm, in little more than half of the time."""
PIECE = 4_096
"""Points that are evaluated together."""


@dataclass(frozen=True)
class Labelled:
    """A surface with labels: ``surface``, and ``region`` (N,) int64 rows of ``field.REGIONS`` for its vertices."""

    surface: Surface
    region: np.ndarray


@dataclass(frozen=True)
class Person:
    """One person's fields: ``head``, z_face (1, ·), z_hair (1, ·) and the anchors (1, 16, 3)."""

    head: NeuralHead
    face: Tensor
    hair: Tensor
    anchors: Tensor

    @classmethod
    def of(cls, head: NeuralHead, identity: Tensor, hair: Tensor | None = None) -> Person:
        """The person of an identity (I,) of the head model, with the mean hair or that of z_hair (·,)."""
        with torch.no_grad():
            face, anchors = head.codes(identity[None])
        return cls(head, face, (head.style_mean if hair is None else hair)[None], anchors)

    def skin_at(self, points: Tensor) -> Tensor:
        """(N, 1 + regions) of points (N, 3); see ``Field.forward``."""
        return _pieces(self.head.skin, points, self.anchors, self.face)

    def hair_at(self, points: Tensor) -> Tensor:
        """(N, 1 + regions) of points (N, 3)."""
        return _pieces(self.head.hair, points, self.anchors, self.head.whole_hair_code(self.face, self.hair))

    def skin_surface(self, resolution: int = 128) -> Labelled:
        """The skin, with ``resolution`` cells along the longest side of the box (33 cm). It ends at the box's floor."""
        return _labelled(self.skin_at, resolution, 0)

    def hair_surface(self, resolution: int = 128) -> Labelled:
        """The hair and beard, as :meth:`skin_surface`; without vertices for bald people."""
        return _labelled(self.hair_at, resolution, SKIN_REGIONS)


@torch.no_grad()
def _pieces(field: Field, points: Tensor, anchors: Tensor, code: Tensor) -> Tensor:
    return torch.cat([field(piece[None], anchors, code)[0] for piece in points.split(PIECE)])


def _labelled(values: Callable[[Tensor], Tensor], resolution: int, first: int) -> Labelled:
    distance, cell = narrow_band(lambda points: values(points)[:, 0], resolution)
    surface = surface_nets(distance, LOW, cell)
    if not len(surface.vertices):
        return Labelled(surface, np.zeros(0, np.int64))
    region = values(torch.from_numpy(surface.vertices))[:, 1:].argmax(1).numpy() + first
    return Labelled(surface, region)


def narrow_band(distance: Callable[[Tensor], Tensor], resolution: int) -> tuple[np.ndarray, float]:
    """Signed distances on a grid over the box.

    Parameters
    ----------
    distance
        Takes points (N, 3) and returns their distances (N,), about in centimetres.
    resolution
        Cells along the box's longest side: ``COARSE`` times a power of two, else ValueError.

    Returns
    -------
    tuple
        Distances (X, Y, Z) float32, from ``LOW`` on, and the side of a cell in centimetres. Away from the surface they
        are interpolated from coarser grids.
    """
    size = np.array(HIGH) - LOW
    steps = resolution // COARSE
    if resolution != COARSE * steps or steps & (steps - 1) or steps < 1:
        raise ValueError(f"a resolution of {resolution} is not {COARSE} times a power of two")
    cells = COARSE
    cell = float(size.max()) / cells
    shape = np.ceil(size / cell).astype(int) + 1
    grid = _evaluate(distance, np.ones(shape, bool), cell, np.zeros(shape, np.float32))
    while cells < resolution:
        grid = _twice_as_fine(grid)
        near = np.abs(grid) < MARGIN * np.sqrt(3.0) * cell
        cells, cell = 2 * cells, cell / 2
        grid = _evaluate(distance, near, cell, grid)
    return grid, cell


def _twice_as_fine(grid: np.ndarray) -> np.ndarray:
    """Values (X, Y, Z) of a grid, and between them their means: (2 X − 1, 2 Y − 1, 2 Z − 1)."""
    for axis in range(3):
        first = np.moveaxis(grid, axis, 0)
        fine = np.empty((2 * len(first) - 1, *first.shape[1:]), grid.dtype)
        fine[::2] = first
        fine[1::2] = (first[:-1] + first[1:]) / 2
        grid = np.moveaxis(fine, 0, axis)
    return np.ascontiguousarray(grid)


def _evaluate(
    distance: Callable[[Tensor], Tensor], wanted: np.ndarray, cell: float, otherwise: np.ndarray
) -> np.ndarray:
    """Distances at the wanted points (X, Y, Z) bool of a grid, and the values of ``otherwise`` elsewhere."""
    places = np.argwhere(wanted)
    points = torch.from_numpy((np.array(LOW) + cell * places).astype(np.float32))
    values = otherwise.copy()
    values[wanted] = distance(points).numpy()
    return values


def person_of(head: NeuralHead, model: HeadModel, identity: np.ndarray, hair: Tensor | None = None) -> Person:
    """As :meth:`Person.of`, for coefficients (n,) with n ≤ I of the head model."""
    known = torch.zeros(model.identity_count)
    known[: len(identity)] = torch.from_numpy(np.asarray(identity, np.float32))
    return Person.of(head, known, hair)
