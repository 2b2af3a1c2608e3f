"""Gives all speech in a sound the same loudness, and makes other sounds so soft that the networks don't hear them.

Loudness is measured only where somebody speaks, in a window of some seconds that looks ahead as far as back. So a loud
jingle, a pause, or another distance to the microphone doesn't change the mouth. Loudness is the mean power of the steps
that are near the window's median, which follows a sudden change at once and leaves the two sides of it apart. This is
close to the two gates of ITU-R BS.1770, without its frequency weighting.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.ndimage

from .high_pass import remove_rumble
from .presence import per_sample, presence, speech_probabilities, step_rms
from .speech_detector import BLOCK_SAMPLES, STEPS_PER_SECOND, shipped_detector

TARGET_DB = -21.5
"""Loudness of speech after levelling: RMS of its steps in dB of full scale. On average over voices this is as loud as
the sounds that the networks were trained on, which had one gain (RMS of their loud parts −20 dB)."""
MAX_GAIN_DB = 80.0
"""Most that speech is raised. Fainter speech drowns in the noise of 16 bits."""
QUIET_DB = -55.0
"""Speech below this loudness is raised, but the user is told."""
FLOOR_DB, FAR_FLOOR_DB = -70.0, -85.0
"""Loudness that other sounds are reduced to, next to speech and from :data:`FAR_SECONDS` away on. What is below stays
as it is. So a pause keeps its room, as in the recordings that the networks learned from. The second is lower because
beats of a drum move the mouth even at the first."""
FAR_SECONDS = 1.5
BACKGROUND_DB = 24.0
"""Speech that is softer than the loud speech of the same sound by more than this is raised ever less, because it is
somebody else in the room or in the next microphone. It moves the mouth ever less too. Softer by half as much again, it
isn't raised at all, and the mouth rests."""

_WINDOW_SECONDS = 3.0
"""Length of the window, in time of speech."""
_BELOW_MEDIAN_DB, _ABOVE_MEDIAN_DB = 10.0, 12.0
"""Steps that count, as distances from the window's median."""
_STRIDE = 4
"""Loudness is measured at every so many steps of speech."""
_SMOOTH_SECONDS = 0.3
_LOUD_SHARE = 0.9
"""Quantile of the loudness over the whole sound that counts as that of its loud speech."""
_OTHER_SECONDS = 0.2
"""What isn't speech is reduced by the loudest step within this time before and after."""
MOVING_DB = -42.0, -32.0
"""After levelling, other sounds above the second loudness would move the mouth, so it is held shut there. Below the
first they don't: a quiet room is left to the lip model, which knows how mouths rest between sentences."""
_KEPT_SECONDS = 0.4
"""Sound so near to speech stays as it is. Where a loud noise fades, the networks hear a word that ends. With this
delay, the mouth is shut already (:meth:`core.sound.lips.LipModel.predict`)."""
_LOUDNESS_COUNTS = 0.5
"""Probability of speech from which on a step counts."""
_FAINTEST = 1e-9


@dataclass(frozen=True, eq=False)
class Level:
    """What was found out about a sound while it was levelled.

    Attributes
    ----------
    has_speech
        Whether somebody speaks in it.
    speech_db
        Median loudness of the speech before, RMS in dB of full scale; −∞ without speech.
    loudest_db
        Loudness of the loudest step, RMS in dB of full scale, without rumble.
    mouth
        (⌈N / 512⌉,) 0–1, how far the mouth may move in each step: 0 where there is only music or noise.
    """

    has_speech: bool
    speech_db: float
    loudest_db: float
    mouth: np.ndarray

    @property
    def is_quiet(self) -> bool:
        """Whether the speech is so soft that raising it may also raise disturbing noise."""
        return self.has_speech and self.speech_db < QUIET_DB


def level_speech(samples: np.ndarray) -> Level:
    """Take rumble away and level the speech, in place. Memory besides the samples is a few bytes for each step.

    Parameters
    ----------
    samples
        (N,) float32 at 16 kHz, writable.

    Raises the errors of :func:`~core.sound.speech_detector.shipped_detector`.
    """
    remove_rumble(samples)
    rms = step_rms(samples)
    probabilities = speech_probabilities(samples, rms, shipped_detector())
    level, gain_db = _gain(20.0 * np.log10(np.maximum(rms, _FAINTEST)), probabilities)
    for first in range(0, len(samples), BLOCK_SAMPLES):
        last = min(first + BLOCK_SAMPLES, len(samples))
        samples[first:last] *= (10.0 ** (per_sample(gain_db, first, last) / 20.0)).astype(np.float32)
    return level


