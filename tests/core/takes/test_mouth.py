"""What is said in a sound with a transcript, and which way the mouth is shaped then."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from core.phones.documents import HEARD, TRANSCRIPT
from core.phones.phone_set import PHONES
from core.phones.rows import phone_rows
from core.phones.transcripts import OTHER_SOUND, read_transcript
from core.places import ROOT
from core.sound import speech
from core.sound.lips import LipModel
from core.takes.mouth import ROWS_A_FRAME, Mouth
from core.wire import notices

HELLO = ("HH", "AH", "L", "OW")
ROWS_A_PHONE = 8


class Lips:
    """Hears "hello" between silences, with UH in place of AH; opens the mouth by what it is told."""

    def __init__(self) -> None:
        rows = np.repeat([PHONES.index(p) for p in ("SIL", "HH", "UH", "L", "OW", "SIL")], ROWS_A_PHONE)
        self.phones = np.eye(len(PHONES), dtype=np.float32)[rows] * 0.6 + np.float32(0.4 / len(PHONES))
        self.told: list[dict] = []

    def listen(self, mel: np.ndarray) -> SimpleNamespace:
        return SimpleNamespace(phones=self.phones, manner=np.full((12, 3), 0.5, np.float32))

    def hear(self, mel: np.ndarray) -> np.ndarray:
        return self.phones

    def predict(self, heard: object, **told: object) -> np.ndarray:
        self.told.append(told)
        return np.zeros((12, 27), np.float32)


class Speech:
    """Twelve frames in which somebody speaks."""

    mel = whisper_mel = np.zeros((48, 80), np.float32)
    presence = np.ones(12, np.float32)

    def __len__(self) -> int:
        return 12


def test_the_words_of_a_transcript_take_the_place_of_what_is_heard() -> None:
    lips, told = Lips(), []
    mouth = Mouth(lips, Speech(), "Hello!", told.append)
    assert mouth.document.source == TRANSCRIPT and not told
    assert tuple(segment.phone for segment in mouth.document.segments) == HELLO
    mouth.channels(1.2)
    assert lips.told[0]["articulation"] == 1.2
    assert PHONES.index("AH") in lips.told[0]["phones"] and PHONES.index("UH") not in lips.told[0]["phones"]
    spoken, presence = mouth.spoken  # the same for motion sources with lips of their own
    assert np.array_equal(spoken.phones.argmax(1), lips.told[0]["phones"]) and presence is None
    assert (spoken.phones.max(1) == 1.0).all() and (spoken.manner == 0.5).all()
    heard, everywhere = Mouth(lips, Speech()).spoken
    assert heard.phones is lips.phones and everywhere is Speech.presence


def test_another_text_is_told_and_the_mouth_follows_the_sound() -> None:
    lips, told = Lips(), []
    mouth = Mouth(lips, Speech(), "containers ship quarterly", told.append)
    assert mouth.document.source == HEARD and told == [OTHER_SOUND]
    assert [segment.phone for segment in mouth.document.segments] == ["HH", "UH", "L", "OW"]
    mouth.channels(1.0)
    assert "phones" not in lips.told[0] and lips.told[0]["presence"] is Speech.presence


def test_the_panel_can_translate_what_is_said_about_a_transcript() -> None:
    assert OTHER_SOUND in notices.ABOUT_SOUND


def test_the_demonstrations_words_are_those_of_its_sound() -> None:
    """With shipped weights: all words are found, and what is heard without them is nearly the same."""
    sound, told = ROOT / "tools" / "assets" / "demo_speech.flac", []
    spoken, lips = speech.Speech(sound, 0.0, None), LipModel.load()
    written = Mouth(lips, spoken, read_transcript(sound.with_suffix(".txt")), told.append).document
    assert written.source == TRANSCRIPT and not told
    both = (written, Mouth(lips, spoken).document)
    known, heard = (phone_rows(document.segments, ROWS_A_FRAME * len(spoken)) for document in both)
    assert (known == heard)[known > 0].mean() > 0.9
