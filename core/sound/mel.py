"""The log-mel spectrogram, input of every network that hears speech: four rows a video frame, exact to the sample."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import scipy.fft
import scipy.signal

from ..motion.channels import FPS

SAMPLE_RATE = 16_000
"""Samples a second, everywhere after the sound file is read."""
SAMPLES_PER_FRAME = round(SAMPLE_RATE / FPS)
"""Samples in one video frame (640)."""
MEL_BANDS = 80
MELS_PER_FRAME = 4
"""Rows of the spectrogram in one video frame (100 rows a second)."""
HOP = SAMPLES_PER_FRAME // MELS_PER_FRAME
WINDOW = 400
"""Analysis window in samples (25 ms), centred on the 160 samples that its row describes."""
N_FFT = 1024
MEL_RANGE = (60.0, 7600.0)
"""Hz; about the range that the audio encoders of PC-AVS and SadTalker use."""
MEL_FLOOR = 1e-7
"""Power added before the logarithm."""
MEL_OFFSET, MEL_SCALE = 8.0, 4.0
"""``(ln(power + floor) + 8) / 4`` gives loudness-normalised speech about zero mean and unit standard deviation."""
SILENCE = (math.log(MEL_FLOOR) + MEL_OFFSET) / MEL_SCALE
"""Log-mel value of digital silence."""


def log_mel(samples: np.ndarray, frames: int) -> np.ndarray:
    """Log-mel spectrogram, four rows a video frame.

    Row ``r`` describes samples ``[160 r, 160 r + 160)`` with a Hann window of 400 samples centred on them. Before and
    after ``samples`` there is silence.

    Parameters
    ----------
    samples
        (N,) float32, 16 kHz.
    frames
        Video frames T.

    Returns
    -------
    (4 T, 80) float32, ``(ln(power + 1e-7) + 8) / 4``.
    """
    out = np.empty((MELS_PER_FRAME * frames, MEL_BANDS), np.float32)
    done = 0
    for block in log_mel_blocks(samples, frames):
        out[done : done + len(block)] = block
        done += len(block)
    return out


def log_mel_blocks(samples: np.ndarray, frames: int, block_frames: int = 250) -> Iterator[np.ndarray]:
    """The rows of :func:`log_mel`, ``block_frames`` video frames at a time, in constant memory."""
    window = scipy.signal.get_window("hann", WINDOW).astype(np.float32)
    # |X|² divided by the window's energy, so that white noise of variance v has power v in every bin.
    scale = np.float32(1.0 / float(np.sum(window**2)))
    filters = mel_filterbank()
    margin = (WINDOW - HOP) // 2
    for first in range(0, frames, block_frames):
        rows = MELS_PER_FRAME * (min(first + block_frames, frames) - first)
        begin = first * SAMPLES_PER_FRAME - margin
        padded = _padded_slice(samples, begin, begin + (rows - 1) * HOP + WINDOW)
        windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]  # (rows, 400)
        spectrum = scipy.fft.rfft(windows * window, N_FFT, axis=1)  # (rows, 513)
        power = (spectrum.real**2 + spectrum.imag**2) * scale
        yield normalise_log(power @ filters.T)


def normalise_log(power: np.ndarray) -> np.ndarray:
    """Mel power (…, 80) → the normalised logarithm that the encoders read, ``(ln(power + 1e-7) + 8) / 4``."""
    return ((np.log(power + np.float32(MEL_FLOOR)) + MEL_OFFSET) / MEL_SCALE).astype(np.float32)


@lru_cache(maxsize=1)
def mel_filterbank() -> np.ndarray:
    """(80, 513) float32 triangular filters, evenly spaced on the mel scale 2595·log10(1 + f/700), each with unit sum.

    Computed once and shared between calls, so don't write into it.
    """
    low, high = (2595.0 * math.log10(1.0 + f / 700.0) for f in MEL_RANGE)
    edges = 700.0 * (10.0 ** (np.linspace(low, high, MEL_BANDS + 2) / 2595.0) - 1.0)
    bins = np.arange(N_FFT // 2 + 1) * (SAMPLE_RATE / N_FFT)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    filters = np.maximum(0.0, np.minimum(rising, falling))
    return (filters / filters.sum(1, keepdims=True)).astype(np.float32)


def _padded_slice(samples: np.ndarray, begin: int, end: int) -> np.ndarray:
    """``samples[begin:end]``, with silence before the first sample and after the last one."""
    out = np.zeros(end - begin, np.float32)
    first, last = max(begin, 0), min(end, len(samples))
    if first < last:
        out[first - begin : last - begin] = samples[first:last]
    return out
