"""core.phones.tongue: where the tip of the tongue is for each phone, and how it gets there."""

from __future__ import annotations

import numpy as np
import pytest

from core.motion.channels import TONGUE
from core.phones.phone_set import PHONES, SILENCE
from core.phones.tongue import ROWS_A_FRAME, TIPS, tongue_of

OUT, UP = (TONGUE.index(name) for name in ("tongueOut", "tongueUp"))
AT_THE_RIDGE = ("T", "D", "N", "L", "S", "Z", "CH", "JH", "SH", "ZH")
BETWEEN_THE_TEETH = ("TH", "DH")


def said(*phones: tuple[str, int]) -> np.ndarray:
    """Rows of phones, each with its length in frames."""
    return np.concatenate([np.full(ROWS_A_FRAME * frames, PHONES.index(phone)) for phone, frames in phones])


def heard(rows: np.ndarray, sure: float) -> np.ndarray:
    """The same as probabilities. What is left of 1 is spread evenly over all phones."""
    return sure * np.eye(len(PHONES))[rows] + (1 - sure) / len(PHONES)


@pytest.mark.parametrize("phone", PHONES)
def test_a_phone_that_is_held_has_its_target(phone) -> None:
    out, up, dominance = TIPS[phone]
    assert 0 < dominance <= 1
    tongue = tongue_of(said((SILENCE, 10), (phone, 20), (SILENCE, 10)))
    assert tongue.shape == (40, 2) and tongue.dtype == np.float32
    assert tongue[20] == pytest.approx([out, up])
    assert not tongue[:7].any() and not tongue[-7:].any(), "silence: the tongue rests"


def test_the_rules_are_those_of_phonetics() -> None:
    assert set(TIPS) == set(PHONES)
    assert {phone for phone, tip in TIPS.items() if tip.out > 0} == set(BETWEEN_THE_TEETH)
    ridge = min(TIPS[phone].up for phone in AT_THE_RIDGE)
    others = [tip.up for phone, tip in TIPS.items() if phone not in AT_THE_RIDGE]
    assert ridge > max(others), "no other phone brings the tip as close to the ridge"
    assert TIPS["L"].up == 1.0 >= max(tip.up for tip in TIPS.values())
    closed = min(TIPS[phone].up for phone in "TDN")
    assert closed > max(TIPS[phone].up for phone in ("S", "Z", "SH", "ZH")), "stops close the mouth, fricatives don't"
    assert not any(TIPS[phone].up for phone in ("K", "G", "NG", "AA", "IY", "UW", "M", "P", "F", SILENCE))


@pytest.mark.parametrize(("before", "after"), [("AA", "L"), (SILENCE, "D"), ("L", "AA"), ("M", "L"), ("K", "N")])
def test_it_rises_and_falls_smoothly_in_60_to_80_ms(before, after) -> None:
    rows = said((before, 30), (after, 30))
    fine = np.stack([tongue_of(np.roll(rows, -step))[20:40, UP] for step in range(ROWS_A_FRAME)], 1).ravel()
    share = (fine - fine[0]) / (fine[-1] - fine[0])
    assert (np.diff(share) >= 0).all() and np.diff(share).max() < 0.16, "no step in 10 ms"
    milliseconds = 10 * (np.interp(0.9, share, np.arange(80.0)) - np.interp(0.1, share, np.arange(80.0)))
    assert 60 <= milliseconds <= 80


def test_a_phone_that_does_not_care_takes_the_tongue_of_its_neighbours() -> None:
    """Coarticulation: the tip is on its way to l during the b of “blue”, but not during the k of “clue”."""
    blue, clue = (tongue_of(said((SILENCE, 10), (first, 2), ("L", 2), ("UW", 6)))[:, UP] for first in ("B", "K"))
    assert blue[10:12].mean() > 1.3 * clue[10:12].mean() > 0
    assert blue[12:14].max() > 0.7 and clue[12:14].max() > 0.6


def test_short_phones_fall_short_of_their_target() -> None:
    tops = [tongue_of(said(("AA", 10), ("D", frames), ("AA", 10)))[:, UP].max() for frames in (1, 2, 4)]
    assert 0.4 * TIPS["D"].up < tops[0] < tops[1] < tops[2] <= TIPS["D"].up


def test_what_is_hardly_heard_moves_nothing() -> None:
    quiet = heard(said((SILENCE, 30)), 0.9)
    assert not tongue_of(quiet).any()
    assert not tongue_of(np.full((120, len(PHONES)), 1 / len(PHONES))).any(), "all phones equally likely: none is heard"


def test_probabilities_of_a_sure_recogniser_are_as_good_as_known_phones() -> None:
    rows = said((SILENCE, 5), ("TH", 3), ("IH", 2), ("NG", 3), ("L", 3), ("IY", 4), (SILENCE, 5))
    assert np.abs(tongue_of(heard(rows, 0.9)) - tongue_of(rows)).max() < 0.03
    torn = 0.5 * np.eye(len(PHONES))[said(("T", 20))] + 0.5 * np.eye(len(PHONES))[said(("D", 20))]
    assert tongue_of(torn)[10, UP] == pytest.approx(TIPS["D"].up), "whichever of both it is, the tip is up"


def test_more_certain_is_never_less_movement() -> None:
    """No threshold that the tongue could jump over."""
    tops = [
        tongue_of(heard(said((SILENCE, 5), ("L", 5), (SILENCE, 5)), s))[:, UP].max() for s in np.linspace(0, 1, 101)
    ]
    assert (np.diff(tops) >= -1e-6).all() and np.diff(tops).max() < 0.1


def test_it_rests_where_nobody_speaks_and_follows_half_of_the_articulation() -> None:
    rows = said(("TH", 20))
    presence = np.linspace(0, 1, 20, dtype=np.float32)
    assert np.allclose(tongue_of(rows, presence), tongue_of(rows) * presence[:, None])
    weak, usual, strong = (tongue_of(rows, articulation=value)[10] for value in (0.5, 1.0, 1.5))
    assert weak == pytest.approx(0.75 * usual) and strong == pytest.approx(1.25 * usual)
    assert tongue_of(said(("L", 20)), articulation=1.5).max() == 1.0


def test_lengths_are_those_of_the_lips() -> None:
    for rows in (0, 3, 4, 7, 8):
        assert tongue_of(np.zeros(rows, np.int64)).shape == (rows // ROWS_A_FRAME, 2)
        assert tongue_of(np.full((rows, len(PHONES)), 1 / len(PHONES))).shape == (rows // ROWS_A_FRAME, 2)


def test_long_speech_is_the_same_in_pieces() -> None:
    rows = np.random.default_rng(0).integers(0, len(PHONES), 1000).repeat(10)
    whole = tongue_of(rows)
    for start in (1000, 1400):
        part = tongue_of(rows[4 * start : 4 * (start + 200)])
        assert np.allclose(part[5:-5], whole[start + 5 : start + 195], atol=1e-6)
