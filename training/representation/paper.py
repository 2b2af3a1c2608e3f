"""E_v and E_id at the paper's size (FAN with one stack, ResNeXt50 32x4d), for training on a GPU and a large corpus.

They take the place of the small encoders: ``representation.motion_encoder = PaperMotionEncoder()`` and the same for
``identity_encoder``. The shipped representation has the small ones of ``core.representation.encoders``.
"""

from __future__ import annotations

from torch import Tensor, nn

from core.representation.encoders import D_ID, identity_vector

from . import fan, resnext

SIDE = 224
"""Pixels of a side of the paper's views."""


class PaperMotionEncoder(nn.Module):
    """E_v: (B, 3, S, S) RGB 0–1 → f_v (B, 512)."""

    def __init__(self, side: int = SIDE) -> None:
        super().__init__()
        self.backbone = fan.FaceAlignmentBackbone(side)

    def forward(self, views: Tensor) -> Tensor:
        """(B, 3, S, S) → (B, 512)."""
        return self.backbone(views)


class PaperIdentityEncoder(nn.Module):
    """E_id: (B, 3, S, S) RGB 0–1 → f_id (B, 128) of length √128, and a map of the face."""

    def __init__(self, side: int = SIDE) -> None:
        super().__init__()
        self.map_shape = resnext.MAP_CHANNELS, side // 32
        self.backbone = resnext.ResNeXt50()
        self.out = nn.Linear(resnext.FEATURES, D_ID)

    def with_map(self, views: Tensor) -> tuple[Tensor, Tensor]:
        """f_id (B, 128) and the map (B, C, H, H) of ``map_shape``."""
        vector, face = self.backbone(views)
        return identity_vector(self.out(vector)), face

    def forward(self, views: Tensor) -> Tensor:
        """(B, 3, S, S) → (B, 128)."""
        return self.with_map(views)[0]
