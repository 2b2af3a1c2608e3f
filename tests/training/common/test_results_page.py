"""Measured tables land in their place and nothing else moves."""

from __future__ import annotations

import datetime

import pytest

from core.errors import SoliloquyError
from training.common.results_page import Table, interval, number, put

DAY = datetime.date(2026, 11, 21)
TABLE = Table("lips", "Lips", "python -m x", ("who", "r"), (("s1", "0.90"), ("s4", "0.70")), ("One note.",))


def test_a_table_replaces_its_own_place_only(tmp_path):
    page = tmp_path / "results.md"
    page.write_text("# Top\n<!-- measured: lips -->\nold\n<!-- end: lips -->\nafter\n<!-- measured: other -->x")
    put(page, TABLE, DAY)
    once = page.read_text()
    put(page, TABLE, DAY)
    assert page.read_text() == once and "old" not in once
    assert once.startswith(
        "# Top\n<!-- measured: lips -->\n### Lips\n\n`python -m x`, 2026-11-21\n\n|who|r|\n|---|---|\n|s1|"
    )
    assert once.endswith("<!-- end: lips -->\nafter\n<!-- measured: other -->x")


def test_a_page_without_the_place_is_told_and_kept(tmp_path):
    page = tmp_path / "results.md"
    page.write_text("<!-- measured: lips --> no end")
    with pytest.raises(SoliloquyError, match="no place"):
        put(page, TABLE, DAY)
    assert page.read_text() == "<!-- measured: lips --> no end"


def test_rows_fit_their_columns():
    with pytest.raises(ValueError, match="cells"):
        Table("a", "A", "c", ("one",), (("1", "2"),))


def test_numbers():
    assert number(0.61649) == "0.616" and number(float("nan")) == "–" and number(2.0, 0) == "2"
    assert interval([1.0]) == "1.00"
    assert interval([1.0, 2.0, 3.0]) == "2.00 ± 1.13"  # 1.96 · 1 / √3
