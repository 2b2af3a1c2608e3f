"""Phones of recorded speech: what the recogniser writes, and when known phones are said."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from core.phones.phone_set import PHONES, SILENCE, Segment
from core.phones.rows import phone_rows
from training.speech import phones, recognisers
from training.speech.phone_path import most_likely_times
from training.speech.phone_recogniser import arpabet, heard_phones
from training.speech.synthesis import VOICES, speak


def heard(said: list[tuple[str, int]], sure: float = 0.6) -> np.ndarray:
    """Probabilities of phones that each last some rows, of which the right one has ``sure``."""
    rows = np.repeat([PHONES.index(phone) for phone, _ in said], [count for _, count in said])
    out = np.full((len(rows), len(PHONES)), (1 - sure) / (len(PHONES) - 1))
    out[np.arange(len(rows)), rows] = sure
    return out


def test_known_phones_get_the_times_at_which_they_are_heard() -> None:
    found = most_likely_times(heard([(SILENCE, 10), ("B", 6), ("IY", 12), (SILENCE, 9), ("T", 5)]), ["B", "IY", "T"])
    assert found == [
        Segment(SILENCE, 0.0, 0.10),
        *(Segment("B", 0.10, 0.16), Segment("IY", 0.16, 0.28), Segment(SILENCE, 0.28, 0.37), Segment("T", 0.37, 0.42)),
    ]


def test_a_misheard_phone_keeps_its_place_and_the_others_their_times() -> None:
    probabilities = heard([("B", 6), ("OW", 12), ("T", 5)])
    probabilities[:6, PHONES.index("P")] = 0.1  # the right one is the second
    found = most_likely_times(probabilities, ["P", "OW", "T"])
    assert [segment.phone for segment in found] == ["P", "OW", "T"]
    assert abs(found[1].start - 0.06) < 0.011 and found[2].start == 0.18


def test_repeated_phones_are_said_twice() -> None:
    found = most_likely_times(heard([("T", 4), ("T", 4)]), ["T", "T"])
    assert [segment.phone for segment in found] == ["T", "T"] and found[-1].end == 0.08


def test_more_phones_than_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="3 phones"):
        most_likely_times(heard([("T", 2)]), ["T", "T", "T"])


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("p l eɪ z", "P L EY Z"),
        ("o n e", "W AH N"),  # a word that the network spells
        ("h w ɪ t͡ʃ", "W IH CH"),
        ("ĩ n ̪ t ̪ o", "IY N T OW"),  # as another language says it
        ("ʔ ː", ""),
    ],
)
def test_ipa_becomes_arpabet(word: str, expected: str) -> None:
    assert " ".join(arpabet(word)) == expected


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("flite") is None, reason="flite isn't installed")
def test_phones_are_found_in_a_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    _, samples, truth = speak(next(voice for voice in VOICES if voice.name == "rms"), 2)
    rows = len(samples) // 160
    expected = phone_rows(truth, rows)
    spoken = heard_phones(samples)
    found = phones.align_phones(phones.as_int16(samples), spoken)
    assert [segment.phone for segment in found if segment.phone != SILENCE] == spoken
    right = (phone_rows(found, rows) == expected)[expected > 0].mean()
    assert right > 0.6, right
    monkeypatch.setattr(phones, "_align_by_pocketsphinx", lambda samples, spoken: [])  # as where it fails
    again = phones.align_phones(phones.as_int16(samples), spoken)
    right = (phone_rows(again, rows) == expected)[expected > 0].mean()
    assert right > 0.6, right


def test_wrong_missing_and_extra_phones_are_errors() -> None:
    truth = ["B", "IY", "T"]
    assert recognisers.errors(truth, truth) == 0.0
    assert recognisers.errors(truth, ["P", "IY", "T"]) == pytest.approx(1 / 3)
    assert recognisers.errors(truth, ["IY", "T"]) == pytest.approx(1 / 3)
    assert recognisers.errors(truth, ["B", "IY", "T", "S"]) == pytest.approx(1 / 3)
    assert recognisers.errors(truth, []) == 1.0


def test_times_and_labels_are_measured_apart() -> None:
    truth = [Segment("B", 0.0, 0.1), Segment("IY", 0.1, 0.3)]
    assert recognisers.measures(truth, truth, 30) == (0.0, 1.0, 1.0)
    late = [Segment("B", 0.0, 0.15), Segment("IY", 0.15, 0.3)]
    assert recognisers.measures(truth, late, 30) == pytest.approx((0.0, 25 / 30, 0.5))
    assert recognisers.measures(truth, [], 30) == (1.0, 0.0, 0.0)
