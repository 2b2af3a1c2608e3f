"""Movies and compressed sounds for tests, made with PyAV."""

from __future__ import annotations

import itertools
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np


def write_media(
    path: Path,
    samples: np.ndarray,
    rate: int,
    codec: str,
    *,
    layout: str = "mono",
    picture: bool = False,
    options: dict[str, str] | None = None,
) -> None:
    """Encode (n,) or (n, channels) samples. ``picture`` puts a film of grey pictures before the sound."""
    samples = np.atleast_2d(samples.T)
    with av.open(path, "w", container_options=options) as out:
        film = out.add_stream("mpeg4", 25) if picture else None
        if film is not None:
            film.width = film.height = 64
            film.pix_fmt = "yuv420p"
        sound = out.add_stream(codec, rate, layout=layout)
        if film is not None:
            for index in range(round(25 * samples.shape[1] / rate)):
                frame = av.VideoFrame(64, 64, "yuv420p")
                frame.pts, frame.time_base = index, Fraction(1, 25)
                out.mux(film.encode(frame))
            out.mux(film.encode(None))
        encode(out, sound, samples, rate, layout)


def write_film(path: Path, stamps: list[int], *, side: int = 64, wide: int | None = None, turned: int = 0) -> None:
    """A film whose picture i is all 10 i, shown from ``stamps[i]`` ms on. ``turned`` is its display rotation."""
    with av.open(path, "w") as out:
        stream = out.add_stream("mpeg4", 25)
        stream.width, stream.height, stream.pix_fmt = wide or side, side, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        stream.codec_context.qmax = 2
        if turned:
            stream.set_display_rotation(turned)
        for number, stamp in enumerate(stamps):
            grey = np.full((side, stream.width, 3), 10 * number, np.uint8)
            grey[: side // 2, : stream.width // 2] += 100  # the upper left quarter is lighter
            frame = av.VideoFrame.from_ndarray(grey, "rgb24")
            frame.pts, frame.time_base = stamp, Fraction(1, 1000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def encode(out: Any, sound: Any, samples: np.ndarray, rate: int, layout: str) -> None:
    """Encode (channels, n) samples."""
    if sound.codec_context.name == "wmav2":
        sound.bit_rate = 96_000
    sound.codec_context.open(strict=False)
    kind = sound.codec_context.format.name
    resampler = av.AudioResampler(kind, layout, rate, frame_size=sound.codec_context.frame_size or 1024)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples, np.float32), "fltp", layout)
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    for ready in itertools.chain(resampler.resample(frame), resampler.resample(None)):
        out.mux(sound.encode(ready))
    out.mux(sound.encode(None))


def media_bytes(name: str, samples: np.ndarray, rate: int, codec: str) -> bytes:
    """The content of the file that `write_media` makes; its name says the container."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write_media(path, samples, rate, codec, picture=name.endswith((".mp4", ".mov", ".avi", ".mkv")))
        return path.read_bytes()
