"""The spoken part of a sound file: as features for the networks, and as a plain WAV for the video."""

from __future__ import annotations

import wave
from pathlib import Path

import soundfile

from ..files import written_beside
from .audio import load_audio
from .mel import log_mel

_BLOCK = 1 << 15


class Speech:
    """The spoken part of a sound file, ready for the networks. Its length is in frames of 1/25 second."""

    def __init__(self, path: str | Path, start: float, duration: float | None) -> None:
        audio = load_audio(path, start, duration)
        self.path = Path(path)
        self.start = start
        self.seconds = audio.seconds
        self.is_silent = audio.is_silent
        self.mel = log_mel(audio.samples, audio.frames)  # (4 T, 80); the samples are let go here
        self._frames = audio.frames

    def __len__(self) -> int:
        return self._frames


def write_spoken_part(source: str | Path, start: float, seconds: float, target: Path) -> None:
    """Copy ``seconds`` of ``source`` from ``start`` on into ``target``: 16 bit, the source's own rate and channels.

    In blocks, so memory doesn't grow with the length. Raises as ``core.files.written_beside``.
    """
    # soundfile reports a full disk as a library error without the system's reason; wave passes it on.
    with (
        soundfile.SoundFile(str(source)) as sound,
        written_beside(target) as beside,
        wave.open(str(beside), "wb") as out,
    ):
        out.setnchannels(sound.channels)
        out.setsampwidth(2)
        out.setframerate(sound.samplerate)
        left = round(seconds * sound.samplerate)
        skip = round(start * sound.samplerate)
        if sound.seekable():
            sound.seek(skip)
            skip = 0
        while left > 0 and len(block := sound.read(min(_BLOCK, left + skip), dtype="int16", always_2d=True)):
            block, skip = block[skip:], max(0, skip - len(block))
            out.writeframes(block[:left].astype("<i2").tobytes())
            left -= len(block)
