"""Apply a :class:`~core.wire.style.PriorStyle` to sampled features, and remove it from kept features."""

from __future__ import annotations

import numpy as np

from ..motion.channels import BLINK, HEAD_ROTATION, NONLIP_CHANNELS
from ..wire.style import PriorStyle
from .features import FEATURE_GROUPS, FEATURES, GAZE_FULL, d_nl
from .kept import Kept
from .windows import ease

POSE_TRANSITION = 30
"""Fewest frames over which a head leaves its start pose or reaches its end pose. 10° in a third of a second, over which
kept motion is joined by default, would be a jerk."""
POSE_FRAMES = 3
"""Frames that a pose is held (0.1 s). A single frame would not tell the network how fast the head moves there."""
LEAVING = 16
"""Frames over which a head starts to move out of its start pose, or comes to rest in its end pose. A network that is
given a head turned aside moves away at once: over eight seeds, frame-to-frame speed jumped by up to 1.4°. With this
transition it is 0.5°, the same as elsewhere in a take."""
_LEAST = 0.1
"""Smallest amplitude that is removed from kept motion. Smaller ones would enlarge that motion too much."""
_HEAD = [FEATURES.index(name) for name in ("headYaw", "headPitch")]
_GAZE = [FEATURES.index(name) for name in ("gazeYaw", "gazePitch")]
_DEGREES = np.array(GAZE_FULL, dtype=np.float32)


def _frames_held(frames: int) -> int:
    """Frames that each pose is held in a take of so many frames: ``POSE_FRAMES``, at most half of the take."""
    return min(POSE_FRAMES, max(frames // 2, 1))


def pose_constraints(style: PriorStyle, frames: int) -> list[tuple[int, int, float]]:
    """(frame, channel among the 32, radians) for the start and end poses, which are held for ``POSE_FRAMES``."""
    held = _frames_held(frames)
    wanted = ((range(held), style.start_pose), (range(frames - held, frames), style.end_pose))
    return [
        (frame, NONLIP_CHANNELS.index(name), float(np.float32(np.deg2rad(angle))))
        for places, pose in wanted
        if pose is not None
        for frame in places
        for name, angle in zip(HEAD_ROTATION, pose, strict=True)
    ]


def leave_poses(features: np.ndarray, first: int, frames: int, style: PriorStyle, kept: Kept) -> None:
    """Ease heads out of the start pose and into the end pose, in place.

    Parameters
    ----------
    features
        (N, n, 25) features of the frames from ``first`` on.
    frames
        Frames of the whole take.
    kept
        The kept part of the takes, including the poses. If the head is kept within ``LEAVING`` frames of a pose, or the
        other pose is that near, the way is only as long as that.
    """
    held = _frames_held(frames)
    turns = [FEATURES.index(name) for name in HEAD_ROTATION]
    channels = [NONLIP_CHANNELS.index(name) for name in HEAD_ROTATION]
    index = np.arange(first, first + features.shape[1])
    for pose, away, near, order in (
        (style.start_pose, index - (held - 1), (held, held + LEAVING), 1),
        (style.end_pose, frames - held - index, (frames - held - LEAVING, frames - held), -1),
    ):
        if pose is None:
            continue
        given = kept.part(*near)[1][::order, channels].any(axis=1)  # (LEAVING,) from the pose on
        beyond = np.flatnonzero(given)
        reach = int(beyond[0]) + 1 if len(beyond) else LEAVING
        share = ease(np.clip(away / reach, 0.0, 1.0))[:, None]  # (n, 1)
        wanted = np.deg2rad(np.array(pose, np.float32))
        features[..., turns] = (wanted + share * (features[..., turns] - wanted)).astype(np.float32)


def _compensation(head: np.ndarray) -> np.ndarray:
    """Degrees that eyes turn against a head at ``head`` degrees: the whole of a small turn, 7° of a large one."""
    return 7.0 * np.tanh(head / 8.0)


class Styling:
    """The sizes and the gaze of a style, on (…, 25) features.

    ``neutral`` is true if the style changes neither.
    """

    def __init__(self, style: PriorStyle) -> None:
        self._size = np.ones(d_nl, dtype=np.float32)
        squints = tuple(i for i in FEATURE_GROUPS["blink"] if FEATURES[i] in BLINK)
        for columns, amplitude in (
            (FEATURE_GROUPS["head"], style.head_amplitude),
            (FEATURE_GROUPS["brows"], style.brow_amplitude),
            (squints, style.lid_amplitude),
            (FEATURE_GROUPS["cheeks"], style.cheek_amplitude),
        ):
            self._size[list(columns)] = amplitude
        self._glance, self._camera = np.float32(style.gaze_amplitude), np.float32(style.gaze_to_camera)
        self._moves_gaze = style.head_amplitude != 1.0 or style.gaze_amplitude != 1.0 or style.gaze_to_camera != 0.0
        self.neutral = not self._moves_gaze and bool((self._size == 1.0).all())

    def apply(self, features: np.ndarray) -> np.ndarray:
        """Sampled features → features in this style."""
        if self.neutral:
            return features
        styled = features * self._size
        if self._moves_gaze:
            before = np.rad2deg(features[..., _HEAD])
            world = features[..., _GAZE] * _DEGREES + _compensation(before)  # where the eyes look, in degrees
            world = self._glance * world
            # Eyes on the camera still make small saccades. Without them they would look like glass.
            world = (1.0 - self._camera) * world + self._camera * np.tanh(world)
            self.look(styled, world)
        return styled

    def take_out(self, features: np.ndarray) -> np.ndarray:
        """Features in this style → approximately the sampled features that would give them."""
        if self.neutral:
            return features
        plain = features / np.maximum(self._size, _LEAST)
        if self._moves_gaze:
            before = np.rad2deg(plain[..., _HEAD])
            world = self.looks(features) / max((1.0 - self._camera) * self._glance, _LEAST)
            plain[..., _GAZE] = np.clip((world - _compensation(before)) / _DEGREES, -1.0, 1.0)
        return plain

    @property
    def glance(self) -> float:
        """Size of the glances relative to sampled ones."""
        return float((1.0 - self._camera) * self._glance)

    def looks(self, features: np.ndarray) -> np.ndarray:
        """(…, 2) yaw and pitch in degrees: where the eyes look, without their compensation for the head."""
        return features[..., _GAZE] * _DEGREES + self._against(features)

    def look(self, features: np.ndarray, world: np.ndarray) -> None:
        """Turn the eyes of ``features``, in place, to look at ``world`` (…, 2): the inverse of :meth:`looks`.

        Eyes turn no further than their limits.
        """
        features[..., _GAZE] = np.clip((world - self._against(features)) / _DEGREES, -1.0, 1.0)

    def _against(self, features: np.ndarray) -> np.ndarray:
        """(…, 2) degrees that the eyes turn against the head in this style."""
        head = np.rad2deg(features[..., _HEAD])
        return (1.0 - self._camera) * _compensation(head) + self._camera * head
