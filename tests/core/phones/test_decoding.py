"""From probabilities to phones: the best path there is, none under 30 ms, silence where nobody speaks."""

from __future__ import annotations

import numpy as np
import pytest

from core.phones.decoding import LEAST, SHORTEST_ROWS, heard_segments, most_likely_rows, segments_of
from core.phones.phone_set import PHONES, Segment
from core.phones.rows import phone_rows


def best_score(scores: np.ndarray, cost: float) -> float:
    """The score of the best path, by trying all of them."""
    rows, phones = scores.shape

    def best(row: int, before: int | None) -> float:
        if row == rows:
            return 0.0
        found = -np.inf
        for phone in range(phones):
            for length in range(SHORTEST_ROWS, rows - row + 1):
                if phone != before:
                    switch = 0.0 if before is None else cost
                    found = max(found, scores[row : row + length, phone].sum() - switch + best(row + length, phone))
        return found

    return best(0, None)


@pytest.mark.parametrize("seed", range(12))
def test_the_path_is_the_best_of_all(seed) -> None:
    probabilities = np.zeros((11, len(PHONES)))
    probabilities[:, :4] = np.random.default_rng(seed).dirichlet(np.full(4, 0.5), 11)
    labels = most_likely_rows(probabilities, switch_cost=1.0)
    scores = np.log(np.maximum(probabilities, LEAST))
    score = scores[np.arange(11), labels].sum() - (np.diff(labels) != 0).sum()
    assert score == pytest.approx(best_score(scores[:, :4], 1.0))


def test_no_phone_is_shorter_than_30_ms_and_nobody_speaks_in_silence() -> None:
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.full(len(PHONES), 0.1), 40_000).astype(np.float32)
    spoken = np.repeat(generator.random(10_000) < 0.8, 4)
    segments = heard_segments(probabilities, spoken, switch_cost=0.0)
    assert min(s.end - s.start for s in segments) >= 0.03 - 1e-9
    rows = phone_rows(segments, len(spoken))
    assert not rows[~spoken].any() and rows[spoken].any()


def test_segments_are_the_runs() -> None:
    segments = [Segment("B", 0.02, 0.05), Segment("AA", 0.05, 0.12), Segment("S", 0.2, 0.23)]
    assert segments_of(phone_rows(segments, 30)) == segments
    assert segments_of(np.zeros(0, np.int64)) == [] == heard_segments(np.ones((2, len(PHONES))))


def test_clear_phones_are_found_through_flickering() -> None:
    truth = [Segment("HH", 0.1, 0.16), Segment("AH", 0.16, 0.25), Segment("L", 0.25, 0.31), Segment("OW", 0.31, 0.5)]
    rows = phone_rows(truth, 60)
    probabilities = np.full((60, len(PHONES)), 0.3 / 39)
    probabilities[np.arange(60), rows] = 0.7
    probabilities[[5, 19, 36, 45]] = np.eye(len(PHONES))[[7, 9, 20, 30]] * 0.9 + 0.1 / len(PHONES)
    assert heard_segments(probabilities) == truth
