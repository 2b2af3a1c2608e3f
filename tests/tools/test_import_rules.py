"""Who may import whom, in the project and in small made-up trees that break each rule."""

from pathlib import Path

import pytest

from tools import import_rules
from tools.import_rules import FLOORS, SIDES, circles, faults, imports, modules, room

TREE = {
    "core/errors.py": "",
    "core/files.py": "from .errors import Error",
    "core/motion/channels.py": "",
    "core/prior/walk.py": "from ..motion import channels",
    "addon/__init__.py": "from .jobs import worker",
    "addon/jobs/worker.py": "from ...core import errors",
    "training/common/engine.py": "from core.motion.channels import NAMES",
}
"""A small project that keeps every rule."""


def made(folder: Path, **changed: str) -> Path:
    """``TREE`` on disk, with other content for some files (``/`` is written ``__`` in their names)."""
    files = TREE | {f"{name.replace('__', '/')}.py": text for name, text in changed.items()}
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        (path.parent / "__init__.py").touch()
    return folder


def test_every_import_of_the_project_leads_down() -> None:
    assert list(faults()) == []


def test_no_import_circle_in_core_addon_or_training() -> None:
    assert circles(imports()) == []


@pytest.mark.parametrize("side", SIDES)
def test_every_room_stands_on_exactly_one_floor(side: str) -> None:
    placed = [name for floor in FLOORS[side] for name in floor]
    there = {room(name) for name in modules(import_rules.ROOT, side)} - {"__init__"} | ({"__init__"} & set(placed))
    assert len(placed) == len(set(placed))
    assert set(placed) == there


def test_the_small_tree_keeps_the_rules(tmp_path: Path) -> None:
    assert list(faults(made(tmp_path))) == []
    assert ("core.prior.walk", "core.motion.channels") in imports(tmp_path)


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("core__motion__channels", "from ..prior import walk", "prior does not lie below motion"),
        ("core__motion__channels", "def late():\n    from ..prior.walk import Walk", "prior does not lie below motion"),
        (
            "core__motion__channels",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from core.prior.walk import Walk",
            "prior does not lie below motion",
        ),
        ("core__errors", "from . import places", "places does not lie below errors"),
        ("core__errors", "import training.common.engine", "core may not import training"),
        ("training__common__engine", "from addon.jobs import worker", "training may not import addon"),
        ("core__attic__old", "from ..errors import Error", "attic stands on no floor of core"),
    ],
)
def test_an_import_that_does_not_lead_down_is_named(tmp_path: Path, file: str, text: str, fault: str) -> None:
    tree = made(tmp_path, core__places="", **{file: text})
    assert any(line.endswith(fault) for line in faults(tree)), list(faults(tree))


def test_a_circle_of_three_files_is_one_fault(tmp_path: Path) -> None:
    tree = made(
        tmp_path,
        core__prior__a="from .b import B",
        core__prior__b="def late():\n    from . import c",
        core__prior__c="import core.prior.a",
    )
    assert list(faults(tree)) == ["import circle: core.prior.a, core.prior.b, core.prior.c"]
