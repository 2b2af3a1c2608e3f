"""Tables as spreadsheets write them: commas, semicolons or tabs, a byte order mark, and names in any capitals.

A spreadsheet with a German locale saves "CSV" with semicolons and decimal commas, "Unicode text" is UTF-16 with tabs,
and Excel puts ``sep=;`` on a line of its own. All of them are read here. Standard library only, because Blender imports
this module.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator

DELIMITERS = ",;\t"
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_WESTERN = "cp1252"
"""Encoding of spreadsheets on Windows that don't write UTF-8."""
_SEPARATOR_LINE = "sep="


def text_of(data: bytes) -> str:
    """The text of a table's bytes: what its byte order mark says, else UTF-8, else the encoding of western Windows.

    Raises ValueError if it is none of them.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode(_WESTERN)


def delimiter_of(header: str) -> str:
    """The character between the columns: the most frequent of `DELIMITERS` outside the quoted parts of ``header``."""
    plain = "".join(header.split('"')[::2])
    return max(DELIMITERS, key=plain.count)


def header_of(text: str) -> list[str]:
    """Names of a table's columns, in order. Raises csv.Error."""
    return _header(_reader(text))


def rows_of(text: str) -> Iterator[dict[str, str]]:
    """Rows of a table as {name of the column: cell}; rows without any content are left out.

    Names and cells come without the spaces around them. A row that is shorter than the header lacks the columns that it
    doesn't reach; cells to the right of the header are left out. Raises csv.Error.
    """
    reader = _reader(text)
    header = _header(reader)
    for cells in reader:
        row = {name: cell.strip() for name, cell in zip(header, cells, strict=False) if name}
        if any(row.values()):
            yield row


def _header(reader: Iterator[list[str]]) -> list[str]:
    return [name.strip() for name in next(reader, [])]


def _reader(text: str) -> Iterator[list[str]]:
    """Lines of a table from its header on."""
    lines = text.removeprefix("\ufeff")
    first, _, rest = lines.partition("\n")
    delimiter = ""
    if first.strip().lower().startswith(_SEPARATOR_LINE):
        delimiter, lines = first.strip()[len(_SEPARATOR_LINE) :][:1], rest
        first = lines.partition("\n")[0]
    return csv.reader(io.StringIO(lines, newline=""), delimiter=delimiter or delimiter_of(first), skipinitialspace=True)


def number(cell: str) -> float:
    """A cell's number, with a decimal point or a decimal comma. Raises ValueError."""
    return float(cell.replace(",", ".") if "," in cell and "." not in cell else cell)
