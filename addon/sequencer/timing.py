"""The time of a take's frames and motion on the scene's timeline. Arithmetic only, no ``bpy``.

A take has 25 frames a second; a scene has any rate (23.976, 24, 30, 60, …). A take is rendered once, at 25. Each scene
frame is mapped to a frame of the take from its own time. So errors don't add up, nothing drifts, and one take serves
scenes of different rates. The price: a picture is shown at most half a take frame (20 ms) early or late. Viewers notice
leading sound only from 45 ms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...core.motion.channels import FPS


@dataclass(frozen=True)
class Timing:
    """A take's place on the timeline: maps scene frames to seconds of the take and back.

    Parameters
    ----------
    origin
        Scene frame, possibly fractional, of the take's second 0.
    rate
        Scene frames a second.
    """

    origin: float
    rate: float

    def seconds(self, scene_frame: float) -> float:
        """Take time in seconds at the start of ``scene_frame``."""
        return (scene_frame - self.origin) / self.rate

    def scene_frame(self, seconds: float) -> float:
        """Scene frame, possibly fractional, at a time of the take in seconds."""
        return self.origin + seconds * self.rate

    def first_frame(self) -> int:
        """Scene frame nearest to the take's start."""
        return math.floor(self.origin + 0.5)

    def scene_frames(self, take_frames: int, take_fps: float = FPS) -> int:
        """Number of scene frames that ``take_frames`` frames of the take fill, at least 1."""
        return max(1, math.floor(take_frames / take_fps * self.rate + 0.5))

    def take_frame(self, scene_frame: int, take_frames: int, take_fps: float = FPS) -> int:
        """Index of the take's frame at the middle of ``scene_frame``, clamped to the take."""
        index = math.floor(self.seconds(scene_frame + 0.5) * take_fps)
        return min(max(index, 0), take_frames - 1)


def scene_rate(fps: float, fps_base: float) -> float:
    """Frames a second of a scene, from its two settings (24000/1001 is 24 with base 1.001)."""
    return fps / fps_base
