"""core.tables: tables as spreadsheets write them."""

from __future__ import annotations

import pytest

from core import tables

WANTED = [{"a": "1", "b": "x y"}, {"a": "", "b": "ü"}]


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,x y\n,ü\n",
        "a;b\r\n1;x y\r\n;ü",
        "a\tb\n1\tx y\n\tü\n\t\n\n",
        "\ufeff a , b \n1 , x y\n,ü",
        'sep=;\n"a";"b"\n"1";"x y"\n;"ü"',
        '"a","b"\r1,"x y"\r,ü\r',
        "a,b,\n1,x y,,,\n,ü,",
        '"a";"b"\n1;x y\n;ü\n;\n',
    ],
)
def test_the_same_table_in_many_forms(text: str) -> None:
    assert list(tables.rows_of(text)) == WANTED


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(encoding: str) -> None:
    assert list(tables.rows_of(tables.text_of("a;b\n1;x y\n;ü".encode(encoding)))) == WANTED


def test_commas_within_quotes_are_no_delimiters() -> None:
    assert list(tables.rows_of('"a, b, c";d\n"1, 2";3\n')) == [{"a, b, c": "1, 2", "d": "3"}]


def test_rows_that_are_too_short_lack_columns() -> None:
    assert list(tables.rows_of("a,b,c\n1\n1,2,3,4\n")) == [{"a": "1"}, {"a": "1", "b": "2", "c": "3"}]


def test_decimal_commas() -> None:
    assert [tables.number(cell) for cell in ("1.5", "1,5", "-0,25", "3")] == [1.5, 1.5, -0.25, 3.0]
    for cell in ("1.000,5", "x", ""):
        with pytest.raises(ValueError):
            tables.number(cell)
