"""Job lists: a CSV or JSON file of takes to make.

The panel's queue, ``--command soliloquy batch`` and ``python -m core batch`` read the same list and the `summary` next
to it. A list can be run again at any time: `summary.adopt` finds the complete jobs, and `crew` runs only the others.
"""

from __future__ import annotations

import csv
import dataclasses
import functools
import hashlib
import io
import json
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import tables
from ..errors import EXIT_DONE, BadInputError, printable
from ..files import file_digest, write_bytes, write_json
from ..inputs import InputKind, read_input, shown
from ..phones.transcripts import given_transcript, named_file, quoted, read_transcript
from ..schema import build
from ..wire.options import number_or_text
from ..wire.protocol import FILMS, Generate, TakeReady, version
from ..words import later, say

WAITING, RUNNING, DONE = later("waiting"), later("running"), later("done")
FAILED, CANCELLED, BUSY = later("failed"), later("cancelled"), later("busy")
"""States of a job. A busy job is one that another program works on."""
MARK = "soliloquy_queue"
"""Key of a JSON list that Soliloquy wrote. A CSV list is known by its header."""
_FORMAT = 1
ROUTE = ("scene", "strip", "character")
"""Columns that say where a .blend file puts the takes; they have no effect outside that file."""
NEVER = ("restorer",)
"""Settings that no list holds: it may come from somebody else, and they name a program."""
_FIELDS = {spec.name: spec for spec in dataclasses.fields(Generate) if spec.name not in NEVER}
_PATHS = ("audio", "portrait", "out")
ELSEWHERE = ("device",)
"""Settings that depend on the computer, and so are not written into a list."""
_YES, _NO = {"1", "true", "yes", "y", "on", "wahr", "ja"}, {"", "0", "false", "no", "n", "off", "falsch", "nein"}
_PARTS, _PART = 3, 64 << 10
"""How many parts of a large file are read, and their bytes: its beginning, its middle, its end."""
JOB_LIST = InputKind(noun="job list", code="list", most_bytes=64 << 20)


@dataclass
class Entry:
    """One line of a job list, and its state.

    ``key`` identifies it in this session. ``takes`` are the finished takes as the worker announced them, ``made_from``
    is the `fingerprint` of what they were made from. ``seconds`` is the time of all attempts. ``transcript_file`` is
    the file that the list names in place of the words; like the sound it is read when the job runs.
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
    transcript_file: Path | None = None
    key: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def place(self) -> tuple[str, str, str]:
        """Where its takes go: the folder, the scene and the strip."""
        return self.request.out, self.scene, self.strip

    def reset(self) -> None:
        """Back to the state before the first run."""
        self.status, self.attempts, self.seconds = WAITING, 0, 0.0
        self.error, self.code, self.takes, self.share, self.left = "", EXIT_DONE, [], 0.0, None

    def fingerprint(self) -> str:
        """Digest of everything that its takes depend on: the settings, and the files as `_digest` knows them.

        Paths don't count, so it is the same on another computer, and where the list's folder has another name.
        """
        settings = dataclasses.asdict(self.request)
        files = {name: settings.pop(name) for name in ("audio", "portrait", *FILMS)}
        contents = {name: _digest(Path(path)) for name, path in files.items() if path}
        if self.transcript_file is not None:
            contents["transcript"] = _digest(self.transcript_file)
        wanted = {name: value for name, value in settings.items() if name not in ("out", *ELSEWHERE, *NEVER)}
        return hashlib.sha256(json.dumps([version(), wanted, contents], sort_keys=True).encode()).hexdigest()[:16]

    def wanted(self) -> Generate:
        """The request with the words that its file holds now. Raises BadInputError as `read_transcript`."""
        if self.transcript_file is None:
            return self.request
        return dataclasses.replace(self.request, transcript=read_transcript(self.transcript_file))


def _digest(path: Path) -> str:
    """What a file is known by, without its path; empty if it can't be read.

    A small file is known by its content. Of a large one only parts are read, because this happens in a turn of
    Blender's window; so its size and the second of its last change count too.
    """
    try:
        facts = path.stat()
        return _digest_of(path, facts.st_size, facts.st_mtime_ns)
    except (OSError, ValueError):  # ValueError: no valid path
        return ""


@functools.lru_cache(maxsize=4096)
def _digest_of(path: Path, size: int, changed: int) -> str:
    """The same, computed once for each state of the file. Raises OSError."""
    if size <= _PARTS * _PART:
        return file_digest(path)
    digest = hashlib.sha256(f"{size} {changed // 10**9}".encode())
    with path.open("rb") as stream:
        for part in range(_PARTS):
            stream.seek((size - _PART) * part // (_PARTS - 1))
            digest.update(stream.read(_PART))
    return digest.hexdigest()


# ------------------------------------------------------------------------------------------------------------ the list
def load(path: Path, defaults: dict[str, Any], *, may_be_empty: bool = False) -> list[Entry]:
    """Entries of a list. Paths are relative to the list's folder; missing settings come from ``defaults``.

    Columns or keys are the settings of `core.wire.protocol.Generate`, ``name``, and the place in a .blend file
    (``scene``, ``strip``, ``character``), in any capitals. A table is read as spreadsheets write it (`core.tables`).
    ``transcript`` holds words, or the name of a text file (`core.phones.transcripts`).
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
            say("The job list {path} can't be read ({error}).", path=path, error=shown(str(error))),
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


