"""Speech in: decoding, mixing, resampling to 16 kHz and loudness, in blocks.

Memory grows only with what is returned (64 kB a second). Time is kept in whole samples from end to end: video frame
``i`` covers samples ``[640 i, 640 (i+1))`` and the rows ``4 i … 4 i + 3`` of :func:`core.sound.mel.log_mel`, over an
hour as over a second.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.signal
import soundfile

from ..errors import BadInputError
from ..motion.channels import FPS
from .mel import SAMPLE_RATE, log_mel

__all__ = ["Audio", "load_audio", "log_mel", "resample_blocks", "speech_gain"]

MIN_SECONDS = 0.1
TARGET_RMS = 0.1
"""RMS of the speech after loudness normalisation (−20 dB of full scale)."""
MAX_GAIN = 10.0 ** (30.0 / 20.0)
"""Never amplify by more than 30 dB: a faint recording's room must not become a voice."""
SILENCE_RMS = 1e-3
"""Below this loudest-frame RMS (−60 dB of full scale) nobody is speaking."""

_READ_BLOCK = 1 << 16
_LARGEST_SAMPLE = 1e6
_SEEKABLE_FORMATS = ("WAV", "WAVEX", "AIFF", "FLAC", "W64", "RF64", "CAF", "AU")
"""Formats whose seek is exact to the sample; the others are decoded from the beginning."""


@dataclass(frozen=True)
class Audio:
    """Decoded speech.

    Attributes
    ----------
    samples
        (N,) float32, mono, 16 kHz, loudness-normalised.
    seconds
        Length of the trimmed audio in seconds, as the file counts it (N / 16000 to within half a sample).
    frames
        Video frames it lasts: ``round(25 · seconds)``.
    is_silent
        True where nothing in it is louder than −60 dB of full scale; the samples are then left as they are.
    """

    samples: np.ndarray
    seconds: float
    frames: int
    is_silent: bool


def load_audio(path: str | Path, start: float = 0.0, duration: float | None = None) -> Audio:
    """Read a sound file (WAV, FLAC, OGG, MP3 and whatever else libsndfile reads), any rate, any number of channels.

    Parameters
    ----------
    path
        The file.
    start, duration
        The part to use, in seconds; ``duration=None`` means to the end. A part that reaches past the end stops there.

    Raises
    ------
    BadInputError
        ``audio_missing``, ``audio_empty_file``, ``audio_unreadable``, ``audio_not_finite``,
        ``audio_no_samples``, ``audio_too_short``, ``audio_bad_trim`` or ``audio_start_past_end``.
    """
    path = Path(path)
    _check_file(path)
    _check_trim(start, duration)
    samples, seconds, channel_rms = _read(path, start, duration)
    if _loudest_frame(samples) < SILENCE_RMS <= float(channel_rms.max(initial=0.0)):
        # The channels cancel one another (a stereo file with one side inverted): listen to the loudest one alone.
        samples, seconds, _ = _read(path, start, duration, channel=int(channel_rms.argmax()))
    is_silent = _loudest_frame(samples) < SILENCE_RMS
    if not is_silent:
        samples *= np.float32(speech_gain(samples))
    return Audio(samples, seconds, round(FPS * seconds), is_silent)


def speech_gain(samples: np.ndarray) -> float:
    """Factor that brings the RMS over speech to :data:`TARGET_RMS`, at most :data:`MAX_GAIN`.

    Pauses don't count: 20 ms frames are gated first at −60 dB of full scale, then at 10 dB below the level of those
    left (the two gates of ITU-R BS.1770, without its frequency weighting).

    Parameters
    ----------
    samples
        (N,) mono at 16 kHz, not silent.
    """
    power = np.square(_frame_rms(samples))
    power = power[power >= SILENCE_RMS**2]
    speech = power[power >= 0.1 * power.mean()]
    return min(TARGET_RMS / math.sqrt(float(speech.mean())), MAX_GAIN)


