"""Files that are whole or not there, whoever else writes them at the same time."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from core.errors import BadInputError, SoliloquyError
from core.files import BESIDE_SUFFIX, written_beside


def test_two_that_write_one_file_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    with written_beside(path) as one, written_beside(path) as other:
        one.write_bytes(b"one")
        other.write_bytes(b"other")
        assert not path.exists()
    assert path.read_bytes() == b"one", "the outer one is renamed last"
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


def test_the_ending_stays_for_writers_that_go_by_it(tmp_path: Path) -> None:
    with written_beside(tmp_path / "a.png") as beside:
        assert beside.suffix == ".png" and beside.name.startswith(".") and BESIDE_SUFFIX in beside.name
        beside.touch()


def test_a_file_being_written_is_not_found_by_its_ending(tmp_path: Path) -> None:
    path = tmp_path / "0001.safetensors"
    with written_beside(path, keep_ending=False) as beside:
        beside.write_bytes(b"half")
        assert not list(tmp_path.glob("*.safetensors"))
        assert list(tmp_path.glob(f".*{BESIDE_SUFFIX}*")) == [beside], "a leftover is found where leftovers are deleted"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [
        (errno.ENOSPC, SoliloquyError, "disk_full"),
        (errno.EACCES, BadInputError, "output_unwritable"),
        (errno.EIO, SoliloquyError, "output_failed"),
    ],
)
def test_what_was_there_stays_when_writing_fails(
    tmp_path: Path, number: int, kind: type[SoliloquyError], code: str
) -> None:
    path = tmp_path / "a.json"
    path.write_text("before")
    with pytest.raises(kind) as caught, written_beside(path) as beside:
        beside.write_text("ha")
        raise OSError(number, os.strerror(number))
    assert caught.value.code == code and str(path) in caught.value.message
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]
