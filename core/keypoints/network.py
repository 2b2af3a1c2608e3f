"""The face render: keypoints and appearance of a source, moved by head pose and expression, drawn again.

::

    source ── detector ── keypoints ── canonical ──┐  R · canonical + t + offsets
       │                                           ├── keypoints of the frame ── dense motion ── decoder ── frame
       └── appearance encoder (once a take) ───────┘
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from ..renderer.generator.generator import resized
from .appearance import Appearance, AppearanceEncoder
from .blocks import exact
from .config import KeypointsConfig
from .decoder import Decoder, warped
from .detector import KeypointDetector
from .motion_field import DenseMotion, MotionField
from .pose import HeadPose


@dataclass(frozen=True)
class Encoded:
    """B sources: their appearance, the keypoints (B, K, 3) seen in them, the canonical ones (B, K, 3), and their heads'
    poses."""

    appearance: Appearance
    keypoints: Tensor
    canonical: Tensor
    pose: HeadPose


@dataclass(frozen=True)
class Drawn:
    """What the network says of B frames: the motion field, a change (B, 3, S, S) of the warped source's colours, and
    the share (B, 1, S, S) of it that is applied."""

    field: MotionField
    change: Tensor
    share: Tensor

    def picture(self, source: Tensor) -> Tensor:
        """Frames (B, 3, N, N), around 0..1, of sources (B or 1, 3, N, N) of any side N.

        For a larger square only the change is enlarged, so it keeps its finer detail.
        """
        size = source.shape[-1]
        mode = "bilinear" if size == self.change.shape[-1] else "bicubic"
        return warped(source, self.field.surface, mode) + resized(self.share * self.change, size)


class FaceRender(nn.Module):
    """All networks that draw; ``mapping.MappingNet`` gives the expression offsets."""

    def __init__(self, config: KeypointsConfig) -> None:
        super().__init__()
        self.config = config
        self.detector = KeypointDetector(config)
        self.appearance = AppearanceEncoder(config)
        self.motion = DenseMotion(config)
        self.decoder = Decoder(config)

    def encode(self, source: Tensor, pose: HeadPose, offsets: Tensor) -> Encoded:
        """Sources (B, 3, S, S) 0..1, whose heads have ``pose`` and whose keypoints the expression has moved by offsets
        (B, K, 3)."""
        seen = self.detector(source)
        with exact(seen):
            canonical = pose.to_head(seen - offsets)
        return Encoded(self.appearance(source), seen, canonical, pose)

    def driven(self, source: Encoded, pose: HeadPose, offsets: Tensor) -> Tensor:
        """Keypoints (B, K, 3) of frames: R · canonical + t + offsets."""
        with exact(offsets):
            return pose.to_square(source.canonical) + offsets

    def draw(self, source: Encoded, pose: HeadPose, offsets: Tensor) -> Drawn:
        """Frames whose heads have ``pose`` and whose keypoints the expression has moved by offsets (B, K, 3)."""
        driven = self.driven(source, pose, offsets)
        field = self.motion(source.appearance.small, source.keypoints, source.pose, driven, pose)
        return Drawn(field, *self.decoder(source.appearance, field))

    def forward(
        self, source: Tensor, pose: HeadPose, offsets: Tensor, driven_pose: HeadPose, driven_offsets: Tensor
    ) -> tuple[Tensor, Encoded, Drawn]:
        """:meth:`encode`, then :meth:`draw`: the frames (B, 3, S, S), and both parts."""
        encoded = self.encode(source, pose, offsets)
        drawn = self.draw(encoded, driven_pose, driven_offsets)
        return drawn.picture(source), encoded, drawn
