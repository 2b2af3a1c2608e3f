"""One command for all measurements: each part is a module that takes a folder of results; if one fails, the others
still run. The stored tables and the pages that show them agree."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from training import evaluate
from training.common.results_page import TABLES, command_line, embedded
from training.evaluate import PARTS, RESULTS, main

STORED = {str(file.relative_to(RESULTS / TABLES).with_suffix("")): file for file in (RESULTS / TABLES).rglob("*.md")}
OF_PART = {
    "sound": "sound-level",
    "prior": "prior/voices",
    "prior-sampling": "prior/voices-sampling",
    "sadtalker": "sadtalker/expnet",
    "sadtalker-ablations": "sadtalker/ablations",
    "sadtalker-one-network": "sadtalker/one-network",
    "facetalk": "facetalk/mouths",
    "neural-head": "neural_head/face",
    "neural-head-portraits": "neural_head/portraits",
    **{name: f"renderer/{name}" for name in ("teeth", "self-reenactment", "blinks", "likeness")},
}
"""Tables of the parts whose table doesn't have the name of the part."""
PAGES = sorted(RESULTS.glob("*.md"))


@pytest.mark.slow
@pytest.mark.parametrize("module", sorted({part[0] for part in PARTS.values()}))
def test_each_part_takes_a_folder_of_results(module):
    told = subprocess.run(
        [sys.executable, "-m", module, "--help"], capture_output=True, text=True, check=True, timeout=60
    )
    assert "--results" in told.stdout


@pytest.mark.parametrize("part", PARTS)
def test_each_part_has_a_stored_table_that_names_its_command(part):
    text = STORED[OF_PART.get(part, part)].read_text(encoding="utf-8")
    module, *arguments = PARTS[part]
    told = re.search(r"^Written by `(.*)` on \d{4}-\d\d-\d\d\.$", text, re.MULTILINE)
    assert told and told[1].startswith(command_line(module, arguments))


def test_there_are_pages_and_tables():
    assert len(STORED) > 15 and len(PAGES) > 8


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_shows_the_stored_tables_as_they_are(page):
    text = page.read_text(encoding="utf-8")
    assert embedded(text, RESULTS / TABLES, page) == text, "run python -m training.evaluate --embed"


@pytest.mark.parametrize("name", sorted(STORED))
def test_a_stored_table_is_shown_or_linked_by_a_page(name):
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert f"<!-- measured: {name} -->" in text or f"]({TABLES}/{name}.md)" in text


def test_a_failing_part_does_not_stop_the_others(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(evaluate, "PARTS", {"bad": ("no.such.module",), "good": ("platform",)})
    monkeypatch.setattr(subprocess, "run", recorded := Recorder())
    assert main(["--results", str(tmp_path)]) == 1
    assert [command[2:] for command in recorded.commands] == [
        ["no.such.module", "--results", str(tmp_path)],
        ["platform", "--results", str(tmp_path)],
    ]
    assert capsys.readouterr().err == "failed: bad\n"


def test_embedding_measures_nothing(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(subprocess, "run", recorded := Recorder())
    (tmp_path / TABLES).mkdir()
    (tmp_path / TABLES / "lips.md").write_text("# Lips\n")
    (tmp_path / "page.md").write_text("<!-- measured: lips -->\n<!-- end: lips -->\n")
    assert main(["--results", str(tmp_path), "--embed"]) == 0 and not recorded.commands
    assert capsys.readouterr().out == f"{tmp_path / 'page.md'}\n"
    assert (tmp_path / "page.md").read_text() == "<!-- measured: lips -->\n### Lips\n<!-- end: lips -->\n"


def test_unknown_parts_are_named_in_the_error(capsys):
    with pytest.raises(SystemExit):
        main(["lip"])
    assert "no part lip; choose from portraits," in capsys.readouterr().err


class Recorder:
    """Replaces subprocess.run: modules whose names begin with ``no.`` fail."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []

    def __call__(self, command: list[str], **_: object) -> subprocess.CompletedProcess:
        self.commands.append(command)
        return subprocess.CompletedProcess(command, int(command[2].startswith("no.")))
