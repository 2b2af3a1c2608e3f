"""A small generator for reenactment in training, at 64 px; it never ships.

E_id's map takes the place of a constant input. Convolutions are modulated by the identity and by the motion of the
source, as in PC-AVS and the paper. The output is a flow of the source picture, and colour for places that the flow
can't fill. Without the flow such a small generator spent its training on identity and learned no mouths.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.renderer.generator.layers import ModulatedConv, enlarge
from core.representation.encoders import perceptron

REACH = 0.1
"""Distance that a flow of 1 moves by, as a share of the picture's side."""
START = -3.0
"""Initial value of the mask before its sigmoid: training starts with the source picture."""


@dataclass(frozen=True)
class DecoderConfig:
    """Sizes. ``side`` px of the picture; ``widths``: channels at each size, from the side of E_id's map to ``side``;
    ``mapped``: width of the mapped style."""

    side: int = 64
    widths: tuple[int, ...] = (128, 96, 48, 24)
    mapped: int = 192

    @classmethod
    def tiny(cls) -> DecoderConfig:
        """For tests."""
        return cls(side=32, widths=(16, 12, 8), mapped=24)


class FaceDecoder(nn.Module):
    """From a source's picture, E_id's f_id (B, d_id) and map (B, C, H, H) of it, and motion features (B, ``motion``) of
    the source and of the frame to paint to a picture (B, 3, side, side) RGB 0–1.

    Raises ValueError if ``widths`` do not lead from the map's side to ``side`` by doubling.
    """

    def __init__(self, config: DecoderConfig, map_shape: tuple[int, int], d_id: int, motion: int) -> None:
        super().__init__()
        channels, first = map_shape
        if first << (len(config.widths) - 1) != config.side:
            raise ValueError(f"{len(config.widths)} sizes do not lead from {first} to {config.side} px")
        self.side = config.side
        self.mapping = perceptron(d_id + 2 * motion, config.mapped, config.mapped)
        widths = (channels, *config.widths)
        self.layers = nn.ModuleList(ModulatedConv(a + 3, b, config.mapped) for a, b in itertools.pairwise(widths))
        self.sharpen = ModulatedConv(widths[-1], widths[-1], config.mapped)
        self.out = nn.Conv2d(widths[-1], 6, 3, padding=1)  # flow (x, y), mask, colour
        bias = self.out.bias
        assert bias is not None
        with torch.no_grad():
            self.out.weight[:3].zero_()
            bias[:3] = torch.tensor([0.0, 0.0, START])

    def paint_as(self, other: FaceDecoder) -> None:
        """Copy the painting layers of ``other``, but not its mapping of motion features."""
        for name in ("layers", "sharpen", "out"):
            self.get_submodule(name).load_state_dict(other.get_submodule(name).state_dict())

    def forward(self, source: Tensor, f_id: Tensor, face: Tensor, rest: Tensor, moved: Tensor) -> Tensor:
        """Paint the person of ``source`` (B, 3, S, S), whose features are ``rest``, with the features ``moved``."""
        mapped = self.mapping(torch.cat([f_id, rest, moved - rest], 1).float())
        x = face
        for index, layer in enumerate(self.layers):
            x = enlarge(x) if index else x
            x = layer(torch.cat([x, F.adaptive_avg_pool2d(source, x.shape[-1]).to(x.dtype)], 1), mapped)
        told = self.out(self.sharpen(x, mapped)).float()  # (B, 6, side, side)
        near = F.adaptive_avg_pool2d(source, self.side).float()
        at = (torch.arange(self.side, device=source.device) + 0.5) / self.side * 2 - 1
        grid = torch.stack(torch.meshgrid(at, at, indexing="xy"), -1)  # (side, side, 2) of x, y in −1 … 1
        flow = 2 * REACH * told[:, :2].permute(0, 2, 3, 1)
        warped = F.grid_sample(near, grid + flow, padding_mode="border", align_corners=False)
        mask = torch.sigmoid(told[:, 2:3])
        return warped + mask * (torch.sigmoid(told[:, 3:]) - warped)


def pixel_loss(picture: Tensor, truth: Tensor) -> Tensor:
    """L_1 of two pictures (B, 3, S, S) of face views, and of their differences between neighbours. Eyes and mouth count
    ten times, because they show what E_v must read and are only a tenth of the picture."""
    weight = face_weight(picture.shape[-1], picture.device)
    error = (picture - truth).abs() * weight
    edges = [
        ((picture - truth).diff(dim=axis).abs() * weight.narrow(axis - 2, 0, weight.shape[axis - 2] - 1)).mean()
        for axis in (2, 3)
    ]
    return error.mean() + edges[0] + edges[1]


def face_weight(side: int, device: torch.device) -> Tensor:
    """(S, S) weights of a face view's pixels, 1 far from eyes and mouth and 10 on them."""
    at = (torch.arange(side, device=device) + 0.5) / side
    weight = torch.ones(side, side, device=device)
    for x, y, width, height in ((0.365, 0.36, 0.1, 0.06), (0.635, 0.36, 0.1, 0.06), (0.5, 0.69, 0.14, 0.1)):
        across, down = (at - x) / width, (at - y) / height
        weight = weight + 9.0 * torch.exp(-(across.square()[None] + down.square()[:, None]))
    return weight
