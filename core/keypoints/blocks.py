"""Blocks that several of the networks use."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from ..renderer.generator.layers import activate, convolution, enlarge, taken_by

EPSILON = 1e-4
"""Added to mean squares, against division by zero."""
START = 0.1
"""Factor on the weights of a residual block's last layer when training begins: the block then changes little."""


def exact(x: Tensor) -> AbstractContextManager[None]:
    """A context without autocast. Products of places in bfloat16 would be wrong by a pixel."""
    return torch.autocast(x.device.type, enabled=False)


def calm(x: Tensor) -> Tensor:
    """Features (B, C, H, W) with a root mean square of 1 at each place.

    Layers before a head whose outputs begin at zero get random gradients at first. Without this their features grew a
    thousandfold.
    """
    return x * (x.square().mean(1, keepdim=True) + EPSILON).rsqrt()


class Residual(nn.Module):
    """x + two convolutions of it, made calm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = convolution(width, width), convolution(width, width)
        with torch.no_grad():
            self.second.weight *= START

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) of the same shape."""
        x = taken_by(self.first, x)
        return x + self.second(activate(self.first(calm(x))))


class Hourglass(nn.Module):
    """Halves the side twice, and comes back with what was there at each side."""

    def __init__(self, inputs: int, widths: tuple[int, int, int]) -> None:
        super().__init__()
        a, b, c = widths
        self.first = convolution(inputs, a)
        self.down = nn.ModuleList([convolution(a, b, stride=2), convolution(b, c, stride=2)])
        self.deep = Residual(c)
        self.up = nn.ModuleList([convolution(c + b, b), convolution(b + a, a)])

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, widths[0], H, W); H and W are multiples of 4."""
        levels = [calm(activate(self.first(taken_by(self.first, x))))]
        for down in self.down:
            levels.append(calm(activate(down(levels[-1]))))
        x = self.deep(levels.pop())
        for up in self.up:
            x = calm(activate(up(torch.cat([enlarge(x), levels.pop()], 1))))
        return x


def head_layer(inputs: int, outputs: int) -> nn.Conv2d:
    """A last convolution whose outputs are zero when training begins."""
    layer = convolution(inputs, outputs)
    nn.init.zeros_(layer.weight)
    return layer


def square_grid(size: int, device: torch.device | str | None = None) -> Tensor:
    """(``size``, ``size``, 2) pixel centres (x, y) in the square's coordinates, −1 … 1."""
    axis = (torch.arange(size, device=device, dtype=torch.float32) + 0.5) * (2.0 / size) - 1.0
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([x, y], -1)
