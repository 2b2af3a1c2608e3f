"""One command for all measurements: each part is a module that takes a page; a failing one stops no other."""

from __future__ import annotations

import subprocess
import sys

import pytest

from training import evaluate
from training.evaluate import PAGE, PARTS, main


@pytest.mark.parametrize("part", PARTS)
def test_each_part_takes_a_page(part):
    told = subprocess.run(
        [sys.executable, "-m", PARTS[part][0], "--help"], capture_output=True, text=True, check=True, timeout=60
    )
    assert "--page" in told.stdout


@pytest.mark.parametrize("part", [part for part in PARTS if part != "prior"])
def test_the_results_page_has_a_place_for_each(part):
    text = PAGE.read_text(encoding="utf-8")
    assert f"<!-- measured: {part} -->" in text and f"<!-- end: {part} -->" in text


def test_a_failing_part_does_not_stop_the_others(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(evaluate, "PARTS", {"bad": ("no.such.module",), "good": ("platform",)})
    monkeypatch.setattr(subprocess, "run", recorded := Recorder())
    assert main(["--page", str(tmp_path / "page.md")]) == 1
    assert [command[2] for command in recorded.commands] == ["no.such.module", "platform"]
    assert capsys.readouterr().err == "failed: bad\n"


def test_unknown_parts_are_told(capsys):
    with pytest.raises(SystemExit):
        main(["lip"])
    assert "no part lip; choose from lips," in capsys.readouterr().err


class Recorder:
    """Stands in for subprocess.run: modules called no.… fail."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []

    def __call__(self, command: list[str], **_: object) -> subprocess.CompletedProcess:
        self.commands.append(command)
        return subprocess.CompletedProcess(command, int(command[2].startswith("no.")))
