"""Apply a :class:`~core.wire.style.PriorStyle` to sampled features, and remove it from kept features."""

from __future__ import annotations

import numpy as np

from ..motion.channels import BLINK, HEAD_ROTATION, NONLIP_CHANNELS
from ..motion.pose_path import PosePath
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
LOOP_FRAMES = 12
"""Shortest take that can be made a loop."""
_LEAST = 0.1
"""Smallest amplitude that is removed from kept motion. Smaller ones would enlarge that motion too much."""
_HEAD = [FEATURES.index(name) for name in ("headYaw", "headPitch")]
_TURNS = [FEATURES.index(name) for name in HEAD_ROTATION]
_TURN_CHANNELS = [NONLIP_CHANNELS.index(name) for name in HEAD_ROTATION]
_GAZE = [FEATURES.index(name) for name in ("gazeYaw", "gazePitch")]
_DEGREES = np.array(GAZE_FULL, dtype=np.float32)


def _frames_held(frames: int) -> int:
    """Frames that each pose is held in a take of so many frames: ``POSE_FRAMES``, at most half of the take."""
    return min(POSE_FRAMES, max(frames // 2, 1))


def is_loop(style: PriorStyle, frames: int) -> bool:
    """Whether a take of so many frames is made a loop."""
    return style.loop and frames >= LOOP_FRAMES


def pose_path(style: PriorStyle, frames: int) -> PosePath | None:
    """The path, in radians, about which a head moves through the ``poses`` of a style; None without any."""
    poses = style.path(frames)
    if not poses:
        return None
    places = np.array([pose.frame(frames) for pose in poses])
    turns = np.deg2rad([pose.angles for pose in poses])
    return PosePath(places, turns, POSE_TRANSITION, frames if is_loop(style, frames) else None)


def pose_constraints(style: PriorStyle, frames: int) -> list[tuple[int, int, float]]:
    """(frame, channel among the 32, radians) for the poses of a style.

    Start and end poses are held for ``POSE_FRAMES``. If there are others, the head is on their path for that long
    around each pose.
    """
    path = pose_path(style, frames)
    if path is not None:
        around = np.arange(POSE_FRAMES) - POSE_FRAMES // 2
        places = {pose.frame(frames) + int(step) for pose in style.path(frames) for step in around}
        inside = sorted(place for place in places if 0 <= place < frames)
        return [
            (frame, channel, float(np.float32(angle)))
            for frame, turn in zip(inside, path.at(np.array(inside)), strict=True)
            for channel, angle in zip(_TURN_CHANNELS, turn, strict=True)
        ]
    held = _frames_held(frames)
    wanted = ((range(held), style.start_pose), (range(frames - held, frames), style.end_pose))
    return [
        (frame, channel, float(np.float32(np.deg2rad(angle))))
        for places, pose in wanted
        if pose is not None
        for frame in places
        for channel, angle in zip(_TURN_CHANNELS, pose, strict=True)
    ]


def leave_poses(features: np.ndarray, first: int, frames: int, style: PriorStyle, kept: Kept) -> None:
    """Ease heads out of poses and into them, in place.

    Parameters
    ----------
    features
        (N, n, 25) features of the frames from ``first`` on.
    frames
        Frames of the whole take.
    kept
        The kept part of the takes, including the poses. If the head is kept within ``LEAVING`` frames of a pose, or the
        next pose is that near, the way is only as long as that. A pose in kept motion is no pose.
    """
    index = np.arange(first, first + features.shape[1])
    path = pose_path(style, frames)
    if path is not None:
        for frame in (pose.frame(frames) for pose in style.path(frames)):
            away = index - frame
            if is_loop(style, frames):
                away = (away + frames // 2) % frames - frames // 2
            _leave_path(features, frame, away, path, kept)
        return
    held = _frames_held(frames)
    for pose, away, near, order in (
        (style.start_pose, index - (held - 1), (held, held + LEAVING), 1),
        (style.end_pose, frames - held - index, (frames - held - LEAVING, frames - held), -1),
    ):
        if pose is not None:
            share = ease(np.clip(away / _reach(kept, *near, order), 0.0, 1.0))[:, None]  # (n, 1)
            _eased(features, np.deg2rad(np.array(pose, np.float32)), share)


def _leave_path(features: np.ndarray, frame: int, away: np.ndarray, path: PosePath, kept: Kept) -> None:
    """Ease heads out of the pose at ``frame`` and into it, in place: near it they follow the path.

    ``away`` (n,) are the frames from the pose to those of the features, negative before it.
    """
    given = kept.part(frame, frame + 1)[0][:, 0, _TURN_CHANNELS]
    if not np.array_equal(given, np.broadcast_to(path.at(np.array([frame])).astype(np.float32), given.shape)):
        return
    held = POSE_FRAMES // 2
    before = _reach(kept, frame - held - LEAVING, frame - held, -1)
    after = _reach(kept, frame + held + 1, frame + held + 1 + LEAVING, 1)
    way = np.clip((np.abs(away) - held) / np.where(away < 0, before, after), 0.0, 1.0)
    _eased(features, path.at(frame + away).astype(np.float32), ease(way)[:, None])


def _reach(kept: Kept, first: int, stop: int, order: int) -> int:
    """Frames of ``first`` … ``stop``, gone through forwards (1) or backwards (−1), up to the first with a kept head."""
    given = kept.part(first, stop)[1][::order, _TURN_CHANNELS].any(axis=1)  # (LEAVING,) from the pose on
    beyond = np.flatnonzero(given)
    return int(beyond[0]) + 1 if len(beyond) else LEAVING


def _eased(features: np.ndarray, wanted: np.ndarray, share: np.ndarray) -> None:
    """Give heads (n, 1) ``share`` of the way from the rotations ``wanted`` to their own, in place."""
    features[..., _TURNS] = (wanted + share * (features[..., _TURNS] - wanted)).astype(np.float32)


def _compensation(head: np.ndarray) -> np.ndarray:
    """Degrees that eyes turn against a head at ``head`` degrees: the whole of a small turn, 7° of a large one."""
    return 7.0 * np.tanh(head / 8.0)


def _turns_of(path: PosePath, features: np.ndarray, first: int) -> np.ndarray:
    """(n, 3) radians of a path at the frames of (…, n, 25) features from ``first`` on."""
    return path.at(np.arange(first, first + features.shape[-2])).astype(np.float32)


class Styling:
    """The sizes, the gaze and the path of a style, on (…, 25) features.

    Around a path through poses, features without the style hold what the head moves in addition to it. ``neutral`` is
    true if the style changes nothing. ``frames`` is the length of the take, which only the path depends on.
    """

    def __init__(self, style: PriorStyle, frames: int) -> None:
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
        self._path = pose_path(style, frames)
        self._moves_gaze = style.head_amplitude != 1.0 or style.gaze_amplitude != 1.0 or style.gaze_to_camera != 0.0
        self._moves_gaze |= self._path is not None
        self.neutral = not self._moves_gaze and bool((self._size == 1.0).all())

    def apply(self, features: np.ndarray, first: int = 0) -> np.ndarray:
        """Sampled (…, n, 25) features of the frames from ``first`` on → features in this style."""
        if self.neutral:
            return features
        styled = features * self._size
        if self._path is not None:
            styled[..., _TURNS] += _turns_of(self._path, styled, first)
        if self._moves_gaze:
            before = np.rad2deg(features[..., _HEAD])
            world = features[..., _GAZE] * _DEGREES + _compensation(before)  # where the eyes look, in degrees
            world = self._glance * world
            # Eyes on the camera still make small saccades. Without them they would look like glass.
            world = (1.0 - self._camera) * world + self._camera * np.tanh(world)
            self.look(styled, world)
        return styled

    def take_out(self, features: np.ndarray, first: int = 0) -> np.ndarray:
        """(…, n, 25) features in this style → approximately the sampled features that would give them."""
        if self.neutral:
            return features
        moved = features
        if self._path is not None:
            moved = features.copy()
            moved[..., _TURNS] -= _turns_of(self._path, features, first)
        plain = moved / np.maximum(self._size, _LEAST)
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
