"""Poses of the head at times."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import bpy

from ...core.wire.poses import MAX_ANGLE, PoseAt
from ..typed import declarations
from .timed import time_property


def pose_property(name: str, about: str) -> Any:
    """A property for the head's pitch, yaw and roll."""
    angle = math.radians(MAX_ANGLE)
    return declarations.FloatVectorProperty(
        name=name, description=about, size=3, unit="ROTATION", min=-angle, max=angle, step=100
    )


class SoliloquyPose(bpy.types.PropertyGroup):
    """The head's pose at a time."""

    seconds: time_property()
    angles: pose_property("Pose", "The head at this time: pitch (down), yaw (to the person's left), roll")

    def wanted(self) -> PoseAt:
        """The pose for the worker. Rounded, because Blender stores single precision and values identify a job."""
        pitch, yaw, roll = (round(math.degrees(angle), 3) for angle in self.angles)
        return PoseAt(seconds=round(self.seconds, 3), pitch=pitch, yaw=yaw, roll=roll)


def adopt_poses(poses: Any, wanted: Iterable[PoseAt]) -> None:
    """Put these poses in place of those in a collection."""
    poses.clear()
    for pose in wanted:
        added = poses.add()
        added.seconds, added.angles = pose.seconds, [math.radians(angle) for angle in pose.angles]


CLASSES = (SoliloquyPose,)
