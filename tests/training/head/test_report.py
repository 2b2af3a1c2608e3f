"""The head model's card in the repository has the words that the command writes."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

from core.places import CARDS, WEIGHTS
from training.head.build import BuildFacts
from training.head.report import Errors, PoseErrors, write_card


def without_numbers(text: str) -> str:
    """The words of a card."""
    return " ".join(re.sub(r"[+\d.,]*\d", "#", text).split())


def test_the_card_in_the_repository_has_the_words_that_the_command_writes(tmp_path: Path) -> None:
    head = SimpleNamespace(identity_count=40, mean=range(2000), triangles=range(4000))
    errors = {name: Errors(0.1, 0.2, 0.3) for name in ("vertices", "points", "surface")}
    pose = PoseErrors(0.5, 0.5, 0.5, 0.5, 0.5)
    facts = BuildFacts(rendered_heads=10, variance_explained=0.9, mesh468_spread_mm=1.0)
    command = "python -m training.head --ict ../shared/data/ict_facekit.npz"
    write_card(tmp_path / "card.md", head, errors, facts, pose, 4_000_000, command)
    written = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert without_numbers(written) == without_numbers((WEIGHTS / CARDS / "head_model.md").read_text(encoding="utf-8"))
    assert max(len(line) for line in written.splitlines()) <= 120
    assert "40 identity components and 53 expression shapes on 2,000 vertices and 4,000 triangles" in written.replace(
        "\n", " "
    )
