"""The best path of a text through the phones that are heard: Viterbi's algorithm on words, in bounded memory.

The text is a chain of words. Each word has one or several ways to be said, each way is a chain of phones, and a phone
lasts at least 30 ms. Before each word, and after the last one, there may be a *pause*: silence, or speech that the text
doesn't have. Words may be left out at a cost.

Scores are log-probabilities. With the rows counted from 0, ``phones[t, s]`` is the best score of all paths whose phone
s lasts up to row t, ``pauses[t, w]`` the same for the pause before word w, and ``ready[t, w]`` that of all paths that
may begin word w at row t + 1.

Only words within :data:`BEAM` of the best path are followed. The scores are kept at every 512th row, and the rows
between are computed again when the path is traced back. So the memory grows with the sound only by these.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .decoding import SHORTEST_ROWS, log_scores
from .phone_set import PHONES, SILENCE
from .words import Word

PAUSE_COST = 3.0
"""Loss for a pause. Without it each closure of a stop would be one."""
OTHER_SPEECH_COST = 1.0
"""Loss for each row of speech that the text doesn't have, relative to the phones that fit it best."""
SKIP_COST, SKIP_MORE_COST = 15.0, 2.0
"""Loss for leaving out a word, and for each further word after it."""
LEAST_SCORE = math.log(0.003)
"""Where a known phone is heard as another one, it costs no more than this: the text knows better."""
BEAM = 250.0
"""Words whose best path is worse than the best of all by more than this are given up."""
_WINDOW_ROWS, _WINDOW_WORDS = 64, 16
"""Rows after which the followed words are chosen again, and words that are added then."""
_BLOCK_ROWS = 512
_SILENCE = PHONES.index(SILENCE)


class Piece(NamedTuple):
    """A part of the path: rows ``first`` to before ``last`` say phone ``phone`` of ``word``; a pause has phone −1."""

    word: int
    phone: int
    first: int
    last: int


@dataclass(frozen=True)
class _Text:
    """A text as states: one for each phone of each way of each word, in order.

    ``phone`` and ``word`` (S,) are what each state says; ``begins`` (S,) is True for the first phone of a way.
    ``exits`` (E,) are the states that end a way; those of word w are ``exits[exit_of[w] : exit_of[w + 1]]``, and its
    states ``first[w]`` to before ``first[w + 1]``.
    """

    phone: np.ndarray
    word: np.ndarray
    begins: np.ndarray
    exits: np.ndarray
    exit_of: np.ndarray
    first: np.ndarray

    @classmethod
    def of(cls, words: Sequence[Word]) -> _Text:
        ways = [(number, way) for number, word in enumerate(words) for way in word.ways]
        lengths = np.array([len(way) for _, way in ways])
        ends = np.cumsum(lengths)
        of_way = np.array([number for number, _ in ways])
        number = {phone: index for index, phone in enumerate(PHONES)}
        begins = np.zeros(ends[-1], bool)
        begins[ends - lengths] = True
        word = np.repeat(of_way, lengths)
        numbers = np.arange(len(words) + 1)
        return cls(
            phone=np.array([number[phone] for _, way in ways for phone in way]),
            word=word,
            begins=begins,
            exits=ends - 1,
            exit_of=np.searchsorted(of_way, numbers),
            first=np.searchsorted(word, numbers),
        )


class _Rows(NamedTuple):
    """Scores after one row, of words ``low`` to before ``high`` and the pause after each of them."""

    low: int
    high: int
    phones: np.ndarray
    pauses: np.ndarray
    ready: np.ndarray


class _Sound:
    """Scores of the rows of a sound, a block at a time."""

    def __init__(self, probabilities: np.ndarray, spoken: np.ndarray | None) -> None:
        self._probabilities, self._spoken = probabilities, spoken

    def block(self, first: int, last: int) -> Iterator[tuple[np.ndarray, np.ndarray, float, float]]:
        """For each row: scores (40,) of the phones, their sums over this row and two before, and both for pauses."""
        begin = max(0, first - SHORTEST_ROWS + 1)
        scores = np.maximum(log_scores(self._probabilities[begin:last]), LEAST_SCORE)
        pauses = np.maximum(scores[:, _SILENCE], scores.max(1) - OTHER_SPEECH_COST)
        if self._spoken is not None:
            pauses[~self._spoken[begin:last]] = 0.0
        for row in range(first - begin, last - begin):
            before = slice(row - SHORTEST_ROWS + 1, row + 1)
            if row < SHORTEST_ROWS - 1:
                yield scores[row], np.full(len(PHONES), -np.inf), float(pauses[row]), -np.inf
            else:
                yield scores[row], scores[before].sum(0), float(pauses[row]), float(pauses[before].sum())


