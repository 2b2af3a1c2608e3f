"""A small generator without flow for reenactment in pre-training: E_id's map in place of a constant input, convolutions
modulated by who and what motion, as in PC-AVS and the paper, at 64 px. It never ships.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.renderer.generator.layers import Mapping, ModulatedConv, enlarge


@dataclass(frozen=True)
class DecoderConfig:
    """Sizes: ``side`` px of the picture; ``widths``, channels at each size from the side of E_id's map up to it;
    ``mapped``, width of the mapped style."""

    side: int = 64
    widths: tuple[int, ...] = (128, 96, 48, 24)
    mapped: int = 192

    @classmethod
    def tiny(cls) -> DecoderConfig:
        """For tests."""
        return cls(side=32, widths=(16, 12, 8), mapped=24)


class FaceDecoder(nn.Module):
    """E_id's map (B, C, H, H) and a style of ``parts`` side by side → picture (B, 3, side, side) RGB 0–1.

    Raises ValueError where ``widths`` don't lead from the map's side to ``side`` by doubling.
    """

    def __init__(self, config: DecoderConfig, map_shape: tuple[int, int], parts: tuple[int, ...]) -> None:
        super().__init__()
        channels, first = map_shape
        if first << (len(config.widths) - 1) != config.side:
            raise ValueError(f"{len(config.widths)} sizes don't lead from {first} to {config.side} px")
        self.side = config.side
        self.mapping = Mapping(parts, config.mapped)
        widths = (channels, *config.widths)
        self.layers = nn.ModuleList(ModulatedConv(a, b, config.mapped) for a, b in itertools.pairwise(widths))
        self.sharpen = ModulatedConv(widths[-1], widths[-1], config.mapped)
        self.to_rgb = nn.Conv2d(widths[-1], 3, 1)

    def paint_as(self, other: FaceDecoder) -> None:
        """Take over what ``other`` has learned of painting, whatever drives it."""
        for name in ("layers", "sharpen", "to_rgb"):
            self.get_submodule(name).load_state_dict(other.get_submodule(name).state_dict())

    def forward(self, face: Tensor, style: Tensor) -> Tensor:
        """Paint."""
        mapped = self.mapping(style)
        x = face
        for index, layer in enumerate(self.layers):
            x = layer(enlarge(x) if index else x, mapped)
        return torch.sigmoid(self.to_rgb(self.sharpen(x, mapped)).float())


def pixel_loss(picture: Tensor, truth: Tensor) -> Tensor:
    """L_1 of two pictures (B, 3, S, S) of face views and of their differences between neighbours; eyes and mouth count
    four times, since there lies what E_v has to read and they are a tenth of the picture."""
    weight = face_weight(picture.shape[-1], picture.device)
    error = (picture - truth).abs() * weight
    edges = [
        ((picture - truth).diff(dim=axis).abs() * weight.narrow(axis - 2, 0, weight.shape[axis - 2] - 1)).mean()
        for axis in (2, 3)
    ]
    return error.mean() + edges[0] + edges[1]


def face_weight(side: int, device: torch.device) -> Tensor:
    """(S, S) weights of a face view's pixels, 1 far from eyes and mouth and 4 on them."""
    at = (torch.arange(side, device=device) + 0.5) / side
    weight = torch.ones(side, side, device=device)
    for x, y, width, height in ((0.365, 0.36, 0.1, 0.06), (0.635, 0.36, 0.1, 0.06), (0.5, 0.69, 0.14, 0.1)):
        across, down = (at - x) / width, (at - y) / height
        weight = weight + 3.0 * torch.exp(-(across.square()[None] + down.square()[:, None]))
    return weight
