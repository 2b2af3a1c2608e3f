"""Small windows of the square, rasterised finer than the frame: mouth and eyes, whose edges are what one looks at."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..head.head_model import HeadModel
from ..head.raster import Fragments, interpolate, rasterise
from .fields import pixel_grid, smoothstep
from .spread import feature_space

FEATHER = 0.16
"""Width of a window's soft rim, in parts of its side."""


@dataclass(frozen=True)
class PatchView:
    """A window as rasterised in B frames.

    Attributes
    ----------
    origin
        (B, 2) int64 first pixel (x, y) of the window in the square.
    fineness
        Samples per pixel of the square along each axis.
    fragments
        At the finer resolution.
    values
        (B, C, h, w) vertex attributes, finer resolution.
    """

    origin: Tensor
    fineness: int
    fragments: Fragments
    values: Tensor


class Patch:
    """A window of fixed size that follows a point of the face."""

    def __init__(self, triangles: Tensor, width: int, height: int, size: int) -> None:
        self.triangles = triangles
        self.width, self.height, self.size = min(width, size), min(height, size), size
        x = self._ramp(self.width)
        y = self._ramp(self.height)
        self.fineness = 3 if size <= 256 else 2
        self.window = (y[:, None] * x[None])[None, None]

    @staticmethod
    def _ramp(side: int) -> Tensor:
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
    def within(view: PatchView, points: Tensor, margin: float = 0.0) -> Tensor:
        """(B, 1, h, w) 0 or 1: the rectangle around points (B, N, 2) px of the square, ``margin`` px wider."""
        low, high = points.amin(1)[:, None, None] - margin, points.amax(1)[:, None, None] + margin
        grid = pixel_grid(*view.values.shape[-2:]) / view.fineness + view.origin[:, None, None]
        return ((grid > low) & (grid < high)).all(-1)[:, None].float()

    def paste(self, frame: Tensor, view: PatchView, colour: Tensor, cover: Tensor) -> Tensor:
        """Lay the window's colour (B, 3, h, w), premultiplied by its cover (B, 1, h, w), over frames (B, 3, S, S)."""
        colour, cover = (F.avg_pool2d(v, self.fineness) * self.window for v in (colour, cover))
        out = frame.clone()
        for k, (x, y) in enumerate(view.origin.tolist()):
            part = out[k, :, y : y + self.height, x : x + self.width]
            part.mul_(1 - cover[k]).add_(colour[k])
        return out


def triangles_near(model: HeadModel, parts: tuple[str, ...], centre: Tensor, radii: tuple[float, float]) -> Tensor:
    """(F, 3) triangles of some parts within an ellipse (x and y radius, cm) around a point of the mean head."""
    triangles = model.triangles[model.part_triangles(*parts)]
    middle = model.mean[triangles].mean(1)
    scaled = (middle - centre)[:, :2] / torch.tensor(radii, device=centre.device)
    return triangles[(scaled.norm(dim=1) < 1) & (middle[:, 2] > 0)]


def borrow_hidden(model: HeadModel, shape: Tensor, positions: Tensor, visible: Tensor, region: Tensor) -> Tensor:
    """Give vertices that the photograph hides the texture position of the nearest one it shows.

    Parameters
    ----------
    shape
        (V, 3) head-space vertices in the photograph's expression.
    positions
        (V, 2) texture positions.
    visible
        (V,) bool.
    region
        Indices of the vertices to treat, and to borrow from.
    """
    features = feature_space(model, shape)
    givers = region[visible[region]]
    takers = region[~visible[region]]
    out = positions.clone()
    if len(givers) and len(takers):
        nearest = torch.cdist(features[takers], features[givers]).argmin(1)
        out[takers] = positions[givers[nearest]]
    return out
