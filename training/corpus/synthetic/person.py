"""Invented people: their colours and shapes, drawn from a seed, and paint for the head model's surface.

Used by ``training/corpus/synthetic/make_person.py``, which photographs one of them for the documentation, and by the
synthetic talkers that networks are trained on. Colours are display RGB 0–1. Points are on the mean head, in centimetres
of head space.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.head.head_model import PARTS, HeadModel

SKINS = ((0.86, 0.66, 0.55), (0.78, 0.56, 0.44), (0.64, 0.43, 0.32), (0.52, 0.345, 0.255), (0.42, 0.275, 0.205))
HAIRS = ((0.10, 0.07, 0.055), (0.20, 0.125, 0.08), (0.36, 0.235, 0.13), (0.55, 0.42, 0.26), (0.30, 0.29, 0.285))
IRISES = ((0.23, 0.13, 0.07), (0.33, 0.24, 0.12), (0.27, 0.34, 0.24), (0.24, 0.34, 0.45))
SHIRTS = ((0.17, 0.22, 0.33), (0.42, 0.15, 0.17), (0.16, 0.30, 0.26), (0.34, 0.34, 0.36), (0.55, 0.50, 0.42))
BACKGROUNDS = ((0.62, 0.66, 0.70), (0.45, 0.52, 0.58), (0.70, 0.65, 0.58), (0.40, 0.44, 0.40))
INSIDES = {
    "mouth_socket": (0.30, 0.10, 0.10),
    "gums_upper": (0.6, 0.3, 0.3),
    "gums_lower": (0.6, 0.3, 0.3),
    "tongue": (0.6, 0.3, 0.3),
    "teeth_upper": (0.9, 0.86, 0.78),
    "teeth_lower": (0.85, 0.8, 0.72),
    "eye_socket_left": (0.7, 0.42, 0.38),
    "eye_socket_right": (0.7, 0.42, 0.38),
}
"""Colours of the insides of made-up people, display RGB 0–1, before their own light and, in the mouth, its depth darken
them. Like skin and hair they are chosen for these people. They don't have to agree with
``core.renderer.interior.ALBEDO``, the colours that the renderer draws when a photograph doesn't show them."""


@dataclass(frozen=True)
class Look:
    """One person's colours and shape, drawn from a seed."""

    identity: Tensor
    skin: Tensor
    hair: Tensor
    iris: Tensor
    shirt: Tensor
    background: Tensor
    hair_length: float
    hair_line: float
    stubble: float
    rotation: Tensor
    light_side: float
    expression: dict[str, float]

    @classmethod
    def draw(cls, seed: int, identity_count: int) -> Look:
        """The person of a seed."""
        rng = np.random.default_rng(seed)

        def one_of(colours: tuple[tuple[float, float, float], ...]) -> Tensor:
            picked = np.array(colours[rng.integers(len(colours))]) * rng.uniform(0.93, 1.07, 3)
            return torch.tensor(picked, dtype=torch.float32).clamp(0, 1)

        smile = float(rng.uniform(0.0, 0.35))
        return cls(
            identity=torch.tensor(rng.normal(0, 0.75, identity_count), dtype=torch.float32),
            skin=one_of(SKINS),
            hair=one_of(HAIRS),
            iris=one_of(IRISES),
            shirt=one_of(SHIRTS),
            background=one_of(BACKGROUNDS),
            hair_length=float(rng.uniform(0.7, 1.6)),
            hair_line=float(rng.uniform(8.2, 9.4)),
            stubble=float(rng.choice([0.0, 0.0, 0.35, 0.7])),
            rotation=torch.tensor(rng.normal(0, (0.03, 0.07, 0.03)), dtype=torch.float32),
            light_side=float(rng.choice([-1.0, 1.0])),
            expression={
                "mouthSmile_L": smile,
                "mouthSmile_R": smile,
                "eyeSquint_L": smile / 3,
                "eyeSquint_R": smile / 3,
            },
        )


