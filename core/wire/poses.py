"""Poses of the head at times, as an artist sets them. Standard library only."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import BadInputError
from ..motion.channels import FPS
from ..schema import setting
from .timed import within_sound

MAX_ANGLE = 30.0
"""Largest pitch, yaw and roll of a pose, degrees."""
FASTEST = 120.0
"""Degrees a second that a head may need from one pose to the next, on average. Its fastest moment is half as fast
again, which is a quick glance over the shoulder."""


@dataclass(frozen=True, kw_only=True)
class PoseAt:
    """The head's pose at a time, in degrees relative to the portrait; ``PriorStyle`` says which way is positive.

    ``seconds`` count from where the spoken part of the sound begins.
    """

    seconds: float = setting(text="seconds from the beginning", low=0.0)
    pitch: float = setting(0.0, "degrees that the face turns down", low=-MAX_ANGLE, high=MAX_ANGLE)
    yaw: float = setting(0.0, "degrees that it turns to the person's left", low=-MAX_ANGLE, high=MAX_ANGLE)
    roll: float = setting(0.0, "degrees that its left side is lifted", low=-MAX_ANGLE, high=MAX_ANGLE)

    @property
    def angles(self) -> tuple[float, float, float]:
        """Pitch, yaw and roll."""
        return self.pitch, self.yaw, self.roll

    def frame(self, frames: int) -> int:
        """The motion frame of the pose in a take of so many frames; the end of the sound is the last frame."""
        return min(round(self.seconds * FPS), frames - 1)


def poses_in_order(poses: Sequence[PoseAt], frames: int, loop: bool) -> tuple[PoseAt, ...]:
    """``poses`` in the order of their times, if a head can take them in a motion of so many frames.

    ``loop`` says whether its end runs into its beginning. Raises BadInputError ``bad_setting`` for a pose after the end
    of the sound, for two poses at one time, and for two between which the head would have to turn faster than
    ``FASTEST``.
    """
    ordered = within_sound(poses, frames, "pose")
    for one, other in itertools.pairwise(ordered):
        _require_way(one, other, one.frame(frames) == other.frame(frames), other.seconds - one.seconds)
    if loop and len(ordered) > 1:
        _require_way(ordered[-1], ordered[0], False, frames / FPS + ordered[0].seconds - ordered[-1].seconds)
    return ordered


def _require_way(one: PoseAt, other: PoseAt, at_once: bool, apart: float) -> None:
    """Raise BadInputError if a head can't get from one pose to another in ``apart`` seconds, or if both are at once."""
    if at_once:
        raise BadInputError(
            "bad_setting",
            f"Two poses of the head are at the same time, {one.seconds:g} s and {other.seconds:g} s.",
            f"Remove one of them, or move it by at least {1 / FPS:g} s.",
        )
    turn = max(abs(a - b) for a, b in zip(one.angles, other.angles, strict=True))
    if turn > FASTEST * apart:
        raise BadInputError(
            "bad_setting",
            f"The head can't turn {turn:g}° between the poses at {one.seconds:g} s and {other.seconds:g} s.",
            f"It turns at most {FASTEST:g}° a second: move them at least {turn / FASTEST:.2g} s apart.",
        )
