"""The summary next to a job list: the outcome of each job. Several programs may run one list and write one summary.

Paths below the summary's folder are relative to it, so that it can be read where that folder has another name.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable, Collection
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ..errors import EXIT_BAD_INPUT, EXIT_CANCELLED, EXIT_DONE, EXIT_FAILED, EXIT_TRY_AGAIN, BadInputError, printable
from ..files import is_file, output_error, write_json
from ..inputs import InputKind, read_json
from ..schema import read
from ..wire.protocol import TakeReady
from ..words import say, say_count
from .job_list import BUSY, CANCELLED, DONE, FAILED, RUNNING, WAITING, Entry, beside
from .list_file import locked

MARK = "soliloquy_batch"
"""Key that marks a summary as ours; its value is the version."""
_VERSION = 2
_SUMMARY = InputKind(noun="summary", code="summary", most_bytes=64 << 20)
_STATES = (WAITING, RUNNING, DONE, FAILED, CANCELLED, BUSY)
_PLACES = ("folder", "job", "motion", "curves", "curves_extracted", "frames", "contact")
"""What of an announced take are paths. Those after the first two lie directly in its folder."""
NowAt = Callable[[Path], Path]
"""Says where a folder of a take is now; takes of an unsaved .blend move when that is saved."""
_DAMAGE = (KeyError, TypeError, ValueError, AttributeError, OverflowError, BadInputError)
"""Errors of a job's record that isn't as we write it."""


def where_it_was(path: Path) -> Path:
    """For programs that move no takes."""
    return path


def summary_path(path: Path) -> Path:
    """Path of a list's summary."""
    return path.with_name(f"{path.stem}-summary.json")


def counts(entries: list[Entry]) -> dict[str, int]:
    """Number of entries by status."""
    return _counts([entry.status for entry in entries])


def _counts(states: list[Any]) -> dict[str, int]:
    return {state: number for state in _STATES if (number := states.count(state))}


def write_summary(
    entries: list[Entry], path: Path, own: Collection[str] | None = None, *, partial: bool = False
) -> None:
    """Write the outcome of all jobs.

    ``own`` are the keys of the entries whose state this program has set, None for all of them. What another program
    has written about the others stays. If the entries are a part of a list (``partial``), the records of its other jobs
    stay too. A file that is no summary, or a damaged one, is kept under another name.
    Raises SoliloquyError if the file can't be written, or if another program writes it for long.
    """
    with locked(path):
        stored = _stored_or_set_aside(path)
        jobs = []
        for entry in entries:
            entry.made_from = entry.made_from or entry.fingerprint()
            record = _record(entry, path.parent)
            theirs = None if own is None or entry.key in own else stored.get(_identity(record, path.parent))
            jobs.append(theirs or record)
        if partial:
            jobs = list((stored | {_identity(job, path.parent): job for job in jobs}).values())
        write_json(path, {MARK: _VERSION, "counts": _counts([job["status"] for job in jobs]), "jobs": jobs})


def _record(entry: Entry, folder: Path) -> dict[str, Any]:
    """An entry as a summary in ``folder`` stores it; a take without the request's id, which is meaningless there."""
    facts = {name: getattr(entry, name) for name in ("name", "status", "attempts", "seconds", "error", "code")}
    facts |= {name: beside(Path(getattr(entry.request, name)), folder) for name in ("audio", "portrait", "out")}
    takes = [{name: value for name, value in asdict(take).items() if name != "id"} for take in entry.takes]
    for take in takes:
        take |= {name: beside(Path(take[name]), folder) for name in _PLACES if take[name] is not None}
    return facts | {"made_from": entry.made_from, "takes": takes}


def _identity(job: dict[str, Any], folder: Path) -> tuple[Any, Any, str]:
    """What tells a job's record in a summary in ``folder`` from the others: content, name, folder for its takes."""
    return job["made_from"], job["name"], _whole(job.get("out", ""), folder)


def _whole(out: str, folder: Path) -> str:
    """The whole path of a job's folder for takes, which is relative to ``folder`` or absolute."""
    return os.path.normpath(folder / out)


def _stored_or_set_aside(path: Path) -> dict[tuple[Any, Any, str], dict[str, Any]]:
    """Readable records of a summary by job; a file that holds none of ours gets another name."""
    try:
        jobs = _read(path)
    except BadInputError:
        if is_file(path) and path.stat().st_size:
            _set_aside(path)
        return {}
    found = {}
    for job in jobs:
        try:
            if job["status"] in _STATES:
                found[_identity(job, path.parent)] = job
        except _DAMAGE:
            continue
    return found


def _set_aside(path: Path) -> None:
    names = (path.with_name(f"{path.stem}-unreadable-{number}{path.suffix}") for number in itertools.count(1))
    try:
        path.rename(next(name for name in names if not name.exists()))
    except OSError as error:
        raise output_error(error, path) from error


def _read(path: Path) -> list[Any]:
    """The records of a summary; none if there is no file. Raises BadInputError."""
    try:
        data = read_json(path, _SUMMARY)
    except BadInputError as error:
        if error.code == f"{_SUMMARY.code}_missing":
            return []
        raise
    if not isinstance(data, dict) or MARK not in data or not isinstance(data.get("jobs"), list):
        raise _SUMMARY.unreadable(path, "was not written by Soliloquy")
    return data["jobs"]


