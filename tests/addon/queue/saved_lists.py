"""Lists of jobs that are saved and read again."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from soliloquy.addon.queue import batch

NAMES = ("again.csv", "again.json")


def and_read_again(entries: Sequence[batch.Entry], folder: Path) -> Iterator[list[batch.Entry]]:
    """The entries, and as each kind of list gives them back."""
    yield list(entries)
    for name in NAMES:
        batch.save(list(entries), folder / name)
        yield batch.load(folder / name, {})
