"""The product at its defaults on films: the first picture of a film is the portrait, its sound the speech."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from core.motion.channels import FPS
from core.motion.motion import Motion
from core.takes.frames import read_frames
from core.takes.studio import Studio
from core.wire.picture_size import FIT
from core.wire.progress import JobContext
from core.wire.protocol import Event, Generate, TakeReady

from ..common.folders import TRACKS
from ..common.splits import lips_split
from ..tracking import video
from ..tracking.tracks import ADDRESSES, TALKERS, filmed_talkers

SIZE = 256
SEED = 3


def validation_films(data: Path) -> Iterator[tuple[str, str, Path]]:
    """Corpus, name and file of each film of ``splits.VALIDATION_TALKERS``, on whom lips were never trained."""
    for corpus in (TALKERS, ADDRESSES):
        for clips in filmed_talkers(data, corpus).values():
            for name, film in clips.items():
                if lips_split(name) == "validation":
                    yield corpus, name, film


@dataclass(frozen=True)
class TrackedFilm:
    """A film whose talker is tracked: corpus, name and file, the motion that was read, and the file of its sound."""

    corpus: str
    name: str
    path: Path
    motion: Motion
    sound: Path


def tracked_films(data: Path) -> Iterator[TrackedFilm]:
    """The films of `validation_films` that ``training.tracking`` has read."""
    for corpus, name, path in validation_films(data):
        track = TRACKS / corpus / f"{name}.npz"
        if track.is_file():
            with np.load(track, allow_pickle=False) as arrays:
                motion = Motion(arrays["expression"], arrays["rotation"], arrays["translation"], FPS)
            yield TrackedFilm(corpus, name, path, motion, track.with_suffix(".wav"))


def takes_of(film: Path, studio: Studio, folder: Path, **settings: Any) -> list[TakeReady]:
    """Takes in ``folder`` for a film's first picture and sound. ``settings`` are fields of `Generate` that shall not
    have the defaults of films."""
    video.extract_sound(film, folder / "sound.wav")
    cv2.imwrite(str(folder / "portrait.png"), next(video.frames(film))[:, :, ::-1])
    request = Generate(
        audio=str(folder / "sound.wav"),
        portrait=str(folder / "portrait.png"),
        out=str(folder),
        seed=SEED,
        size=SIZE,
        picture=FIT,
        extract=False,
        **settings,
    )
    events: list[Event] = []
    studio.handle(request, JobContext("films", events.append))
    return [event for event in events if isinstance(event, TakeReady)]


def frames_of(take: TakeReady) -> Iterable[np.ndarray]:
    """The pictures (H, W, 3) uint8 of a take with frames."""
    assert take.frames is not None
    return read_frames(Path(take.frames), take.frame_count)


@contextmanager
def rendered_frames(film: Path, studio: Studio) -> Iterator[Iterable[np.ndarray]]:
    """The product's frames (H, W, 3) uint8 for a film's first picture and sound; they are deleted at the end."""
    with tempfile.TemporaryDirectory() as name:
        (take,) = takes_of(film, studio, Path(name))
        yield frames_of(take)
