"""Reading speech: decoding, mixing to mono, resampling to 16 kHz and levelling, in blocks.

Memory grows only with the returned samples (64 kB a second). Time is counted in whole samples, so nothing drifts, even
over an hour: video frame ``i`` covers samples ``[640 i, 640 (i+1))`` and the rows ``4 i`` to ``4 i + 3`` of
:func:`core.sound.mel.log_mel`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import scipy.signal

from ..errors import BadInputError
from ..inputs import shown
from ..motion.channels import FPS
from ..plurals import counted
from .level import Level, level_speech
from .mel import SAMPLE_RATE, log_mel
from .presence import of_frames
from .sound_file import Sound, open_sound

__all__ = ["Audio", "load_audio", "log_mel", "read_mono", "resample_blocks"]

MIN_SECONDS = 0.1
"""Shorter sounds are refused."""
MAX_SECONDS = 4 * 3600.0
"""Longer sounds are refused: samples and features of four hours take 1.9 GB."""
MAX_SKIPPED_SECONDS = 24 * 3600.0
"""Most of a sound that is decoded before the part that is used."""
SILENCE_DB = -60.0
"""A sound without speech is silent if its loudest 32 ms have a lower RMS, in dB of full scale."""
CANCELLED = 0.01
"""Channels cancel each other if less than this share of the loudest one is left in their mean."""

_READ_BLOCK = 1 << 16
_BLOCK_CHANNELS = 16
"""Files of more channels are read in smaller blocks."""
_LARGEST_FACTOR = 50_000
"""Largest number in the ratio of two sample rates. The filter has 48 times as many coefficients."""
_LATEST = 1e9
"""Seconds; later times are treated as this one, which is past the end of every file."""
_LARGEST_SAMPLE = 1e6
"""Larger samples are treated as damage. Full scale is 1."""
_SEEKABLE_FORMATS = ("WAV", "WAVEX", "AIFF", "FLAC", "W64", "RF64", "CAF", "AU")
"""Formats in which seeking is exact to the sample. The others are decoded from the beginning."""


@dataclass(frozen=True)
class Audio:
    """Decoded speech.

    Attributes
    ----------
    samples
        (N,) float32, mono, 16 kHz, levelled (:mod:`core.sound.level`).
    seconds
        Length of the trimmed audio in seconds by the file's own sample rate (N / 16000 to within half a sample).
    frames
        Length in video frames: ``round(25 · seconds)``.
    level
        What was found out about the sound while it was levelled.
    """

    samples: np.ndarray
    seconds: float
    frames: int
    level: Level

    @property
    def is_silent(self) -> bool:
        """Whether nobody speaks and nothing is louder than −60 dB of full scale."""
        return not self.level.has_speech and self.level.loudest_db < SILENCE_DB

    @property
    def presence(self) -> np.ndarray:
        """(frames,) float32 in 0–1, how far the mouth may move (:attr:`core.sound.level.Level.mouth`)."""
        return of_frames(self.level.mouth, self.frames)


def load_audio(path: str | Path, start: float = 0.0, duration: float | None = None) -> Audio:
    """Read a sound file of any sample rate and any number of channels.

    The formats are those that libsndfile reads (WAV, FLAC, OGG, MP3 and others), and the sound of the movies and
    recordings that `core.sound.media_file` reads.

    Parameters
    ----------
    path
        The file.
    start, duration
        The part to use, in seconds. ``duration=None`` means to the end of the file. Longer durations end there too.

    Raises
    ------
    BadInputError
        ``audio_missing``, ``audio_empty_file``, ``audio_unreadable``, ``audio_not_finite``, ``audio_no_samples``,
        ``audio_too_short``, ``audio_too_long``, ``audio_bad_trim`` or ``audio_start_past_end``.
    """
    samples, seconds = read_mono(path, start, duration)
    return Audio(samples, seconds, round(FPS * seconds), level_speech(samples))


def read_mono(path: str | Path, start: float = 0.0, duration: float | None = None) -> tuple[np.ndarray, float]:
    """(N,) float32 samples at 16 kHz as they are in the file, mixed to mono, and their length in seconds.

    Parameters and errors are those of :func:`load_audio`.
    """
    path = Path(path)
    _check_trim(start, duration)
    samples, seconds, channel_rms = _read(path, start, duration)
    if _loudest_frame(samples) < CANCELLED * float(channel_rms.max(initial=0.0)):
        # The channels cancel each other (a stereo file with one side inverted), so use only the loudest one.
        samples, seconds, _ = _read(path, start, duration, channel=int(channel_rms.argmax()))
    return samples, seconds


def resample_blocks(blocks: Iterable[np.ndarray], rate: int) -> Iterator[np.ndarray]:
    """Resample a stream to 16 kHz with a zero-phase polyphase filter, without drift and without seams.

    Every block that is filtered starts at a multiple of ``down`` input samples, which is a whole output sample. It is
    filtered together with half a filter length of its neighbours. So the result equals that of filtering the whole
    signal at once.

    Parameters
    ----------
    blocks
        (n,) float32 arrays, mono, in order, of any length.
    rate
        Their sample rate in Hz.

    Yields
    ------
    (m,) float32 at 16 kHz; ``round(N · 16000 / rate)`` samples in total for N input samples.
    """
    if rate == SAMPLE_RATE:
        yield from blocks
        return
    up, down = _ratio(rate)
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
    """Decode, mix all channels (or take only ``channel``) and resample.

    Returns (N,) float32 samples, their length in seconds by the file's own sample rate, and (channels,) the RMS of each
    channel in its loudest block.
    """
    samples = bytearray()  # grows in place; joining arrays would hold everything twice
    with open_sound(path) as file:
        stream = _ChannelStream(file, _sample(start, file.samplerate), channel)
        for block in resample_blocks(stream.blocks(duration), file.samplerate):
            samples += block.data
        seconds = stream.count / file.samplerate
    if stream.position == 0:
        raise BadInputError("audio_no_samples", f"{shown(path.name)} has no sound (0 seconds).", "Export it again.")
    if stream.count == 0 and duration != 0:
        raise BadInputError(
            "audio_start_past_end",
            f"{shown(path.name)} ends before the requested start ({counted(start, 'second')}).",
            "Choose a start inside the file.",
        )
    if seconds < MIN_SECONDS:
        raise BadInputError(
            "audio_too_short",
            f"The audio to speak lasts only {seconds:.3f} seconds.",
            f"Use at least {MIN_SECONDS} seconds.",
        )
    return np.frombuffer(samples, np.float32), seconds, stream.channel_rms


def _sample(seconds: float, rate: int) -> int:
    """Number of the sample at a time."""
    return round(min(seconds, _LATEST) * rate)


class _ChannelStream:
    """Mono blocks of an open sound file from sample ``first`` on; counts samples and measures the channels' RMS."""

    def __init__(self, file: Sound, first: int, channel: int | None) -> None:
        self._file = file
        self._first = first
        self._channel = channel
        self.position = 0  # samples of the file that were skipped or decoded
        self.count = 0  # samples yielded
        self.channel_rms = np.zeros(file.channels)

    def blocks(self, duration: float | None) -> Iterator[np.ndarray]:
        """Yield (n,) float32 blocks: ``duration`` seconds in total, or everything up to the end of the file."""
        rate = self._file.samplerate
        size = max(1, _READ_BLOCK * _BLOCK_CHANNELS // max(_BLOCK_CHANNELS, self._file.channels))
        left = math.inf if duration is None else _sample(duration, rate)
        exact = self._file.format in _SEEKABLE_FORMATS and self._file.seekable()
        if exact and 0 < self._first < self._file.frames:
            self.position = self._file.seek(self._first)
        skipped = 0
        while True:
            # Don't read across the start: the next block must begin exactly there.
            ahead = self._first - self.position
            block = self._file.read(ahead if 0 < ahead < size else size, "float32", always_2d=True)
            if len(block) == 0:
                return
            self.position += len(block)
            if ahead > 0:
                skipped += len(block)
                if skipped > MAX_SKIPPED_SECONDS * rate:
                    raise _too_long(MAX_SKIPPED_SECONDS, "before the part to speak")
                continue
            if left <= 0:
                return
            block = block[: int(min(left, len(block)))]
            if not float(np.abs(block).max()) < _LARGEST_SAMPLE:  # also refuses NaN
                raise BadInputError(
                    "audio_not_finite",
                    "The audio contains samples that are not numbers (NaN, infinite or absurdly large).",
                    "Export it again from the program that made it.",
                )
            left -= len(block)
            self.count += len(block)
            if self.count > MAX_SECONDS * rate:
                raise _too_long(MAX_SECONDS, "to speak")
            rms = np.sqrt(np.mean(np.square(block, dtype=np.float64), axis=0))
            self.channel_rms = np.maximum(self.channel_rms, rms)
            yield block.mean(1) if self._channel is None else block[:, self._channel].copy()


def _too_long(seconds: float, what: str) -> BadInputError:
    hint = "Cut the sound, or choose a part of it."
    return BadInputError("audio_too_long", f"The audio has more than {counted(seconds / 3600, 'hour')} {what}.", hint)


def _ratio(rate: int) -> tuple[int, int]:
    """16000 / ``rate`` as whole numbers up to 50,000: exactly for all rates up to 50 kHz and all usual ones above.

    At other rates, time runs wrong by at most 10 millionths (36 ms an hour), no more than the clocks of sound cards.
    """
    exact = Fraction(SAMPLE_RATE, rate)
    return exact.limit_denominator(_LARGEST_FACTOR).as_integer_ratio()


def _resampling_filter(up: int, down: int) -> np.ndarray:
    """Kaiser low-pass with 24 zero crossings on each side: transition 8 % of the band, stop band −80 dB, unit gain."""
    widest = max(up, down)
    half = 24 * widest
    return scipy.signal.firwin(2 * half + 1, 0.92 / widest, window=("kaiser", 8.0)).astype(np.float32)


def _loudest_frame(samples: np.ndarray) -> float:
    """Largest RMS of a 20 ms frame. A shorter remainder is left out, unless it is the whole sound."""
    length = SAMPLE_RATE // 50
    whole = len(samples) // length * length
    if whole == 0:
        return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
    frames = samples[:whole].reshape(-1, length)  # (frames, 320)
    return math.sqrt(float(np.einsum("fs,fs->f", frames, frames).max()) / length)
