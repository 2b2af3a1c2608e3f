"""Job lists: a CSV or JSON file of takes to be made, run one after the other, with a summary that says how each went.

A list may be run again at any time: the same line finds the same job, its finished takes stay as they are, and only
what is missing is made. No ``bpy`` here; the caller hands in how one request is run.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.errors import EXIT_BAD_INPUT, EXIT_CANCELLED, EXIT_DONE, EXIT_FAILED, BadInputError, SoliloquyError
from ..core.files import write_json
from ..core.protocol import Generate, TakeReady
from ..core.schema import checked

_FIELDS = {spec.name: spec for spec in dataclasses.fields(Generate)}
_PATHS = ("audio", "portrait", "out")
_YES, _NO = {"1", "true", "yes", "on"}, {"", "0", "false", "no", "off"}
Run = Callable[[Generate], list[TakeReady]]
"""Makes a request's takes; raises SoliloquyError."""


@dataclass
class Entry:
    """One line of a job list, and how it went."""

    name: str
    request: Generate
    status: str = "waiting"
    attempts: int = 0
    seconds: float = 0.0
    error: str = ""
    code: int = EXIT_DONE
    takes: list[dict[str, Any]] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """For the summary file."""
        facts = {key: value for key, value in dataclasses.asdict(self).items() if key not in ("request", "code")}
        return facts | {"audio": self.request.audio, "portrait": self.request.portrait}


def load(path: Path, defaults: dict[str, Any]) -> list[Entry]:
    """Entries of a list. Paths are relative to the list's folder; what a line leaves out comes from ``defaults``.

    Columns or keys are the settings of `core.protocol.Generate` and ``name``. Raises BadInputError that names the
    line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".json":
            data = json.loads(text)
            rows = data["jobs"] if isinstance(data, dict) else data
            if not all(isinstance(row, dict) for row in rows):
                raise ValueError("each job must be an object")
        else:
            rows = list(csv.DictReader(text.splitlines()))
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise BadInputError("bad_list", f"The job list {path} can't be read ({error}).", "See the guide.") from error
    if not rows:
        raise BadInputError("bad_list", f"The job list {path} holds no jobs.", "Give each job a line.")
    entries = []
    for number, row in enumerate(rows, 1):
        try:
            entries.append(_entry(number, row, path.parent, defaults))
        except BadInputError as error:
            where = f"Job {number} of {path.name}: {error.message}"
            raise BadInputError(error.code, where, error.hint) from error
    return entries


def _entry(number: int, row: dict[str, Any], folder: Path, defaults: dict[str, Any]) -> Entry:
    given = {str(key).strip(): value for key, value in row.items() if value not in (None, "") and key}
    name = str(given.pop("name", f"job {number}"))
    if unknown := sorted(set(given) - set(_FIELDS)):
        raise BadInputError("bad_list", f"There is no column “{unknown[0]}”.", f"Columns: name, {', '.join(_FIELDS)}.")
    values = defaults | {key: _typed(key, value) for key, value in given.items()}
    for key in _PATHS:
        if key not in values:
            raise BadInputError("bad_list", f"“{key}” is missing.", f"Add a column {key}.")
        values[key] = str((folder / str(values[key])).absolute())
    return Entry(name, checked(Generate(**values)))


def _typed(key: str, value: Any) -> Any:
    """Text of a CSV cell as the setting's own type; values of a JSON file are as they are."""
    if not isinstance(value, str):
        return value
    kind, text = str(_FIELDS[key].type), value.strip()
    try:
        if kind.startswith("int"):
            return int(text)
        if kind.startswith("float"):
            return float(text)
    except ValueError as error:
        raise BadInputError("bad_list", f"“{text}” is no number for {key}.", "Write it like 3 or 1.5.") from error
    if kind == "bool":
        if text.lower() not in _YES | _NO:
            raise BadInputError("bad_list", f"“{text}” is neither yes nor no for {key}.", "Write yes or no.")
        return text.lower() in _YES
    return text


def run_all(
    entries: list[Entry], run: Run, summary: Path, retries: int = 1, tell: Callable[[Entry], None] = lambda entry: None
) -> int:
    """Run every entry; returns the exit code: 0 all done, 130 cancelled, 1 something failed, 2 bad input alone.

    The summary is written after each change, so a killed run leaves one too. A failure that is not the input's is
    tried again up to ``retries`` times; one job's failure doesn't stop the others.
    """
    for entry in entries:
        entry.status = "running"
        _save(entries, summary)
        tell(entry)
        begun = time.monotonic()
        while entry.status == "running":
            entry.attempts += 1
            try:
                entry.takes = [_facts(ready) for ready in run(entry.request)]
                entry.status = "done"
            except SoliloquyError as error:
                entry.error, entry.code = str(error), error.exit_code
                if error.exit_code == EXIT_CANCELLED:
                    entry.status = "cancelled"
                elif error.exit_code == EXIT_BAD_INPUT or entry.attempts > retries:
                    entry.status = "failed"
        entry.seconds = round(time.monotonic() - begun, 1)
        if entry.status == "done":
            entry.error, entry.code = "", EXIT_DONE
        _save(entries, summary)
        tell(entry)
        if entry.status == "cancelled":
            return EXIT_CANCELLED
    codes = {entry.code for entry in entries} - {EXIT_DONE}
    return EXIT_DONE if not codes else EXIT_BAD_INPUT if codes == {EXIT_BAD_INPUT} else EXIT_FAILED


def _facts(ready: TakeReady) -> dict[str, Any]:
    return {"index": ready.index, "seed": ready.seed, "folder": ready.folder}


def _save(entries: list[Entry], path: Path) -> None:
    counts: dict[str, int] = {}
    for entry in entries:
        counts[entry.status] = counts.get(entry.status, 0) + 1
    write_json(path, {"soliloquy_batch": 1, "counts": counts, "jobs": [entry.summary() for entry in entries]})
