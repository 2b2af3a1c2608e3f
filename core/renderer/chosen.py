"""Work on chosen pixels of a picture only.

A frame mostly equals the photograph. Sampling every pixel of it took most of the time of a large frame. Each pixel is
computed by itself, so a pixel has the same value whichever others are chosen.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .fields import dilate, pixel_grid, sample

STILL = 1e-4
"""Movement in pixels below which a pixel shows its own place in the photograph. It changes a colour by far less than a
step of 8 bits."""
TAPS = 2
"""Bicubic sampling reads pixels up to this far from the one that a position lies in."""


class SparseLayer:
    """A layer (1, C, S, S) of the photograph that is empty (zero) in places, for sampling along a flow."""

    def __init__(self, layer: Tensor) -> None:
        self.layer = layer
        shown = (layer != 0).any(1, keepdim=True).float()
        self.reach = dilate(shown, TAPS)[0, 0].reshape(-1) > 0
        """(S · S,) bool: a position in this pixel can show something of the layer."""
        self.grid = pixel_grid(layer.shape[-2], layer.shape[-1], layer.device).permute(2, 0, 1).reshape(2, -1)

    def shown(self, positions: Tensor) -> Tensor:
        """(P,) bool: which of the positions (2, P) px can show something of the layer."""
        size = self.layer.shape[-1]
        x, y = positions.long().clamp(0, size - 1).unbind(0)
        return self.reach.index_select(0, y * size + x)

    def moved(self, positions: Tensor, shown: Tensor) -> Tensor:
        """(C, S, S) the layer at positions (2, S · S) px, bicubic; ``shown`` is :meth:`shown` of them."""
        here = (positions - self.grid).abs().amax(0) > STILL
        at = pixels_of(here & (shown | self.reach))
        out = self.layer[0].clone()
        put(out, at, sample_points(self.layer, positions.index_select(1, at), "bicubic"))
        return out


def pixels_of(mask: Tensor) -> Tensor:
    """(N,) int64 flat numbers of the pixels where a mask of any shape is true."""
    return mask.reshape(-1).nonzero()[:, 0]


def centres(at: Tensor, width: int) -> Tensor:
    """(2, N) px (x, y) of the centres of flat pixels (N,) of a picture of ``width`` pixels."""
    return torch.stack([at % width, at // width]) + 0.5


def sample_points(picture: Tensor, points: Tensor, mode: str = "bilinear") -> Tensor:
    """(C, N) colours of a picture (1, C, H, W) at points (2, N) px; see ``fields.sample``."""
    if points.shape[1] == 0:
        return picture.new_zeros(picture.shape[1], 0)
    return sample(picture, points.T[None, None], mode)[0, :, 0]


def take(picture: Tensor, at: Tensor) -> Tensor:
    """(C, N) values of a picture (C, H, W) at flat pixels (N,)."""
    return picture.reshape(len(picture), -1).index_select(1, at)


def put(picture: Tensor, at: Tensor, values: Tensor) -> None:
    """Set a contiguous picture (C, H, W) to values (C, N) at flat pixels (N,), in place."""
    for plane, row in zip(picture.view(len(picture), -1), values, strict=True):
        plane.index_copy_(0, at, row)


def mean_around(picture: Tensor, at: Tensor) -> Tensor:
    """(C, N) means over 3 × 3 pixels of a picture (C, H, W) at flat pixels (N,). Beyond the edge its colours go on."""
    height, width = picture.shape[-2:]
    y, x = at // width, at % width
    columns = [(x + step).clamp(0, width - 1) for step in (-1, 0, 1)]
    total = None
    for step in (-1, 0, 1):
        first = (y + step).clamp(0, height - 1) * width
        left, middle, right = (take(picture, first + column) for column in columns)
        row = left + middle + right
        total = row if total is None else total + row
    assert total is not None
    return total * (1.0 / 9)


def box_of(mask: Tensor) -> tuple[slice, slice] | None:
    """(rows, columns) of the smallest box around a mask (H, W); None where it is empty."""
    lines = [mask.any(axis).nonzero()[:, 0].tolist() for axis in (1, 0)]
    if not lines[0]:
        return None
    rows, columns = (slice(found[0], found[-1] + 1) for found in lines)
    return rows, columns
