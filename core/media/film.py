"""The pictures of a film at a constant rate, one after the other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import BadInputError
from ..inputs import InputKind, open_input, shown
from ..motion.channels import FPS
from .container import MediaError, UnknownMediaError, damage_told, decoded, first_decodable, opened

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

FILM = InputKind(
    noun="video file",
    code="video",
    most_bytes=None,  # decoded picture by picture
    choose="Choose a video file that exists.",
    again="Save the video as MP4.",
)
"""A film."""
CODECS = (
    *("h264", "hevc", "vp8", "libvpx-vp9", "vp9", "libdav1d", "av1", "mpeg4", "mpeg1video", "mpeg2video", "h263"),
    *("msmpeg4v3", "msmpeg4v2", "wmv1", "wmv2", "wmv3", "vc1", "flv", "vp6f", "theora", "mjpeg", "dvvideo"),
    *("prores", "dnxhd", "cfhd", "ffv1", "huffyuv", "ffvhuff", "qtrle", "png", "rawvideo", "svq3", "cinepak"),
)
"""FFmpeg's names of the video decoders that are used: those of cameras, screen recorders, editors and the web."""
_MOST_PIXELS = 8192 * 8192
"""Pixels of the largest pictures that are decoded."""
_LEAST_STRETCH = 0.25
"""Least width of a pixel in heights, and least height in widths. Films that claim more are damaged."""
_MICROSECONDS = 1e6
"""FFmpeg counts a container's duration in them."""
_SAME = 1e-6
"""Seconds by which two times may differ and still be the same."""


class _NoFilmError(MediaError):
    """The media file has no video stream."""


def film_frames(path: str | Path, fps: float = FPS, long_side: int | None = None) -> Iterator[np.ndarray]:
    """Frames of a film at a constant rate, whatever rate the file has, constant or not.

    Only a picture is in memory at a time. Pictures that the file says are to be turned or stretched are.

    Parameters
    ----------
    fps
        Frames a second. Frame i is the picture that is shown (i + 0.5) / fps seconds after the first picture.
    long_side
        Most pixels of a frame's long side: larger pictures are scaled down.

    Yields
    ------
    (H, W, 3) uint8 RGB.

    Raises BadInputError ``video_missing``, ``video_empty``, ``video_no_pictures`` for a file without a film, or
    ``video_unreadable``.
    """
    with _film(path) as (container, film):
        yield from _at_rate(_pictures(container, film), fps, _shape(film, long_side))


def film_seconds(path: str | Path) -> float | None:
    """Length of a film as its container tells it, or None where it doesn't. Raises as `film_frames`."""
    with _film(path) as (container, film):
        if film.duration and film.time_base:
            return float(film.duration * film.time_base)
        return container.duration / _MICROSECONDS if container.duration else None


@contextlib.contextmanager
def _film(path: str | Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The open container and its film. Raises as `film_frames`."""
    with open_input(path, FILM) as stream:
        try:
            with damage_told(), opened(stream, CODECS) as container:
                yield container, _film_of(container)
        except UnknownMediaError as error:
            raise FILM.unreadable(Path(path).name, "is no video that can be read") from error
        except _NoFilmError as error:
            sentence = f"{shown(Path(path).name)} has no video."
            raise BadInputError("video_no_pictures", sentence, "Choose a video file.") from error
        except MediaError as error:
            raise FILM.unreadable(Path(path).name, f"can't be read: {error}") from error


def _film_of(container: InputContainer) -> VideoStream:
    """The first video stream that can be decoded; a cover of a sound file is none."""
    from av.stream import Disposition

    films: list[Any] = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not films:
        raise _NoFilmError
    film: Any = first_decodable(container, films, CODECS)
    if film is None:
        raise MediaError("its pictures have a codec that isn't known")
    if film.codec_context.width * film.codec_context.height > _MOST_PIXELS:
        raise MediaError("its pictures are too large")
    film.thread_type = "AUTO"
    chosen: VideoStream = film
    return chosen


def _pictures(container: InputContainer, film: VideoStream) -> Iterator[tuple[float, VideoFrame | None]]:
    """Seconds since the first picture, and the pictures as they are decoded; at last the end, without a picture."""
    import av

    usual = 1.0 / float(film.average_rate) if film.average_rate else 1.0 / FPS
    first = time = -usual
    none_yet = True
    for frame in decoded(container, film):
        if not isinstance(frame, av.VideoFrame):
            continue
        # Some files have no time stamps: their pictures follow each other at a constant rate.
        stamp = time + usual if frame.time is None else frame.time
        if none_yet:
            first, none_yet = stamp, False
            time = 0.0
        else:
            time = stamp - first if frame.time is not None and stamp - first > time + _SAME else time + usual
        yield time, frame
    if none_yet:
        raise MediaError("none of its pictures can be decoded")
    yield time + usual, None


def _at_rate(
    pictures: Iterator[tuple[float, VideoFrame | None]], fps: float, shape: tuple[int, int]
) -> Iterator[np.ndarray]:
    """The pictures that are shown at the middle of each frame, scaled to a (width, height)."""
    held: VideoFrame | None = None
    pixels: np.ndarray | None = None
    given = 0
    for time, picture in pictures:
        while held is not None and (given + 0.5) / fps < time - _SAME:
            pixels = _pixels(held, shape) if pixels is None else pixels
            yield pixels
            given += 1
        held, pixels = picture, None


def _pixels(frame: VideoFrame, shape: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a decoded picture of (width, height), then turned upright."""
    picture = frame.to_ndarray(format="rgb24", width=shape[0], height=shape[1])
    return np.ascontiguousarray(np.rot90(picture, round(frame.rotation / 90.0) % 4))


def _shape(film: VideoStream, long_side: int | None) -> tuple[int, int]:
    """(width, height) of the frames before they are turned: with square pixels, and not too large."""
    told = film.sample_aspect_ratio
    stretch = float(told) if told and _LEAST_STRETCH <= told <= 1 / _LEAST_STRETCH else 1.0
    context = film.codec_context
    width, height = context.width * max(stretch, 1.0), context.height * max(1.0 / stretch, 1.0)
    smaller = 1.0 if long_side is None else min(1.0, long_side / max(width, height))
    return max(round(width * smaller), 1), max(round(height * smaller), 1)
