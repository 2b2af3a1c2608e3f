"""Small windows of the square for mouth and eyes. They are rasterised finer than the frame, because viewers look at the
edges there."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..head.head_model import HeadModel
from ..head.raster import Fragments, interpolate, rasterise
from .fields import pixel_grid, smoothstep
from .geometry import PosedHeads
from .mesh_values import feature_space

FEATHER = 0.16
"""Width of a window's soft rim, as a fraction of its side."""
FINENESS = (3, 2)
"""Samples per pixel along each axis, for squares up to ``FINE_SIDE`` and for larger ones."""
FINE_SIDE = 256
TRUSTED = (0.3, 0.8)
"""Trust of a vertex from which a window redraws its skin, and redraws it fully."""


@dataclass(frozen=True)
class PatchView:
    """A window, rasterised in B frames.

    Attributes
    ----------
    origin
        (B, 2) int64 first pixel (x, y) of the window in the square.
    fineness
        Samples per pixel of the square along each axis.
    fragments
        What the rasteriser found, at the finer resolution.
    values
        (B, C, h, w) vertex attributes at the finer resolution.
    """

    origin: Tensor
    fineness: int
    fragments: Fragments
    values: Tensor


class Patch:
    """A window of fixed size that follows a point of the face.

    Parameters
    ----------
    triangles
        (F, 3) triangles that are drawn in it.
    width, height
        Size in pixels of the square.
    size
        Side of the square in pixels.
    """

    def __init__(self, triangles: Tensor, width: int, height: int, size: int) -> None:
        self.triangles = triangles
        self.width, self.height, self.size = min(width, size), min(height, size), size
        x = self._ramp(self.width)
        y = self._ramp(self.height)
        self.fineness = FINENESS[0] if size <= FINE_SIDE else FINENESS[1]
        self.window = (y[:, None] * x[None])[None, None]

    @staticmethod
    def _ramp(side: int) -> Tensor:
        """(side,) 0..1, rising from both ends over the soft rim."""
        position = torch.arange(side, dtype=torch.float32) + 0.5
        return smoothstep(0.0, max(FEATHER * side, 1.0), torch.minimum(position, side - position))

    def view(self, pixels: Tensor, centre: Tensor, attributes: Tensor) -> PatchView:
        """Rasterise the window around ``centre`` (B, 2) px: heads (B, V, 3), attributes (B, V, C) or (V, C)."""
        half = torch.tensor([self.width / 2, self.height / 2], device=pixels.device)
        limit = torch.tensor([self.size - self.width, self.size - self.height], device=pixels.device)
        origin = torch.minimum((centre - half).round().clamp_min(0), limit)
        local = torch.cat([(pixels[..., :2] - origin[:, None]) * self.fineness, pixels[..., 2:]], -1)
        seen = rasterise(local, self.triangles, self.height * self.fineness, self.width * self.fineness, True)
        values = interpolate(seen, self.triangles, attributes).permute(0, 3, 1, 2)  # (B, h, w, C) -> (B, C, h, w)
        return PatchView(origin.long(), self.fineness, seen, values)

    @staticmethod
    def within(view: PatchView, points: Tensor, heads: PosedHeads, margin: float = 0.0) -> Tensor:
        """(B, 1, h, w) 1 within a rectangle around points (B, N, 2) px of the square, ``margin`` px wider; else 0.

        The rectangle is tilted like the heads.
        """
        grid = pixel_grid(*view.values.shape[-2:]) / view.fineness + view.origin[:, None, None]
        result = torch.ones(view.values.shape[0], *view.values.shape[-2:], dtype=torch.bool)
        for axis in (heads.across, heads.down):
            at = (points * axis[:, None]).sum(-1)  # (B, N)
            low, high = at.amin(1)[:, None, None] - margin, at.amax(1)[:, None, None] + margin
            here = grid[..., 0] * axis[:, 0, None, None] + grid[..., 1] * axis[:, 1, None, None]
            result &= (here > low) & (here < high)
        return result[:, None].float()

    def paste(self, frames: list[Tensor], view: PatchView, colour: Tensor, cover: Tensor) -> None:
        """Lay the window over B frames (3, S, S), in place.

        ``colour`` (B, 3, h, w) is multiplied by ``cover`` (B, 1, h, w) already.
        """
        colour, cover = (F.avg_pool2d(v, self.fineness) * self.window for v in (colour, cover))
        for k, (frame, (x, y)) in enumerate(zip(frames, view.origin.tolist(), strict=True)):
            part = frame[:, y : y + self.height, x : x + self.width]
            part.mul_(1 - cover[k]).add_(colour[k])


def cover_of(trust: Tensor) -> Tensor:
    """(V,) 0..1: how far a window redraws the skin at vertices whose trust in the photograph is (V,) 0..1."""
    return smoothstep(*TRUSTED, trust)


def triangles_near(model: HeadModel, parts: tuple[str, ...], centre: Tensor, radii: tuple[float, float]) -> Tensor:
    """(F, 3) triangles of some parts in an ellipse (x and y radius in cm) around a point (3,) of the mean head.

    Only those on the front of the head (z > 0).
    """
    triangles = model.triangles[model.part_triangles(*parts)]
    middle = model.mean[triangles].mean(1)
    scaled = (middle - centre)[:, :2] / torch.tensor(radii, device=centre.device)
    return triangles[(scaled.norm(dim=1) < 1) & (middle[:, 2] > 0)]


def borrow_hidden(model: HeadModel, shape: Tensor, positions: Tensor, visible: Tensor, region: Tensor) -> Tensor:
    """(V, 2) texture positions in which each hidden vertex has the position of the nearest visible one.

    Parameters
    ----------
    shape
        (V, 3) head-space vertices in the photograph's expression.
    positions
        (V, 2) texture positions.
    visible
        (V,) bool: the photograph shows the vertex.
    region
        Indices of the vertices to change, and to take positions from.
    """
    features = feature_space(model, shape)
    givers = region[visible[region]]
    takers = region[~visible[region]]
    out = positions.clone()
    if len(givers) and len(takers):
        nearest = torch.cdist(features[takers], features[givers]).argmin(1)
        out[takers] = positions[givers[nearest]]
    return out
