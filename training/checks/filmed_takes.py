"""The product at its defaults on films: the first picture of a film is the portrait, its sound the speech."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from core.takes.frames import read_frames
from core.takes.studio import Studio
from core.wire.picture_size import FIT
from core.wire.progress import JobContext
from core.wire.protocol import Event, Generate, TakeReady

from ..tracking import video

SIZE = 256
SEED = 3


@contextmanager
def rendered_frames(film: Path, studio: Studio) -> Iterator[Iterable[np.ndarray]]:
    """The product's frames (H, W, 3) uint8 for a film's first picture and sound; they are deleted at the end."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
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
        )
        events: list[Event] = []
        studio.handle(request, JobContext("films", events.append))
        (take,) = (event for event in events if isinstance(event, TakeReady))
        assert take.frames is not None
        yield read_frames(Path(take.frames), take.frame_count)
