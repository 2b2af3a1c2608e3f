"""Windows in which Whisper's encoder hears a sound of any length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

STEP_FRAMES = 400
"""Video frames of which a window gives the features (16 s)."""
MARGIN_FRAMES = 50
"""Frames that are heard before and after them, and then left out (2 s)."""


@dataclass(frozen=True)
class Window:
    """Frames ``begin`` to ``end`` are heard; the features of ``first`` to ``last`` are kept. Ends are not included."""

    begin: int
    end: int
    first: int
    last: int


def windows(frames: int, step: int = STEP_FRAMES, margin: int = MARGIN_FRAMES) -> Iterator[Window]:
    """The windows of a sound of ``frames`` video frames, in order. What they keep follows without gaps.

    A sound that is no longer than a step and its two margins is heard as a whole.
    """
    if frames <= step + 2 * margin:
        step = max(frames, 1)
    for first in range(0, frames, step):
        last = min(first + step, frames)
        yield Window(max(0, first - margin), min(frames, last + margin), first, last)
