"""Props of synthetic talkers: hair that hangs next to the face, and glasses. Meshes in head space, centimetres.

A prop has the same topology for all people, so that a batch is one mesh. For people without the prop its vertices are
NaN, which the rasteriser leaves out. Triangles are counter-clockwise seen from outside, like the head model's.
"""

from __future__ import annotations

import torch
from torch import Tensor

CURTAIN_ROWS, CURTAIN_AROUND = 16, 40
RIM_POINTS = 24
TEMPLE_POINTS = 4
BRIDGE_POINTS = 4
SIDES = 4
"""Sides of a tube."""


def closed_rows(rows: int, around: int) -> Tensor:
    """(F, 3) triangles of a surface whose rows of vertices are closed loops."""
    corner = torch.arange(rows * around).reshape(rows, around)
    right = corner.roll(-1, 1)
    quads = torch.stack([corner[:-1], right[:-1], right[1:], corner[1:]], -1).reshape(-1, 4)
    return torch.cat([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def curtain_triangles() -> Tensor:
    """(F, 3) triangles of :func:`curtain`."""
    return closed_rows(CURTAIN_ROWS, CURTAIN_AROUND).flip(-1)  # its rows run clockwise seen from above


def curtain(length: Tensor, thickness: Tensor, reach: Tensor, flare: Tensor, width: Tensor, wave: Tensor) -> Tensor:
    """Hair that hangs around the sides and back of the head: a thick horseshoe, open towards the face.

    Parameters
    ----------
    length, thickness
        (B,) centimetres below the crown, and between the head and the outside of the hair.
    reach
        (B,) radians from the back of the head to the hair's edge next to the face; π/2 is the ear.
    flare
        (B,) centimetres by which the lower end is further away from the head.
    width
        (B,) factor on the mean head's width.
    wave
        (B, ROWS, AROUND) centimetres of unevenness.

    Returns
    -------
    (B, ROWS · AROUND, 3)
    """
    half = CURTAIN_AROUND // 2
    batch = len(length)
    t = torch.linspace(0, 1, CURTAIN_ROWS)[None, :, None]  # from under the crown to the ends
    outer = torch.linspace(-1, 1, half)[None, None]
    angle = torch.cat([outer, -outer], -1) * reach[:, None, None]  # (B, 1, AROUND): there outside, back inside
    outside = torch.cat([torch.ones(half), torch.zeros(half)])[None, None]
    y = 10.0 - t * length[:, None, None]
    head = torch.sqrt((1 - ((y - 3.0) / 12.5).square().clamp(max=0.92)).clamp_min(0.08))  # the skull narrows upward
    head = torch.where(y < 3, head.clamp_min(0.80), head)
    away = outside * thickness[:, None, None] * (1 - 0.5 * (1 - t) ** 3) + flare[:, None, None] * t.square() + 0.25
    away = away + wave * outside
    x = -(7.7 * width[:, None, None] * head + away) * torch.sin(angle)
    z = -1.0 - (8.6 * head + away) * torch.cos(angle)
    ends = (angle.abs() / reach[:, None, None]) ** 8  # the ends are round and closer to the cheek
    x = x - outside * ends * 0.5 * thickness[:, None, None] * torch.sign(x)
    return torch.stack([x, y.expand_as(x), z], -1).reshape(batch, -1, 3)  # (B, ROWS, AROUND, 3) -> (B, V, 3)


def tube(path: Tensor, radius: Tensor, up: Tensor, closed: bool) -> Tensor:
    """(B, n · SIDES, 3) vertices of a tube of ``radius`` (B,) around a path (B, n, 3). ``up`` (3,) must not be parallel
    to the path."""
    after = path.roll(-1, 1) if closed else torch.cat([path[:, 1:], 2 * path[:, -1:] - path[:, -2:-1]], 1)
    before = path.roll(1, 1) if closed else torch.cat([2 * path[:, :1] - path[:, 1:2], path[:, :-1]], 1)
    along = torch.nn.functional.normalize(after - before, dim=-1)
    first = torch.nn.functional.normalize(torch.linalg.cross(along, up.expand_as(along)), dim=-1)
    second = torch.linalg.cross(along, first)
    angle = 2 * torch.pi * torch.arange(SIDES) / SIDES
    ring = first[:, :, None] * torch.cos(angle)[:, None] + second[:, :, None] * torch.sin(angle)[:, None]
    return (path[:, :, None] + radius[:, None, None, None] * ring).flatten(1, 2)  # (B, n, SIDES, 3) -> (B, n·SIDES, 3)


def tube_triangles(points: int, closed: bool) -> Tensor:
    """(F, 3) triangles of :func:`tube`."""
    rows = closed_rows(points + 1 if closed else points, SIDES)
    return rows % (points * SIDES)  # a closed tube ends where it began


def glasses_triangles() -> Tensor:
    """(F, 3) triangles of :func:`glasses`: two rims, the bridge, two temples."""
    pieces, start = [], 0
    for points, closed in ((RIM_POINTS, True),) * 2 + ((BRIDGE_POINTS, False),) + ((TEMPLE_POINTS, False),) * 2:
        pieces.append(tube_triangles(points, closed) + start)
        start += points * SIDES
    return torch.cat(pieces)


def glasses(eyes: Tensor, ears: Tensor, size: Tensor, roundness: Tensor, radius: Tensor) -> Tensor:
    """Glasses for eyes with centres (B, 2, 3) and ears (B, 2, 3), the person's left first.

    Parameters
    ----------
    size
        (B, 2) half width and half height of a lens, centimetres.
    roundness
        (B,) exponent of the rim's superellipse: 2 is an ellipse, 4 nearly a rectangle.
    radius
        (B,) radius of the frame's tube, centimetres.

    Returns
    -------
    (B, V, 3)
    """
    angle = 2 * torch.pi * torch.arange(RIM_POINTS) / RIM_POINTS
    power = (2 / roundness)[:, None]
    flat_x = torch.sign(torch.cos(angle)) * torch.cos(angle).abs() ** power * size[:, :1]  # (B, RIM)
    flat_y = torch.sign(torch.sin(angle)) * torch.sin(angle).abs() ** power * size[:, 1:]
    forward = torch.tensor([0.0, 0.0, 1.0])
    pieces = []
    for side in (0, 1):
        outward = 1.0 if side == 0 else -1.0
        centre = eyes[:, side] + torch.tensor([0.25 * outward, -0.25, 2.7])
        bend = -0.06 * (flat_x * outward + 2.0).clamp_min(0).square()  # the rims follow the face
        rim = centre[:, None] + torch.stack([flat_x, flat_y, bend], -1)
        pieces.append(tube(rim, radius, forward, closed=True))
    inner = (eyes[:, 0, 0] - eyes[:, 1, 0]) / 2 + 0.25 - size[:, 0]
    middle = eyes.mean(1) + torch.tensor([0.0, 0.15, 2.75])
    across = torch.linspace(-1, 1, BRIDGE_POINTS)
    arc = torch.stack([across * inner[:, None], (0.35 * (1 - across**2)).expand(len(eyes), -1)], -1)
    bridge = middle[:, None] + torch.cat([arc, torch.zeros_like(arc[..., :1])], -1)
    pieces.append(tube(bridge, radius, forward, closed=False))
    for side in (0, 1):
        outward = 1.0 if side == 0 else -1.0
        hinge = torch.stack([0.25 * outward + outward * size[:, 0], 0.3 * size[:, 1], torch.full_like(radius, 2.2)], -1)
        start = eyes[:, side] + hinge
        share = torch.linspace(0, 1, TEMPLE_POINTS)[None, :, None]
        pieces.append(tube(start[:, None] + share * (ears[:, side] - start)[:, None], radius, forward.roll(1), False))
    return torch.cat(pieces, 1)
