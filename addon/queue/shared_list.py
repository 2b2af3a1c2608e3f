"""An open job list whose file other programs may change too: their changes are taken over before ours are written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...core.batch import job_list, list_file, summary
from ...core.batch.job_list import Entry
from ...core.errors import BadInputError
from ...core.files import make_folder
from ..properties import output


@dataclass
class SharedList:
    """The entries of a list, and the file they are kept in; None while there is no file.

    ``defaults`` are settings for `job_list.load`. ``known`` are the jobs in the file as it was read or written last,
    and ``stamp`` is its state on the disk then. ``is_ours`` says whether it is known that the file may be overwritten.
    """

    path: Path | None = None
    entries: list[Entry] = field(default_factory=list)
    defaults: dict[str, Any] = field(default_factory=dict)
    known: Counter[str] = field(default_factory=Counter)
    stamp: list[int] = field(default_factory=list)
    is_ours: bool = False

    def open(self, file: Path) -> str:
        """Read a list with the state of its jobs; returns a sentence if that state can't be read.

        Raises BadInputError if the list can't be read; then nothing has changed.
        """
        list_file.require_ending(file)
        stamp, found = _stamp(file), job_list.load(file, self.defaults, may_be_empty=True)
        told = summary.adopt(found, summary.summary_path(file), output.now_at)
        self.path, self.entries, self.stamp = file, found, stamp
        self.known, self.is_ours = list_file.identities(found), False
        return told

    def begin(self, file: Path) -> None:
        """Use a file that isn't there yet. Raises BadInputError for another ending than a list's."""
        list_file.require_ending(file)
        self.path, self.known, self.stamp, self.is_ours = file, Counter(), [], False

    def save_as(self, file: Path) -> None:
        """Save the list in another file and use that from now on.

        Raises SoliloquyError if it can't be written, BadInputError ``not_a_list`` if another file would be overwritten.
        """
        list_file.require_ours(file)
        with list_file.locked(file):
            self._save(file)
        self.path = file
        summary.write_summary(self.entries, summary.summary_path(file))

    def change(self, change: Callable[[], Collection[str]]) -> None:
        """Take over what other programs have changed in the file, make a change, write the list and the summary.

        ``change`` returns the keys of the entries whose state it has set. It isn't called if the file is not a job
        list: then this raises BadInputError ``not_a_list``. Raises SoliloquyError if a file can't be written.
        """
        if self.path is None:
            change()
            return
        make_folder(self.path.parent)
        with list_file.locked(self.path):
            changed = _stamp(self.path) != self.stamp
            if changed or not self.is_ours:
                list_file.require_ours(self.path)
            if changed:
                self._take_over(self.path)
            own = change()
            self._save(self.path)
        outcome = summary.summary_path(self.path)
        summary.catch_up([entry for entry in self.entries if entry.key not in own], outcome, output.now_at)
        summary.write_summary(self.entries, outcome, own)

    def others(self) -> list[Entry]:
        """Entries that another program has added to the file since it was used here."""
        if self.path is None or _stamp(self.path) == self.stamp:
            return []
        try:
            ours = list_file.identities(self.entries)
            theirs = job_list.load(self.path, self.defaults, may_be_empty=True)
        except BadInputError:
            return []
        return [entry for entry in theirs if list_file.identity(entry) not in ours]

    def _save(self, file: Path) -> None:
        job_list.save(self.entries, file)
        self.known, self.stamp, self.is_ours = list_file.identities(self.entries), _stamp(file), True

    def _take_over(self, file: Path) -> None:
        """Bring in what another program has changed; a file that is gone or empty says nothing."""
        if not _stamp(file)[:1] > [0]:
            return
        theirs = job_list.load(file, self.defaults, may_be_empty=True)
        before = {entry.key for entry in self.entries}
        self.entries[:] = list_file.merged(self.entries, self.known, theirs)
        new = [entry for entry in self.entries if entry.key not in before]
        summary.adopt(new, summary.summary_path(file), output.now_at)


def _stamp(file: Path) -> list[int]:
    """Size, time and number of a file on the disk; empty if there is none."""
    try:
        found = file.stat()
    except (OSError, ValueError):
        return []
    return [found.st_size, found.st_mtime_ns, found.st_ino]
