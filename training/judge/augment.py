"""The same mouths as another camera, another coder or a renderer would show them, so that the judge only sees speech.

Everything except noise is drawn once for a clip and stays the same throughout, as for a camera or a renderer. Nothing
moves with the sound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .data import MOUTH_SIDE


@dataclass(frozen=True)
class PictureConfig:
    """Strengths of the changes. Shares are shares of clips.

    Attributes
    ----------
    turn, scale, shift, drift
        Largest turn (rad), change of scale, shift (share of the side), and further shift during the clip.
    blur, coarse, jpeg, noise
        Shares of clips that are blurred, resampled to fewer pixels and back, coded as JPEG, and given noise.
    widest_blur, coarsest, quality, loudest_noise
        Largest deviation of the blur in px, smallest side in pixels, range of JPEG quality, largest deviation of the
        noise (0–1).
    gamma, contrast
        Range of the exponent's logarithm, and of the change of contrast.
    """

    turn: float = 0.12
    scale: float = 0.12
    shift: float = 0.06
    drift: float = 0.04
    blur: float = 0.4
    widest_blur: float = 1.5
    coarse: float = 0.3
    coarsest: int = 28
    jpeg: float = 0.4
    quality: tuple[int, int] = (15, 80)
    noise: float = 0.4
    loudest_noise: float = 0.04
    gamma: float = 0.4
    contrast: float = 0.3


def seen_otherwise(
    mouths: np.ndarray, config: PictureConfig, rng: np.random.Generator, generator: torch.Generator
) -> Tensor:
    """(B, T, 72, 72) uint8 → (B, T, 56, 56) float32 0–1."""
    batch, frames = mouths.shape[:2]
    pictures = torch.from_numpy(np.stack([_coded(clip, config, rng) for clip in mouths])).float() / 255
    pictures = placed(pictures, config, generator)

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(batch, 1, 1, 1, generator=generator)

    pictures = pictures.clamp(1e-3, 1) ** torch.exp(uniform(-config.gamma, config.gamma))
    mean = pictures.mean((1, 2, 3), keepdim=True)
    pictures = mean + (pictures - mean) * (1 + uniform(-config.contrast, config.contrast))
    noisy = (torch.rand(batch, 1, 1, 1, generator=generator) < config.noise) * uniform(0, config.loudest_noise)
    return pictures + noisy * torch.randn(batch, frames, MOUTH_SIDE, MOUTH_SIDE, generator=generator)


def placed(pictures: Tensor, config: PictureConfig, generator: torch.Generator) -> Tensor:
    """(B, T, S, S) → (B, T, 56, 56): the middle, slightly shifted, turned and scaled, sometimes mirrored, slowly
    drifting."""
    batch, frames, side, _ = pictures.shape

    def spread(*shape: int) -> Tensor:
        return 2 * torch.rand(shape, generator=generator) - 1

    turn, scale = config.turn * spread(batch), MOUTH_SIDE / side * (1 + config.scale * spread(batch))
    mirror = torch.where(torch.rand(batch, generator=generator) < 0.5, -1.0, 1.0)
    time = torch.linspace(-0.5, 0.5, frames)[None, :, None]
    shift = 2 * (config.shift * spread(batch, 1, 2) + config.drift * time * spread(batch, 1, 2))  # (B, T, 2)
    rows = torch.stack(
        [
            torch.stack([mirror * scale * turn.cos(), -scale * turn.sin()], -1),
            torch.stack([mirror * scale * turn.sin(), scale * turn.cos()], -1),
        ],
        dim=1,
    )  # (B, 2, 2)
    theta = torch.cat([rows[:, None].expand(-1, frames, -1, -1), shift[..., None]], -1).flatten(0, 1)  # (B·T, 2, 3)
    grid = functional.affine_grid(theta, [batch * frames, 1, MOUTH_SIDE, MOUTH_SIDE], align_corners=False)
    out = functional.grid_sample(pictures.flatten(0, 1)[:, None], grid, padding_mode="border", align_corners=False)
    return out[:, 0].unflatten(0, (batch, frames))


def _coded(clip: np.ndarray, config: PictureConfig, rng: np.random.Generator) -> np.ndarray:
    """(T, S, S) uint8, randomly blurred, coarsened and JPEG-coded. All random numbers are drawn in any case."""
    blur, coarse, jpeg = (rng.random(3) < (config.blur, config.coarse, config.jpeg)).tolist()
    width = float(rng.uniform(0.4, config.widest_blur))
    side = math.floor(rng.uniform(config.coarsest, clip.shape[1]))
    quality = int(rng.integers(*config.quality))
    out = []
    for picture in clip:
        if blur:
            picture = cv2.GaussianBlur(picture, (0, 0), width)
        if coarse:
            small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
            picture = cv2.resize(small, clip.shape[1:], interpolation=cv2.INTER_CUBIC)
        if jpeg:
            picture = cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 0)
        out.append(picture)
    return np.stack(out)
