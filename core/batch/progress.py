"""How far jobs are, in lines of text: one that is rewritten in place on a terminal, else a new line now and then."""

from __future__ import annotations

import shutil
import sys
import time

from ..words import duration

PAUSE = 10.0
"""Seconds from one line to the next where lines can't be rewritten."""


class Pace:
    """Says when it is time for another line: ``pause`` seconds after the last one."""

    def __init__(self, pause: float = PAUSE) -> None:
        self._pause = pause
        self.rest()

    def is_due(self) -> bool:
        """Whether it is time; if so, the next time is a pause later."""
        due = time.monotonic() - self._last >= self._pause
        if due:
            self.rest()
        return due

    def rest(self) -> None:
        """Begin a pause now."""
        self._last = time.monotonic()


class ProgressLines:
    """Prints how far jobs are. ``pause`` is the time in seconds between two lines outside a terminal."""

    def __init__(self, pause: float = PAUSE) -> None:
        self._pace = Pace(pause)
        self._open = False

    def say(self, text: str) -> None:
        """Show ``text`` if it is time for it."""
        if sys.stdout.isatty():
            width = max(20, shutil.get_terminal_size().columns - 1)
            print(f"\r\x1b[K{text[:width]}", end="", flush=True)
            self._open = True
        elif self._pace.is_due():
            print(text, flush=True)

    def finish(self) -> None:
        """Remove the line that was being rewritten, so that something else can be printed."""
        if self._open:
            print("\r\x1b[K", end="", flush=True)
            self._open = False
        self._pace.rest()


def how_far(stage: str, share: float, left: float | None) -> str:
    """``rendering frames (42 %, 1 min 20 s left)``; without a known end only the stage."""
    if left is None and not share:
        return stage
    return f"{stage} ({share:.0%}" + ("" if left is None else f", {duration(left)} left") + ")"
