"""Whisper's log-mel spectrogram, placed so that its rows are symmetric in the video frames.

Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision" (arXiv 2212.04356), section 2.2: 80 mel
bands, windows of 25 ms, a row every 10 ms. There, row r is centred on sample 160 r and the loudest row of 30 seconds
sets the floor. Here it is centred on sample 160 (r + 1), so that the encoder's two outputs of a video frame, each of
which is centred on a row with an even number, lie symmetrically in its 640 samples. The floor is fixed, because our
sounds are levelled (:mod:`core.sound.level`): a row then never depends on what is said far away.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import scipy.fft
import scipy.signal

from ..mel import HOP, MELS_PER_FRAME, SAMPLE_RATE, SAMPLES_PER_FRAME

BANDS = 80
WINDOW = 400
"""Samples of the periodic Hann window, and of its Fourier transform."""
LOUDEST = 1.3
"""log10 of the largest mel power that levelled speech reaches: the median of twelve voices, which lie between 1.0 and
1.8."""
RANGE = 8.0
"""Powers of ten below the loudest at which the spectrogram is cut off."""
SILENCE = (LOUDEST - RANGE + 4.0) / 4.0
"""Value of digital silence."""
_BLOCK_FRAMES = 250


def whisper_mel(samples: np.ndarray, frames: int) -> np.ndarray:
    """Whisper's log-mel of levelled speech.

    Parameters
    ----------
    samples
        (N,) float32, 16 kHz. Before and after them there is silence.
    frames
        Video frames T.

    Returns
    -------
    (4 T, 80) float32: ``(max(log10 power, LOUDEST − RANGE) + 4) / 4``.
    """
    out = np.empty((MELS_PER_FRAME * frames, BANDS), np.float32)
    done = 0
    for block in _blocks(samples, frames):
        out[done : done + len(block)] = block
        done += len(block)
    return out


def compressed(power: np.ndarray) -> np.ndarray:
    """Mel power → the values that the encoder reads."""
    floor = np.float32(10.0 ** (LOUDEST - RANGE))
    return ((np.log10(np.maximum(power, floor)) + np.float32(4.0)) / np.float32(4.0)).astype(np.float32)


def _blocks(samples: np.ndarray, frames: int) -> Iterator[np.ndarray]:
    """The rows a few at a time, in constant memory."""
    window = scipy.signal.get_window("hann", WINDOW).astype(np.float32)
    for first in range(0, frames, _BLOCK_FRAMES):
        count = min(_BLOCK_FRAMES, frames - first)
        begin = first * SAMPLES_PER_FRAME + HOP - WINDOW // 2
        end = begin + (MELS_PER_FRAME * count - 1) * HOP + WINDOW
        part = samples[max(begin, 0) : max(end, 0)]
        before = max(-begin, 0)
        padded = np.pad(part, (before, end - begin - before - len(part)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]  # (4 count, 400)
        spectrum = scipy.fft.rfft(windows * window, axis=1)  # (4 count, 201)
        yield compressed((spectrum.real**2 + spectrum.imag**2) @ mel_filters().T)


@lru_cache(maxsize=1)
def mel_filters() -> np.ndarray:
    """(80, 201) float32 triangular filters from 0 to 8000 Hz, each of unit area in Hz, as in Whisper.

    They are evenly spaced on the mel scale of Slaney's Auditory Toolbox (1998): linear with 3 mel in 200 Hz up to 1000
    Hz, then logarithmic with 27 mel in a factor of 6.4. Shared between calls, so don't write into it.
    """
    top = 15.0 + 27.0 * np.log(SAMPLE_RATE / 2 / 1000.0) / np.log(6.4)
    mels = np.linspace(0.0, top, BANDS + 2)
    edges = np.where(mels < 15.0, mels * 200.0 / 3.0, 1000.0 * 6.4 ** ((mels - 15.0) / 27.0))  # Hz
    bins = np.arange(WINDOW // 2 + 1) * (SAMPLE_RATE / WINDOW)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)
