"""The part of the square in which the face render looks closely and draws.

``core.renderer.framing`` puts each face into the middle of the square: over 150 pairs of films and photographs its
middle lies at (0.000 ± 0.002, 0.040 ± 0.002), and it is 0.72 wide and 0.87 high. So one window fits all. What it has to
draw, lips and lids, gets four times as many pixels of the networks as in the whole square.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from .blocks import square_grid

CELLS = 32
"""Cells along the square's side. The window's limits lie between cells."""
ROWS, COLUMNS = slice(9, 25), slice(8, 24)
"""Cells of the window."""
SHARE = (ROWS.stop - ROWS.start) / CELLS
"""The window's side per side of the square."""
CENTRE = ((COLUMNS.start + COLUMNS.stop) / CELLS - 1, (ROWS.start + ROWS.stop) / CELLS - 1)
"""The window's middle (x, y) in the square's coordinates."""
RIM = 1 / 16
"""Part of a side over which something fades out to the border: what is drawn in the window, motion in the square."""


def cropped(field: Tensor) -> Tensor:
    """The window (..., N / 2, N / 2) of fields (..., N, N) of the square. N is a multiple of 32."""
    cell = field.shape[-1] // CELLS
    return field[..., ROWS.start * cell : ROWS.stop * cell, COLUMNS.start * cell : COLUMNS.stop * cell]


def in_window(places: Tensor) -> Tensor:
    """Places (..., 2) of the square in the window's own coordinates, −1 … 1."""
    return (places - torch.tensor(CENTRE, device=places.device)) / SHARE


def window_grid(size: int, device: torch.device | str | None = None) -> Tensor:
    """(``size``, ``size``, 2) pixel centres of the window, in the square's coordinates."""
    return square_grid(size, device) * SHARE + torch.tensor(CENTRE, device=device)


def inside(size: int, device: torch.device | str | None = None) -> Tensor:
    """(1, 1, ``size``, ``size``) 0 at the border, 1 from ``RIM`` inward: how much of something counts."""
    inward = (1 - square_grid(size, device).abs()).amin(-1) / (2 * RIM)
    return inward.clamp(0, 1)[None, None]


def pasted(fields: Tensor, square: int) -> Tensor:
    """Fields (B, C, n, n) of the window in a square of any side, and zero around it."""
    top, bottom, left, right = (
        math.ceil(edge * square / CELLS - 0.5)  # the first pixel whose centre is inside
        for edge in (ROWS.start, ROWS.stop, COLUMNS.start, COLUMNS.stop)
    )
    if square % CELLS or bottom - top != fields.shape[-2]:
        places = in_window(square_grid(square, fields.device)[top:bottom, left:right])
        places = places.expand(len(fields), -1, -1, -1)
        fields = F.grid_sample(fields, places, "bilinear", padding_mode="border", align_corners=False)
    return F.pad(fields, (left, square - right, top, square - bottom))