def _gain(loudness_db: np.ndarray, probabilities: np.ndarray) -> tuple[Level, np.ndarray]:
    """What is to be known about the sound, and (steps,) the gain in dB.

    Parameters
    ----------
    loudness_db, probabilities
        (steps,) RMS in dB of full scale, and (2, steps) from :func:`speech_probabilities`.
    """
    spoken = presence(probabilities)
    loudest_db = float(loudness_db.max())
    others = scipy.ndimage.maximum_filter1d(loudness_db, 2 * round(_OTHER_SECONDS * STEPS_PER_SECOND) + 1)
    places = np.flatnonzero((spoken > 0.0) & (probabilities.max(0) >= _LOUDNESS_COUNTS))
    if len(places) == 0:
        places = np.flatnonzero(spoken > 0.0)
    if len(places) == 0:
        return Level(False, -math.inf, loudest_db, spoken), np.minimum(FAR_FLOOR_DB - others, 0.0)
    speech_db = _followed(loudness_db[places])
    background = _background(speech_db)
    steps = np.arange(len(loudness_db))
    gain = _smooth(np.interp(steps, places, _wanted_gain(speech_db, background)))
    gain = np.minimum(gain, TARGET_DB + _ABOVE_MEDIAN_DB - loudness_db)  # what is louder is a knock, or music
    kept = scipy.ndimage.maximum_filter1d(spoken, 2 * round(_KEPT_SECONDS * STEPS_PER_SECOND) + 1)
    away = scipy.ndimage.distance_transform_edt(kept == 0.0) / STEPS_PER_SECOND
    floor_db = FLOOR_DB + (FAR_FLOOR_DB - FLOOR_DB) * np.minimum(away / FAR_SECONDS, 1.0)
    too_loud = np.maximum(others + gain - floor_db, 0.0)
    mouth = 1.0 - (1.0 - spoken) * np.clip((others + gain - MOVING_DB[0]) / (MOVING_DB[1] - MOVING_DB[0]), 0.0, 1.0)
    mouth = mouth * _smooth(np.interp(steps, places, 1.0 - np.minimum(background / (BACKGROUND_DB / 2.0), 1.0)))
    level = Level(True, float(np.median(speech_db)), loudest_db, mouth)
    return level, gain - (1.0 - kept) * _smooth(too_loud)


def _followed(loudness_db: np.ndarray) -> np.ndarray:
    """(M,) loudness around each of M steps of speech, in dB."""
    reach = round(_WINDOW_SECONDS / 2 * STEPS_PER_SECOND)
    padded = np.pad(loudness_db, reach, mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)[::_STRIDE]
    found = np.empty(len(windows))
    for first in range(0, len(windows), 1000):
        part = windows[first : first + 1000]
        distance = part - np.median(part, axis=1, keepdims=True)
        counts = (distance >= -_BELOW_MEDIAN_DB) & (distance <= _ABOVE_MEDIAN_DB)
        power = np.sum(10.0 ** (part / 10.0), axis=1, where=counts) / counts.sum(1)
        found[first : first + 1000] = 10.0 * np.log10(power)
    return np.interp(np.arange(len(loudness_db)), np.arange(len(windows)) * _STRIDE, found)


def _background(speech_db: np.ndarray) -> np.ndarray:
    """(M,) by how many dB speech with the given loudness (M,) is too soft to be the talker's."""
    below = float(np.quantile(speech_db, _LOUD_SHARE)) - speech_db
    return np.maximum(below - BACKGROUND_DB, 0.0)


def _wanted_gain(speech_db: np.ndarray, background: np.ndarray) -> np.ndarray:
    """(M,) gain in dB of speech with the given loudness and :func:`_background` (M,)."""
    kept = np.minimum(3.0 * background, background + BACKGROUND_DB)
    return np.minimum(TARGET_DB - speech_db - kept, MAX_GAIN_DB)


def _smooth(curve: np.ndarray) -> np.ndarray:
    """(steps,) the same curve with rounded corners."""
    return scipy.ndimage.uniform_filter1d(curve, 2 * round(_SMOOTH_SECONDS / 2 * STEPS_PER_SECOND) + 1, mode="nearest")
