"""Job lists: a CSV or JSON file of takes to make, and a summary next to it with the outcome of each job.

The panel's queue and ``--command soliloquy batch`` read and write the same two files. A list can be run again at any
time: `adopt` finds the complete jobs in the summary, and `crew` runs only the others.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import json
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...core import tables
from ...core.errors import EXIT_BAD_INPUT, EXIT_CANCELLED, EXIT_DONE, EXIT_FAILED, BadInputError
from ...core.files import write_bytes, write_json
from ...core.inputs import InputKind, read_input
from ...core.schema import build
from ...core.wire.protocol import Generate, TakeReady, version
from ...core.wire.take_file import finished_take
from ..words import later, say

WAITING, RUNNING, DONE = later("waiting"), later("running"), later("done")
FAILED, CANCELLED = later("failed"), later("cancelled")
ROUTE = ("scene", "strip", "character")
"""Columns that say where a .blend file puts the takes; they have no effect outside that file."""
_FIELDS = {spec.name: spec for spec in dataclasses.fields(Generate)}
_PATHS = ("audio", "portrait", "out")
_ELSEWHERE = ("device",)
"""Settings that depend on the computer, and so are not written into a list."""
_YES, _NO = {"1", "true", "yes", "y", "on", "wahr", "ja"}, {"", "0", "false", "no", "n", "off", "falsch", "nein"}
JOB_LIST = InputKind(noun="job list", code="list", most_bytes=64 << 20)


@dataclass
class Entry:
    """One line of a job list, and its state.

    ``key`` identifies it in this session. ``takes`` are the finished takes as the worker announced them, ``made_from``
    is the `fingerprint` of what they were made from. ``seconds`` is the time of all attempts.
    """

    name: str
    request: Generate
    scene: str = ""
    strip: str = ""
    character: str = ""
    status: str = WAITING
    attempts: int = 0
    seconds: float = 0.0
    error: str = ""
    code: int = EXIT_DONE
    takes: list[TakeReady] = field(default_factory=list)
    made_from: str = ""
    stage: str = ""
    share: float = 0.0
    left: float | None = None
    key: str = field(default_factory=lambda: secrets.token_hex(8))

    def reset(self) -> None:
        """Back to the state before the first run."""
        self.status, self.attempts, self.seconds = WAITING, 0, 0.0
        self.error, self.code, self.takes, self.share, self.left = "", EXIT_DONE, [], 0.0, None

    def summary(self) -> dict[str, Any]:
        """The entry as the summary file stores it."""
        facts = {name: getattr(self, name) for name in ("name", "status", "attempts", "seconds", "error", "code")}
        facts |= {"audio": self.request.audio, "portrait": self.request.portrait, "made_from": self.made_from}
        return facts | {"takes": [_told(take) for take in self.takes]}

    def fingerprint(self) -> str:
        """Digest of everything that its takes depend on; of sound and picture it uses size and time of change."""
        settings = dataclasses.asdict(self.request)
        stamps = [_stamp(Path(path)) for path in (self.request.audio, self.request.portrait)]
        wanted = {name: value for name, value in settings.items() if name not in _ELSEWHERE}
        return hashlib.sha256(json.dumps([version(), wanted, stamps], sort_keys=True).encode()).hexdigest()[:16]


def _told(take: TakeReady) -> dict[str, Any]:
    """An announced take without the request's id, which is meaningless elsewhere."""
    return {name: value for name, value in dataclasses.asdict(take).items() if name != "id"}


def _stamp(path: Path) -> list[int]:
    try:
        facts = path.stat()
    except OSError:
        return []
    return [facts.st_size, facts.st_mtime_ns]


