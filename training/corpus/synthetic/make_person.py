"""Render an invented person: the head model with procedural skin, hair, eyes and shirt, lit and photographed.

    python -m training.corpus.synthetic.make_person --seed 3 --out person.png

The same seed gives the same picture. It is realistic enough for the face mesh and the whole pipeline, and touches
nobody's personality rights.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.head.head_model import PARTS, HeadModel
from core.head.raster import Fragments, interpolate_fragments, rasterise
from core.motion.channels import EXPRESSIONS
from core.renderer.geometry import head_share

from ...common.folders import RUNS
from .person import Look, Noise, collar, hair_mask, paint, paint_eyes, surface_normals, torso

DISTANCE_CM = 95.0
SAMPLES = 2
"""Samples per pixel along each axis."""


def render(look: Look, seed: int, width: int, height: int) -> np.ndarray:
    """(height, width, 3) uint8 photograph of a look."""
    return photograph(look, seed, width, height)[0]


def photograph(
    look: Look,
    seed: int,
    width: int,
    height: int,
    turn: Tensor | None = None,
    backdrop: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """(height, width, 3) uint8 photograph of a look, and (height, width) 0..1 the part of each pixel that it covers.

    Parameters
    ----------
    turn
        (3,) pitch, yaw, roll in radians by which the head is turned on still shoulders.
    backdrop
        (height, width, 3) 0..1 picture behind the person; a studio wall if None.
    """
    model, noise = HeadModel.load(), Noise(seed)
    expression = torch.zeros(len(EXPRESSIONS))
    for name, value in look.expression.items():
        expression[EXPRESSIONS.index(name)] = value
    head = model.vertices(look.identity, expression)
    normals = model.normals(head)
    hair = hair_mask(model.mean, look.hair_line, 0.35 * noise(model.mean, 2.5)) * (
        model.vertex_part == PARTS.index("skin")
    )
    lift = hair * (
        look.hair_length * (1 + 0.25 * noise(model.mean, 4.0, 2)) + 0.25 * torch.relu(model.mean[:, 1] - 8) * 0.4
    )
    lift = lift + 0.15 * collar(model.mean) * (model.vertex_part == PARTS.index("skin"))
    head = head + normals * lift[:, None]
    still = model.pose(head, look.rotation, torch.zeros(3))
    if turn is not None:
        turned = model.pose(head, turn, torch.zeros(3))
        head = head + head_share(model.mean)[:, None] * (turned - head)
    head = model.pose(head, look.rotation, torch.zeros(3))
    normals = model.normals(head)

    shirt, shirt_triangles = torso()
    neck = (model.mean[:, 1] < -11.0) & (model.mean[:, 1] > -12.5) & (model.mean[:, 0].abs() < 8)
    fit = still[neck, 0].abs().max() / model.mean[neck, 0].abs().max()
    shirt = shirt * torch.tensor([fit, 1.0, fit]) + (still[neck] - model.mean[neck]).mean(0) * torch.tensor(
        [0.0, 1.0, 1.0]
    )
    vertices = torch.cat([head, shirt])
    all_normals = torch.cat([normals, surface_normals(shirt, shirt_triangles)])
    bust = (model.mean[:, 1] < -15.0) | ((model.mean[:, 0].abs() > 8.6) & (model.mean[:, 1] < -10.5))
    kept = ~bust[model.triangles].any(1)  # its edge would show through the shirt
    triangles = torch.cat([model.triangles[kept], shirt_triangles + len(head)])
    parts = torch.cat([model.triangle_part[kept], torch.full((len(shirt_triangles),), len(PARTS))])

    w, h = width * SAMPLES, height * SAMPLES
    focal = h * 2.3
    distance = DISTANCE_CM - vertices[:, 2]
    pixels = torch.stack(
        [w / 2 + focal * vertices[:, 0] / distance, h * 0.47 - focal * (vertices[:, 1] - 1) / distance, distance], 1
    )
    seen = rasterise(pixels[None], triangles, h, w)
    canonical = torch.cat([model.mean, shirt])
    data = torch.cat([canonical, all_normals, torch.cat([hair, torch.zeros(len(shirt))])[:, None], vertices], 1)
    values = interpolate_fragments(seen, triangles, data)
    mean, normal, fuzz, place = values[:, :3], F.normalize(values[:, 3:6], dim=1), values[:, 6], values[:, 7:]
    part = parts[seen.face]

    colour, gloss = paint(mean, part, model, look, noise)
    is_eye = (part == PARTS.index("eye_left")) | (part == PARTS.index("eye_right"))
    colour = torch.where(is_eye[:, None], paint_eyes(mean, part, model, look.iris, noise), colour)
    strand = noise(mean * torch.tensor([2.6, 0.35, 1.2]), 0.45, 3)[:, None]
    hair_colour = look.hair * (1 + 0.55 * strand)
    covered = torch.sigmoid((fuzz + 0.22 * strand[:, 0] - 0.42) * 14)[:, None]
    colour = colour + covered * (hair_colour - colour)
    gloss = torch.where(is_eye, torch.full_like(gloss, 0.9), gloss * (1 - covered[:, 0]))
    cloth = (part == len(PARTS)) | (collar(mean) > 0.5)
    weave = 1 + 0.05 * noise(mean, 0.25, 2)[:, None] + 0.06 * noise(mean, 6.0, 2)[:, None]
    colour = torch.where(cloth[:, None], look.shirt * weave, colour)

    shaded = _shade(colour, gloss, normal, place, look, seen, (h, w), covered[:, 0], strand[:, 0])
    canvas = _background(look, noise, w, h) if backdrop is None else _enlarged(backdrop)
    canvas[seen.address] = shaded
    picture = cv2.resize(canvas.reshape(h, w, 3).numpy(), (width, height), interpolation=cv2.INTER_AREA)
    picture = picture + np.random.default_rng(seed).normal(0, 0.006, picture.shape)
    shown = cv2.resize(seen.covered[0].numpy().astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    return (np.clip(picture, 0, 1) ** (1 / 1.05) * 255 + 0.5).astype(np.uint8), shown


def _enlarged(backdrop: np.ndarray) -> Tensor:
    """(H·W, 3) of a picture (height, width, 3), each pixel repeated for its samples."""
    return torch.from_numpy(backdrop.repeat(SAMPLES, 0).repeat(SAMPLES, 1).astype(np.float32)).reshape(-1, 3)


def _shade(
    colour: Tensor,
    gloss: Tensor,
    normal: Tensor,
    place: Tensor,
    look: Look,
    seen: Fragments,
    shape: tuple[int, int],
    covered: Tensor,
    strand: Tensor,
) -> Tensor:
    """Key, fill and sky light: wrapped diffuse light, like scattering under the skin; highlights; ambient occlusion."""
    bump = torch.where(normal[:, 2:] < 0, -normal, normal)  # the shirt's inner side, seen at the collar
    key = F.normalize(torch.tensor([look.light_side * 0.55, 0.55, 0.75]), dim=0)
    fill = F.normalize(torch.tensor([-look.light_side * 0.8, 0.1, 0.6]), dim=0)
    view = F.normalize(torch.tensor([0.0, 0.0, DISTANCE_CM]) - place, dim=1)
    wrap = torch.tensor([0.42, 0.26, 0.20])
    lit = ((bump @ key)[:, None] + wrap).clamp_min(0) / (1 + wrap)
    light = 0.84 * lit + 0.26 * ((bump @ fill)[:, None] * 0.5 + 0.5).clamp_min(0) + 0.20 * (0.5 + 0.5 * bump[:, 1:2])
    half = F.normalize(view + key, dim=1)
    highlight = gloss * (half * bump).sum(1).clamp_min(0) ** 22 * 0.55
    sparkle = (gloss > 0.8) * ((half * bump).sum(1).clamp_min(0) ** 220)
    sheen = covered * ((half * bump).sum(1).clamp_min(0) ** 8) * 0.16 * (1 + 0.8 * strand)
    shaded = colour * light + (highlight + sparkle + sheen)[:, None]
    return shaded * _occlusion(seen, shape)[:, None]


def _occlusion(seen: Fragments, shape: tuple[int, int]) -> Tensor:
    """(N,) 0..1: pixels behind their surroundings are darker (depth compared with blurred depth, at two scales)."""
    height, width = shape
    depth = np.full(height * width, DISTANCE_CM + 20, np.float32)
    depth[seen.address.numpy()] = seen.distance.numpy()
    depth = depth.reshape(height, width)
    shade = np.ones_like(depth)
    for sigma, strength, limit in ((height / 220, 0.55, 0.6), (height / 60, 0.14, 1.6)):
        near = cv2.GaussianBlur(np.minimum(depth, DISTANCE_CM + 12), (0, 0), sigma)
        behind = np.clip(depth - near, 0, limit)
        shade *= np.exp(-strength * behind)
    return torch.from_numpy(shade.reshape(-1))[seen.address]


def _background(look: Look, noise: Noise, width: int, height: int) -> Tensor:
    """(H·W, 3) studio wall with a soft pool of light and slight mottling."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    pool = torch.exp(-((x - 0.3 * look.light_side).square() + (y + 0.2).square()) / 1.6).reshape(-1)
    mottle = noise(torch.stack([x.reshape(-1) * 12, y.reshape(-1) * 12, torch.zeros(height * width)], 1), 7.0, 3)
    return look.background * (0.55 + 0.45 * pool + 0.02 * mottle)[:, None]


def main() -> None:
    """Command line: write the picture of a seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=800)
    parser.add_argument("--out", type=Path, default=RUNS / "person.png")
    args = parser.parse_args()
    look = Look.draw(args.seed, HeadModel.load().identity_count)
    picture = render(look, args.seed, args.width, args.height)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(args.out), picture[..., ::-1])
    print(args.out)


if __name__ == "__main__":
    main()
