"""Perceptual distance of pictures (L_VGG of the paper's eq. 5): a VGG network's if weights are given, or a stand-in.

VGG-19 is compared as in pix2pixHD. HED's VGG-16, which was trained on edges last, is compared as in LPIPS (Zhang et al.
2018): each place's features are scaled to one length, and all depths count alike.

The stand-in has no learned part of its own. Like models of early vision it compares edges and lines of four
orientations at four scales, in brightness and, from the second scale on, in two colour contrasts. Each response is
divided by the contrast around it. The energy of the responses, pooled over a neighbourhood, is compared too; this
tolerates a shift of a pixel or two, as VGG's deeper layers do. The feature maps of the reconstruction network
(``core.face.reconstruction``), which was trained on faces, can be added.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .vgg import VGG19, EdgeVGG16

VGG_SHARES = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
"""Weights of relu1_1 … relu5_1, as in pix2pixHD (Wang et al. 2018)."""
HDF5 = (".h5", ".hdf5")
"""Endings of a file with HED's VGG-16 instead of VGG-19."""
EDGE_SHARE = 0.2
"""Weight of each depth of HED's VGG-16. With it the gradient is about as large as that of the stand-in."""
SCALES = 4
ORIENTATIONS = 4
SIGMA = 0.9
"""Standard deviation of the filters' Gaussian, pixels of their scale."""
FLOOR = 0.02
"""Contrast (RGB 0–1) below which differences count as noise."""
TRUNK_SHARE = 0.5
"""Weight of the trunk's features relative to the filters."""
OPPONENT = ((0.299, 0.587, 0.114), (0.5, -0.5, 0.0), (0.25, 0.25, -0.5))
"""Luma, red against green, yellow against blue; rows over RGB."""


class FeatureMaps(Protocol):
    """A network with feature maps to compare: pictures (B, 3, H, W) 0–1 -> maps (B, C, h, w)."""

    def __call__(self, picture: Tensor) -> Sequence[Tensor]: ...


def oriented_filters() -> Tensor:
    """(2 · ORIENTATIONS, 1, 5, 5): first (odd) and second (even) derivatives of a Gaussian, each with unit L1 norm."""
    axis = torch.arange(-2.0, 3.0)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    bell = torch.exp(-(x.square() + y.square()) / (2 * SIGMA**2))
    kinds: tuple[list[Tensor], list[Tensor]] = ([], [])
    for k in range(ORIENTATIONS):
        angle = math.pi * k / ORIENTATIONS
        along = x * math.cos(angle) + y * math.sin(angle)
        even = bell * (along.square() / SIGMA**2 - 1)
        even = even - even.sum() / bell.sum() * bell  # cut off at 5 pixels, it would respond to uniform light
        kinds[0].append(along * bell / (along * bell).abs().sum())
        kinds[1].append(even / even.abs().sum())
    return torch.stack([*kinds[0], *kinds[1]])[:, None]


class OrientedPyramid(nn.Module):
    """Pictures (B, 3, H, W) 0–1 -> for each scale responses (B, 8 C, h, w) and their pooled energy (B, 4 C, h/2, w/2).

    C is 1 at the finest scale, where only brightness counts because eyes do not see fine colour detail, and 3 at the
    other scales.
    """

    filters: Tensor
    opponent: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("filters", oriented_filters(), persistent=False)
        self.register_buffer("opponent", torch.tensor(OPPONENT)[..., None, None], persistent=False)

    def forward(self, picture: Tensor) -> list[Tensor]:
        """Two maps for each scale, finest first."""
        maps = self._responses(F.conv2d(picture, self.opponent[:1]))
        value = F.conv2d(picture, self.opponent)
        for _ in range(1, SCALES):
            value = F.avg_pool2d(value, 2)
            if min(value.shape[-2:]) >= 8:
                maps += self._responses(value)
        return maps

    def _responses(self, value: Tensor) -> list[Tensor]:
        batch, colours, height, width = value.shape
        flat = F.pad(value, (2, 2, 2, 2), mode="replicate").flatten(0, 1)[:, None]  # (B, C, h, w) -> (B·C, 1, h, w)
        response = F.conv2d(flat, self.filters)
        pairs = response.reshape(batch, colours, 2, ORIENTATIONS, height, width)  # 8 -> odd and even, orientation
        energy = (pairs.square().sum(2) + 1e-8).sqrt()  # (B, C, ORIENTATIONS, h, w)
        coarse = F.avg_pool2d(energy.flatten(1, 2), 4, 2, 1)  # -> (B, 4 C, h/2, w/2)
        # The contrast around each place is smooth, so half the resolution is enough.
        around = coarse.reshape(batch, colours, ORIENTATIONS, *coarse.shape[-2:]).mean(2)
        around = F.avg_pool2d(around, 5, 1, 2, count_include_pad=False) + FLOOR
        gain = F.interpolate(1 / around, (height, width), mode="nearest")
        fine = (pairs * gain[:, :, None, None]).flatten(1, 3)  # -> (B, 8 C, h, w)
        return [fine, coarse / around.repeat_interleave(ORIENTATIONS, 1)]


