"""tools.check_house: each check passes what is in order and finds each kind of fault."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tools import check_house

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def house(tmp_path) -> Path:
    """A small repository in which nothing is wrong."""
    files = {
        "blender_manifest.toml": 'version = "1.2.0"\n',
        "CITATION.cff": "cff-version: 1.2.0\nversion: 1.2.0\n",
        "CHANGELOG.md": "# Changes\n\n## Unreleased\n\n## 1.2.0 (2026-01-01)\n\n- `core/gone.py` was removed\n",
        "README.md": "[code](core/sound/mel.py) [web](https://a.org) `python -m core.sound.mel` `core/sound/`\n",
        "docs/page.md": "`core.sound` `core.sound.mel` `core.sound.mel.x` [up](../README.md#a) [mail](mailto:a@b.c)\n",
        "core/sound/mel.py": "x = 1\n",
        "addon/panels/speak.py": 'layout.label(text="Hello")\nlayout.label(text="", icon="NONE")\n',
        "addon/commands/cli.py": 'print(say("English only"))\n',
        "addon/translations/de.json": json.dumps({"Hello": "Hallo"}),
    }
    for name, text in files.items():
        write(tmp_path / name, text)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("check", check_house.CHECKS.values(), ids=check_house.CHECKS)
def test_nothing_is_found_where_nothing_is_wrong(house, check) -> None:
    assert list(check(house)) == []


def test_long_files_are_found(house) -> None:
    write(house / "core" / "long.py", "x = 1\n" * (check_house.MAX_LINES + 1))
    write(house / "core" / "just_right.py", "x = 1\n" * check_house.MAX_LINES)
    write(house / "README.md", "text\n" * 1000)
    (found,) = check_house.sizes(house)
    assert found.startswith("core/long.py: 351 lines")


def test_full_folders_are_found(house) -> None:
    for index in range(check_house.MAX_FILES):
        write(house / "core" / f"file_{index}.py", "")
    assert list(check_house.sizes(house)) == []  # files of the folders below don't count
    write(house / "core" / "one_more.py", "")
    (found,) = check_house.sizes(house)
    assert found.startswith("core/: 21 files")


def test_files_that_git_ignores_are_left_out(house) -> None:
    write(house / ".gitignore", "runs/\n")
    write(house / "runs" / "long.py", "x = 1\n" * 1000)
    assert list(check_house.sizes(house)) == []


@pytest.mark.parametrize(
    "source",
    [
        'say("New words")',
        'later("New words")',
        'layout.prop(data, "x", text="New words")',
        'layout.label(text="Hello" if x else "New words")',
        'class A:\n    x: BoolProperty(name="New words")',
        'class A:\n    bl_label = "New words"',
        'class A:\n    "New words"\n    bl_idname = "soliloquy.a"',
    ],
)
def test_words_without_a_translation_are_found(house, source) -> None:
    write(house / "addon" / "new.py", source)
    (found,) = check_house.words(house)
    assert "'New words'" in found and found.startswith("addon/new.py:") and "de.json" in found


@pytest.mark.parametrize(
    "source",
    [
        'class A:\n    x: BoolProperty(name="Nobody sees it", options={"HIDDEN"})',
        'class A:\n    "A docstring."\n    bl_idname = "SOLILOQUY_PT_a"',
        'layout.label(text=say("Hello"), icon="NONE")',
        'print("the console")',
    ],
)
def test_other_texts_need_no_translation(house, source) -> None:
    write(house / "addon" / "new.py", source)
    assert list(check_house.words(house)) == []


@pytest.mark.parametrize(
    ("catalogue", "fault"),
    [
        ({"b": "b", "Hello": "Hallo"}, "not sorted"),
        ({"Hello": "Hallo", "{n} takes": "{x} Takes"}, "different {names}"),
    ],
)
def test_faults_of_a_catalogue_are_found(house, catalogue, fault) -> None:
    write(house / "addon" / "translations" / "de.json", json.dumps(catalogue))
    (found,) = check_house.words(house)
    assert fault in found


def test_another_version_is_found(house) -> None:
    write(house / "blender_manifest.toml", 'version = "1.3.0"\n')
    cited, changes = check_house.versions(house)
    assert "CITATION.cff" in cited and "CHANGELOG.md" in changes


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[a](missing.md)", "links to missing.md"),
        ("[a](missing.md#part)", "links to missing.md"),
        ("![a](images/missing.png)", "links to images/missing.png"),
        ("`core/missing.py`", "names core/missing.py"),
        ("`core.sound.missing`", "names core.sound.missing"),
        ("`core.sound.mel.missing`", "names core.sound.mel.missing"),
        ("`python -m core.missing train`", "the command core.missing"),
        ("`python -m core.sound`", "the command core.sound"),  # a package without __main__
        ("`torchrun --nproc-per-node 2 -m tools.missing train`", "the command tools.missing"),
    ],
)
def test_what_documents_name_must_exist(house, text, fault) -> None:
    write(house / "docs" / "page.md", text)
    (found,) = check_house.documents(house)
    assert found.startswith("docs/page.md: ") and fault in found


@pytest.mark.parametrize(
    ("message", "faults"),
    [
        ("Say what\n\nSay why.\n", 0),
        ("x" * 72, 0),
        ("x" * 73, 1),
        ("Say what\nand go on", 1),
        ("# a comment of git\n", 1),
        ("", 1),
    ],
)
def test_commit_messages(tmp_path, message, faults) -> None:
    assert len(list(check_house.commit_message(message))) == faults
    path = tmp_path / "message"
    path.write_text(message, encoding="utf-8")
    assert check_house.main(["commit-message", str(path)]) == (1 if faults else 0)


def test_unknown_checks_are_refused(capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        check_house.main(["colours"])
    assert ended.value.code == 2
    assert "colours" in capsys.readouterr().err


@pytest.mark.parametrize("check", check_house.CHECKS.values(), ids=check_house.CHECKS)
def test_this_house_is_in_order(check) -> None:
    assert list(check(ROOT)) == []
