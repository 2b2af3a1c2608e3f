"""Where somebody speaks: the detector's probabilities, at any loudness, as a mask with soft edges.

Time is counted in steps of 32 ms, those of the detector. A mouth that stays shut while somebody speaks is worse than
one that moves without a voice. So the mask begins a little before the detector is sure and ends a little after it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import scipy.ndimage

from .mel import SAMPLES_PER_FRAME
from .speech_detector import BLOCK_SAMPLES, STEP, STEPS_PER_SECOND, SpeechDetector

SURE = 0.75
"""Mean probability over :data:`MEAN_SECONDS` from which on somebody surely speaks. Music seldom reaches it."""
STAY = 0.1
"""Speech lasts as long as this mean stays above this."""
LIKELY = 0.3
"""Near sure speech, what reaches this mean is speech too, also by the probabilities without a memory."""
NEAR_SECONDS = 1.0
MEAN_SECONDS = 0.16
SHORT_SECONDS = 1.5
"""In a shorter sound there is hardly anything near, so what is likely is enough."""
LEAD_SECONDS, HANG_SECONDS = 0.3, 0.45
"""How much is added before and after what was heard: breath and lips that part before a word, and soft endings."""
EDGE_SECONDS = 0.15
"""Length of the mask's slopes, inside what is added."""

_LISTENING_RMS = 0.16
"""Level at which the detector listens."""
_LISTENING_GAIN = 10.0 ** (80.0 / 20.0)
"""Most that a faint sound is raised before the detector listens (80 dB)."""
_LISTENING_SECONDS = 0.25
"""The detector's level follows the loudest step within this time before and after."""


def step_rms(samples: np.ndarray) -> np.ndarray:
    """(⌈N / 512⌉,) float64, the RMS of each step of (N,) samples, the last one continued by silence."""
    out = np.zeros(-(-len(samples) // STEP))
    for first in range(0, len(samples), BLOCK_SAMPLES):
        block = samples[first : first + BLOCK_SAMPLES].astype(np.float64)
        block = np.pad(block, (0, -len(block) % STEP)).reshape(-1, STEP)
        out[first // STEP : first // STEP + len(block)] = np.sqrt(np.mean(np.square(block), axis=1))
    return out


def per_sample(values: np.ndarray, first: int, last: int) -> np.ndarray:
    """Samples ``first`` to ``last`` of a curve that is given at the middle of each step, joined by straight lines."""
    middles = np.arange(len(values)) * STEP + STEP / 2
    near = slice(max(0, first // STEP - 1), last // STEP + 2)
    return np.interp(np.arange(first, last), middles[near], values[near])


def speech_probabilities(samples: np.ndarray, rms: np.ndarray, detector: SpeechDetector) -> np.ndarray:
    """(2, steps) probabilities of speech of each step, with a memory and without (:class:`SpeechDetector`).

    The detector hears the sound at a level that follows the loudest steps nearby, up and down. So a whisper after a
    jingle is heard as well as the jingle.

    Parameters
    ----------
    samples, rms
        (N,) float32 at 16 kHz without rumble, and its :func:`step_rms`.
    """
    reach = 2 * _steps(_LISTENING_SECONDS) + 1
    loudest = scipy.ndimage.maximum_filter1d(rms, reach, mode="nearest")
    around = scipy.ndimage.uniform_filter1d(loudest, reach, mode="nearest")
    gain = np.minimum(_LISTENING_RMS / np.maximum(around, 1e-12), _LISTENING_GAIN)

    def blocks() -> Iterator[np.ndarray]:
        for first in range(0, len(samples), BLOCK_SAMPLES):
            last = min(first + BLOCK_SAMPLES, len(samples))
            yield (samples[first:last] * per_sample(gain, first, last)).astype(np.float32)

    return np.concatenate([np.stack(pair) for pair in detector.probabilities(blocks())], axis=1).astype(np.float64)


def presence(probabilities: np.ndarray) -> np.ndarray:
    """(steps,) mask in 0–1 of where somebody speaks: with hysteresis, and longer than what was heard.

    Parameters
    ----------
    probabilities
        (2, steps) from :func:`speech_probabilities`.
    """
    steps = probabilities.shape[1]
    known, fresh = scipy.ndimage.uniform_filter1d(probabilities, 2 * (_steps(MEAN_SECONDS) // 2) + 1, mode="nearest")
    sure = _runs(known >= STAY, known >= SURE)
    around = _steps(NEAR_SECONDS)
    near = np.ones(steps, bool) if steps < _steps(SHORT_SECONDS) else _extended(sure, around, around)
    either = np.maximum(known, fresh)
    heard = sure | (_runs(either >= STAY, either >= LIKELY) & near)
    longer = _extended(heard, _steps(LEAD_SECONDS - EDGE_SECONDS), _steps(HANG_SECONDS - EDGE_SECONDS))
    edge = _steps(EDGE_SECONDS)
    slopes = 1.0 - np.abs(np.arange(-edge, edge + 1)) / (edge + 1)
    soft = scipy.ndimage.grey_dilation(longer.astype(float), structure=slopes - 1.0, mode="nearest")
    return np.clip(soft, 0.0, 1.0)


def of_frames(curve: np.ndarray, frames: int) -> np.ndarray:
    """(T,) float32, a curve of the steps at the middle of each of T video frames."""
    middles = SAMPLES_PER_FRAME * (np.arange(frames) + 0.5)
    return np.interp(middles, STEP * (np.arange(len(curve)) + 0.5), curve).astype(np.float32)


def _runs(stay: np.ndarray, begin: np.ndarray) -> np.ndarray:
    """(steps,) bool: the runs of ``stay`` in which ``begin`` is true somewhere."""
    runs, _ = scipy.ndimage.label(stay)
    return np.isin(runs, np.unique(runs[begin & stay]))


def _steps(seconds: float) -> int:
    return math.ceil(seconds * STEPS_PER_SECOND - 1e-9)


def _extended(mask: np.ndarray, before: int, after: int) -> np.ndarray:
    """(steps,) bool: True also up to ``before`` steps before, and ``after`` steps after, each True of the mask."""
    count = np.concatenate([[0], np.cumsum(mask)])
    places = np.arange(len(mask))
    first = np.maximum(places - after, 0)
    last = np.minimum(places + before + 1, len(mask))
    return count[last] > count[first]
