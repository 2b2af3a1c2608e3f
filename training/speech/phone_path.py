"""Where known phones begin and end in a sound, by the probabilities of phones that E_a hears (Viterbi's algorithm)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from core.phones.decoding import log_scores
from core.phones.phone_set import PHONES, SILENCE, Segment
from core.phones.rows import ROWS_A_SECOND


def most_likely_times(probabilities: np.ndarray, spoken: Sequence[str]) -> list[Segment]:
    """The times at which ``spoken`` phones were most likely said, with silences before, between and after them.

    Parameters
    ----------
    probabilities
        (R, 40) of each phone in each 10 ms.
    spoken
        At least one phone, in order. There may be no more of them than rows.

    Raises
    ------
    ValueError
        If there are more phones than rows.
    """
    if not 0 < len(spoken) <= len(probabilities):
        raise ValueError(f"{len(spoken)} phones do not fit into {len(probabilities)} rows")
    silence = PHONES.index(SILENCE)
    # States: silence, phone, silence, phone, …, silence. Silences may be skipped.
    states = np.full(2 * len(spoken) + 1, silence)
    states[1::2] = [PHONES.index(phone) for phone in spoken]
    scores = log_scores(probabilities)[:, states]  # (R, S)
    may_skip = np.zeros(len(states), bool)
    may_skip[3::2] = True
    moves = np.zeros(scores.shape, np.int8)
    best = np.full(len(states), -np.inf)
    best[:2] = scores[0, :2]
    for row in range(1, len(scores)):
        step = np.concatenate([[-np.inf], best[:-1]])
        skip = np.where(may_skip, np.concatenate([[-np.inf, -np.inf], best[:-2]]), -np.inf)
        ways = np.stack([best, step, skip])  # stay, step, skip: the number is how far
        moves[row] = ways.argmax(0)
        best = ways.max(0) + scores[row]
    state = len(states) - 1 if best[-1] > best[-2] else len(states) - 2
    path = np.empty(len(scores), np.int64)
    for row in range(len(scores) - 1, -1, -1):
        path[row] = state
        state -= int(moves[row, state])
    edges = [0, *(np.flatnonzero(np.diff(path)) + 1).tolist(), len(path)]
    return [
        Segment(PHONES[states[path[first]]], first / ROWS_A_SECOND, last / ROWS_A_SECOND)
        for first, last in itertools.pairwise(edges)
    ]