# ------------------------------------------------------------------------------------------------------------ the list
def load(path: Path, defaults: dict[str, Any], *, may_be_empty: bool = False) -> list[Entry]:
    """Entries of a list. Paths are relative to the list's folder; missing settings come from ``defaults``.

    Columns or keys are the settings of `core.wire.protocol.Generate`, ``name``, and the place in a .blend file
    (``scene``, ``strip``, ``character``), in any capitals. A table is read as spreadsheets write it (`core.tables`).
    Raises BadInputError, which names the line.
    """
    try:
        text = tables.text_of(_content(path))
        if path.suffix.lower() == ".json":
            data = json.loads(text)
            rows = data["jobs"] if isinstance(data, dict) else data
            if not all(isinstance(row, dict) for row in rows):
                raise ValueError("each job must be an object")
        else:
            rows = list(tables.rows_of(text))
    except (RecursionError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise BadInputError(
            "bad_list",
            say("The job list {path} can't be read ({error}).", path=path, error=error),
            say("See the guide."),
        ) from error
    if not rows and not may_be_empty:
        raise BadInputError(
            "bad_list", say("The job list {path} holds no jobs.", path=path), say("Give each job a line.")
        )
    entries = []
    for number, row in enumerate(rows, 1):
        try:
            entries.append(_entry(number, row, path.parent, defaults))
        except BadInputError as error:
            where = say("Job {number} of {path}: {message}", number=number, path=path.name, message=error.message)
            raise BadInputError(error.code, where, error.hint) from error
    return entries


def _content(path: Path) -> bytes:
    """Bytes of a list, which may be none. Raises ValueError with the reason why it can't be read."""
    try:
        return read_input(path, JOB_LIST)
    except BadInputError as error:
        if error.code == f"{JOB_LIST.code}_empty":
            return b""
        raise ValueError(error.message.rstrip(".")) from error


def _entry(number: int, row: dict[str, Any], folder: Path, defaults: dict[str, Any]) -> Entry:
    given = {_column(str(key)): value for key, value in row.items() if value not in (None, "") and key}
    name = str(given.pop("name", f"job {number}"))
    route = {key: str(given.pop(key)) for key in ROUTE if key in given}
    if unknown := sorted(set(given) - set(_FIELDS)):
        columns = ", ".join(("name", *ROUTE, *_FIELDS))
        raise BadInputError(
            "bad_list",
            say("There is no column “{unknown}”.", unknown=unknown[0]),
            say("Columns: {columns}.", columns=columns),
        )
    values = defaults | {key: _typed(key, value) for key, value in given.items()}
    for key in _PATHS:
        if key not in values:
            raise BadInputError("bad_list", say("“{key}” is missing.", key=key), say("Add a column {key}.", key=key))
        values[key] = str((folder / str(values[key])).absolute())
    entry = Entry(name, build(Generate, values))
    for key, value in route.items():
        setattr(entry, key, value)
    return entry


def _column(name: str) -> str:
    """A column's name as the settings spell it: ``Motion Only`` and ``motion-only`` are ``motion_only``."""
    return "_".join(re.split(r"[\s_-]+", name.strip().lower()))


def _typed(key: str, value: Any) -> Any:
    """The text of a CSV cell in the setting's type; values of a JSON file are returned unchanged."""
    if not isinstance(value, str):
        return value
    kind, text = str(_FIELDS[key].type), value.strip()
    try:
        if kind.startswith("int"):
            return int(text)
        if kind.startswith("float"):
            return tables.number(text)
        if key == "style":
            return json.loads(text)
    except ValueError as error:
        raise BadInputError(
            "bad_list",
            say("“{text}” is not a valid value for {key}.", text=text, key=key),
            say(_HINTS[kind.split()[0]]),
        ) from error
    if kind == "bool":
        if text.lower() not in _YES | _NO:
            raise BadInputError(
                "bad_list",
                say("“{text}” is neither yes nor no for {key}.", text=text, key=key),
                say("Write yes or no."),
            )
        return text.lower() in _YES
    return text


_HINTS = {
    "int": later("Write a whole number, for example 3."),
    "float": later("Write a number, for example 1.5."),
    "PriorStyle": later('Write an object, for example {"liveliness": 0.5}.'),
}


def save(entries: list[Entry], path: Path) -> None:
    """Write a list that `load` reads, as JSON or CSV by the path's extension; paths below its folder become relative.

    Raises SoliloquyError if it can't be written, as `core.files.write_bytes` does.
    """
    rows = [_row(entry, path.parent) for entry in entries]
    if path.suffix.lower() == ".json":
        return write_json(path, {"jobs": rows})
    used = {key for row in rows for key in row}
    columns = [key for key in ("name", *ROUTE, *_FIELDS) if key in used or key in ("name", *_PATHS)]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _cell(value) for key, value in row.items()})
    return write_bytes(path, text.getvalue().encode("utf-8"))


