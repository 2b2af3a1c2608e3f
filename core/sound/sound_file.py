"""Sound files that can be decoded: plain files, in a named format, at a sample rate that speech is recorded at."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, cast

import soundfile

from ..errors import BadInputError
from ..inputs import InputKind, open_input, shown
from ..media.container import MediaError, UnknownMediaError, is_media
from .cut_off import is_cut_off
from .media_file import MediaSound, NoSoundError

SOUND = InputKind(
    noun="audio file",
    code="audio",
    empty_code="audio_empty_file",
    most_bytes=None,  # decoded in blocks
    choose="Choose a sound file that exists.",
)
"""A sound file."""
MIN_RATE, MAX_RATE = 2_000, 768_000
"""Samples a second of the files that are read. Other rates come from damaged headers."""
FORMATS = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "OGG", "MP3", "NIST", "VOC")
"""libsndfile's names of the formats that are read. All of them have a header that says what their samples are."""
_HINT = "Save the sound as a WAV file."
Sound: TypeAlias = soundfile.SoundFile | MediaSound
"""An open sound: ``samplerate``, ``channels``, ``format``, ``frames``, ``seekable()``, ``seek()`` and ``read()``."""


@contextmanager
def open_sound(path: str | Path) -> Iterator[Sound]:
    """Open a sound file, or the sound of a movie, for reading in blocks.

    Raises BadInputError ``audio_missing``, ``audio_empty_file``, ``audio_no_samples`` for a movie without sound, or
    ``audio_unreadable``. The last one also stands for errors of the decoder while the file is open.
    """
    with open_input(path, SOUND) as stream, _opened(path, stream) as file:
        if not MIN_RATE <= file.samplerate <= MAX_RATE:
            raise BadInputError(
                "audio_unreadable",
                f"{shown(Path(path).name)} claims to have {file.samplerate:,} samples a second.",
                f"Export it again with {MIN_RATE:,} to {MAX_RATE:,} samples a second.",
            )
        try:
            yield file
        except (soundfile.SoundFileError, AssertionError) as error:
            raise _unreadable(path, _reason(error)) from error


def _opened(path: str | Path, stream: BinaryIO) -> Sound:
    """The sound by libsndfile where it can, because that seeks to the sample; else by FFmpeg's libraries."""
    head = stream.read(12)
    stream.seek(0)
    reason = "Format not recognised"
    if not is_media(head):
        try:
            file = _opened_by_libsndfile(path, stream)
            if file.format in FORMATS and (file.frames or not is_cut_off(stream)):
                return file
            file.close()
            # A recorder that was broken off has left the length 0. FFmpeg reads such a file up to its end.
            reason = f"it is of the format {file.format}" if file.frames else "it has no sound"
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - soundfile's own errors, and others for numbers that can't be
            reason = _reason(error)
        stream.seek(0)
    try:
        return MediaSound(stream)
    except NoSoundError as error:
        raise BadInputError(
            "audio_no_samples", f"{shown(Path(path).name)} has no sound.", "Choose a file with sound."
        ) from error
    except MediaError as error:
        raise _unreadable(path, str(error)) from error
    except UnknownMediaError as error:
        raise _unreadable(path, reason) from error


def _opened_by_libsndfile(path: str | Path, stream: BinaryIO) -> soundfile.SoundFile:
    try:
        return soundfile.SoundFile(_SteadyStream(stream))
    except soundfile.SoundFileError:
        if Path(path).suffix.lower() != ".mp3":
            raise
        # Some programs put other data before the first frame. By its name, libsndfile looks for that frame.
        return soundfile.SoundFile(str(path))


class _SteadyStream:
    """A file as libsndfile reads it, without a name.

    With a name, libsndfile takes some files (.vox, .gsm, .snd) for samples without a header, and soundfile raises
    TypeError for .raw. Damaged headers make libsndfile go to places before the file. An error can't leave its
    callbacks, so nothing is raised then.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readinto(self, buffer: Any) -> int:
        try:
            return cast(io.BufferedReader, self._stream).readinto(buffer)
        except OSError:
            return 0  # libsndfile takes it for the end of the file

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        try:
            return self._stream.seek(offset, whence)
        except (OSError, ValueError):
            return self._stream.tell()

    def tell(self) -> int:
        return self._stream.tell()


def _reason(error: Exception) -> str:
    return getattr(error, "error_string", str(error)).strip().rstrip(".") or type(error).__name__


def _unreadable(path: str | Path, reason: str) -> BadInputError:
    return BadInputError("audio_unreadable", f"{shown(Path(path).name)} can't be read as audio ({reason}).", _HINT)
