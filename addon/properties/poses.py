"""Poses of the head at times, in the order of their times."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import bpy
from bpy.props import FloatProperty

from ...core.motion.channels import FPS
from ...core.wire.poses import MAX_ANGLE, PoseAt
from ..typed import declarations

_SAME = 0.5 / FPS
"""Seconds by which two times may differ and still be the same motion frame."""


def pose_property(name: str, about: str) -> Any:
    """A property for the head's pitch, yaw and roll."""
    angle = math.radians(MAX_ANGLE)
    return declarations.FloatVectorProperty(
        name=name, description=about, size=3, unit="ROTATION", min=-angle, max=angle, step=100
    )


class SoliloquyPose(bpy.types.PropertyGroup):
    """The head's pose at a time."""

    seconds: FloatProperty(
        name="Time",
        description="Seconds from where the speech begins",
        min=0.0,
        precision=2,
        step=4,
        unit="TIME_ABSOLUTE",
    )
    angles: pose_property("Pose", "The head at this time: pitch (down), yaw (to the person's left), roll")

    def wanted(self) -> PoseAt:
        """The pose for the worker. Rounded, because Blender stores single precision and values identify a job."""
        pitch, yaw, roll = (round(math.degrees(angle), 3) for angle in self.angles)
        return PoseAt(seconds=round(self.seconds, 3), pitch=pitch, yaw=yaw, roll=roll)


def wanted_poses(poses: Iterable[SoliloquyPose]) -> tuple[PoseAt, ...]:
    """The poses for the worker, in the order of their times."""
    return tuple(sorted((pose.wanted() for pose in poses), key=lambda pose: pose.seconds))


def adopt_poses(poses: Any, wanted: Iterable[PoseAt]) -> None:
    """Put these poses in place of those in a collection."""
    poses.clear()
    for pose in wanted:
        added = poses.add()
        added.seconds, added.angles = pose.seconds, [math.radians(angle) for angle in pose.angles]


def place_of(poses: Any, seconds: float) -> int:
    """Place in a collection of the pose at a time; a new one in the order of times if there is none."""
    for place, pose in enumerate(poses):
        if abs(pose.seconds - seconds) <= _SAME:
            return place
    poses.add().seconds = seconds
    place = sum(pose.seconds < seconds for pose in poses)
    poses.move(len(poses) - 1, place)
    return place


CLASSES = (SoliloquyPose,)