class Noise:
    """Smooth random fields in space: trilinear interpolation of a random lattice, summed over octaves."""

    def __init__(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        lattice = torch.rand((1, 1, 32, 32, 32), generator=generator) * 2 - 1
        self.lattice = F.pad(lattice, (0, 1, 0, 1, 0, 1), mode="circular")

    def __call__(self, points: Tensor, scale: float, octaves: int = 3) -> Tensor:
        """(N,) about −1..1 at points (N, 3) cm; ``scale`` cm is the coarsest feature."""
        total, amplitude = torch.zeros(len(points)), 1.0
        for octave in range(octaves):
            place = points * (2**octave / scale) + 7.3 * octave
            wrapped = (place / 32 - torch.floor(place / 32)) * 2 - 1
            total += (
                amplitude
                * F.grid_sample(self.lattice, wrapped[None, None, None], padding_mode="border", align_corners=True)[
                    0, 0, 0, 0
                ]
            )
            amplitude /= 2
        return total


def hair_mask(mean: Tensor, hair_line: float | Tensor, wobble: Tensor) -> Tensor:
    """(..., N) 0..1: density of hair at points (N, 3) of the mean head, above a line over forehead, ears and nape.

    Parameters
    ----------
    hair_line
        Height of the hairline in the middle of the forehead, centimetres; a number or (..., 1).
    wobble
        (..., N) deviation of the line, centimetres.
    """
    x, y, z = mean.unbind(-1)
    front = y - hair_line + 0.035 * x.square() + wobble
    line = torch.where(z > 3.0, front, y - (1.5 + 1.9 * (z + 1)) + wobble)
    side = torch.where(z <= 3.0, torch.maximum(line, torch.where(z < -2, y + 4.0, line)), line)
    ear = ((x.abs() - 7.6).clamp_min(0) > 0.4) & (y < 6.2) & (z > -3)
    return torch.where(ear, torch.zeros_like(side), torch.sigmoid(side * 5))


def collar(mean: Tensor) -> Tensor:
    """(N,) 0..1: whether points of the mean head are covered by the shirt, below a slanted line around the neck."""
    return torch.sigmoid((-12.4 - mean[:, 1] - 0.24 * mean[:, 2]) * 12)


def torso(rows: int = 40, around: int = 96) -> tuple[Tensor, Tensor]:
    """Vertices (V, 3) cm and triangles of a shirt, made of cross-sections from the collar to below the picture."""
    t = torch.linspace(0, 1, rows)[:, None]
    angle = torch.linspace(0, 2 * torch.pi, around + 1)[None, :-1]
    shoulder = torch.sigmoid((t - 0.13) * 24)
    half_width = 5.9 + 2.6 * t + 13.0 * shoulder
    half_depth = 6.0 + 1.5 * t + 3.2 * shoulder
    x = half_width * torch.cos(angle)
    z = half_depth * torch.sin(angle) - 2.0 + 1.5 * t
    drop = 1.9 * torch.sin(angle) * (1 - t) + 4.4 * (x / 19).square()
    y = (-11.3 - 30 * t - drop).expand_as(x)
    vertices = torch.stack([x, y, z], -1).reshape(-1, 3)  # (rows, around, 3) -> (V, 3)
    corner = torch.arange(rows * around).reshape(rows, around)
    right = corner.roll(-1, 1)
    quads = torch.stack([corner[:-1], right[:-1], right[1:], corner[1:]], -1).reshape(-1, 4)
    return vertices, torch.cat([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def surface_normals(vertices: Tensor, triangles: Tensor) -> Tensor:
    """(V, 3) unit normals of a mesh such as the shirt."""
    a, b, c = vertices[triangles].unbind(1)
    faces = torch.linalg.cross(b - a, c - a)
    total = torch.zeros_like(vertices)
    for k in range(3):
        total.index_add_(0, triangles[:, k], faces)
    return F.normalize(total, dim=1)


def brows(mean: Tensor, model: HeadModel) -> Tensor:
    """(N,) 0..1 density of the eyebrows at points of the mean head."""
    density = torch.zeros(len(mean))
    for chain in (range(17, 22), range(22, 27)):
        points = model.mean[model.landmarks68[list(chain)], :2]
        fine = F.interpolate(points.T[None], 40, mode="linear", align_corners=True)[0].T
        distance, nearest = torch.cdist(mean[:, :2], fine).min(1)
        inner = nearest if chain.start == 22 else 39 - nearest
        width = 0.40 - 0.18 * inner / 39
        density = torch.maximum(density, torch.sigmoid((width - distance) * 16) * (mean[:, 2] > 5))
    return density


def paint(mean: Tensor, part: Tensor, model: HeadModel, look: Look, noise: Noise) -> tuple[Tensor, Tensor]:
    """Colour (N, 3) and gloss (N,) of points, from their places on the mean head (N, 3) and their parts (N,)."""
    x, y, z = mean.unbind(-1)
    tone = 1 + 0.035 * noise(mean, 3.0)[:, None] + 0.03 * noise(mean, 0.5, 3)[:, None]
    colour = look.skin * tone
    red = torch.tensor([0.10, -0.035, -0.03]) * look.skin.mean() * 1.6

    def around(cx: float, cy: float, radius: float) -> Tensor:
        return torch.exp(-((x.abs() - cx).square() + (y - cy).square()) / radius**2)[:, None]

    colour = colour + red * (0.9 * around(4.6, -0.4, 2.6) + 0.8 * around(0.0, 0.2, 1.5) + 0.4 * around(0.0, -7.0, 1.8))
    colour = colour * (1 - 0.10 * around(2.9, 2.3, 1.0))
    freckle = (noise(mean, 0.32, 1) > 0.72).float()[:, None] * 0.07
    colour = colour * (1 - freckle)
    beard = (
        torch.sigmoid((-3.2 - y + 0.10 * x.square()) * 1.6) * torch.sigmoid((y + 11) * 2) * torch.sigmoid((z - 3) * 1.5)
    )
    lip_gap = torch.exp(-((y + 3.4).square() / 0.8 + x.square() / 9))
    shade = look.stubble * beard * (1 - lip_gap) * (0.75 + 0.5 * noise(mean, 0.15, 1))
    colour = colour * (1 - 0.55 * shade.clamp(0, 1)[:, None])
    brow = brows(mean, model)[:, None] * (0.8 + 0.25 * noise(mean * torch.tensor([1.0, 3.0, 1.0]), 0.22, 2)[:, None])
    colour = colour + brow.clamp(0, 0.9) * (torch.minimum(look.hair * 0.75, look.skin * 0.45) - colour)
    gloss = torch.full((len(mean),), 0.18)

    lips = part == PARTS.index("lips")
    lip_colour = (
        look.skin
        * torch.tensor([0.90, 0.68, 0.68])
        * (1 + 0.06 * noise(mean * torch.tensor([3.0, 1, 1]), 0.4, 2)[:, None])
    )
    colour = torch.where(lips[:, None], lip_colour, colour)
    gloss = torch.where(lips, torch.full_like(gloss, 0.32), gloss)
    for name, tint in INSIDES.items():
        colour = torch.where((part == PARTS.index(name))[:, None], torch.tensor(tint), colour)
    return colour, gloss


def paint_eyes(mean: Tensor, part: Tensor, model: HeadModel, iris: Tensor, noise: Noise) -> Tensor:
    """(N, 3) colours of eyeballs: white, iris with radial fibres and a dark rim, pupil, shadow of the upper lid.

    ``iris`` is one colour (3,), or one for each point (N, 3). Points of other parts are black.
    """
    colour = torch.zeros(len(mean), 3)
    for side, name in enumerate(("eye_left", "eye_right")):
        chosen = part == PARTS.index(name)
        pupil = model.mean[model.iris_points[side]]
        offset = mean[chosen] - pupil
        radius = offset[:, :2].norm(dim=1)
        ring = float((model.mean[model.iris_ring[side]] - pupil)[:, :2].norm(dim=1).mean())
        angle = torch.atan2(offset[:, 1], offset[:, 0])
        fibre = noise(torch.stack([angle * 4, radius * 0.6, torch.zeros_like(angle)], 1), 0.6, 2)[:, None]
        white = torch.tensor([0.76, 0.735, 0.715]) - 0.06 * radius[:, None] * torch.tensor([0.2, 1.0, 1.0])
        own = iris if iris.dim() == 1 else iris[chosen]
        coloured = own * (1.1 + 0.35 * fibre) * (1.15 - 0.5 * (radius / ring)[:, None])
        mixed = white + torch.sigmoid((ring - radius) * 40)[:, None] * (coloured - white)
        mixed = mixed * (1 - 0.75 * torch.exp(-((radius - ring) / 0.045).square()))[:, None]
        mixed = mixed * torch.sigmoid((radius - 0.36 * ring) * 45)[:, None]
        upper = torch.sigmoid((offset[:, 1] - 0.22) * 6)[:, None]
        colour[chosen] = mixed * (1 - 0.55 * upper)
    return colour
