"""The keypoint detector: keypoints of a picture."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..renderer.fields import resize
from .anchors import first_places
from .blocks import Hourglass, exact, head_layer, square_grid
from .config import KeypointsConfig

SIDE = 64
"""Side of the reduced picture that the detector sees."""
LOOSE = 0.1
"""Deviation of the distribution of each keypoint about its first place, when training begins."""
FRONT = 0.35
"""Depth of the keypoints when training begins, toward the viewer."""
REACH = 0.3
"""Largest change of the depth."""


class KeypointDetector(nn.Module):
    """K keypoints of a picture: for each a distribution over places, whose mean it is, and its depth there.

    A mean over places moves with the picture. Depth is one number for each place (2.5-D), not a third axis of the
    distribution.
    """

    prior: Tensor

    def __init__(self, config: KeypointsConfig) -> None:
        super().__init__()
        self.count = config.keypoints
        self.body = Hourglass(12, config.detector)
        self.head = head_layer(config.detector[0], 2 * config.keypoints)
        apart = square_grid(SIDE // 2).flatten(0, 1) - first_places(config.keypoints)[:, None]
        self.register_buffer("prior", -apart.square().sum(-1) / (2 * LOOSE**2), persistent=False)

    def forward(self, picture: Tensor) -> Tensor:
        """Keypoints (B, K, 3) in the square's coordinates of pictures (B, 3, S, S) 0..1."""
        small = F.pixel_unshuffle(resize(picture, SIDE, SIDE) - 0.5, 2)
        out = self.head(self.body(small)).float().flatten(2)  # (B, 2 K, places)
        share = torch.softmax(out[:, : self.count] + self.prior, -1)
        with exact(share):
            place = share @ square_grid(SIDE // 2, picture.device).flatten(0, 1)
        depth = FRONT + REACH * torch.tanh((share * out[:, self.count :]).sum(-1, keepdim=True))
        return torch.cat([place, depth], -1)
