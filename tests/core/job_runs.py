"""Runs jobs through the real ``Studio`` and keeps their events."""

from __future__ import annotations

from pathlib import Path

from core.takes.studio import Studio
from core.wire.progress import JobContext
from core.wire.protocol import TakeReady


class Heard(list):
    """Events of a job, and a switch that cancels it."""

    def __init__(self, cancel_when=lambda event: False) -> None:
        super().__init__()
        self.cancelled = False
        self._cancel_when = cancel_when

    def __call__(self, event) -> None:
        self.append(event)
        self.cancelled = self.cancelled or self._cancel_when(event)

    def context(self) -> JobContext:
        return JobContext("1", self, lambda: self.cancelled)

    def takes(self) -> list[TakeReady]:
        return [event for event in self if isinstance(event, TakeReady)]


def run(request, heard: Heard | None = None) -> Heard:
    heard = Heard() if heard is None else heard
    Studio().handle(request, heard.context())
    return heard


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
