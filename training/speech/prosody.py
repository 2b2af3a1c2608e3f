"""Prosody of a voice at 25 frames a second: loudness, fundamental frequency, phrases and accents.

It is deliberately simple (an autocorrelation pitch tracker, energy thresholds), because it only has to place nods, brow
raises, blinks and glances where a listener would expect them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage
import scipy.signal

from core.motion.channels import FPS
from core.sound.mel import SAMPLE_RATE, SAMPLES_PER_FRAME

F0_RANGE = (65.0, 400.0)
"""Range in Hz, from low male to high female voices."""
F0_HOP = 160
"""Samples between pitch estimates (10 ms)."""
F0_WINDOW = 800
"""Samples (50 ms): three periods of the lowest voice."""
VOICED = 0.45
"""A window with a larger normalised autocorrelation counts as voiced (Boersma 1993 uses 0.45)."""
MIN_PAUSE = 0.2
"""Seconds of quiet that end a phrase. Shorter gaps are stops and other sounds (Goldman-Eisler 1968 used 0.25)."""


@dataclass(frozen=True)
class Prosody:
    """All arrays have one entry for each video frame (T).

    Attributes
    ----------
    energy
        Loudness in dB relative to the clip's loud speech (its 95th percentile is 0), floored at −50.
    pitch
        Semitones relative to the voice's median, interpolated through unvoiced stretches; 0 if there is no voice.
    speech
        1 during speech, 0 in pauses (float32).
    phrases
        Start and end frame (exclusive) of each phrase.
    accents
        Frames of the prominent syllables.
    strengths
        Prominence of each accent, about 0–1.
    """

    energy: np.ndarray
    pitch: np.ndarray
    speech: np.ndarray
    phrases: tuple[tuple[int, int], ...]
    accents: np.ndarray
    strengths: np.ndarray

    @property
    def frames(self) -> int:
        """T."""
        return len(self.energy)

    @classmethod
    def silent(cls, frames: int) -> Prosody:
        """Prosody of silence, or of footage without sound."""
        none = np.zeros(frames, dtype=np.float32)
        return cls(none - 50.0, none, none, (), np.zeros(0, dtype=int), none[:0])


def track_f0(samples: np.ndarray) -> np.ndarray:
    """Fundamental frequency by windowed autocorrelation (Boersma 1993), 100 estimates a second.

    Parameters
    ----------
    samples
        (N,) mono at 16 kHz.

    Returns
    -------
    (N // 160,) Hz, 0 if unvoiced.
    """
    count = len(samples) // F0_HOP
    if count == 0:
        return np.zeros(0, dtype=np.float32)
    padded = np.pad(np.asarray(samples, dtype=np.float32), F0_WINDOW // 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, F0_WINDOW)[::F0_HOP][:count]
    taper = np.hanning(F0_WINDOW).astype(np.float32)
    size = 2 * F0_WINDOW
    own = np.fft.irfft(np.abs(np.fft.rfft(taper, size)) ** 2)[:F0_WINDOW]
    low, high = int(SAMPLE_RATE / F0_RANGE[1]), int(SAMPLE_RATE / F0_RANGE[0])
    f0 = np.zeros(count, dtype=np.float32)
    for begin in range(0, count, 4096):  # blocks, so that an hour of speech fits in memory
        block = windows[begin : begin + 4096]
        spectrum = np.fft.rfft((block - block.mean(axis=1, keepdims=True)) * taper, size)
        correlation = np.fft.irfft(np.abs(spectrum) ** 2)[:, :F0_WINDOW]
        loud = correlation[:, 0] / own[0]
        # Dividing by the taper's own autocorrelation removes its decay, as in Boersma's eq. 9.
        correlation = correlation / (correlation[:, :1] + 1e-9) * (own[0] / own)
        search = correlation[:, low : high + 1]
        # A small cost of long lags makes the period win over its multiples.
        lag = (search - 0.0004 * np.arange(low, high + 1)).argmax(axis=1)
        strength = np.take_along_axis(search, lag[:, None], axis=1)[:, 0]
        voiced = (strength > VOICED) & (loud > 0.01 * np.percentile(loud, 95))
        f0[begin : begin + len(block)] = np.where(voiced, SAMPLE_RATE / (lag + low), 0.0)
    return f0


def _frame_energy(samples: np.ndarray, frames: int) -> np.ndarray:
    padded = np.zeros(frames * SAMPLES_PER_FRAME, dtype=np.float32)
    used = min(len(samples), len(padded))
    padded[:used] = samples[:used]
    power = np.square(padded).reshape(frames, SAMPLES_PER_FRAME).mean(axis=1)  # (T, 640) -> (T,)
    decibel = 10.0 * np.log10(power + 1e-10)
    return np.maximum(decibel - np.percentile(decibel, 95), -50.0).astype(np.float32)


def _frame_pitch(samples: np.ndarray, frames: int) -> np.ndarray:
    f0 = track_f0(samples)
    f0 = f0[: len(f0) // 4 * 4].reshape(-1, 4)  # (T, 4): 100 Hz -> 25 Hz
    voiced = (f0 > 0).sum(axis=1) >= 2
    if voiced.sum() < 3:
        return np.zeros(frames, dtype=np.float32)
    log_f0 = np.array([np.log2(np.median(row[row > 0])) if ok else 0.0 for row, ok in zip(f0, voiced, strict=True)])
    semitones = 12.0 * (log_f0 - np.median(log_f0[voiced]))
    where = np.flatnonzero(voiced)
    pitch = np.interp(np.arange(frames), where, np.clip(scipy.ndimage.median_filter(semitones[where], 3), -12, 12))
    return scipy.ndimage.gaussian_filter1d(pitch, 1.0).astype(np.float32)


def _phrases(energy: np.ndarray) -> list[tuple[int, int]]:
    """Runs of loud frames, joined over gaps shorter than a pause.

    The threshold of loudness is halfway (in dB) between the noise of the recording's room and its speech.
    """
    threshold = np.clip(0.5 * np.percentile(energy, 5), -25.0, -12.0)
    loud = np.flatnonzero(energy > threshold)
    if len(loud) == 0:
        return []
    breaks = np.flatnonzero(np.diff(loud) > MIN_PAUSE * FPS)
    starts, ends = np.r_[loud[0], loud[breaks + 1]], np.r_[loud[breaks], loud[-1]] + 1
    return [(int(a), int(b)) for a, b in zip(starts, ends, strict=True) if b - a >= 3]


def _accents(energy: np.ndarray, pitch: np.ndarray, speech: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Peaks of loudness and pitch together, which listeners hear as prominent (Terken 1991; Kochanski et al. 2005)."""
    loudness = scipy.ndimage.gaussian_filter1d(np.maximum(energy, -30.0), 1.5)
    slow = scipy.ndimage.gaussian_filter1d(np.maximum(energy, -30.0), 20.0)
    prominence = ((loudness - slow) / 8.0 + pitch / 6.0) * speech
    peaks, _ = scipy.signal.find_peaks(prominence, height=0.05, distance=round(0.28 * FPS), prominence=0.1)
    return peaks, np.clip(prominence[peaks], 0.0, 1.5).astype(np.float32) / 1.5


def analyse(samples: np.ndarray, frames: int) -> Prosody:
    """Prosody of a clip.

    Parameters
    ----------
    samples
        (N,) float32 mono at 16 kHz.
    frames
        T, video frames it lasts (``Audio.frames``).
    """
    energy = _frame_energy(samples, frames)
    pitch = _frame_pitch(samples, frames)
    audible = np.sqrt(np.mean(np.square(samples))) > 1e-3 if len(samples) else False
    phrases = _phrases(energy) if audible else []
    speech = np.zeros(frames, dtype=np.float32)
    for start, end in phrases:
        speech[start:end] = 1.0
    accents, strengths = _accents(energy, pitch * speech, speech)
    return Prosody(energy, pitch * speech, speech, tuple(phrases), accents, strengths)


HEARD = ("accents", "speech", "loudness", "pitch")
"""The columns of :func:`heard`."""


def heard(prosody: Prosody) -> np.ndarray:
    """(T, 4) float32, about −1 … 1, in the order of ``HEARD``: targets of the prior's listener (``training.prior``).

    Accents are bumps two frames wide; their height is their prominence.
    """
    accents = np.zeros(prosody.frames)
    accents[prosody.accents] = 0.5 + prosody.strengths
    bumps = scipy.ndimage.gaussian_filter1d(accents, 2.0) * 2.0 * np.sqrt(2.0 * np.pi)
    columns = (bumps, prosody.speech, prosody.energy / 25.0 + 1.0, np.clip(prosody.pitch / 6.0, -2.0, 2.0))
    return np.stack(columns, axis=1).astype(np.float32)
