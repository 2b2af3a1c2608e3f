"""Files are complete or missing, even if two processes write them at the same time."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from pathlib import Path

import pytest

from core.errors import BadInputError, SoliloquyError
from core.files import (
    BESIDE_SUFFIX,
    is_file,
    is_folder,
    make_private_folder,
    write_bytes,
    write_json,
    written_beside,
)


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


POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def open_umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


@POSIX
def test_a_private_file_is_private_from_its_first_moment(tmp_path: Path, open_umask, monkeypatch) -> None:
    path = tmp_path / "face.npz"
    path.write_bytes(b"of an earlier version")
    assert mode(path) == 0o644
    seen = []
    rename = Path.replace
    monkeypatch.setattr(Path, "replace", lambda self, to: (seen.append(mode(self)), rename(self, to)))
    write_bytes(path, b"face", private=True)
    assert seen == [0o600] and mode(path) == 0o600 and path.read_bytes() == b"face"
    write_bytes(tmp_path / "other", b"x")
    assert mode(tmp_path / "other") == 0o644


@POSIX
def test_a_private_folder_is_closed_whether_it_is_new_or_not(tmp_path: Path, open_umask) -> None:
    new = make_private_folder(tmp_path / ".cache" / "ours")
    assert mode(new) == 0o700 and mode(new.parent) == 0o755
    new.chmod(0o775)
    assert mode(make_private_folder(new)) == 0o700
    theirs = tmp_path / "shared"
    theirs.mkdir(mode=0o755)
    assert mode(make_private_folder(theirs, ours=False)) == 0o755, "the user's own choice"
    assert mode(make_private_folder(tmp_path / "named", ours=False)) == 0o700


@POSIX
def test_a_file_system_without_modes_still_has_a_cache(tmp_path: Path, monkeypatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    folder = tmp_path / "cache"
    folder.mkdir()
    folder.chmod(0o777)
    monkeypatch.setattr(Path, "chmod", refused)
    write_bytes(make_private_folder(folder) / "a", b"face", private=True)
    assert (folder / "a").read_bytes() == b"face"


def test_on_windows_a_private_folder_is_a_folder(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("core.files.sys.platform", "win32")
    monkeypatch.setattr(Path, "chmod", lambda *_: pytest.fail("no modes there"))
    assert make_private_folder(tmp_path / "a" / "b").is_dir()


def test_a_private_folder_in_the_way_of_a_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "cache"):
        with pytest.raises(BadInputError) as caught:
            make_private_folder(path)
        assert caught.value.code == "output_unwritable"
