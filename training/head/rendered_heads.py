"""Pictures of random heads of the head model, with the surface point behind each pixel."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from core.head.camera import pinhole
from core.head.head_model import PARTS, HeadModel
from core.head.raster import interpolate, rasterise
from core.head.rotation import euler_to_matrix
from core.motion.channels import EXPRESSIONS

SIZE = 480
DISTANCE_CM, VIEW_CM = 100.0, 32.0
"""Distance of the camera, and the width of its view at that distance."""
MIDDLE_CM = (0.0, 0.0, 6.0)
BROWS = (range(17, 22), range(22, 27))
BROW_WIDTH_CM = 0.35
MILD = {"jawOpen": 0.25, "mouthSmile_L": 0.5, "mouthSmile_R": 0.5, "browInnerUp_L": 0.3, "browInnerUp_R": 0.3}
"""Largest values of the random expression weights."""


@dataclass(frozen=True)
class RenderedHead:
    """A picture (SIZE, SIZE, 3) uint8, its pose, and for each pixel the triangle (-1: none) and barycentric weights.

    ``rotation`` (3,) pitch, yaw, roll radians; ``identity`` (I,), ``expression`` (53,); ``cosine`` (SIZE, SIZE)
    between the surface's normal and the line of sight; ``pixels`` (V, 2) projected vertices; ``focal`` in pixels.
    """

    image: np.ndarray
    rotation: np.ndarray
    identity: np.ndarray
    expression: np.ndarray
    triangle: np.ndarray
    barycentric: np.ndarray
    cosine: np.ndarray
    pixels: np.ndarray
    focal: float


def _albedo(head: HeadModel, rng: np.random.Generator) -> torch.Tensor:
    """(V, 3) vertex colours: skin of a random tone, brows, lips, eyes, and hair on half of the heads."""
    mean = head.mean.numpy()
    tone = rng.uniform(0.35, 1.0)
    skin = np.array([0.87, 0.67, 0.56]) * tone
    colour = np.tile(skin, (len(mean), 1))
    hair = rng.uniform(0.05, 0.3) * np.array([1.0, 0.8, 0.65])
    if rng.random() < 0.5:
        # The hairline runs from the top of the forehead down in front of the ears.
        line = np.maximum(8.5 - 0.85 * (9.5 - mean[:, 2]), -3.0)
        colour[mean[:, 1] > line] = hair
    for brow in BROWS:
        points = mean[head.landmarks68[list(brow)].numpy()]
        fine = np.concatenate([np.linspace(a, b, 8) for a, b in pairwise(points)])
        distance = np.linalg.norm(mean[:, None] - fine[None], axis=-1).min(1)
        share = 0.75 * np.exp(-((distance / BROW_WIDTH_CM) ** 2))[:, None]
        colour = (1 - share) * colour + share * hair
    lips = head.part_vertices("lips").numpy()
    colour[lips] = 0.5 * colour[lips] + 0.5 * np.array([0.72, 0.34, 0.34]) * tone
    for side, name in enumerate(("eye_left", "eye_right")):
        colour[head.part_vertices(name).numpy()] = (0.92, 0.9, 0.88)
        first, last = int(head.iris_points[side]), int(head.iris_ring[side].max())
        colour[first : last + 1] = rng.uniform(0.1, 0.4) * np.array([1.0, 0.8, 0.6])
    for name in PARTS:
        if name.startswith("teeth"):
            colour[head.part_vertices(name).numpy()] = (0.9, 0.88, 0.8)
        elif name in ("mouth_socket", "tongue", "gums_upper", "gums_lower"):
            colour[head.part_vertices(name).numpy()] = (0.4, 0.15, 0.15)
    return torch.from_numpy(colour).float()


def render_random_head(head: HeadModel, rng: np.random.Generator) -> RenderedHead:
    """A random head: identity ~ N(0, 1), mild expression, up to 29 degrees of yaw and 17 of pitch, light from the
    front."""
    identity = torch.from_numpy(rng.standard_normal(head.identity_count)).float()
    expression = torch.zeros(len(EXPRESSIONS))
    for name, top in MILD.items():
        expression[EXPRESSIONS.index(name)] = rng.uniform(0, top)
    rotation = torch.tensor([rng.uniform(-0.3, 0.3), rng.uniform(-0.5, 0.5), 0.0])
    vertices = (head.vertices(identity, expression) - torch.tensor(MIDDLE_CM)) @ euler_to_matrix(rotation).T
    normals = head.normals(vertices)
    camera = vertices - torch.tensor([0.0, 0.0, DISTANCE_CM])
    focal = SIZE * DISTANCE_CM / VIEW_CM
    pixels = pinhole(camera, focal, torch.full((2,), SIZE / 2))
    seen = rasterise(torch.cat([pixels, -camera[:, 2:]], dim=-1)[None], head.triangles, SIZE, SIZE)
    view = torch.nn.functional.normalize(-camera, dim=-1)
    cosine = interpolate(seen, head.triangles, (normals * view).sum(-1, keepdim=True))[0, ..., 0]
    light = torch.tensor([rng.uniform(-0.5, 0.5), rng.uniform(0.1, 0.6), 1.0])
    shade = 0.35 + 0.65 * (normals @ torch.nn.functional.normalize(light, dim=0)).clamp_min(0)
    colour = interpolate(seen, head.triangles, _albedo(head, rng) * shade[:, None])[0]
    background = torch.from_numpy(rng.uniform(0.2, 0.8, 3)).float()
    image = torch.where(seen.covered[0][..., None], colour, background)
    return RenderedHead(
        image=(image.clamp(0, 1) * 255).byte().numpy(),
        rotation=rotation.numpy(),
        identity=identity.numpy(),
        expression=expression.numpy(),
        triangle=seen.triangle[0].numpy(),
        barycentric=seen.barycentric[0].numpy(),
        cosine=cosine.numpy(),
        pixels=pixels.numpy(),
        focal=focal,
    )
