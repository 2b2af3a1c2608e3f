"""The same speech in another place: other microphones, rooms and noises, as a waveform, drawn at random.

Used in training, where an encoder reads the waveform. ``training.speech.mel_augment`` does the like on spectrograms.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.signal

from core.sound.mel import SAMPLE_RATE

from .other_sounds import MUSIC, telephone

SPEED = (0.84, 1.2)
"""Range of the speeds; pitch and formants move with them."""
NOISE_DB = (0.0, 30.0)
BABBLE_DB = (-6.0, 12.0)
MUSIC_DB = (-3.0, 18.0)
"""Speech over what else is heard."""
REVERBERATION_SECONDS = (0.15, 0.8)
"""Time in which the room's sound falls by 60 dB."""


def faster(samples: np.ndarray, speed: float) -> np.ndarray:
    """(N,) played at another speed, (N / speed,): tempo and pitch change together."""
    return scipy.signal.resample_poly(samples, 100, round(100 * speed)).astype(np.float32)


def with_sound(speech: np.ndarray, other: np.ndarray, db: float) -> np.ndarray:
    """(N,) speech and another sound (M,), which begins again where it ends, ``db`` below the speech by their RMS."""
    other = np.resize(other, len(speech))
    ratio = _rms(speech) / max(_rms(other), 1e-9) * 10.0 ** (-db / 20.0)
    return (speech + ratio * other).astype(np.float32)


def reverberated(speech: np.ndarray, seconds: float, share: float, rng: np.random.Generator) -> np.ndarray:
    """Speech in a room: the direct sound and, with ``share`` of its power, a tail of noise that fades."""
    count = int(seconds * SAMPLE_RATE)
    tail = rng.standard_normal(count) * 10.0 ** (-3.0 * np.arange(count) / count)
    tail[: SAMPLE_RATE // 200] = 0.0
    tail *= np.sqrt(share / np.square(tail).sum())
    tail[0] = 1.0
    return scipy.signal.fftconvolve(speech, tail)[: len(speech)].astype(np.float32)


def clipped(speech: np.ndarray, share: float) -> np.ndarray:
    """Speech cut off at the level that ``share`` of its samples exceed."""
    limit = max(float(np.quantile(np.abs(speech), 1.0 - share)), 1e-6)
    return np.clip(speech, -limit, limit).astype(np.float32)


def coloured_noise(count: int, rng: np.random.Generator) -> np.ndarray:
    """(count,) noise whose spectrum falls by 0 to 9 dB an octave."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    return np.fft.irfft(spectrum / np.maximum(np.arange(len(spectrum)), 1) ** rng.uniform(0.0, 1.5), count)


def elsewhere(speech: np.ndarray, voices: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """(N,) speech as it would be heard somewhere else.

    A room and one or none of noise, babble and music come first, then a microphone: a filter, a telephone, clipping.
    ``voices`` are other recordings, for the babble.
    """
    if rng.random() < 0.4:
        speech = reverberated(speech, rng.uniform(*REVERBERATION_SECONDS), rng.uniform(0.05, 0.7), rng)
    kind = rng.choice(["noise", "babble", "music", "none"], p=[0.35, 0.25, 0.15, 0.25])
    if kind == "noise":
        speech = with_sound(speech, coloured_noise(len(speech), rng), rng.uniform(*NOISE_DB))
    elif kind == "babble":
        picked = [voices[k] for k in rng.integers(len(voices), size=rng.integers(1, 7))]
        others = np.sum(
            [np.roll(np.resize(v, len(speech)), rng.integers(len(speech))) / max(_rms(v), 1e-9) for v in picked], axis=0
        )
        speech = with_sound(speech, others, rng.uniform(*BABBLE_DB))
    elif kind == "music":
        make = MUSIC[str(rng.choice(sorted(MUSIC)))]
        speech = with_sound(
            speech, make(len(speech) / SAMPLE_RATE + 0.1, int(rng.integers(1 << 20))), rng.uniform(*MUSIC_DB)
        )
    if rng.random() < 0.4:
        speech = _filtered(speech, rng)
    if rng.random() < 0.15:
        speech = telephone(speech, 0).astype(np.float32)
    if rng.random() < 0.15:
        speech = clipped(speech, 10.0 ** rng.uniform(-3.0, -0.8))
    return speech.astype(np.float32)


def _filtered(speech: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Speech through a random smooth filter of a few bands, ±8 dB."""
    edges = [0.0, *(np.geomspace(120.0, 7000.0, 6) / (SAMPLE_RATE / 2)), 1.0]
    gains = 10.0 ** (rng.normal(0.0, 4.0, 8).clip(-8.0, 8.0) / 20.0)
    return scipy.signal.fftconvolve(speech, scipy.signal.firwin2(255, edges, gains), mode="same").astype(np.float32)


def _rms(sound: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64)))) if len(sound) else 0.0
