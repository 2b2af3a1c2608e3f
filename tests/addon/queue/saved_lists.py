"""Lists of jobs that are saved and read again."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from soliloquy.core.batch import job_list

NAMES = ("again.csv", "again.json")


def and_read_again(entries: Sequence[job_list.Entry], folder: Path) -> Iterator[list[job_list.Entry]]:
    """The entries, and as each kind of list gives them back."""
    yield list(entries)
    for name in NAMES:
        job_list.save(list(entries), folder / name)
        yield job_list.load(folder / name, {})
