"""Finds the vertices that the camera sees."""

from __future__ import annotations

import torch
from torch import Tensor

from ..head.raster import rasterise
from .fields import sample

FINENESS = 4
"""Depth is compared on a grid this many times finer than the square's pixels."""
EMPTY_CM = 1e6
"""Depth of grid points where no surface is seen."""


def visible_vertices(pixels: Tensor, triangles: Tensor, slack: float) -> Tensor:
    """Vertices that aren't hidden by a front-facing triangle.

    Parameters
    ----------
    pixels
        (V, 3) x, y and distance (cm) of one head.
    triangles
        (F, 3) triangles that can hide a vertex. Vertices outside their bounding box count as hidden.
    slack
        Distance in centimetres that a vertex may lie behind the front surface.

    Returns
    -------
    Tensor
        (V,) bool.
    """
    used = pixels[torch.unique(triangles)]
    low = used[:, :2].amin(0).floor() - 1
    width, height = ((used[:, :2].amax(0).ceil() + 1 - low) * FINENESS).long().tolist()
    local = torch.cat([(pixels[:, :2] - low) * FINENESS, pixels[:, 2:]], 1)
    seen = rasterise(local[None], triangles, height, width, cull_backfaces=True)
    front = sample(seen.depth[:, None].clamp(max=EMPTY_CM), local[None, None, :, :2], mode="nearest")[0, 0, 0]
    limit = torch.tensor([width, height])
    inside = ((local[:, :2] > 0) & (local[:, :2] < limit)).all(1)
    return inside & (pixels[:, 2] < front + slack)
