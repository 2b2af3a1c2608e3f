"""The file of a job list while several programs use it: a lock, a merge by job, and nothing of others overwritten."""

from __future__ import annotations

import json
import os
import stat
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import BadInputError, SoliloquyError, printable
from ..files import make_folder, output_error, try_lock
from ..words import say
from . import job_list
from .job_list import ROUTE, RUNNING, Entry

ENDINGS = (".csv", ".json")
_PATIENCE = 3.0
"""Seconds to wait for a program that writes the same file; it needs milliseconds."""
_PAUSE = 0.02


# ------------------------------------------------------------------------------------------------- what may be written
def require_ending(path: Path) -> None:
    """Raise BadInputError ``bad_list`` unless the path ends in .csv or .json."""
    if path.suffix.lower() not in ENDINGS:
        raise BadInputError(
            "bad_list",
            say("{path} can't be a job list: its name ends in neither .csv nor .json.", path=path),
            say("Choose a file with one of these endings."),
        )


def require_ours(path: Path) -> None:
    """Raise BadInputError ``not_a_list`` if writing a list there would overwrite a file that is no job list.

    A list that was written by hand counts as one; so does a file without content.
    """
    require_ending(path)
    try:
        found = path.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise output_error(error, path) from error
    try:
        whole = stat.S_ISREG(found.st_mode) and (found.st_size == 0 or job_list.is_list(path))
    except BadInputError:
        whole = False
    if not whole:
        raise BadInputError(
            "not_a_list",
            say("{path} is not a job list, and is not overwritten.", path=path),
            say("Save the list in another file."),
        )


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other programs from writing ``path``. The lock is a file next to it, which is gone afterwards.

    Raises SoliloquyError ``list_busy`` if another program holds the lock for long, and the errors of
    `core.files.written_beside` if the folder can't be written to.
    """
    lock = make_folder(path.parent) / f".{path.name}.lock"
    stream = _opened(lock, path)
    try:
        yield
    finally:
        with suppress(OSError):  # on Windows an open file can't be deleted
            lock.unlink()
        stream.close()
        if os.name == "nt":
            with suppress(OSError):
                lock.unlink()


def _opened(lock: Path, path: Path) -> BinaryIO:
    """The lock's file, open and locked."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            stream = lock.open("a+b")
        except OSError as error:
            if os.name != "nt" or time.monotonic() > end:  # on Windows: it is being deleted
                raise output_error(error, path) from error
        else:
            if try_lock(stream.fileno()) and _is_there(lock, stream):
                return stream
            stream.close()
        if time.monotonic() > end:
            raise SoliloquyError(
                "list_busy", say("Another program is writing {path}.", path=path), say("Try again in a moment.")
            )
        time.sleep(_PAUSE)


def _is_there(lock: Path, stream: BinaryIO) -> bool:
    """Whether the open file is the one at the path; the program that held the lock before deletes its file."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), lock.stat())
    except OSError:
        return False


# -------------------------------------------------------------------------------------------------------------- merging
def identity(entry: Entry) -> str:
    """What two programs know a job by: its name, its place in a .blend, its settings, and its transcript's file."""
    words = [printable(getattr(entry, name)).strip() for name in ("name", *ROUTE)]
    words += [] if entry.transcript_file is None else [str(entry.transcript_file)]
    settings = {name: value for name, value in asdict(entry.request).items() if name not in job_list.ELSEWHERE}
    return json.dumps([words, _normal(settings)], sort_keys=True)


def identities(entries: list[Entry]) -> Counter[str]:
    """How often each job is in a list."""
    return Counter(map(identity, entries))


def merged(ours: list[Entry], known: Counter[str], theirs: list[Entry]) -> list[Entry]:
    """Our list with the changes that another program has made in the file.

    ``known`` is the file as we read or wrote it last, ``theirs`` is the file now. Jobs that were added there are
    appended. Jobs that were removed there are left out, unless they run here.
    """
    now = identities(theirs)
    removed, added = known - now, now - known
    kept = []
    for entry in ours:
        name = identity(entry)
        if removed[name] > 0 and entry.status != RUNNING:
            removed[name] -= 1
        else:
            kept.append(entry)
    added -= identities(kept) - known  # both programs have added the same job
    new = []
    for entry in reversed(theirs):
        name = identity(entry)
        if added[name] > 0:
            added[name] -= 1
            new.append(entry)
    return kept + new[::-1]


def _normal(value: Any) -> Any:
    """A value as it is after it was written to a file and read again."""
    if isinstance(value, dict):
        return {name: _normal(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_normal(item) for item in value]
    if isinstance(value, str):
        return value.strip()
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