def best_path(probabilities: np.ndarray, words: Sequence[Word], spoken: np.ndarray | None = None) -> list[Piece]:
    """The phones and pauses of the best path, in order; words that aren't in it were left out.

    Parameters
    ----------
    probabilities
        (R, 40) of each phone in each 10 ms, R ≥ 3.
    words
        At least one.
    spoken
        (R,) bool, False where nobody speaks: there a pause costs nothing.
    """
    text, sound, count = _Text.of(words), _Sound(probabilities, spoken), len(probabilities)
    windows: list[tuple[int, int]] = []
    kept: list[list[_Rows]] = []
    history = [_start(len(words))] * SHORTEST_ROWS
    for first in range(0, count, _BLOCK_ROWS):
        kept.append(history)
        for row, scores in enumerate(sound.block(first, min(first + _BLOCK_ROWS, count)), first):
            if row % _WINDOW_ROWS == 0:
                windows.append(_window(history[-1], text, len(words)))
            history = [*history[1:], _step(history, scores, text, windows[-1])]
    pieces: list[Piece] = []
    trace = _Trace(history[-1].high, count - 1)  # words that are out of reach were left out
    for first in reversed(range(0, count, _BLOCK_ROWS)):
        rows = kept.pop()
        scores_of = list(sound.block(first, min(first + _BLOCK_ROWS, count)))
        for row, scores in enumerate(scores_of, first):
            rows.append(_step(rows[-SHORTEST_ROWS:], scores, text, windows[row // _WINDOW_ROWS]))
        pieces += trace.through(rows, scores_of, first, text)
    return pieces[::-1]


def _start(words: int) -> _Rows:
    """Before the first row, word 0 is ready, and others if the words before them are left out."""
    high = min(words, round(BEAM / SKIP_MORE_COST))
    ready = _with_skips(np.concatenate([[0.0], np.full(high, -np.inf)]))
    nothing = np.full(high + 1, -np.inf)
    return _Rows(0, high, np.zeros(0), nothing, ready)


def _with_skips(base: np.ndarray) -> np.ndarray:
    """Scores of being ready for each word, if words may be left out: an affine cost, so one running maximum does it."""
    places = SKIP_MORE_COST * np.arange(len(base))
    before = np.maximum.accumulate(base + places)
    skipped = np.concatenate([[-np.inf], before[:-1]]) - places - (SKIP_COST - SKIP_MORE_COST)
    return np.maximum(base, skipped)


def _window(rows: _Rows, text: _Text, words: int) -> tuple[int, int]:
    """The words to follow, from the first to before the last: those near the best path, and some after them."""
    best = rows.ready.max()
    if len(rows.phones):
        best = max(best, rows.phones.max())
    of_word = np.maximum(rows.ready, rows.pauses)
    if len(rows.phones):
        inside = np.maximum.reduceat(rows.phones, text.first[rows.low : rows.high] - text.first[rows.low])
        of_word[:-1] = np.maximum(of_word[:-1], inside)
    near = np.flatnonzero(of_word >= best - BEAM)
    return min(rows.low + int(near[0]), words - 1), min(words, rows.low + int(near[-1]) + 1 + _WINDOW_WORDS)


def _step(
    history: Sequence[_Rows], scores: tuple[np.ndarray, np.ndarray, float, float], text: _Text, window: tuple[int, int]
) -> _Rows:
    """The scores after the next row. ``history`` are those after the three rows before it, oldest first."""
    (low, high), (now, sums, pause, pause_sum) = window, scores
    begin, end = text.first[low], text.first[high]
    said, begins = text.phone[begin:end], text.begins[begin:end]
    before, oldest = history[-1], history[0]
    entering = np.empty(end - begin)
    entering[1:] = _of(oldest, text, low, high)[:-1]
    entering[begins] = _ready(oldest, low, high)[text.word[begin:end][begins] - low]
    phones = np.maximum(_of(before, text, low, high) + now[said], entering + sums[said])
    pauses = np.maximum(
        _padded(before.pauses, before.low, low, high + 1) + pause,
        _ready(oldest, low, high) + (pause_sum - PAUSE_COST),
    )
    finished = np.full(high - low + 1, -np.inf)
    exits = text.exits[text.exit_of[low] : text.exit_of[high]] - begin
    finished[1:] = np.maximum.reduceat(phones[exits], text.exit_of[low:high] - text.exit_of[low])
    return _Rows(low, high, phones, pauses, _with_skips(np.maximum(finished, pauses)))


def _of(rows: _Rows, text: _Text, low: int, high: int) -> np.ndarray:
    """The scores of the states of words ``low`` to before ``high``."""
    if (rows.low, rows.high) == (low, high) and len(rows.phones):
        return rows.phones
    first = text.first[rows.low] if len(rows.phones) else text.first[low]
    return _padded(rows.phones, first, text.first[low], text.first[high])


def _ready(rows: _Rows, low: int, high: int) -> np.ndarray:
    return _padded(rows.ready, rows.low, low, high + 1)


def _padded(values: np.ndarray, first: int, low: int, high: int) -> np.ndarray:
    """Values ``low`` to before ``high`` of those that begin at ``first``; −∞ where there is none."""
    if first == low and len(values) == high - low:
        return values
    out = np.full(high - low, -np.inf)
    begin, end = max(first, low), min(first + len(values), high)
    if begin < end:
        out[begin - low : end - low] = values[begin - first : end - first]
    return out


class _Trace:
    """Follows the best path back, block by block. It is in a state at a row, or ready for a word after a row."""

    def __init__(self, words: int, row: int) -> None:
        self._row = row
        self._ready: int | None = words
        self._state = self._pause = 0
        self._in_pause = False
        self._last = row

    def through(
        self,
        rows: Sequence[_Rows],
        scores: Sequence[tuple[np.ndarray, np.ndarray, float, float]],
        first: int,
        text: _Text,
    ) -> Iterator[Piece]:
        """The pieces that begin at row ``first`` or later, last one first.

        ``rows`` are the scores after the three rows before ``first`` and after each row of the block.
        """
        while self._row >= first:
            at = self._row - first + SHORTEST_ROWS  # rows[at] is after row self._row
            if self._ready is not None:
                self._choose(rows[at], text)
            now, sums, pause, pause_sum = scores[self._row - first]
            if self._in_pause:
                stays = _at(rows[at - 1].pauses, self._pause - rows[at - 1].low) + pause
                enters = _at(rows[at - SHORTEST_ROWS].ready, self._pause - rows[at - SHORTEST_ROWS].low)
                enters += pause_sum - PAUSE_COST
            else:
                state, phone = self._state, text.phone[self._state]
                stays = _state(rows[at - 1], text, state) + now[phone]
                enters = self._entering(rows[at - SHORTEST_ROWS], text) + sums[phone]
            if stays > enters:
                self._row -= 1
                continue
            self._row -= SHORTEST_ROWS
            if self._in_pause:
                yield Piece(self._pause, -1, self._row + 1, self._last + 1)
                self._ready = self._pause
            else:
                word = int(text.word[self._state])
                yield Piece(word, int(text.phone[self._state]), self._row + 1, self._last + 1)
                if text.begins[self._state]:
                    self._ready = word
                else:
                    self._state -= 1
            self._last = self._row

    def _entering(self, oldest: _Rows, text: _Text) -> float:
        if text.begins[self._state]:
            return _at(oldest.ready, int(text.word[self._state]) - oldest.low)
        return _state(oldest, text, self._state - 1)

    def _choose(self, rows: _Rows, text: _Text) -> None:
        """Find the state that made the word ready after this row."""
        assert self._ready is not None
        place = self._ready - rows.low
        finished = np.full(len(rows.pauses), -np.inf)
        begin = text.first[rows.low]
        exits = text.exits[text.exit_of[rows.low] : text.exit_of[rows.high]] - begin
        finished[1:] = np.maximum.reduceat(
            rows.phones[exits], text.exit_of[rows.low : rows.high] - text.exit_of[rows.low]
        )
        left_out = np.arange(place, -1, -1)
        cost = np.where(left_out == 0, 0.0, SKIP_COST + SKIP_MORE_COST * (left_out - 1))
        place = int((np.maximum(finished, rows.pauses)[: place + 1] - cost).argmax())
        self._in_pause = bool(rows.pauses[place] >= finished[place])
        self._pause, self._ready = rows.low + place, None
        if not self._in_pause:
            word = rows.low + place - 1
            ends = text.exits[text.exit_of[word] : text.exit_of[word + 1]]
            self._state = int(ends[rows.phones[ends - begin].argmax()])


def _state(rows: _Rows, text: _Text, state: int) -> float:
    return _at(rows.phones, state - int(text.first[rows.low])) if len(rows.phones) else -np.inf


def _at(values: np.ndarray, place: int) -> float:
    return float(values[place]) if 0 <= place < len(values) else -np.inf