def resample_blocks(blocks: Iterable[np.ndarray], rate: int) -> Iterator[np.ndarray]:
    """Resample a stream to 16 kHz by a zero-phase polyphase filter, without drift and without seams.

    A block starts at a multiple of ``down`` input samples, hence on a whole output sample, and sees the filter's full
    half-length of its neighbours: the result is that of filtering all at once.

    Parameters
    ----------
    blocks
        (n,) float32 arrays, mono, in order, of any lengths.
    rate
        Their sample rate in Hz.

    Yields
    ------
    (m,) float32 at 16 kHz; in all ``round(N · 16000 / rate)`` samples.
    """
    if rate == SAMPLE_RATE:
        yield from blocks
        return
    divisor = math.gcd(SAMPLE_RATE, rate)
    up, down = SAMPLE_RATE // divisor, rate // divisor
    taps = _resampling_filter(up, down)
    context = math.ceil((len(taps) // 2) / up / down) * down
    step = max(1, (1 << 17) // down) * down
    buffer = np.zeros(context, np.float32)
    read = written = 0
    for block in blocks:
        read += len(block)
        buffer = np.concatenate([buffer, block])
        while len(buffer) >= step + 2 * context:
            out = scipy.signal.resample_poly(buffer[: step + 2 * context], up, down, window=taps)
            out = out[context * up // down : (context + step) * up // down]
            written += len(out)
            yield out.astype(np.float32)
            buffer = buffer[step:]
    left = round(read * up / down) - written
    if left > 0:
        tail = np.concatenate([buffer, np.zeros(context + down, np.float32)])
        out = scipy.signal.resample_poly(tail, up, down, window=taps)
        first = context * up // down
        yield out[first : first + left].astype(np.float32)


def _check_file(path: Path) -> None:
    if not path.exists():
        raise BadInputError("audio_missing", f"There is no audio file at {path}.", "Choose a file that exists.")
    if path.is_dir():
        raise BadInputError("audio_unreadable", f"{path} is a folder, not an audio file.", "Choose a sound file.")
    if path.stat().st_size == 0:
        raise BadInputError("audio_empty_file", f"The audio file {path.name} is empty (0 bytes).", "Export it again.")


def _check_trim(start: float, duration: float | None) -> None:
    lengths = (start,) if duration is None else (start, duration)
    if not all(math.isfinite(value) and value >= 0.0 for value in lengths):
        raise BadInputError(
            "audio_bad_trim",
            f"The trim (start {start}, duration {duration}) isn't a span of time.",
            "Start and duration are seconds, zero or more.",
        )


def _read(
    path: Path, start: float, duration: float | None, channel: int | None = None
) -> tuple[np.ndarray, float, np.ndarray]:
    """Decode, mix all channels (or take ``channel`` alone) and resample.

    Returns (N,) float32 samples, the seconds they last by the file's own clock, and each channel's RMS in its loudest
    block.
    """
    try:
        with soundfile.SoundFile(str(path)) as file:
            stream = _ChannelStream(file, round(start * file.samplerate), channel)
            pieces = list(resample_blocks(stream.blocks(duration), file.samplerate))
            seconds = stream.count / file.samplerate
    except soundfile.SoundFileError as error:
        reason = getattr(error, "error_string", str(error)).strip().rstrip(".")
        raise BadInputError(
            "audio_unreadable",
            f"{path.name} can't be read as audio ({reason}).",
            "Use a WAV, FLAC, OGG or MP3 file.",
        ) from error
    if stream.position == 0:
        raise BadInputError("audio_no_samples", f"{path.name} holds no sound (0 seconds).", "Export it again.")
    if stream.count == 0 and duration != 0:
        raise BadInputError(
            "audio_start_past_end",
            f"{path.name} ends before the start that was asked for ({start} seconds).",
            "Choose a start inside the file.",
        )
    if seconds < MIN_SECONDS:
        raise BadInputError(
            "audio_too_short",
            f"The audio to speak lasts only {seconds:.3f} seconds.",
            f"Use at least {MIN_SECONDS} seconds.",
        )
    return np.concatenate(pieces), seconds, stream.channel_rms


class _ChannelStream:
    """Mono blocks of an open sound file from one sample on, with what was seen on the way."""

    def __init__(self, file: soundfile.SoundFile, first: int, channel: int | None) -> None:
        self._file = file
        self._first = first
        self._channel = channel
        self.position = 0  # samples of the file passed over or decoded
        self.count = 0  # samples yielded
        self.channel_rms = np.zeros(file.channels)

    def blocks(self, duration: float | None) -> Iterator[np.ndarray]:
        """Yield (n,) float32 blocks, ``duration`` seconds in all or as much as there is."""
        left = math.inf if duration is None else round(duration * self._file.samplerate)
        if self._file.format in _SEEKABLE_FORMATS and self._first < self._file.frames:
            self.position = self._file.seek(self._first)
        while True:
            # Not past the start in one go: the block that follows must begin exactly there.
            ahead = self._first - self.position
            block = self._file.read(ahead if 0 < ahead < _READ_BLOCK else _READ_BLOCK, "float32", always_2d=True)
            if len(block) == 0:
                return
            self.position += len(block)
            if ahead > 0:
                continue
            if left <= 0:
                return
            block = block[: int(min(left, len(block)))]
            if not float(np.abs(block).max()) < _LARGEST_SAMPLE:  # NaN compares false too
                raise BadInputError(
                    "audio_not_finite",
                    "The audio holds samples that are not numbers (NaN, infinite or absurdly large).",
                    "Export it again from the program that made it.",
                )
            left -= len(block)
            self.count += len(block)
            rms = np.sqrt(np.mean(np.square(block, dtype=np.float64), axis=0))
            self.channel_rms = np.maximum(self.channel_rms, rms)
            yield block.mean(1) if self._channel is None else block[:, self._channel].copy()


def _resampling_filter(up: int, down: int) -> np.ndarray:
    """Kaiser low-pass over 24 zero crossings a side (transition 8 % of the band, stop band −80 dB), unit gain."""
    widest = max(up, down)
    half = 24 * widest
    return scipy.signal.firwin(2 * half + 1, 0.92 / widest, window=("kaiser", 8.0)).astype(np.float32)


def _frame_rms(samples: np.ndarray) -> np.ndarray:
    """RMS of each 20 ms frame; a shorter rest counts as one frame where there is nothing else."""
    length = SAMPLE_RATE // 50
    whole = len(samples) // length * length
    if whole == 0:
        return np.sqrt(np.mean(np.square(samples, dtype=np.float64), keepdims=True))
    frames = samples[:whole].reshape(-1, length)  # (frames, 320)
    return np.sqrt(np.einsum("fs,fs->f", frames, frames) / length)


def _loudest_frame(samples: np.ndarray) -> float:
    return float(_frame_rms(samples).max())
