"""Phones as arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .phone_set import PHONES, Segment

ROWS_A_SECOND = 100
"""Rows of arrays that say which phone is spoken: four a video frame."""


def phone_rows(segments: Sequence[Segment], rows: int) -> np.ndarray:
    """(rows,) int64 index into :data:`PHONES` at 100 rows a second. Rows that no segment covers are silence."""
    labels = np.zeros(rows, np.int64)
    for segment in segments:
        first, last = (max(0, round(t * ROWS_A_SECOND)) for t in (segment.start, segment.end))
        labels[first:last] = PHONES.index(segment.phone)
    return labels