def adopt(entries: list[Entry], path: Path, now_at: NowAt = where_it_was) -> str:
    """Set the entries' state from the summary of an earlier run, also one of another version of Soliloquy.

    An entry counts as done only if it was made from the same settings and files and is complete in its folder for
    takes, wherever ``now_at`` finds that. Jobs that ran when the program was killed wait again. An unreadable summary
    changes nothing; the returned sentence says so, and is empty otherwise.
    """
    for entry in entries:
        entry.made_from = entry.fingerprint()
    try:
        jobs = _read(path)
    except BadInputError as error:
        return say("{error} All its jobs are checked again.", error=error.message)
    told, damaged = _by_content(jobs, path.parent)
    for entry in entries:
        job = told.get(_wanted(entry))
        if job is None:
            entry.reset()
            continue
        try:
            _adopt(entry, job, path.parent, now_at)
        except _DAMAGE:
            entry.reset()
            damaged += 1
    if damaged:
        return say_count(
            damaged,
            "1 job in {path} can't be read and is checked again.",
            "{count} jobs in {path} can't be read and are checked again.",
            path=path,
        )
    return ""


def catch_up(entries: list[Entry], path: Path, now_at: NowAt = where_it_was) -> None:
    """Take over what another program has finished meanwhile of the entries that wait here or were busy."""
    open_ones = [entry for entry in entries if entry.status in (WAITING, BUSY)]
    if not open_ones:
        return
    try:
        told, _ = _by_content(_read(path), path.parent)
    except BadInputError:
        return
    for entry in open_ones:
        try:
            job = told.get(_wanted(entry))
            if job is not None and job["status"] == DONE:
                _adopt(entry, job, path.parent, now_at)
        except _DAMAGE:
            continue


def _wanted(entry: Entry) -> tuple[str, str]:
    """The key of an entry's record in `_by_content`."""
    return entry.made_from, os.path.normpath(entry.request.out)


def _by_content(jobs: list[Any], folder: Path) -> tuple[dict[tuple[str, str], dict[str, Any]], int]:
    """Records by the fingerprint of what they were made from and by the folder for takes, which one content may have
    several of; and the number of records without a fingerprint."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    damaged = 0
    for job in jobs:
        if isinstance(job, dict) and isinstance(job.get("made_from"), str):
            key = job["made_from"], _whole(str(job.get("out", "")), folder)
            if found.get(key, {}).get("status") != DONE:  # of equal lines, one may be done and another still waiting
                found[key] = job
        else:
            damaged += 1
    return found, damaged


def _adopt(entry: Entry, job: dict[str, Any], folder: Path, now_at: NowAt) -> None:
    takes = [_announced(take, folder) for take in job["takes"]]
    if job["status"] == DONE:
        out = Path(os.path.normpath(entry.request.out))
        if len(takes) != entry.request.takes or any(Path(take.job).parent != out for take in takes):
            return
        takes = [moved_to(take, now_at(Path(take.folder))) for take in takes]
        if not all(map(is_whole, takes)):
            return
    if job["status"] in (DONE, FAILED, CANCELLED):
        attempts, seconds, code = int(job["attempts"]), float(job["seconds"]), int(job["code"])
        if not math.isfinite(seconds):
            raise ValueError("seconds must be a number")
        entry.status, entry.attempts, entry.seconds = str(job["status"]), attempts, seconds
        entry.error, entry.code, entry.takes = printable(str(job["error"])), code, takes


def _announced(record: dict[str, Any], folder: Path) -> TakeReady:
    """The take of a record in a summary in ``folder``, with whole paths."""
    paths = {name: os.path.normpath(folder / record[name]) for name in _PLACES if record.get(name) is not None}
    return read(TakeReady, {"id": ""} | record | paths)


def moved_to(take: TakeReady, folder: Path) -> TakeReady:
    """The take as it is if its folder, with all that is in it, is now this one."""
    files = {name: getattr(take, name) for name in _PLACES[2:]}
    inside: dict[str, Any] = {
        name: None if path is None else str(folder / Path(path).name) for name, path in files.items()
    }
    return replace(take, folder=str(folder), job=str(folder.parent), **inside)


def is_whole(take: TakeReady) -> bool:
    """Whether a take is on disk with all files that its ``take.json`` names, its first and its last picture."""
    from ..wire.take_file import finished_take  # Blender starts without it

    try:
        return finished_take(Path(take.folder)) is not None
    except ValueError:  # no valid path
        return False


def exit_code(entries: list[Entry]) -> int:
    """0 all done, 130 a job was cancelled or never ran, 2 all failures are bad input, 75 trying again may help, 1 else.

    Trying again may help with jobs that another program works on, and with those that lacked memory or disk.
    """
    codes = {entry.code for entry in entries if entry.status in (FAILED, BUSY)}
    if any(entry.status in (CANCELLED, WAITING, RUNNING) for entry in entries):
        return EXIT_CANCELLED
    for code in (EXIT_FAILED, EXIT_TRY_AGAIN, EXIT_BAD_INPUT):
        if code in codes:
            return code
    return EXIT_FAILED if codes else EXIT_DONE
