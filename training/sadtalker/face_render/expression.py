"""The expression encoder of stage 1: a picture to the offsets of its keypoints."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.keypoints.anchors import follows
from core.keypoints.blocks import Residual, calm
from core.keypoints.config import KeypointsConfig
from core.keypoints.mapping import OFFSET_REACH
from core.renderer.fields import resize
from core.renderer.generator.layers import activate, convolution, taken_by

SIDE = 128
"""Side of the reduced picture that it sees."""


class ExpressionEncoder(nn.Module):
    """Offsets of K keypoints; zero for those that only the head moves. They are few numbers, so a person's looks hardly
    pass through them."""

    moves: Tensor

    def __init__(self, config: KeypointsConfig) -> None:
        super().__init__()
        a, b, c = config.detector
        steps = ((12, a, 1), (a, b, 2), (b, c, 2), (c, c, 2))
        self.layers = nn.ModuleList([convolution(i, o, stride=stride) for i, o, stride in steps])
        self.refine = Residual(c)
        self.squeeze = convolution(c, 16, 1)
        self.offsets = nn.Linear(16 * (SIDE // 16) ** 2, 3 * config.keypoints)
        nn.init.zeros_(self.offsets.weight)
        nn.init.zeros_(self.offsets.bias)
        self.register_buffer("moves", follows(config.keypoints).sum(0), persistent=False)  # (K, 1)

    def forward(self, picture: Tensor) -> Tensor:
        """(B, K, 3) for pictures (B, 3, S, S) 0..1; at most ``OFFSET_REACH`` in the square's coordinates."""
        x = F.pixel_unshuffle(resize(picture, SIDE, SIDE) - 0.5, 2)
        for layer in self.layers:
            assert isinstance(layer, nn.Conv2d)
            x = calm(activate(layer(taken_by(layer, x))))
        x = activate(self.squeeze(calm(self.refine(x)))).flatten(1)
        return OFFSET_REACH * torch.tanh(self.offsets(x).float()).unflatten(1, (-1, 3)) * self.moves
