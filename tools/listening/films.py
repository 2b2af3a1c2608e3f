"""Films of a blind test: found by system and clip, and encoded alike, so that only the picture tells them apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import cv2
import numpy as np

from core.errors import BadInputError
from core.media.film import film_frames
from core.motion.channels import FPS
from core.sound.sound_file import open_sound
from core.takes.frames import frames_on_disk, read_frames
from core.takes.job_file import JobFacts

MOVIES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".mpg")
"""Endings of movies."""
SOUND_RATE = 48_000
_BLOCK = 1 << 16


@dataclass(frozen=True)
class Source:
    """A film of one system: a movie, or a take's folder with its frames."""

    path: Path

    def frames(self) -> Iterator[np.ndarray]:
        """Pictures (H, W, 3) uint8 RGB, 25 a second. Raises BadInputError for a movie that can't be read."""
        if self.path.is_dir():
            folder = self.path / "frames"
            return read_frames(folder, frames_on_disk(folder))
        return film_frames(self.path)

    def sound(self) -> tuple[np.ndarray, int]:
        """Samples (n,) float32 of the sound, mono, and how many there are a second.

        A take has the part of its job's sound file that it speaks. Raises BadInputError for a sound that is missing.
        """
        path, start, seconds = self.path, 0.0, None
        if self.path.is_dir():
            job = JobFacts.read(self.path.parent).audio
            path, start, seconds = Path(job.path), job.start, job.seconds
        with open_sound(path) as file:
            rate = file.samplerate
            blocks = []
            while len(block := file.read(_BLOCK, dtype="float32", always_2d=True)):
                blocks.append(block.mean(1))
        samples = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
        first = round(start * rate)
        return samples[first : None if seconds is None else first + round(seconds * rate)], rate


def find_films(systems: Mapping[str, Path]) -> dict[str, dict[str, Source]]:
    """The films of each system by the names of their clips: movies, and folders that hold a take.

    A clip is what the systems have under the same name: ``lecture.mp4`` of one and the take in ``lecture/…/take-001``
    of another are the same clip. Raises BadInputError ``clips_differ`` if a system lacks a clip that another one has.
    """
    found = {name: dict(_clips(folder)) for name, folder in systems.items()}
    everything = sorted(set(chain.from_iterable(found.values())))
    lacking = [f"{name} lacks {clip}" for name, clips in found.items() for clip in everything if clip not in clips]
    if lacking or not everything:
        raise BadInputError(
            "clips_differ",
            f"The systems don't have the same clips: {', '.join(lacking)}." if everything else "There are no clips.",
            "Give every system one film for each clip, under the same name.",
        )
    return {clip: {name: clips[clip] for name, clips in found.items()} for clip in everything}


def _clips(folder: Path) -> Iterator[tuple[str, Source]]:
    if not folder.is_dir():
        raise BadInputError("no_folder", f"There is no folder {folder}.", "Name the folder that holds the films.")
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in MOVIES:
            yield path.stem, Source(path)
        elif path.is_dir() and (takes := sorted(path.glob("**/take-*/frames"))):
            yield path.name, Source(takes[0].parent)


def encode(source: Source, target: Path, height: int) -> None:
    """Write a film as MP4 (H.264, AAC), ``height`` pixels high and at 25 frames a second, without any metadata.

    Every film of a test goes through this, those of real people too, so size, rate and quality are the same for all.
    Raises BadInputError ``no_frames`` for a take without frames, and what reading a film or its sound raises.
    """
    frames = source.frames()
    first = next(frames, None)
    if first is None:
        raise BadInputError("no_frames", f"{source.path} holds no frames.", "Render the take's frames first.")
    samples, rate = source.sound()
    # Both sides are even numbers, as H.264 stores colours at half the size.
    size = round(first.shape[1] * height / first.shape[0] / 2) * 2, height // 2 * 2
    with av.open(target, "w", options={"fflags": "+bitexact"}, container_options={"movflags": "+faststart"}) as out:
        film = out.add_stream("libx264", int(FPS), options={"crf": "16", "preset": "medium"})
        film.width, film.height, film.pix_fmt = *size, "yuv420p"
        speech = out.add_stream("aac", SOUND_RATE, layout="mono")
        for number, picture in enumerate(chain([first], frames)):
            scaled = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
            shown = av.VideoFrame.from_ndarray(scaled, "rgb24")
            shown.pts, shown.time_base = number, Fraction(1, int(FPS))
            out.mux(film.encode(shown))
        out.mux(film.encode(None))
        whole = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), "fltp", "mono")
        whole.sample_rate = rate
        for part in _resampled(whole):
            out.mux(speech.encode(part))
        out.mux(speech.encode(None))


def _resampled(frame: av.AudioFrame) -> Sequence[av.AudioFrame]:
    """A sound at the rate of all films."""
    resampler = av.AudioResampler("fltp", "mono", SOUND_RATE)
    return [*resampler.resample(frame), *resampler.resample(None)]
