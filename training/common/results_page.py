"""Measured tables: each is a file of its own under ``docs/results/tables``, and pages show copies of these files.

A command that measures something makes a :class:`Table` and hands it to :func:`show`, which prints it and writes
``tables/NAME.md``. A page next to that folder shows a table where it has the marks ``<!-- measured: NAME -->`` and
``<!-- end: NAME -->``: :func:`embed` puts a copy of the file between them, with its heading two levels lower. The files
are the only source, and nobody edits them or the copies by hand.
"""

from __future__ import annotations

import argparse
import datetime
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import SoliloquyError
from core.files import make_folder, write_bytes

TABLES = "tables"
"""Folder of the tables, inside the folder of the pages."""
_PLACE = re.compile(r"<!-- measured: ([\w/-]+) -->\n(.*?)<!-- end: \1 -->", re.DOTALL)
_MARK = re.compile(r"<!-- (?:measured|end): ([\w/-]+) -->")


@dataclass(frozen=True)
class Table:
    """One measured table.

    Attributes
    ----------
    name
        Path of its file in the folder of tables, without suffix: letters, digits, hyphens, slashes.
    title
        Heading.
    command
        The command that measured it.
    columns, rows
        Names of the columns; text of the cells (:func:`number` formats a number).
    notes
        What the reader has to know about the numbers: one paragraph each.
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

    def part(self, name: str, title: str, columns: Sequence[str], notes: tuple[str, ...] = ()) -> Table:
        """A table with some of the columns, in the order given, and its own notes. A missing column raises
        ValueError."""
        if missing := set(columns) - set(self.columns):
            raise ValueError(f"{self.name} has no column {', '.join(sorted(missing))}")
        places = [self.columns.index(column) for column in columns]
        rows = tuple(tuple(row[place] for place in places) for row in self.rows)
        return replace(self, name=name, title=title, columns=tuple(columns), rows=rows, notes=notes)

    def markdown(self, day: datetime.date) -> str:
        """The text of the table's file: heading, command, date, table and notes."""
        head = f"# {self.title}\n\nWritten by `{self.command}` on {day.isoformat()}.\n\n"
        lines = [f"| {' | '.join(row)} |" for row in (self.columns, ("---",) * len(self.columns), *self.rows)]
        return head + "\n".join(lines) + "\n" + "".join(f"\n{note}\n" for note in self.notes)


def number(value: float, digits: int = 3) -> str:
    """A number with ``digits`` digits after the point; a dash for NaN."""
    return "–" if value != value else f"{value:.{digits}f}"


def interval(values: Sequence[float], digits: int = 2) -> str:
    """Mean and half of the 95 % interval of repeated measurements (normal approximation): ``4.68 ± 0.12``."""
    mean = sum(values) / len(values)
    if len(values) < 2:
        return number(mean, digits)
    deviation = (sum((value - mean) ** 2 for value in values) / (len(values) - 1)) ** 0.5
    return f"{number(mean, digits)} ± {number(1.96 * deviation / len(values) ** 0.5, digits)}"


def embedded(text: str, tables: Path, page: Path) -> str:
    """The text of a page with each place filled from the table files.

    Raises SoliloquyError: ``results_no_place`` if a mark has no partner, ``results_no_table`` if a table has no file.
    """
    places = list(_PLACE.finditer(text))
    marked = sorted(_MARK.findall(text))
    if marked != sorted(2 * [place[1] for place in places]):
        raise SoliloquyError(
            "results_no_place",
            f"A mark in {page} has no partner: {', '.join(dict.fromkeys(marked))}.",
            "Write <!-- measured: NAME --> and, on a later line, <!-- end: NAME --> for each table.",
        )

    def filled(place: re.Match[str]) -> str:
        file = tables / f"{place[1]}.md"
        if not file.is_file():
            raise SoliloquyError(
                "results_no_table", f"{page} shows a table that was never measured: {file}.", "Measure it first."
            )
        table = file.read_text(encoding="utf-8")
        return f"<!-- measured: {place[1]} -->\n##{table}<!-- end: {place[1]} -->"

    return _PLACE.sub(filled, text)


def embed(results: Path) -> list[Path]:
    """Copy the table files of the folder ``results`` into its pages again; returns the pages that changed.

    Raises SoliloquyError as :func:`embedded` does, before any page is written.
    """
    pages = {page: page.read_text(encoding="utf-8") for page in sorted(results.glob("*.md"))}
    filled = {page: embedded(text, results / TABLES, page) for page, text in pages.items()}
    changed = [page for page in pages if filled[page] != pages[page]]
    for page in changed:
        write_bytes(page, filled[page].encode())
    return changed


def add_results_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--results``, the folder that :func:`show` writes to."""
    parser.add_argument(
        "--results", type=Path, metavar="DIR", help="also write the table there and into the pages (docs/results)"
    )


def command_line(module: str, arguments: Sequence[str]) -> str:
    """A command as its table names it: without the options for the place of the results."""
    kept: list[str] = []
    left_out = ("--results", "--out")
    given = iter(arguments)
    for argument in given:
        if argument in left_out:
            next(given, None)
        elif not argument.startswith(tuple(f"{name}=" for name in left_out)):
            kept.append(argument)
    return shlex.join(["python", "-m", module, *kept])


def show(table: Table, results: Path | None) -> None:
    """Print a table with today's date; with a folder ``results``, also write its file and the pages that show it."""
    text = table.markdown(datetime.date.today())
    print(text)
    if results is not None:
        file = results / TABLES / f"{table.name}.md"
        make_folder(file.parent)
        write_bytes(file, text.encode())
        embed(results)
