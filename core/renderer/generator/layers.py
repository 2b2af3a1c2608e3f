"""Layers shared by the renderer's networks: modulated convolutions and the mapping network of StyleGAN2.

Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (2020), appendix B.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.2
"""Slope of the leaky ReLUs for negative values."""
GAIN = math.sqrt(2.0 / (1.0 + SLOPE**2))
"""Factor on the weights before a leaky ReLU. It restores the variance that the ReLU removes."""
EPSILON = 1e-6
"""Added under square roots of mean squares, against division by zero."""
STYLE_SPREAD = 0.3
"""Standard deviation of the styles' factors on the channels at the start of training, around 1."""


def activate(x: Tensor) -> Tensor:
    """Leaky ReLU."""
    return F.leaky_relu(x, SLOPE)


def convolution(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    """A convolution with zero padding. Together with a leaky ReLU behind it, it keeps the variance."""
    layer = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2)
    nn.init.normal_(layer.weight, std=GAIN / math.sqrt(inputs * kernel**2))
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def taken_by(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """x in the form that a convolution processes fastest: with the number type and memory order of its weights."""
    last = layer.weight.is_contiguous(memory_format=torch.channels_last)
    return x.to(layer.weight.dtype, memory_format=torch.channels_last if last else torch.preserve_format)


def enlarge(x: Tensor, factor: int = 2) -> Tensor:
    """Enlarge (B, C, H, W) to ``factor`` times its size, bilinear."""
    return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


def halve(x: Tensor) -> Tensor:
    """Reduce (B, C, H, W) to half its size: means over 2 × 2 (sums of views are much faster here than pooling)."""
    rows = x[..., 0::2, :] + x[..., 1::2, :]
    return (rows[..., 0::2] + rows[..., 1::2]) * 0.25


def soften(x: Tensor) -> Tensor:
    """Smooth (B, C, H, W) with weights 1/4, 1/2, 1/4 along both sides, against the hatching of pixel shuffles."""
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    rows = padded[..., :-1, :] + padded[..., 1:, :]
    rows = rows[..., :-1, :] + rows[..., 1:, :]
    pairs = rows[..., :-1] + rows[..., 1:]
    return (pairs[..., :-1] + pairs[..., 1:]) / 16


class Mapping(nn.Module):
    """f_cat → w: two layers over the parts, each of which is normalised, so that no part dominates another."""

    def __init__(self, parts: tuple[int, ...], mapped: int) -> None:
        super().__init__()
        self.parts = parts
        self.layers = nn.ModuleList([nn.Linear(sum(parts), mapped), nn.Linear(mapped, mapped)])

    def forward(self, style: Tensor) -> Tensor:
        """w (B, mapped) of f_cat (B, sum of parts)."""
        pieces = style.float().split(self.parts, 1)
        x = torch.cat([p * (p.square().mean(1, keepdim=True) + EPSILON).rsqrt() for p in pieces], 1)
        for layer in self.layers:
            x = GAIN * activate(layer(x))
        return x


class ModulatedConv(nn.Module):
    """Convolution whose weights are scaled by a style for each sample, and normalised to unit variance.

    w'_oik = s_i · w_oik / sqrt(Σ_ik (s_i · w_oik)²). These weights are computed only for a single sample with a large
    picture. Otherwise the inputs are scaled by s and the outputs by the root: the result is the same, and a batch can
    share one convolution.
    """

    def __init__(self, inputs: int, outputs: int, mapped: int, kernel: int = 3) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel) / math.sqrt(inputs * kernel**2))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.affine = nn.Linear(mapped, inputs)
        nn.init.normal_(self.affine.weight, std=STYLE_SPREAD / math.sqrt(mapped))
        nn.init.ones_(self.affine.bias)
        self.energy: Tensor | None = None

    def settle(self, dtype: torch.dtype) -> None:
        """Prepare for use after training: convert the weights to ``dtype``, and sum their squares once."""
        self.energy = self._energy()
        self.weight.data, self.bias.data = self.weight.data.to(dtype), self.bias.data.to(dtype)

    def _energy(self) -> Tensor:
        return self.weight.float().square().sum((2, 3))  # (O, I)

    def scales(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """Factors on the inputs (B, I) and on the outputs (B, O) for mapped styles (B, mapped), float32."""
        scale = self.affine(w)
        energy = self._energy() if self.energy is None else self.energy
        return scale, GAIN * (scale.float().square() @ energy.T + EPSILON).rsqrt()

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Activated outputs (B, O, H, W) of x (B, I, H, W) and w (B, mapped)."""
        single = len(x) == 1 and x.numel() > self.weight.numel()
        with torch.autocast(x.device.type, enabled=False):
            inward, outward = self.scales(w.float())
            if single:
                weight = self.weight * (inward[0, :, None, None] * outward[0, :, None, None, None])
        padding = self.weight.shape[-1] // 2
        if single:
            return activate(F.conv2d(x, weight.to(self.weight.dtype), self.bias, padding=padding))
        y = F.conv2d(x * inward[:, :, None, None].to(x.dtype), self.weight, padding=padding)
        return activate(y * outward[:, :, None, None].to(y.dtype) + self.bias[:, None, None].to(y.dtype))


def settle(network: nn.Module, dtype: torch.dtype) -> None:
    """Prepare a network for use, in place: convolutions in ``dtype`` with channels last, no gradients."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.to(dtype)
        elif isinstance(module, ModulatedConv):
            module.settle(dtype)
    # The same as network.to(memory_format=…), which is missing in the type hints of torch.
    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.to(memory_format=torch.channels_last)
    network.eval().requires_grad_(False)