def _row(entry: Entry, folder: Path) -> dict[str, Any]:
    """The entry's name, place, and settings that differ from the defaults."""
    row = {"name": entry.name} | {key: getattr(entry, key) for key in ROUTE if getattr(entry, key)}
    for key, value in dataclasses.asdict(entry.request).items():
        if key in _PATHS:
            place = Path(value)
            row[key] = place.relative_to(folder).as_posix() if place.is_relative_to(folder) else str(place)
        elif key not in _ELSEWHERE and getattr(entry.request, key) != _FIELDS[key].default:
            row[key] = value
    return row


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return json.dumps(value) if isinstance(value, dict) else value


# --------------------------------------------------------------------------------------------------------- the summary
def summary_path(path: Path) -> Path:
    """Path of a list's summary."""
    return path.with_name(f"{path.stem}-summary.json")


def counts(entries: list[Entry]) -> dict[str, int]:
    """Number of entries by status."""
    return {
        status: number
        for status in (WAITING, RUNNING, DONE, FAILED, CANCELLED)
        if (number := sum(entry.status == status for entry in entries))
    }


def write_summary(entries: list[Entry], path: Path) -> None:
    """Write the outcome of all jobs. Raises SoliloquyError if the file can't be written."""
    jobs = [entry.summary() for entry in entries]
    write_json(path, {"soliloquy_batch": 2, "counts": counts(entries), "jobs": jobs})


def adopt(entries: list[Entry], path: Path) -> None:
    """Set the entries' state from the summary of an earlier run.

    An entry counts as done only if it was made from the same settings and files and is complete on disk. Jobs that ran
    when the program was killed wait again. A missing or unreadable summary changes nothing.
    """
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))["jobs"]
        told = {job["made_from"]: job for job in stored}
    except (OSError, ValueError, KeyError, TypeError):
        return
    for entry in entries:
        try:
            entry.made_from = entry.fingerprint()
            _adopt(entry, told[entry.made_from])
        except (KeyError, TypeError, ValueError, AttributeError):
            entry.reset()


def _adopt(entry: Entry, job: dict[str, Any]) -> None:
    takes = [build(TakeReady, {"id": ""} | take) for take in job["takes"]]
    if job["status"] == DONE and not (len(takes) == entry.request.takes and all(map(is_whole, takes))):
        return
    if job["status"] in (DONE, FAILED, CANCELLED):
        entry.status, entry.attempts, entry.seconds = job["status"], int(job["attempts"]), float(job["seconds"])
        entry.error, entry.code, entry.takes = str(job["error"]), int(job["code"]), takes


def is_whole(take: TakeReady) -> bool:
    """Whether a take is on disk with all files that its ``take.json`` names, its first and its last picture."""
    return finished_take(Path(take.folder)) is not None


def exit_code(entries: list[Entry]) -> int:
    """0 all done, 130 a job was cancelled or never ran, 1 a job failed, 2 all failures are bad input."""
    codes = {entry.code for entry in entries if entry.status == FAILED}
    if any(entry.status in (CANCELLED, WAITING, RUNNING) for entry in entries):
        return EXIT_CANCELLED
    return EXIT_DONE if not codes else EXIT_BAD_INPUT if codes == {EXIT_BAD_INPUT} else EXIT_FAILED
