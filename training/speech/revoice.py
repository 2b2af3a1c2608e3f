"""The same words with another pitch and another vocal tract, computed on the spectrum before the mel bands.

The cepstrum separates source and filter: slow parts of the log spectrum are the vocal tract, fast parts are the voice's
harmonics. Each is stretched by its own factor, and both are added again. For example, a man's recording gets the pitch
and formants of a woman. Phases are not needed, because the mel spectrogram has none. ``mel_augment.warp_bands`` works
on mel bands, and moves formants and harmonics together.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
import scipy.signal

from core.sound.mel import HOP, MELS_PER_FRAME, N_FFT, SAMPLE_RATE, WINDOW, mel_filterbank, normalise_log

_LIFTER_SECONDS = 0.0016
"""Below this quefrency the log spectrum belongs to the vocal tract: half the period of a voice at 310 Hz."""
_FLOOR = 1e-10
PITCH = (0.75, 2.1)
FORMANTS = (0.88, 1.28)
"""Ranges of the factors of :func:`draw`. A woman's pitch and formants are about 1.8 and 1.17 times a man's."""


def draw(rng: np.random.Generator) -> tuple[float, float]:
    """Random factors of pitch and formants, uniform in their logarithms. High voices mostly get short vocal tracts."""
    share = rng.random()
    pitch = PITCH[0] * (PITCH[1] / PITCH[0]) ** share
    place = np.clip(share + rng.normal(0.0, 0.25), 0.0, 1.0)
    return float(pitch), float(FORMANTS[0] * (FORMANTS[1] / FORMANTS[0]) ** place)


def revoiced_mel(samples: np.ndarray, frames: int, pitch: float, formants: float) -> np.ndarray:
    """Log-mel, as by ``core.sound.mel.log_mel``, of the same speech with its pitch and formants multiplied by factors.

    Parameters
    ----------
    samples
        (N,) float32 at 16 kHz.
    frames
        Video frames T.
    pitch, formants
        1 and 1 give the result of ``log_mel``, except for rounding in the cepstrum.

    Returns
    -------
    (4 T, 80) float32.
    """
    tract, _ = _tract_and_voice(samples, frames, WINDOW)
    # A window longer by the factor gives harmonics that are, after the stretch, as narrow as those of a higher voice.
    _, voice = _tract_and_voice(samples, frames, round(WINDOW * pitch))
    log_power = _stretched(tract, formants) + _stretched(voice, pitch)
    return normalise_log((np.exp(log_power) @ mel_filterbank().T).astype(np.float32))


def _tract_and_voice(samples: np.ndarray, frames: int, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Two parts (4 T, 513), smooth and fine, whose sum is the log power of each 10 ms row."""
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
    """(rows, 513) stretched over frequency: the value at f moves to ``factor`` · f. Unknown values at the top repeat
    the last known one."""
    last = values.shape[1] - 1
    place = np.minimum(np.arange(last + 1) / factor, last)
    below = np.minimum(place.astype(int), last - 1)
    share = (place - below).astype(np.float32)
    return values[:, below] * (1.0 - share) + values[:, below + 1] * share
