"""The spoken part of a sound file: as features for the networks, and as a WAV file for the video."""

from __future__ import annotations

import wave
from pathlib import Path

from ..files import written_beside
from ..inputs import open_input
from ..wire import notices
from .audio import Audio, load_audio
from .cut_off import is_cut_off
from .mel import log_mel
from .sound_file import SOUND, open_sound
from .whisper.front_end import whisper_mel

_BLOCK = 1 << 15


class Speech:
    """The spoken part of a sound file as log-mel features. ``len`` is the number of video frames, 25 a second.

    Attributes
    ----------
    path, start
        The file, and where the spoken part begins, in seconds.
    seconds
        Length of the spoken part.
    is_silent
        Whether nothing is heard in it (:class:`core.sound.audio.Audio`).
    notice
        A sentence that the user should read about the sound, one of :mod:`core.wire.notices`, or None.
    mel, whisper_mel
        (4 T, 80) float32 for T frames: what the prior hears, and what the lips hear.
    presence
        (T,) float32 in 0–1, how far the mouth may move: 0 where there is only music or noise.
    """

    def __init__(self, path: str | Path, start: float, duration: float | None) -> None:
        """Read the file. Parameters and errors are those of :func:`core.sound.audio.load_audio`."""
        audio = load_audio(path, start, duration)
        self.path = Path(path)
        self.start = start
        self.seconds = audio.seconds
        self.is_silent = audio.is_silent
        self.notice = _notice(audio, cut_off=duration is None and _is_cut_off(path))
        self.presence = audio.presence
        # The samples aren't kept.
        self.mel = log_mel(audio.samples, audio.frames)
        self.whisper_mel = whisper_mel(audio.samples, audio.frames)
        self._frames = audio.frames

    def __len__(self) -> int:
        return self._frames


def _is_cut_off(path: str | Path) -> bool:
    with open_input(path, SOUND) as stream:
        return is_cut_off(stream)


def _notice(audio: Audio, *, cut_off: bool) -> str | None:
    if audio.is_silent:
        return notices.SILENT
    if not audio.level.has_speech:
        return notices.NO_SPEECH
    if cut_off:
        return notices.CUT_OFF
    return notices.QUIET_SPEECH if audio.level.is_quiet else None


def write_spoken_part(source: str | Path, start: float, seconds: float, target: Path) -> None:
    """Copy ``seconds`` of the sound file ``source``, from ``start`` seconds on, into the WAV file ``target``.

    The copy has 16 bits, and the sample rate and channels of the source. It is written in blocks, so memory doesn't
    grow with the length. Raises the errors of ``core.files.written_beside``.
    """
    # Not written with soundfile: it reports a full disk as its own error, without the system's reason.
    with (
        open_sound(source) as sound,
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
