"""MappingNet: a window of motion coefficients to head pose and the keypoints' expression offsets (section 3.3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..motion.channels import CHANNELS, EXPRESSIONS, HEAD
from ..renderer.generator.layers import activate
from .anchors import PARTS, follows
from .config import KeypointsConfig

OFFSET_REACH = 0.15
"""Largest offset of a keypoint by the expression along each axis, in the square's coordinates."""
POSE_REACH = (0.1, 1.0)
"""Largest correction of the pose: radians and centimetres."""
STRAIGHT_GAIN = 10.0
"""Factor on what goes straight from weights to offsets, so that few steps of the optimiser move it far."""
FIRST, NEXT, LAYERS = 7, 3, 3
"""Lengths of the first kernel and of the following ones, and the number of these."""


@dataclass(frozen=True)
class Mapped:
    """What MappingNet says of B frames: rotation (B, 3) radians and translation (B, 3) cm relative to the portrait, and
    offsets (B, K, 3) of the keypoints in the square's coordinates."""

    rotation: Tensor
    translation: Tensor
    offsets: Tensor


def input_scale() -> Tensor:
    """(59,) factors that give all channels about the same size: weights 0–1, radians, centimetres."""
    return torch.cat([torch.ones(len(EXPRESSIONS)), torch.full((3,), 5.0), torch.full((3,), 0.5)])


class WindowCode(nn.Module):
    """Convolutions over time as in the paper: a long one, then residual ones, each of which shortens the window."""

    scale: Tensor

    def __init__(self, config: KeypointsConfig) -> None:
        super().__init__()
        if 2 * config.radius + 1 != FIRST + LAYERS * (NEXT - 1):
            raise ValueError(f"the kernels don't fit a radius of {config.radius}")
        width = config.mapping
        self.first = nn.Conv1d(len(CHANNELS), width, FIRST)
        self.layers = nn.ModuleList([nn.Conv1d(width, width, NEXT) for _ in range(LAYERS)])
        self.register_buffer("scale", input_scale(), persistent=False)

    def code(self, window: Tensor) -> Tensor:
        """(B, ``config.mapping``) what windows (B, 2 · radius + 1, 59) say."""
        x = self.first((window * self.scale).mT)
        for layer in self.layers:
            x = x[..., 1:-1] + layer(activate(x))
        return activate(x)[..., 0]


class MappingNet(WindowCode):
    """From the code of a window to the head's pose and the offsets.

    The coefficients of the middle frame already say the head's pose, so only a correction of it is learned. It is zero
    when training begins. The expression weights of the middle frame also go straight to the offsets, because these are
    nearly linear in them; what its neighbours change is learned beside that.

    Each part of the face sees only its own weights (``anchors.PARTS``), and the pose only the head's channels.
    """

    views: Tensor
    follows: Tensor

    def __init__(self, config: KeypointsConfig) -> None:
        super().__init__(config)
        self.config = config
        self.pose = nn.Linear(config.mapping, 6)
        self.offsets = nn.Linear(config.mapping, 3 * config.keypoints)
        self.straight = nn.Linear(len(EXPRESSIONS), 3 * config.keypoints, bias=False)
        for parameter in (*self.pose.parameters(), *self.offsets.parameters(), *self.straight.parameters()):
            nn.init.zeros_(parameter)
        views = [[float(name in own) for name in CHANNELS] for own in (*PARTS.values(), HEAD)]
        self.register_buffer("views", torch.tensor(views), persistent=False)  # (parts + 1, 59)
        self.register_buffer("follows", follows(config.keypoints), persistent=False)  # (parts, K, 1)

    def forward(self, window: Tensor) -> Mapped:
        """For windows (B, 2 · radius + 1, 59): 53 weights that the face shows, rotation and translation relative to the
        portrait."""
        *parts, head = (window * view for view in self.views)
        *codes, of_head = self.code(torch.cat([*parts, head])).chunk(len(self.views))
        moved = [self._offsets(code, part) for code, part in zip(codes, parts, strict=True)]
        offsets = (self.follows[:, None] * torch.stack(moved)).sum(0)
        turn, shift = torch.tanh(self.pose(of_head)).split(3, 1)
        middle = window[:, self.config.radius, len(EXPRESSIONS) :]
        return Mapped(middle[:, :3] + POSE_REACH[0] * turn, middle[:, 3:] + POSE_REACH[1] * shift, offsets)

    def _offsets(self, code: Tensor, window: Tensor) -> Tensor:
        """(B, K, 3) offsets of all keypoints by what a window shows."""
        straight = self.straight(window[:, self.config.radius, : len(EXPRESSIONS)])
        return OFFSET_REACH * torch.tanh(self.offsets(code) + STRAIGHT_GAIN * straight).unflatten(1, (-1, 3))


def windows(channels: Tensor, radius: int) -> Tensor:
    """(T, 2 · radius + 1, 59) the window around each frame of channels (T, 59). Beyond its ends a motion is held."""
    place = torch.arange(len(channels))[:, None] + torch.arange(-radius, radius + 1)
    return channels[place.clamp(0, len(channels) - 1)]
