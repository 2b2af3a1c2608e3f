"""How near a made picture is to the true one, over the whole picture or a part: PSNR, SSIM, sharpness. And how near two
sets of pictures are: the Fréchet distance.

Pictures are (B, 3, H, W) RGB 0–1. A weight (B, 1, H, W) ≥ 0 says how much each pixel counts; None counts all equally.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)
SSIM_SIGMA, SSIM_RADIUS = 1.5, 5
K1, K2 = 0.01, 0.03
BEST_PSNR = 60.0
"""Decibels for bit-identical pictures, and upper limit for all others."""


def mean_over(values: Tensor, weight: Tensor | None) -> Tensor:
    """(B,) weighted means of (B, C, H, W); NaN for pictures without a pixel that counts."""
    if weight is None:
        return values.mean((1, 2, 3))
    total = weight.sum((1, 2, 3))
    means = (values * weight).sum((1, 2, 3)) / (total.clamp_min(1e-6) * values.shape[1])
    return torch.where(total > 1.0, means, torch.nan)


def psnr(made: Tensor, truth: Tensor, weight: Tensor | None = None) -> Tensor:
    """(B,) peak signal-to-noise ratio in dB for the range 0–1, over all channels together."""
    error = mean_over((made - truth).square(), weight)
    return (-10 * torch.log10(error.clamp_min(10 ** (-BEST_PSNR / 10)))).clamp(max=BEST_PSNR)


def flicker(pictures: Tensor, weight: Tensor | None = None) -> float:
    """Mean absolute second difference in time of three neighbouring pictures (3, 3, H, W), in levels of 255.

    ``weight`` (3, 1, H, W): a pixel has the least of its three weights.
    """
    change = (pictures[0] - 2 * pictures[1] + pictures[2]).abs()[None] * 255
    return float(mean_over(change, None if weight is None else weight.amin(0, keepdim=True))[0])


def ssim(made: Tensor, truth: Tensor, weight: Tensor | None = None) -> Tensor:
    """(B,) structural similarity (Wang et al. 2004): Gaussian window of 11 pixels, mean over the colours."""
    return mean_over(ssim_map(made, truth), weight)


def ssim_map(made: Tensor, truth: Tensor) -> Tensor:
    """(B, 3, H, W) structural similarity around each pixel."""
    a, b = made.double(), truth.double()
    mean_a, mean_b = _window(a), _window(b)
    var_a = _window(a * a) - mean_a.square()
    var_b = _window(b * b) - mean_b.square()
    covariance = _window(a * b) - mean_a * mean_b
    c1, c2 = K1**2, K2**2
    likeness = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return (likeness / ((mean_a.square() + mean_b.square() + c1) * (var_a + var_b + c2))).float()


def _window(values: Tensor) -> Tensor:
    """Gaussian means of each channel; edge pixels are repeated outwards."""
    channels = values.shape[1]
    steps = torch.arange(-SSIM_RADIUS, SSIM_RADIUS + 1, dtype=values.dtype, device=values.device)
    bell = torch.exp(-steps.square() / (2 * SSIM_SIGMA**2))
    bell = bell / bell.sum()
    padded = F.pad(values, (SSIM_RADIUS,) * 4, mode="replicate")
    rows = F.conv2d(padded, bell.reshape(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
    return F.conv2d(rows, bell.reshape(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)


def detail(picture: Tensor, weight: Tensor | None = None) -> Tensor:
    """(B,) fine detail: mean absolute Laplacian of the brightness."""
    luma = (picture * torch.tensor(LUMA, device=picture.device)[:, None, None]).sum(1, keepdim=True)
    kernel = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]], device=picture.device)[None, None]
    return mean_over(F.conv2d(F.pad(luma, (1, 1, 1, 1), mode="replicate"), kernel).abs(), weight)


def sharpness(made: Tensor, truth: Tensor, weight: Tensor | None = None) -> Tensor:
    """(B,) detail of the made picture divided by that of the true one. 1 is equally sharp, less is blurred, more is
    over-sharp or noisy."""
    return detail(made, weight) / detail(truth, weight).clamp_min(1e-4)


def frechet(a: Tensor, b: Tensor) -> float:
    """Fréchet distance of two sets of features (N, D), (M, D), treated as Gaussians (Heusel et al. 2017, FID).

    |μ_a − μ_b|² + tr(Σ_a + Σ_b − 2 (Σ_a Σ_b)^½). NaN if a set has fewer than two members.
    """
    if min(len(a), len(b)) < 2:
        return math.nan
    a, b = a.double(), b.double()
    cov_a, cov_b = torch.cov(a.T), torch.cov(b.T)
    root = _root(cov_a)
    # tr (Σ_a Σ_b)^½ = tr (Σ_a^½ Σ_b Σ_a^½)^½, and the latter matrix is symmetric.
    mixed = torch.linalg.eigvalsh(root @ cov_b @ root).clamp_min(0).sqrt().sum()
    return float((a.mean(0) - b.mean(0)).square().sum() + cov_a.trace() + cov_b.trace() - 2 * mixed)


def _root(matrix: Tensor) -> Tensor:
    """Symmetric square root of a covariance."""
    values, vectors = torch.linalg.eigh(matrix)
    return vectors @ (values.clamp_min(0).sqrt()[:, None] * vectors.T)
