"""Size of the face render."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KeypointsConfig:
    """Size of the networks. Features lie at 1/2, 1/4 and 1/8 of the square's side.

    Attributes
    ----------
    side
        Side in pixels of the square that is drawn; a multiple of 16. Larger squares get its changes enlarged.
    keypoints
        Number of keypoints K.
    widths
        Channels of the picture's features at 1/2, 1/4 and 1/8.
    depth
        Slices of the appearance volume. They share the channels at 1/8.
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
    keypoints: int = 20
    widths: tuple[int, int, int] = (32, 64, 128)
    depth: int = 4
    small: int = 4
    detector: tuple[int, int, int] = (32, 48, 64)
    motion: tuple[int, int, int] = (64, 96, 128)
    mapping: int = 256
    radius: int = 6

    @classmethod
    def tiny(cls) -> KeypointsConfig:
        """A size for tests, whose steps take milliseconds."""
        return cls(
            side=64,
            keypoints=5,
            widths=(8, 12, 16),
            depth=2,
            small=2,
            detector=(8, 8, 8),
            motion=(12, 12, 12),
            mapping=16,
        )
