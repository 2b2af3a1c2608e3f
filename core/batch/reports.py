"""What a run of a job list prints: lines for people, JSON objects, or the messages of Open Job Description (OpenJD)."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Protocol

from ..errors import EXIT_DONE
from ..plurals import counted
from ..words import duration
from .crew import Crew
from .job_list import BUSY, DONE, FAILED, RUNNING, WAITING, Entry
from .progress import Pace, ProgressLines, how_far


class Report(Protocol):
    """Says how a run goes on."""

    def begins(self, text: str) -> None:
        """What there is to do, in words."""

    def changed(self, entry: Entry) -> None:
        """A job has begun or ended, or is to be tried again."""

    def going_on(self, crew: Crew) -> None:
        """Called many times a second while jobs run."""

    def note(self, text: str) -> None:
        """A sentence about the run."""

    def ended(self, entries: list[Entry], outcome: str, code: int) -> None:
        """The run is over. ``outcome`` names the summary's file, ``code`` is the exit code."""


class PlainReport:
    """Lines for people; failures and notes go to the standard error."""

    def __init__(self) -> None:
        self._lines = ProgressLines()

    def begins(self, text: str) -> None:
        print(f"soliloquy: {text}", flush=True)

    def changed(self, entry: Entry) -> None:
        words = {
            RUNNING: "started",
            DONE: f"done, {counted(len(entry.takes), 'take')} in {duration(entry.seconds)}",
            WAITING: f"trying again: {entry.error}",
            BUSY: entry.error,
        }
        text = words.get(entry.status, f"{entry.status} after {counted(entry.attempts, 'attempt')}: {entry.error}")
        self._lines.finish()
        print(f"soliloquy: {entry.name}: {text}", flush=True, file=sys.stderr if entry.status == FAILED else sys.stdout)

    def going_on(self, crew: Crew) -> None:
        running = [f"{entry.name}: {how_far(entry.stage, entry.share, entry.left)}" for entry in crew.running]
        waiting = sum(entry.status == WAITING for entry in crew.entries)
        more = [f"{counted(waiting, 'job')} waiting"] if waiting else []
        self._lines.say(f"soliloquy: {'; '.join([*(running or ['starting the worker']), *more])}")

    def note(self, text: str) -> None:
        self._lines.finish()
        print(f"soliloquy: {text}", file=sys.stderr)

    def ended(self, entries: list[Entry], outcome: str, code: int) -> None:
        self._lines.finish()
        done = sum(entry.status == DONE for entry in entries)
        print(f"{done} of {counted(len(entries), 'job')} done; summary: {outcome}", flush=True)


class JsonReport:
    """One JSON object a line on the standard output, for programs.

    ``{"job": NAME, "status": …}`` with what the summary says of a job, ``{"share": …, "running": {NAME: …}}`` every few
    seconds (shares are 0 … 1), ``{"note": …}``, and at last ``{"summary": FILE, "exit_code": …}``.
    """

    def __init__(self) -> None:
        self._pace = Pace()

    def begins(self, text: str) -> None:
        self.note(text)

    def changed(self, entry: Entry) -> None:
        facts = {"job": entry.name, "status": entry.status, "attempts": entry.attempts, "seconds": entry.seconds}
        _print_json(facts | {"error": entry.error, "takes": [take.folder for take in entry.takes]})

    def going_on(self, crew: Crew) -> None:
        if self._pace.is_due():
            _print_json({"share": share_of(crew.entries), "running": {e.name: e.share for e in crew.running}})

    def note(self, text: str) -> None:
        _print_json({"note": text})

    def ended(self, entries: list[Entry], outcome: str, code: int) -> None:
        _print_json({"summary": outcome, "exit_code": code})


class OpenJdReport(PlainReport):
    """Lines for people, with OpenJD's messages about progress, status and failure between them.

    Source: Open Job Description, "How Jobs Are Run" (``openjd_progress: PERCENT``, ``openjd_status: TEXT``,
    ``openjd_fail: TEXT``), each at the start of a line of the standard output.
    """

    def __init__(self) -> None:
        super().__init__()
        self._pace = Pace()

    def going_on(self, crew: Crew) -> None:
        if self._pace.is_due():
            running = ", ".join(f"{entry.name}: {entry.stage}" for entry in crew.running)
            _say("progress", f"{100 * share_of(crew.entries):.1f}")
            _say("status", running or "starting the worker")

    def ended(self, entries: list[Entry], outcome: str, code: int) -> None:
        super().ended(entries, outcome, code)
        _say("progress", f"{100 * share_of(entries):.1f}")
        if code != EXIT_DONE:
            failed = [f"{entry.name}: {entry.error or entry.status}" for entry in entries if entry.status != DONE]
            _say("fail", "; ".join(failed))


REPORTS: Mapping[str, type[Report]] = {"plain": PlainReport, "json": JsonReport, "openjd": OpenJdReport}
"""Reports by the name that ``--progress`` gives them."""


def share_of(entries: list[Entry]) -> float:
    """How much of a list is done, 0 … 1; each job counts the same."""
    done = sum(1.0 if entry.status == DONE else entry.share if entry.status == RUNNING else 0.0 for entry in entries)
    return round(done / max(len(entries), 1), 4)


def _print_json(facts: Mapping[str, object]) -> None:
    print(json.dumps(facts, ensure_ascii=False), flush=True)


def _say(kind: str, text: str) -> None:
    print(f"openjd_{kind}: {' '.join(text.split())}", flush=True)
