"""docs/architecture.md: its tables show the floors that tools/import_rules.py enforces."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools.import_rules import FLOORS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "architecture.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("side", FLOORS)
def test_the_page_shows_the_floors(side) -> None:
    section = PAGE.partition(f"\n### `{side}/`")[2].partition("\n#")[0]
    shown: dict[int, set[str]] = {}
    for floor, names in re.findall(r"^\| (\d+) \| (.+?) \|", section, re.MULTILINE):
        found = re.findall(r"`(\w+)(?:/|\.py)`", names)
        assert found, names
        shown.setdefault(int(floor), set()).update(found)
    assert shown == {number: set(rooms) for number, rooms in enumerate(FLOORS[side], start=1)}
