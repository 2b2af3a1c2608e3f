"""What a film or a take of it shows to one reader, for the comparison of motion sources and renderers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.face.face_mesh import FaceMesh
from core.motion.channels import NONLIP_COLUMNS
from core.motion.motion import Motion
from core.prior.features import features_from_channels
from core.sound.audio import load_audio
from core.sound.mel import MELS_PER_FRAME, log_mel

from ..generator.measurement import Features
from ..judge.lip_sync_metrics import judge_take
from ..judge.model import Judge
from ..prior.motion_metrics import beat_alignment
from ..speech.prosody import Prosody, analyse
from ..tracking.landmarks import mouth_shape
from . import likeness
from .recognition import Recogniser, square
from .sharpness import cpbd

EVERY = 5
"""Frames between those whose sharpness and features are measured."""
MOST_LOST = 0.1
"""Share of the pictures without a face from which a film can't be read."""


@dataclass(frozen=True, eq=False)
class Seen:
    """T pictures (H, W, 3) uint8 and the face's landmarks (T, 478, 3) px in them."""

    pictures: Sequence[np.ndarray]
    landmarks: np.ndarray

    @classmethod
    def of(cls, pictures: Iterable[np.ndarray]) -> Seen:
        """The pictures with their landmarks. A picture without a face gets those of the one before.

        Raises ValueError if the first picture has no face, or too many have none.
        """
        kept = [np.ascontiguousarray(picture) for picture in pictures]
        points: list[np.ndarray] = []
        lost = 0
        with FaceMesh(video=True) as mesh:
            for picture in kept:
                faces = mesh.detect(picture)
                lost += not faces
                if not (faces or points):
                    raise ValueError("no face in the first picture")
                points.append(faces[0] if faces else points[-1])
        if lost > MOST_LOST * len(kept):
            raise ValueError(f"no face in {lost} of {len(kept)} pictures")
        return cls(kept, np.stack(points))

    def of_length(self, frames: int) -> Seen:
        """The first ``frames`` of them."""
        return Seen(self.pictures[:frames], self.landmarks[:frames])

    @property
    def opening(self) -> np.ndarray:
        """(T,) opening of the mouth, divided by the outer-eye distance."""
        return mouth_shape(self.landmarks)[0]


@dataclass(frozen=True, eq=False)
class Spoken:
    """The sound of a film of T frames: its log-mel (4 T, 80) and prosody."""

    mel: np.ndarray
    prosody: Prosody

    @classmethod
    def of(cls, file: Path, frames: int) -> Spoken:
        """The first ``frames`` of a sound file."""
        samples = load_audio(file).samples
        return cls(log_mel(samples, frames), analyse(samples, frames))

    def __len__(self) -> int:
        return self.prosody.frames


@dataclass(frozen=True)
class Reading:
    """Numbers of one film or take.

    Attributes
    ----------
    sync_confidence, sync_distance
        LSE-C, which the paper calls S_c, and LSE-D of the judge of lip sync.
    likeness
        Mean distance of the frames from the film's first frame, by a recognition network.
    flicker
        Mean second difference of still skin, levels of 255.
    sharpness
        CPBD.
    head
        Deviation of the head's rotation in degrees: root mean square over its three axes.
    beats
        How much nearer the head's beats are to accents than by chance (``motion_metrics.beat_alignment``).
    """

    sync_confidence: float
    sync_distance: float
    likeness: float
    flicker: float
    sharpness: float
    head: float
    beats: float


class Reader:
    """The networks that read films and takes; ``features`` are those of the Fréchet distance."""

    def __init__(self, judge: Judge, recogniser: Recogniser, features: Features) -> None:
        self._judge, self._recogniser, self._features = judge, recogniser, features

    def read(self, seen: Seen, film: Seen, motion: Motion, spoken: Spoken) -> Reading:
        """The numbers of a take with its motion, or of a film with its tracked motion, beside the ``film`` itself."""
        frames = min(len(seen.pictures), len(spoken), len(motion))
        seen, motion = seen.of_length(frames), motion.slice(0, frames)
        sync = judge_take(self._judge, seen.pictures, spoken.mel[: MELS_PER_FRAME * frames], seen.landmarks)
        faces = [square(picture, points) for picture, points in zip(seen.pictures, seen.landmarks, strict=True)]
        first = square(film.pictures[0], film.landmarks[0])
        person = likeness.reading(self._recogniser, first, faces[1:])  # a film's first picture is its own measure
        return Reading(
            sync["lse_c"],
            sync["lse_d"],
            person.distance,
            person.flicker,
            float(np.nanmean([cpbd(picture) for picture in seen.pictures[::EVERY]])),
            head_deviation(motion),
            beat_alignment(features_from_channels(motion.channels()[:, NONLIP_COLUMNS]), spoken.prosody),
        )

    def looks(self, seen: Seen) -> Tensor:
        """(N, D) features of some of the pictures' faces, for the Fréchet distance."""
        return looks(self._features, seen)


@torch.inference_mode()
def looks(features: Features, seen: Seen) -> Tensor:
    """(N, D) features of some of the pictures' faces, for the Fréchet distance."""
    found = []
    for picture, points in zip(seen.pictures[::EVERY], seen.landmarks[::EVERY], strict=True):
        pixels = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
        found.append(features(pixels, torch.from_numpy(points[None, :, :2])))
    return torch.cat(found)


def head_deviation(motion: Motion) -> float:
    """Root mean square over the three axes of the deviation of the head's rotation, degrees."""
    return float(np.rad2deg(np.sqrt(motion.rotation.var(axis=0).mean())))
