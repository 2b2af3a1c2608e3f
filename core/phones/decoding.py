"""From the probabilities of phones to phones with their times: the most likely sequence that a person can read."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from .phone_set import PHONES, SILENCE, Segment
from .rows import ROWS_A_SECOND

SHORTEST_ROWS = 3
"""Fewest rows of a phone: 30 ms. Shorter ones can neither be seen in a mouth nor grasped in a lane."""
SWITCH_COST = 2.0
"""Loss of log-probability for each new phone. See docs/results/phones.md for how it was chosen."""
LEAST = 1e-4
"""Probabilities below this count as this, so that no single row decides."""
_BLOCK = 1 << 14


def heard_segments(
    probabilities: np.ndarray, spoken: np.ndarray | None = None, switch_cost: float = SWITCH_COST
) -> list[Segment]:
    """The phones that were most likely said, without the silences.

    Parameters
    ----------
    probabilities
        (R, 40) of each phone in each 10 ms, as ``LipModel.hear`` gives them.
    spoken
        (R,) bool, False where nobody speaks; there it is silence. Each run of equal values must have at least
        :data:`SHORTEST_ROWS` rows. None means everywhere.
    switch_cost
        What a new phone costs.
    """
    return segments_of(most_likely_rows(probabilities, spoken, switch_cost))


def most_likely_rows(
    probabilities: np.ndarray, spoken: np.ndarray | None = None, switch_cost: float = SWITCH_COST
) -> np.ndarray:
    """(R,) int64 index into ``PHONES``: the most likely phones, each for at least 30 ms, by the Viterbi algorithm.

    Since a change costs the same between any two phones, the best path into phone p at row t is one of two: p goes on,
    or the best path of all that ended before row t − 2 changes to p there. So a step costs O(phones). Memory is one bit
    (stored as a byte) for each row and phone. Parameters are those of :func:`heard_segments`.
    """
    rows, phones = probabilities.shape
    if rows < SHORTEST_ROWS:
        return np.zeros(rows, np.int64)
    entered = np.zeros((rows, phones), bool)  # the phone began two rows earlier
    best_phone = np.zeros(rows, np.int64)  # of the paths that may end at a row
    ended = np.full(rows + 1, -np.inf)  # their log-probability; ended[t] is before row t
    ended[0] = switch_cost  # the first phone is no change
    at = np.full(phones, -np.inf)
    for row, (going_on, beginning) in enumerate(_scores(probabilities, spoken)):
        at = at + going_on
        if row >= SHORTEST_ROWS - 1:
            new = beginning + (ended[row - SHORTEST_ROWS + 1] - switch_cost)
            np.greater(new, at, out=entered[row])
            np.maximum(at, new, out=at)
        best_phone[row] = best = int(at.argmax())
        ended[row + 1] = at[best]
    labels = np.zeros(rows, np.int64)
    row = rows - 1
    while row >= 0:
        phone = best_phone[row]
        last = row
        while not entered[row, phone]:
            row -= 1
        row -= SHORTEST_ROWS
        labels[row + 1 : last + 1] = phone
    return labels


def segments_of(labels: np.ndarray) -> list[Segment]:
    """The runs of (R,) labels as segments, without the silences."""
    edges = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)]
    return [
        Segment(PHONES[labels[first]], first / ROWS_A_SECOND, last / ROWS_A_SECOND)
        for first, last in itertools.pairwise(edges)
        if last > first and PHONES[labels[first]] != SILENCE
    ]


def log_scores(probabilities: np.ndarray, spoken: np.ndarray | None = None) -> np.ndarray:
    """(R, 40) float64 log-probabilities, limited by :data:`LEAST`; where nobody speaks all but silence are impossible.

    Impossible is a loss that no sum of possible rows reaches, but no infinity.
    """
    scores = np.log(np.maximum(probabilities, LEAST).astype(np.float64))
    if spoken is not None:
        scores[~spoken] = _IMPOSSIBLE
        scores[~spoken, PHONES.index(SILENCE)] = 0.0
    return scores


_IMPOSSIBLE = -1e9


def _scores(probabilities: np.ndarray, spoken: np.ndarray | None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each row: the scores (40,) of the row, and their sums over the row and the two rows before it."""
    before = np.zeros((SHORTEST_ROWS - 1, probabilities.shape[1]))
    for first in range(0, len(probabilities), _BLOCK):
        part = slice(first, first + _BLOCK)
        scores = np.concatenate([before, log_scores(probabilities[part], None if spoken is None else spoken[part])])
        before = scores[1 - SHORTEST_ROWS :]
        count = len(scores) - SHORTEST_ROWS + 1
        sums = sum(scores[k : k + count] for k in range(SHORTEST_ROWS))
        yield from zip(scores[SHORTEST_ROWS - 1 :], sums, strict=True)
