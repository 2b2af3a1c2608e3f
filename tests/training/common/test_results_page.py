"""Measured tables are files, pages show copies of them, and nothing else of a page moves."""

from __future__ import annotations

import datetime

import pytest

from core.errors import SoliloquyError
from training.common.results_page import Table, command_line, embed, interval, number, show

DAY = datetime.date(2026, 11, 21)
TABLE = Table("lips", "Lips", "python -m x", ("who", "r"), (("s1", "0.90"), ("s4", "0.70")), ("One note.",))
PAGE = "# Top\n\n<!-- measured: lips -->\nold\n<!-- end: lips -->\nafter\n"


def test_a_table_becomes_a_file_and_its_copy_in_the_page(tmp_path, capsys):
    (tmp_path / "page.md").write_text(PAGE)
    (tmp_path / "other.md").write_text("# Other\n")
    show(TABLE, tmp_path)
    text = (tmp_path / "tables" / "lips.md").read_text()
    assert text == TABLE.markdown(datetime.date.today()) and text in capsys.readouterr().out
    shown = (tmp_path / "page.md").read_text()
    assert shown == f"# Top\n\n<!-- measured: lips -->\n##{text}<!-- end: lips -->\nafter\n"
    assert (tmp_path / "other.md").read_text() == "# Other\n"
    assert embed(tmp_path) == [], "embedding once more changes nothing"
    (tmp_path / "tables" / "lips.md").write_text(text.replace("0.90", "0.91"))
    assert embed(tmp_path) == [tmp_path / "page.md"]
    assert "0.91" in (tmp_path / "page.md").read_text()


def test_without_a_folder_a_table_is_only_printed(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    show(TABLE, None)
    assert "| s1 | 0.90 |" in capsys.readouterr().out and not list(tmp_path.iterdir())


def test_the_text_of_a_table():
    assert TABLE.markdown(DAY) == (
        "# Lips\n\nWritten by `python -m x` on 2026-11-21.\n\n"
        "| who | r |\n| --- | --- |\n| s1 | 0.90 |\n| s4 | 0.70 |\n\nOne note.\n"
    )


@pytest.mark.parametrize(
    "page",
    [
        "<!-- measured: lips --> no end",
        "<!-- end: lips -->\n<!-- measured: lips -->\n",
        "<!-- measured: lips -->\n<!-- measured: other -->\n<!-- end: lips -->\n",
    ],
)
def test_marks_without_a_partner_are_told_and_no_page_changes(tmp_path, page):
    (tmp_path / "a.md").write_text(PAGE)
    (tmp_path / "b.md").write_text(page)
    with pytest.raises(SoliloquyError, match="no partner: lips"):
        show(TABLE, tmp_path)
    assert (tmp_path / "a.md").read_text() == PAGE and (tmp_path / "b.md").read_text() == page


def test_a_page_that_shows_a_table_nobody_measured_is_told(tmp_path):
    (tmp_path / "page.md").write_text(PAGE)
    with pytest.raises(SoliloquyError, match="never measured") as caught:
        embed(tmp_path)
    assert caught.value.code == "results_no_table" and (tmp_path / "page.md").read_text() == PAGE


def test_rows_fit_their_columns():
    with pytest.raises(ValueError, match="cells"):
        Table("a", "A", "c", ("one",), (("1", "2"),))


def test_a_part_of_a_table_has_its_own_name_columns_and_notes():
    part = TABLE.part("lips-r", "Only r", ["r", "who"])
    assert (part.name, part.title, part.command) == ("lips-r", "Only r", "python -m x")
    assert part.columns == ("r", "who") and part.rows == (("0.90", "s1"), ("0.70", "s4")) and part.notes == ()
    with pytest.raises(ValueError, match="width"):
        TABLE.part("lips-w", "Width", ["width"])


def test_a_command_is_named_without_where_it_writes():
    given = ["--seeds", "2", "--out", "runs/x.json", "--results=docs/results", "--also", "a run", "runs/a"]
    assert command_line("training.x", given) == "python -m training.x --seeds 2 --also 'a run' runs/a"


def test_numbers():
    assert number(0.61649) == "0.616" and number(float("nan")) == "–" and number(2.0, 0) == "2"
    assert interval([1.0]) == "1.00"
    assert interval([1.0, 2.0, 3.0]) == "2.00 ± 1.13"  # 1.96 · 1 / √3