class PerceptualDistance(nn.Module):
    """How different two pictures look: 0 for equal pictures, differentiable in both.

    Parameters
    ----------
    weights
        Weights of VGG-19 as a safetensors file (:class:`VGG19`), or of HED's VGG-16 as an HDF5 file
        (:class:`EdgeVGG16`); None for the stand-in.
    trunk
        Feature maps to add to the stand-in, such as ``core.face.reconstruction.Reconstruction.maps``.

    Attributes
    ----------
    learned
        Whether the compared features are a VGG network's.
    name
        Name of the distance, for reports: "VGG-19", "VGG-16 of HED", "oriented filters" or "oriented filters + R".
    """

    def __init__(self, weights: Path | None = None, trunk: FeatureMaps | None = None) -> None:
        super().__init__()
        self.trunk: FeatureMaps | None = None
        self.maps: nn.Module
        if weights is not None and weights.suffix in HDF5:
            self.name = "VGG-16 of HED"
            self.maps = EdgeVGG16.load(weights)
        elif weights is not None:
            self.name = "VGG-19"
            self.maps = VGG19.load(weights)
        else:
            self.name = "oriented filters" + (" + R" if trunk else "")
            self.maps = OrientedPyramid()
            self.trunk = trunk
        self.learned = weights is not None
        self.eval().requires_grad_(False)

    def distances(self, generated: Tensor, truth: Tensor, weight: Tensor | None = None) -> Tensor:
        """(B,) distances of pictures (B, 3, H, W) RGB 0–1 with at least 32 pixels a side.

        ``weight`` (B, 1, H, W) ≥ 0 weights the pixels; only its proportions matter.
        """
        return self.over(generated, truth, torch.ones_like(truth[:, :1]) if weight is None else weight)[:, 0]

    def over(self, generated: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
        """(B, R) distances of the same pictures by each of R weights (B, R, H, W), at little more than the cost of
        one."""
        ours, theirs = self.maps(generated), self.maps(truth)
        shares: Sequence[float] = [1 / len(ours)] * len(ours)
        if isinstance(self.maps, VGG19):
            shares = VGG_SHARES
        elif isinstance(self.maps, EdgeVGG16):
            ours, theirs, shares = [_unit(a) for a in ours], [_unit(b) for b in theirs], [EDGE_SHARE] * len(ours)
        total = torch.zeros(weights.shape[:2], device=generated.device)
        for a, b, share in zip(ours, theirs, shares, strict=True):
            total = total + share * _mean_difference(a, b, weights)
        if self.trunk is not None:
            pairs = list(zip(self.trunk(generated), self.trunk(truth), strict=True))
            for a, b in pairs:
                total = total + TRUNK_SHARE / len(pairs) * _mean_difference(_unit(a), _unit(b), weights)
        return total

    def forward(self, generated: Tensor, truth: Tensor, weight: Tensor | None = None) -> Tensor:
        """Mean of :meth:`distances`."""
        return self.distances(generated, truth, weight).mean()


def _unit(maps: Tensor) -> Tensor:
    """Feature vectors (B, C, h, w) scaled to a root mean square of 1, so that a few strong channels do not dominate."""
    return maps * torch.rsqrt(maps.square().mean(1, keepdim=True) + 1e-4)


def _mean_difference(a: Tensor, b: Tensor, weights: Tensor) -> Tensor:
    """(B, R) mean absolute difference of maps (B, C, h, w), weighted by (B, R, H, W)."""
    difference = (a.float() - b.float()).abs().mean(1, keepdim=True)
    small = F.adaptive_avg_pool2d(weights, (difference.shape[-2], difference.shape[-1]))
    return (difference * small).sum((2, 3)) / small.sum((2, 3)).clamp_min(1e-6)
