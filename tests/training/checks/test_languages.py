"""Lips for other languages: which lips a phoneme needs, and that they are counted."""

from __future__ import annotations

import ctypes.util
from pathlib import Path

import numpy as np
import pytest

from core.head.head_model import HeadModel
from core.motion.channels import LIP_CHANNELS
from core.phones.phone_set import SILENCE
from core.sound.audio import load_audio
from training.checks import languages
from training.lips.mouth_geometry import MouthGeometry
from training.speech import espeak

needs_espeak = pytest.mark.skipif(ctypes.util.find_library("espeak-ng") is None, reason="espeak-ng isn't installed")


@pytest.mark.parametrize(
    ("phoneme", "language", "expected"),
    [
        ("pF", "German", "M"),  # Apfel
        ("b#", "Hindi", "M"),
        ("B", "Spanish", SILENCE),  # lobo: the lips come near each other only
        ("v", "French", "F"),
        ("v", "Hindi", SILENCE),
        ("y:", "German", "UW"),
        ("O~", "French", "UW"),
        ("a~", "Hindi", "AA"),
        ("E", "German", "IY"),
        ("_:", "German", SILENCE),
    ],
)
def test_phonemes_stand_for_english_ones_with_the_same_lips(phoneme: str, language: str, expected: str) -> None:
    assert languages.stand_in(phoneme, language) == expected


@needs_espeak
@pytest.mark.parametrize("language", languages.LANGUAGES)
def test_every_language_is_spoken_with_phonemes_of_its_own(language: str) -> None:
    voice, text = languages.LANGUAGES[language]
    _, _, said = espeak.utter(text, f"{voice}+{languages.VARIANTS[0]}", 150, 50)
    names = [phoneme.phone for phoneme in said]
    assert not [name for name in names if name.startswith("(")]  # espeak-ng reads it as this language, not as English
    needs = [languages.stand_in(name, language) for name in names]
    assert needs.count("M") >= 15 and needs.count("UW") >= 8 and needs.count("AA") >= 8
    ends = [phoneme.end for phoneme in said]
    assert ends == sorted(ends)


@needs_espeak
def test_a_closed_mouth_makes_only_closures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(languages, "LANGUAGES", {"German": ("de", "Buben aßen fünf Äpfel, und Uwe kam.")})
    geometry = MouthGeometry.of(HeadModel.load())

    def closed(path: Path) -> np.ndarray:
        return np.zeros((load_audio(path).frames, len(LIP_CHANNELS)), np.float32)

    ((language, closures, _, rounded),) = languages.table(closed, geometry).rows
    assert language == "German"
    assert closures.startswith("100 % of ") and closures.endswith("(100 %)")  # also where it is wrong
    assert rounded.startswith("0 % of ")
