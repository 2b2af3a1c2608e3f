"""Light on synthetic talkers: lamps and ambient light as spherical harmonics of irradiance (Ramamoorthi and Hanrahan
2001)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.head.raster import Fragments


@dataclass(frozen=True)
class Lights:
    """Light on B people: ambient (B, 3), and D lamps with directions (B, D, 3) towards them and colours (B, D, 3)."""

    ambient: Tensor
    direction: Tensor
    colour: Tensor

    def harmonics(self) -> Tensor:
        """(B, 9, 3) irradiance coefficients: the brightness of a white surface is ``harmonic_terms(n) @ harmonics``."""
        lamps = torch.einsum("bdk,bdc->bkc", harmonic_terms(self.direction), self.colour)
        total = lamps * torch.tensor(_CONVOLUTION)[:, None]
        total[:, 0] += self.ambient
        return total


_CONVOLUTION = (0.25, 0.5, 0.5, 0.5, 0.3125 * 3, 0.3125 * 3, 0.3125 / 4, 0.3125 * 3, 0.3125 * 3 / 4)
"""Zonal weights of max(0, cos) for the unnormalised terms below. Its Legendre series is 1/4 + cos/2 + 5/16 P₂ …"""


def harmonic_terms(direction: Tensor) -> Tensor:
    """(..., 9) unnormalised spherical harmonics of unit vectors (..., 3): 1, y, z, x, xy, yz, 3z² − 1, xz, x² − y².

    Σ_k w_k Y_k(a) Y_k(b) with the weights of ``_CONVOLUTION`` is the second-order approximation of max(0, a·b): P₂(a·b)
    = 3 (xy xy' + yz yz' + xz xz') + (3z² − 1)(3z'² − 1) / 4 + 3 (x² − y²)(x'² − y'²) / 4.
    """
    x, y, z = direction.unbind(-1)
    return torch.stack([torch.ones_like(x), y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], -1)


def draw_lights(n: int, rng: np.random.Generator) -> Lights:
    """Random light as in rooms, offices, at windows and in studios: ambient light, a key lamp, and a fill lamp from the
    other side."""
    azimuth, height = rng.normal(0, 0.9, n), rng.uniform(-0.2, 1.1, n)
    key = np.stack([np.sin(azimuth) * np.cos(height), np.sin(height), np.cos(azimuth) * np.cos(height)], -1)
    other = -azimuth + rng.normal(0, 0.5, n)
    low = rng.uniform(-0.3, 0.6, n)
    fill = np.stack([np.sin(other) * np.cos(low), np.sin(low), np.cos(other) * np.cos(low)], -1)
    tint = 1 + rng.normal(0, 0.03, (n, 1, 3)) + rng.normal(0, 0.07, (n, 1, 1)) * np.array([1.0, 0.0, -1.0])
    strength = rng.uniform(0.15, 1.1, n)
    level = rng.uniform(0.65, 1.25, n)  # brightness of a surface that faces the camera
    ambient = np.full((n, 3), 1.0) * rng.uniform(0.35, 0.9, n)[:, None]
    colours = np.stack([strength, rng.uniform(0, 0.5, n)], -1)[..., None] * (1 + rng.normal(0, 0.04, (n, 2, 3)))
    front = ambient.mean(1) + (np.stack([key, fill], 1)[..., 2].clip(0) * colours.mean(-1)).sum(1)
    scale = (level / front)[:, None]
    directions = torch.from_numpy(np.stack([key, fill], 1)).float()
    return Lights(
        torch.from_numpy(ambient * scale * tint[:, 0]).float(),
        directions,
        torch.from_numpy(colours * scale[..., None] * tint).float(),
    )


def occlusion(seen: Fragments) -> Tensor:
    """(B, H, W) 0..1: places behind their surroundings are darker (depth compared with blurred depth, at two
    scales)."""
    height = seen.shape[1]
    depth = seen.depth[:, None]
    depth = torch.minimum(depth, depth.amin((1, 2, 3), keepdim=True) + 22)
    shade = torch.ones_like(depth)
    for share, strength, limit in ((0.012, 0.5, 0.6), (0.045, 0.14, 1.6)):
        step = max(1, round(share * height / 2))  # surroundings are smooth: a coarse grid is enough
        coarse = F.avg_pool2d(depth, step, ceil_mode=True, count_include_pad=False)
        near = F.avg_pool2d(F.pad(coarse, (2,) * 4, mode="replicate"), 5, 1)
        near = F.interpolate(near, scale_factor=step, mode="bilinear")[..., :height, :height]
        shade = shade * torch.exp(-strength * (depth - near).clamp(0, limit))
    return shade[:, 0]
