"""Takes away what lies below every voice: DC offset, rumble, handling noise. Nothing is delayed.

The window of the log-mel is so short that an offset or a rumble of 30 Hz spreads into its lowest bands, and both count
as power where loudness is measured.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.fft
import scipy.signal

from .mel import SAMPLE_RATE

STOP_HZ, PASS_HZ = 35.0, 70.0
"""Below the first, everything is reduced by 60 dB; above the second, nothing changes. The lowest voices of men reach
70 Hz."""
_ATTENUATION_DB = 60.0
_BLOCK = 1 << 15


def remove_rumble(samples: np.ndarray) -> None:
    """High-pass a sound in place, with a filter of linear phase whose delay is taken back.

    Before its beginning and after its end, the sound is continued by its mirror image. So an offset doesn't begin with
    a step. The blocks have fixed places, so memory is constant and the same sound always gives the same bits.

    Parameters
    ----------
    samples
        (N,) float32 at 16 kHz, writable.
    """
    taps = _taps()
    half, length = len(taps) // 2, _fft_length()
    response = scipy.fft.rfft(taps, length)
    before, end = _mirrored(samples, -half, 0), _mirrored(samples, len(samples), len(samples) + half)
    for first in range(0, len(samples), _BLOCK):
        last = min(first + _BLOCK, len(samples))
        after = np.concatenate([samples[last : last + half], end])[:half]
        piece = np.concatenate([before, samples[first:last], after]).astype(np.float64)
        before = piece[len(piece) - 2 * half : len(piece) - half].astype(np.float32)
        filtered = scipy.fft.irfft(scipy.fft.rfft(piece, length) * response, length)
        samples[first:last] = filtered[2 * half : 2 * half + last - first]


@lru_cache(maxsize=1)
def _taps() -> np.ndarray:
    """The filter: a windowed sinc (Kaiser)."""
    count, beta = scipy.signal.kaiserord(_ATTENUATION_DB, (PASS_HZ - STOP_HZ) / (SAMPLE_RATE / 2))
    cutoff = (STOP_HZ + PASS_HZ) / 2
    taps = scipy.signal.firwin(count | 1, cutoff, window=("kaiser", beta), pass_zero=False, fs=SAMPLE_RATE)
    return taps - taps.mean()  # an offset, which may be far louder than the speech, goes away completely


def _fft_length() -> int:
    """Length of the transforms: a block, its context on both sides, and the filter."""
    return scipy.fft.next_fast_len(_BLOCK + 2 * len(_taps()), real=True)


def _mirrored(samples: np.ndarray, first: int, last: int) -> np.ndarray:
    """``samples[first:last]``, where what lies outside is the mirror image about the nearest end."""
    period = 2 * len(samples)
    places = np.arange(first, last) % period
    return samples[np.minimum(places, period - 1 - places)]
