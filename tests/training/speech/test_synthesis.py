"""Synthesised speech: phones are at the times of their sounds, and the seed decides the sentences."""

from __future__ import annotations

import ctypes.util
import shutil
import string

import numpy as np
import pytest

from core.phones.phone_set import PHONES
from core.phones.rows import phone_rows
from core.sound.level import level_speech
from core.sound.mel import log_mel
from training.common.splits import HELD_OUT_VOICES
from training.speech import espeak
from training.speech.sentences import sentence
from training.speech.synthesis import VOICES, Voice, speak

needs_flite = pytest.mark.skipif(shutil.which("flite") is None, reason="flite isn't installed")
needs_espeak = pytest.mark.skipif(ctypes.util.find_library("espeak-ng") is None, reason="espeak-ng isn't installed")
VOWELS = [i for i, phone in enumerate(PHONES) if phone[0] in "AEIOU"]


def _check(voice: Voice) -> None:
    text, samples, segments = speak(voice, 0)
    again = speak(voice, 0)
    # espeak-ng's noise and times differ slightly from one call to the next.
    assert text == again[0] and [s.phone for s in segments] == [s.phone for s in again[2]]
    assert abs(len(samples) - len(again[1])) < 160
    assert samples.dtype == np.float32 and samples.ndim == 1
    starts, ends = [s.start for s in segments], [s.end for s in segments]
    assert all(a < b for a, b in zip(starts, ends, strict=True)) and starts == sorted(starts)
    assert abs(ends[-1] - len(samples) / 16000) < 0.06
    assert {s.phone for s in segments} <= set(PHONES) and len(segments) > 8
    rows = len(samples) // 160 // 4 * 4
    level_speech(samples)
    loud = log_mel(samples, rows // 4)[:, 5:40].mean(1)
    labels = np.isin(phone_rows(segments, rows), VOWELS).astype(float)
    by_lag = {lag: np.corrcoef(np.roll(labels, lag), loud)[0, 1] for lag in range(-15, 16)}
    best = max(by_lag, key=by_lag.get)
    assert by_lag[best] > 0.4 and abs(best) <= 4  # vowels are loud within 40 ms of their given times


@needs_flite
@pytest.mark.parametrize("name", ["slt", "awb"])
def test_flite_phones_are_at_the_times_of_their_sounds(name):
    _check(next(voice for voice in VOICES if voice.name == name))


@needs_espeak
def test_espeak_phones_are_at_the_times_of_their_sounds():
    _check(next(voice for voice in VOICES if voice.name == "espeak-m3"))


@needs_espeak
def test_espeak_knows_its_phones_and_its_voices():
    _, _, segments = espeak.speak("Bob may pop the shiny bubbles.", "en-us", 150, 50)
    names = [s.phone for s in segments]
    assert names.count("B") == 4 and names.count("P") == 2 and "SH" in names and "M" in names
    with pytest.raises(OSError, match="no voice"):
        espeak.speak("Hello.", "no-such-voice", 150, 50)


def test_sentences_repeat_by_seed_and_vary():
    first = [sentence(np.random.default_rng(seed)) for seed in range(200)]
    assert first == [sentence(np.random.default_rng(seed)) for seed in range(200)]
    assert len(set(first)) > 190
    allowed = set(string.ascii_letters + " ,.!?")
    assert all(text[0].isupper() and text[-1] in ".!?" and set(text) <= allowed for text in first)


def test_held_out_voices_exist():
    assert set(HELD_OUT_VOICES) < {voice.name for voice in VOICES}
