"""Size of the face render."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KeypointsConfig:
    """Size of the networks. Close features lie at 1/2, 1/4 and 1/8 of the window's side.

    Attributes
    ----------
    side
        Side in pixels of the square that is drawn; a multiple of 64. Larger squares get its changes enlarged.
    keypoints
        Number of keypoints K.
    widths
        Channels of the window's features at 1/2, 1/4 and 1/8.
    depth
        Slices of the appearance volume. They share the channels at 1/8.
    scene
        Channels of the encoder of the whole square.
    small
        Channels of each slice of the small volume that the motion network looks at.
    detector, motion
        Channels of the keypoint detector and of the motion network, from fine to coarse.
    mapping
        Channels of MappingNet.
    radius
        Frames on either side of the middle one that MappingNet sees.
    """

    side: int = 256
    keypoints: int = 32
    widths: tuple[int, int, int] = (32, 64, 128)
    depth: int = 4
    scene: tuple[int, int] = (24, 48)
    small: int = 3
    detector: tuple[int, int, int] = (32, 48, 64)
    motion: tuple[int, int, int] = (48, 64, 96)
    mapping: int = 256
    radius: int = 6

    @classmethod
    def tiny(cls) -> KeypointsConfig:
        """A size for tests, whose steps take milliseconds."""
        return cls(
            side=64,
            keypoints=28,
            widths=(8, 12, 16),
            depth=2,
            scene=(8, 8),
            small=1,
            detector=(8, 8, 8),
            motion=(12, 12, 12),
            mapping=16,
        )
