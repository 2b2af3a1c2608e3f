"""Head motion of filmed talkers, with what is heard, for PoseVAE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from core.motion.channels import HEAD
from core.sadtalker.pose_vae import around_the_mean
from core.sound.audio import load_audio
from core.sound.mel import log_mel
from core.sound.prosody import PROSODY, prosody

from ..common.folders import TRACKS
from ..common.mirror import HEAD_SIGNS
from ..common.splits import lips_split

CORPORA = ("grid", "talkers", "addresses", "obama")
"""Folders of tracks. The last one has no sound."""
FORGET = 0.5
"""Share of the stretches whose sound is hidden. Otherwise a sound that isn't known would mean the talker who was filmed
without sound, and his style would move too little wherever sound is known."""
LEAST = 1e-3
"""Radians or centimetres that count as no movement."""


@dataclass(frozen=True)
class Recording:
    """T frames of one talker.

    Attributes
    ----------
    name, talker
        For the split, and whose style it is.
    poses
        (T, 6) float32 radians and centimetres, around the talker's running mean.
    heard
        (T, PROSODY) float32 of what is heard, or None if there is no sound.
    """

    name: str
    talker: str
    poses: np.ndarray
    heard: np.ndarray | None


def recordings(part: str) -> list[Recording]:
    """The tracked clips of one part of ``splits.lips_split``; empty if nothing was tracked."""
    found = []
    for corpus in CORPORA:
        for path in sorted((TRACKS / corpus).glob("*.npz")):
            if lips_split(path.stem) != part:
                continue
            with np.load(path, allow_pickle=False) as track:
                if not {"rotation", "translation"} <= set(track.files):
                    continue
                poses = poses_of(track)
            sound = path.with_suffix(".wav")
            heard = heard_in(load_audio(sound).samples, len(poses)) if sound.exists() else None
            found.append(Recording(path.stem, path.stem.split("_")[0], around_the_mean(poses), heard))
    return found


def poses_of(track: Mapping[str, np.ndarray]) -> np.ndarray:
    """(T, 6) float32 radians and centimetres of the head in a track."""
    return np.concatenate([track["rotation"], track["translation"]], 1).astype(np.float32)


def heard_in(samples: np.ndarray, frames: int) -> np.ndarray:
    """(``frames``, PROSODY) float32: loudness by band and its change, for 16 kHz ``samples``."""
    mel = torch.from_numpy(log_mel(samples, frames).astype(np.float32))
    return prosody(mel[None])[0].numpy()


@dataclass(frozen=True)
class Stretches:
    """B stretches of T frames.

    Attributes
    ----------
    residuals, first
        (B, T, 6) relative to the first frame, and (B, 6) its pose.
    heard, known
        (B, T, PROSODY), and (B,) bool: whether the sound is known.
    style
        (B,) int64 number of the talker.
    """

    residuals: torch.Tensor
    first: torch.Tensor
    heard: torch.Tensor
    known: torch.Tensor
    style: torch.Tensor

    def to(self, device: torch.device) -> Stretches:
        """The same stretches on a device."""
        return Stretches(**{name: value.to(device) for name, value in vars(self).items()})


class PoseSampler:
    """Draws stretches: the talker with the square root of the length of all that is filmed, then the place.

    ``talkers`` are the names of the styles, in the order of their numbers.
    """

    def __init__(self, found: Sequence[Recording], frames: int) -> None:
        long_enough = [recording for recording in found if len(recording.poses) >= frames]
        if not long_enough:
            raise ValueError(f"no recording has {frames} frames")
        self.frames = frames
        self.talkers = tuple(sorted({recording.talker for recording in long_enough}))
        self._of: Mapping[str, list[Recording]] = {
            name: [recording for recording in long_enough if recording.talker == name] for name in self.talkers
        }
        weight = np.sqrt([sum(len(recording.poses) for recording in self._of[name]) for name in self.talkers])
        self._weight = weight / weight.sum()

    def scale(self) -> torch.Tensor:
        """(6,) standard deviation of poses, the talkers drawn as in training; at least ``LEAST``."""
        squares = [np.mean([np.square(r.poses).mean(0) for r in self._of[name]], axis=0) for name in self.talkers]
        return torch.from_numpy(np.sqrt(self._weight @ np.array(squares))).float().clamp_min(LEAST)

    def draw(self, count: int, rng: np.random.Generator) -> Stretches:
        """``count`` random stretches. In half of them left and right are swapped."""
        poses = np.empty((count, self.frames, len(HEAD)), np.float32)
        heard = np.zeros((count, self.frames, PROSODY), np.float32)
        style, known = np.empty(count, np.int64), np.zeros(count, bool)
        for i in range(count):
            style[i] = rng.choice(len(self.talkers), p=self._weight)
            of_talker = self._of[self.talkers[style[i]]]
            room = np.array([len(recording.poses) - self.frames + 1 for recording in of_talker], float)
            recording = of_talker[int(rng.choice(len(of_talker), p=room / room.sum()))]
            begin = int(rng.integers(len(recording.poses) - self.frames + 1))
            poses[i] = recording.poses[begin : begin + self.frames]
            if rng.random() < 0.5:
                poses[i] *= HEAD_SIGNS
            if recording.heard is not None:
                known[i] = rng.random() >= FORGET
                heard[i] = known[i] * recording.heard[begin : begin + self.frames]
        first = poses[:, 0]
        arrays = (poses - first[:, None], first, heard, known, style)
        return Stretches(*(torch.from_numpy(np.ascontiguousarray(values)) for values in arrays))
