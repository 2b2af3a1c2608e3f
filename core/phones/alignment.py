"""When the words of a transcript are said: their phones are aligned to those that are heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .decoding import SHORTEST_ROWS, log_scores, most_likely_rows, segments_of
from .lattice import OTHER_SPEECH_COST, Piece, best_path
from .phone_set import PHONES, SILENCE, Segment
from .rows import ROWS_A_SECOND
from .words import Word

LEAST_SHARE = 0.5
"""Unless more of the words and more of the speech than this belong together, the transcript is of another sound."""
GOOD_SHARE = 0.85
"""From this share of both on, nothing has to be said about it."""


@dataclass(frozen=True)
class WordTime:
    """Word ``index`` of a transcript, said from ``start`` to ``end`` in seconds."""

    index: int
    start: float
    end: float


@dataclass(frozen=True)
class Alignment:
    """What a transcript and a sound say together.

    Attributes
    ----------
    segments
        The phones: of the words where they are said, elsewhere those that are heard.
    words
        The words that are said, in order.
    found
        Share of the transcript's words that are said.
    covered
        Share of the heard speech that these words explain.
    """

    segments: tuple[Segment, ...]
    words: tuple[WordTime, ...]
    found: float
    covered: float

    @property
    def fits(self) -> bool:
        """Whether the transcript belongs to the sound."""
        return min(self.found, self.covered) > LEAST_SHARE


def align(probabilities: np.ndarray, words: Sequence[Word], spoken: np.ndarray | None = None) -> Alignment:
    """Align a text to a sound.

    Parameters
    ----------
    probabilities
        (R, 40) of each phone in each 10 ms.
    words
        The text; at least one word.
    spoken
        (R,) bool, False where nobody speaks.
    """
    heard = most_likely_rows(probabilities, spoken)
    if len(probabilities) < SHORTEST_ROWS:
        return Alignment((), (), 0.0, 0.0)
    pieces = best_path(probabilities, words, spoken)
    labels = np.zeros(len(heard), np.int64)
    segments: list[Segment] = []
    said: dict[int, list[Piece]] = {}
    for piece in pieces:
        if piece.phone >= 0:
            said.setdefault(piece.word, []).append(piece)
            segments.append(Segment(PHONES[piece.phone], piece.first / ROWS_A_SECOND, piece.last / ROWS_A_SECOND))
        elif not _is_silent(probabilities[piece.first : piece.last]):
            labels[piece.first : piece.last] = heard[piece.first : piece.last]
    explained = sum(piece.last - piece.first for piece in pieces if piece.phone >= 0)
    other = int(np.count_nonzero(labels))
    return Alignment(
        segments=tuple(sorted([*segments, *segments_of(labels)], key=lambda s: s.start)),
        words=tuple(
            WordTime(index, parts[0].first / ROWS_A_SECOND, parts[-1].last / ROWS_A_SECOND)
            for index, parts in said.items()
        ),
        found=len(said) / len(words),
        covered=explained / max(explained + other, 1),
    )


def _is_silent(probabilities: np.ndarray) -> bool:
    """Whether the rows of a pause are rather silence than speech that the text doesn't have."""
    scores = log_scores(probabilities)
    return bool(scores[:, PHONES.index(SILENCE)].mean() >= scores.max(1).mean() - OTHER_SPEECH_COST)
