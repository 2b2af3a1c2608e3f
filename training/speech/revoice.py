"""The same words by another larynx and another vocal tract, made on the spectrum before it becomes mel bands.

Source and filter are told apart by the cepstrum (slow parts of the log spectrum are the vocal tract, fast ones the
voice's harmonics), stretched each by its own factor, and put together again: pitch and formants of a woman from a man's
recording, say. Phases aren't needed, since the mel spectrogram has none. ``mel_augment.warp_bands`` moves the formants
of what is already mel, but harmonics with them.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
import scipy.signal

from core.sound.mel import HOP, MELS_PER_FRAME, N_FFT, SAMPLE_RATE, WINDOW, mel_filters, normalise_log

_LIFTER_SECONDS = 0.0016
"""Quefrency below which the log spectrum is vocal tract: half the period of a voice at 310 Hz."""
_FLOOR = 1e-10
PITCH = (0.75, 2.1)
FORMANTS = (0.88, 1.28)
"""Ranges of the factors that :func:`draw` takes; a woman's are about 1.8 and 1.17 times a man's."""


def draw(rng: np.random.Generator) -> tuple[float, float]:
    """Factors of pitch and formants, evenly in their logarithms; high voices have short tracts more often than not."""
    share = rng.random()
    pitch = PITCH[0] * (PITCH[1] / PITCH[0]) ** share
    place = np.clip(share + rng.normal(0.0, 0.25), 0.0, 1.0)
    return float(pitch), float(FORMANTS[0] * (FORMANTS[1] / FORMANTS[0]) ** place)


def revoiced_mel(samples: np.ndarray, frames: int, pitch: float, formants: float) -> np.ndarray:
    """Log-mel as by ``core.sound.mel.log_mel`` of the same speech with pitch and formants moved by two factors.

    Parameters
    ----------
    samples
        (N,) float32 at 16 kHz.
    frames
        Video frames T.
    pitch, formants
        1 and 1 give what ``log_mel`` gives, but for the rounding of the cepstrum.

    Returns
    -------
    (4 T, 80) float32.
    """
    tract, _ = _tract_and_voice(samples, frames, WINDOW)
    # A window longer by the factor has harmonics as narrow, after the stretch, as a higher voice would have.
    _, voice = _tract_and_voice(samples, frames, round(WINDOW * pitch))
    log_power = _stretched(tract, formants) + _stretched(voice, pitch)
    return normalise_log((np.exp(log_power) @ mel_filters().T).astype(np.float32))


def _tract_and_voice(samples: np.ndarray, frames: int, window: int) -> tuple[np.ndarray, np.ndarray]:
    """(4 T, 513) log power of each 10 ms row as the sum of a smooth and a fine part."""
    rows = MELS_PER_FRAME * frames
    margin = (window - HOP) // 2
    padded = np.zeros(rows * HOP + 2 * margin + window, np.float32)
    used = samples[: rows * HOP + margin]
    padded[margin : margin + len(used)] = used
    shape = scipy.signal.get_window("hann", window).astype(np.float32)
    pieces = np.lib.stride_tricks.sliding_window_view(padded, window)[::HOP][:rows]  # (4 T, window)
    spectrum = scipy.fft.rfft(pieces * shape, N_FFT, axis=1)
    power = (spectrum.real**2 + spectrum.imag**2) / np.float32(np.sum(shape**2))
    log_power = np.log(power + np.float32(_FLOOR))
    cepstrum = scipy.fft.irfft(log_power, axis=1)  # (4 T, 1024)
    kept = round(_LIFTER_SECONDS * SAMPLE_RATE)
    cepstrum[:, kept + 1 : -kept] = 0.0
    tract = scipy.fft.rfft(cepstrum, axis=1).real.astype(np.float32)
    return tract, log_power - tract


def _stretched(values: np.ndarray, factor: float) -> np.ndarray:
    """(rows, 513) over frequency: what was at f is at ``factor`` · f; the top is held where nothing is known."""
    last = values.shape[1] - 1
    place = np.minimum(np.arange(last + 1) / factor, last)
    below = np.minimum(place.astype(int), last - 1)
    share = (place - below).astype(np.float32)
    return values[:, below] * (1.0 - share) + values[:, below + 1] * share