def is_list(path: Path) -> bool:
    """Whether a file is a job list as a whole: written by us, or by hand and with nothing else in it.

    Raises BadInputError if it can't be read, or if a line of it is no job.
    """
    if path.suffix.lower() == ".json":
        load(path, {"out": "."}, may_be_empty=True)
        data = json.loads(tables.text_of(_content(path)))
        return isinstance(data, list) or MARK in data or data.keys() == {"jobs"}
    columns = {_column(name) for name in tables.header_of(tables.text_of(_content(path)))}
    load(path, {"out": "."}, may_be_empty=True)
    return {"audio", "portrait"} <= columns <= {"name", *ROUTE, *_FIELDS}


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
    name = printable(str(given.pop("name", f"job {number}")))
    route = {key: printable(str(given.pop(key))) for key in ROUTE if key in given}
    if unknown := sorted(set(given) - set(_FIELDS)):
        columns = ", ".join(("name", *ROUTE, *_FIELDS))
        raise BadInputError(
            "bad_list",
            say("There is no column “{unknown}”.", unknown=shown(unknown[0])),
            say("Columns: {columns}.", columns=columns),
        )
    values = defaults | {key: _typed(key, value) for key, value in given.items()}
    for key in _PATHS:
        if key not in values:
            raise BadInputError("bad_list", say("“{key}” is missing.", key=key), say("Add a column {key}.", key=key))
        values[key] = str((folder / str(values[key])).absolute())
    values |= {key: str((folder / str(values[key])).absolute()) for key in FILMS if values.get(key)}
    file = None
    if isinstance(written := values.get("transcript"), str):
        file = named_file(written, folder)
        values["transcript"] = given_transcript(written, folder) if file is None else ""
    entry = Entry(name, build(Generate, values), transcript_file=None if file is None else file.absolute())
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
        if kind.startswith("int | str"):
            return number_or_text(text)
        if kind.startswith("int"):
            return int(text)
        if kind.startswith("float"):
            return tables.number(text)
        if key == "style":
            return json.loads(text)
    except (RecursionError, ValueError) as error:
        raise BadInputError(
            "bad_list",
            say("“{text}” is not a valid value for {key}.", text=shown(text), key=key),
            say(_HINTS[kind.split()[0]]),
        ) from error
    if kind == "bool":
        if text.lower() not in _YES | _NO:
            raise BadInputError(
                "bad_list",
                say("“{text}” is neither yes nor no for {key}.", text=shown(text), key=key),
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
        return write_json(path, {MARK: _FORMAT, "jobs": rows})
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
        if key in NEVER:
            continue
        if key in _PATHS or (key in FILMS and value):
            row[key] = beside(Path(value), folder)
        elif key == "transcript":
            words = quoted(value) if entry.transcript_file is None else beside(entry.transcript_file, folder)
            row |= {key: words} if words else {}
        elif key not in ELSEWHERE and getattr(entry.request, key) != _FIELDS[key].default:
            row[key] = value
    return row


def beside(path: Path, folder: Path) -> str:
    """A path as a file in ``folder`` holds it: relative if it leads below."""
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return json.dumps(value) if isinstance(value, dict) else value
