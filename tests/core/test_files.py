"""Files are complete or missing, even if two processes write them at the same time."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from core.errors import BadInputError, SoliloquyError
from core.files import BESIDE_SUFFIX, is_file, is_folder, write_json, written_beside


def test_two_writers_of_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    with written_beside(path) as one, written_beside(path) as other:
        one.write_bytes(b"one")
        other.write_bytes(b"other")
        assert not path.exists()
    assert path.read_bytes() == b"one", "the outer file is renamed last"
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


def test_the_temporary_file_keeps_the_ending_for_writers_that_depend_on_it(tmp_path: Path) -> None:
    with written_beside(tmp_path / "a.png") as beside:
        assert beside.suffix == ".png" and beside.name.startswith(".") and BESIDE_SUFFIX in beside.name
        beside.touch()


def test_without_the_ending_an_unfinished_file_is_not_found_by_it(tmp_path: Path) -> None:
    path = tmp_path / "0001.safetensors"
    with written_beside(path, keep_ending=False) as beside:
        beside.write_bytes(b"half")
        assert not list(tmp_path.glob("*.safetensors"))
        assert list(tmp_path.glob(f".*{BESIDE_SUFFIX}*")) == [beside], (
            "the pattern that finds leftovers to delete finds this file"
        )
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [
        (errno.ENOSPC, SoliloquyError, "disk_full"),
        (errno.EACCES, BadInputError, "output_unwritable"),
        (errno.EIO, SoliloquyError, "output_failed"),
    ],
)
def test_the_old_file_stays_when_writing_fails(
    tmp_path: Path, number: int, kind: type[SoliloquyError], code: str
) -> None:
    path = tmp_path / "a.json"
    path.write_text("before")
    with pytest.raises(kind) as caught, written_beside(path) as beside:
        beside.write_text("ha")
        raise OSError(number, os.strerror(number))
    assert caught.value.code == code and str(path) in caught.value.message
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]


def test_texts_that_utf8_can_not_hold_are_written_as_escapes(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"name": "ü\udcff"})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"name": "ü\udcff"}


def test_names_that_no_file_can_have_are_no_files(tmp_path) -> None:
    """`Path.is_file` raises OSError for some of them."""
    here = tmp_path / "ü"
    assert not is_file(here) and not is_folder(here)
    here.write_bytes(b"")
    assert is_file(here) and not is_folder(here) and not is_file(tmp_path) and is_folder(tmp_path)
    for name in ("x" * 5000, "a\0b", "\ud800", "", str(here / "inside"), "\udcff/x"):
        assert not is_file(name) and not is_folder(name)
        assert not is_file(tmp_path / name / "x") and not is_folder(tmp_path / name / "x")
