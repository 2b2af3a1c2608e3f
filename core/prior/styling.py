"""Carries out a :class:`~core.wire.style.PriorStyle` on features, and takes it out of features that are kept."""

from __future__ import annotations

import numpy as np

from ..motion.channels import BLINK, HEAD_ROTATION, NONLIP_CHANNELS
from ..wire.style import PriorStyle
from .features import FEATURE_GROUPS, FEATURES, GAZE_FULL, d_nl
from .kept import Kept
from .windows import ease

POSE_TRANSITION = 30
"""Frames over which a head comes from its start pose or goes to its end pose, at least: 10° in a third of a second, as
kept motion is joined, would be a jerk."""
POSE_FRAMES = 3
"""Frames that a pose is held for (0.1 s): a single one says nothing of how fast the head moves there."""
LEAVING = 16
"""Frames over which a head gets going out of its start pose, or comes to rest in its end pose. A network that is given
a head held aside sets off at once: over eight seeds it got faster by up to 1.4° from one frame to the next, by 0.5° so,
as it does elsewhere."""
_LEAST = 0.1
"""Amplitudes below this can't be taken out of what is kept: it would have to be enlarged too far."""
_HEAD = [FEATURES.index(name) for name in ("headYaw", "headPitch")]
_GAZE = [FEATURES.index(name) for name in ("gazeYaw", "gazePitch")]
_DEGREES = np.array(GAZE_FULL, dtype=np.float32)


def _frames_held(frames: int) -> int:
    """Frames that each pose is held for in a take of so many: ``POSE_FRAMES``, at most half of it."""
    return min(POSE_FRAMES, max(frames // 2, 1))


def pose_constraints(style: PriorStyle, frames: int) -> list[tuple[int, int, float]]:
    """(frame, channel among the 32, radians) of the start and end poses, each held for ``POSE_FRAMES``."""
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
    """Ease the head of a take's frames from ``first`` on, (N, n, 25), in place, out of its start pose and into its end.

    Parameters
    ----------
    frames
        Of the whole take.
    kept
        What is given, the poses among it: where a head is kept within ``LEAVING`` frames, or the other pose lies there,
        that is all the way there is.
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
    """Degrees that eyes turn against a head at ``head`` degrees: all of a small turn, 7° of a large one."""
    return 7.0 * np.tanh(head / 8.0)


class Styling:
    """Sizes and gaze of a style, on (…, 25) features."""

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
        """Sampled features → features of this style."""
        if self.neutral:
            return features
        styled = features * self._size
        if self._moves_gaze:
            before = np.rad2deg(features[..., _HEAD])
            world = features[..., _GAZE] * _DEGREES + _compensation(before)  # where the eyes look, in degrees
            world = self._glance * world
            # On the camera the eyes still make their small saccades: without, they would look like glass.
            world = (1.0 - self._camera) * world + self._camera * np.tanh(world)
            self.look(styled, world)
        return styled

    def take_out(self, features: np.ndarray) -> np.ndarray:
        """Features of this style → about those that it would have been sampled from."""
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
        """How large glances are beside those sampled."""
        return float((1.0 - self._camera) * self._glance)

    def looks(self, features: np.ndarray) -> np.ndarray:
        """(…, 2) degrees, yaw and pitch: where eyes of this style look, the head's turns made up for."""
        return features[..., _GAZE] * _DEGREES + self._against(features)

    def look(self, features: np.ndarray, world: np.ndarray) -> None:
        """Turn the eyes of ``features`` to look there, as far as they turn: what :meth:`looks` tells the other way."""
        features[..., _GAZE] = np.clip((world - self._against(features)) / _DEGREES, -1.0, 1.0)

    def _against(self, features: np.ndarray) -> np.ndarray:
        """(…, 2) degrees that eyes of this style turn against the head."""
        head = np.rad2deg(features[..., _HEAD])
        return (1.0 - self._camera) * _compensation(head) + self._camera * head
