"""Measured tables in a Markdown page: each stands between two marks, so that a command can replace its own alone."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import SoliloquyError


@dataclass(frozen=True)
class Table:
    """One measured table.

    Attributes
    ----------
    name
        Of its place in the page, letters and hyphens.
    title
        Heading.
    command
        What measured it.
    columns, rows
        Names of the columns; cells, numbers as they are to be read (use :func:`number`).
    notes
        What was measured on what, what to think of it: one paragraph each.
    """

    name: str
    title: str
    command: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{self.name}: a row of {len(row)} cells under {len(self.columns)} columns: {row}")

    def markdown(self, day: datetime.date) -> str:
        """The table with heading, command, date and notes."""
        lines = ["|".join(("", *row, "")) for row in (self.columns, ("---",) * len(self.columns), *self.rows)]
        head = f"### {self.title}\n\n`{self.command}`, {day.isoformat()}\n\n"
        return head + "\n".join(lines) + "\n" + "".join(f"\n{note}\n" for note in self.notes)


def number(value: float, digits: int = 3) -> str:
    """A number with so many digits after the point; a dash where there is none."""
    return "–" if value != value else f"{value:.{digits}f}"


def interval(values: Sequence[float], digits: int = 2) -> str:
    """Mean and half of the 95 % interval of repeated measurements (normal approximation): ``4.68 ± 0.12``."""
    mean = sum(values) / len(values)
    if len(values) < 2:
        return number(mean, digits)
    deviation = (sum((value - mean) ** 2 for value in values) / (len(values) - 1)) ** 0.5
    return f"{number(mean, digits)} ± {number(1.96 * deviation / len(values) ** 0.5, digits)}"


def put(page: Path, table: Table, day: datetime.date) -> None:
    """Replace a table in the page, between ``<!-- measured: NAME -->`` and ``<!-- end: NAME -->``.

    Raises SoliloquyError ``results_no_place`` where the page has no such marks.
    """
    start, end = f"<!-- measured: {table.name} -->", f"<!-- end: {table.name} -->"
    text = page.read_text(encoding="utf-8")
    before, found_start, rest = text.partition(start)
    _, found_end, after = rest.partition(end)
    if not (found_start and found_end):
        raise SoliloquyError(
            "results_no_place", f"{page} has no place for “{table.name}”.", f"Write {start} and {end} where it belongs."
        )
    beside = page.with_suffix(".part")
    beside.write_text(f"{before}{start}\n{table.markdown(day)}{end}{after}", encoding="utf-8")
    beside.replace(page)


def show(table: Table, page: Path | None) -> None:
    """Print a table of today, and put it into the page where one is given."""
    day = datetime.date.today()
    print(table.markdown(day))
    if page is not None:
        put(page, table, day)
