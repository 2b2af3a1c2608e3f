"""Shoulders and chest: how they move below a head that is drawn over them.

Their motion is a smooth field over the photograph, on the grid of the flow's sheet. Down the neck it grows as the
head's own share falls, so the neck has no seam. It moves the person's layer only; the background behind stays.

The field never pulls an edge of the picture inward, because nothing is known beyond that edge: there only the motion
along the edge is left. Where the square is pasted into a larger photograph, the field goes on around it (``around``);
if it can't, it ends before the square's rim.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..fields import sample, smoothstep
from ..framing import FEATHER, Framing
from ..geometry import HeadGeometry, head_share

RISE_CM = 0.35
"""How far a full breath lifts shoulders and chest."""
NECK_BASE_CM = (0.0, -16.0, 0.0)
"""Place in head space about which the shoulders tilt."""
EDGE = 0.12
"""Width of the band along the picture's edges in which the motion across them fades, as a fraction of the side."""
BELOW_HEAD = 0.3
"""Share of the torso's motion from which a place counts fully as below the head."""
PASTED = 0.16
"""Distance from the border of a pasted square at which the motion has its full size, as a fraction of the side."""


class Torso:
    """The moving shoulders of one portrait.

    Parameters
    ----------
    geometry, framing
        The person's head in the square, and the square's place in the photograph.
    points
        (N, N, 3) the sheet's points in head space.
    grid
        (N, N, 2) the same points in pixels of the square.

    Attributes
    ----------
    below_head
        (N, N) 0..1: how far a point lies below the head.
    """

    def __init__(self, geometry: HeadGeometry, framing: Framing, points: Tensor, grid: Tensor) -> None:
        self.grid, self.cell = grid, float(grid[0, 1, 0] - grid[0, 0, 0])
        fields, share = torso_fields(geometry, points, grid)
        self.below_head = smoothstep(0.0, BELOW_HEAD, share)
        size, places = len(framing.crop), grid.cpu().numpy()
        border = np.moveaxis(np.concatenate([places, size - places], -1), -1, 0)  # (4, N, N)
        if framing.is_whole:
            fields = along(fields, border, np.concatenate([np.eye(2), -np.eye(2)]), self.cell, EDGE * size)
        elif not framing.is_surrounded:
            room = torch.from_numpy(border.min(0)).to(fields)
            fields = fields * smoothstep(FEATHER * size + self.cell, PASTED * size, room)[..., None]
        fields = along(fields, *framing.photograph_edges(places), self.cell, EDGE * size)
        self.fields = fields.permute(0, 3, 1, 2)[:, None]  # (4, 1, 2, N, N)

    def __call__(self, body: Tensor, head: Tensor) -> Tensor:
        """(B, 2, N, N) backward flow in pixels of the square, which is added to that of the head.

        Parameters
        ----------
        body
            (B, 4) of ``core.motion.channels.BODY``.
        head
            (B, 2, N, N) backward flow of the sheet that turns with the head.
        """
        moved = torch.cat([sum_of(values, self.fields) for values in body])
        at = (self.grid + head.permute(0, 2, 3, 1)) / self.cell
        return -sample(moved, at)


def torso_fields(geometry: HeadGeometry, points: Tensor, grid: Tensor) -> tuple[Tensor, Tensor]:
    """(4, h, w, 2) pixels that a unit of each of ``channels.BODY`` moves points, and (h, w) their share in it.

    ``points`` (h, w, 3) are in head space, ``grid`` (h, w, 2) is where they are in the square.
    """
    camera = points @ geometry.rotation.T + geometry.translation
    pixels_per_cm = -geometry.focal / camera[..., 2]
    base = geometry.project(geometry.rotation.new_tensor(NECK_BASE_CM) @ geometry.rotation.T + geometry.translation)[:2]
    x, y = (grid - base).unbind(-1)
    still = torch.zeros_like(x)
    fields = torch.stack(
        [
            torch.stack([pixels_per_cm, still], -1),
            torch.stack([still, -pixels_per_cm], -1),
            torch.stack([y, -x], -1),
            torch.stack([still, -RISE_CM * pixels_per_cm], -1),
        ]
    )
    share = 1 - head_share(points)
    return fields * share[..., None], share


def along(fields: Tensor, distances: np.ndarray, normals: np.ndarray, none: float, whole: float) -> Tensor:
    """Fields (n, h, w, 2) without their part across edges, which grows from ``none`` to ``whole`` pixels away.

    ``distances`` (m, h, w) are those of the edges, ``normals`` (m, 2) their directions.
    """
    for distance, normal in zip(distances, normals, strict=True):
        across = torch.from_numpy(normal).to(fields)
        left = smoothstep(none, whole, torch.from_numpy(distance).to(fields))
        fields = fields - ((1 - left) * (fields * across).sum(-1))[..., None] * across
    return fields


def sum_of(values: Tensor, fields: Tensor) -> Tensor:
    """Sum of fields (n, ...) times values (n,); written out, because a matrix product can round differently."""
    total = values[0] * fields[0]
    for value, one in zip(values[1:], fields[1:], strict=True):
        total = total + value * one
    return total
