"""The face render: keypoints and appearance of a source, moved by head pose and expression, drawn again.

::

    source ── detector ── keypoints ── canonical ──┐  R · canonical + t + offsets
       │                                           ├── keypoints of the frame ── dense motion ── decoder ── frame
       └── appearance encoder (once a take) ───────┘
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from ..renderer.fields import sample
from ..renderer.generator.generator import resized
from .appearance import Appearance, AppearanceEncoder
from .blocks import exact, square_grid
from .config import KeypointsConfig
from .decoder import Decoder
from .detector import KeypointDetector
from .motion_field import DenseMotion, MotionField
from .pose import HeadPose
from .window import SHARE, cropped, inside, pasted, window_grid


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
    """What the network says of B frames.

    Attributes
    ----------
    field
        The motion field.
    change, share
        (B, 3, W, W) change of the warped source's colours in the window, and (B, 1, W, W) the share of it that is
        applied.
    shift
        (B, 2, W, W) how much further away the source is looked up in the window, in the square's coordinates.
    """

    field: MotionField
    change: Tensor
    share: Tensor
    shift: Tensor

    def places(self, size: int) -> Tensor:
        """(B, ``size``, ``size``, 2) the source's place that is seen at each pixel of a square of any side.

        Nothing moves at the square's border, because what lies beyond it rests.
        """
        window, grid = self.shift.shape[-1], square_grid(self.field.surface.shape[1], self.shift.device)
        away = (self.field.surface - grid).permute(0, 3, 1, 2)
        near = (self.field.close - window_grid(self.field.close.shape[1], self.shift.device)).permute(0, 3, 1, 2)
        closer = resized(near, window) + self.shift - resized(cropped(away), window)
        away = resized(away, size) * inside(size, away.device) + pasted(closer * inside(window, closer.device), size)
        return square_grid(size, away.device) + away.permute(0, 2, 3, 1)

    def painted(self, size: int) -> Tensor:
        """(B, 3, ``size``, ``size``) what is added to the warped source's colours."""
        return pasted(self.share * self.change * inside(self.share.shape[-1], self.share.device), size)

    def picture(self, source: Tensor) -> Tensor:
        """Frames (B, 3, N, N), around 0..1, of sources (B or 1, 3, N, N) of any side N."""
        size = source.shape[-1]
        return looked_up(source, self.places(size), self.mode(size)) + self.painted(size)

    def mode(self, size: int) -> str:
        """How sources of a ``size`` are looked up: "bicubic" where only the change is enlarged, to keep their finer
        detail."""
        return "bilinear" if size * SHARE <= self.share.shape[-1] else "bicubic"


def looked_up(picture: Tensor, places: Tensor, mode: str = "bilinear") -> Tensor:
    """(B, C, h, w) of a picture (B or 1, C, N, N) at places (B, h, w, 2) of the square."""
    return sample(picture, (places + 1) * (picture.shape[-1] / 2), mode)


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
