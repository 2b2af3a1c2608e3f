"""The gate for input files: only plain files of a sensible size come through; all else is one sentence."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import BadInputError
from core.inputs import InputKind, check_input, open_input, read_input, read_json, shown

LETTER = InputKind(noun="letter", code="letter", most_bytes=1000)
needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX files")


def refused(path: str | Path, read: Callable[[str | Path, InputKind], object] = read_input) -> str:
    """Code of the error for ``path``; its text must be sentences that any terminal can show, in one line."""
    with pytest.raises(BadInputError) as caught:
        read(path, LETTER)
    error = caught.value
    for text in (error.message, error.hint):
        assert text.endswith(".") and "\n" not in text and len(text) < 350
        text.encode("utf-8")
    return error.code


def test_a_plain_file_is_read_and_so_is_what_a_link_leads_to(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\0\r\nabc\x1a")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    for name in ("a", "b"):
        assert read_input(tmp_path / name, LETTER) == b"\0\r\nabc\x1a"
        assert check_input(str(tmp_path / name), LETTER) == tmp_path / name
        with open_input(tmp_path / name, LETTER) as stream:
            assert stream.read(1) == b"\0"


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    assert refused(tmp_path / "nothing") == "letter_missing"
    (tmp_path / "file").write_bytes(b"x")
    assert refused(tmp_path / "file" / "inside") == "letter_missing"
    assert refused(tmp_path) == "letter_unreadable"
    (tmp_path / "empty").touch()
    assert refused(tmp_path / "empty") == "letter_empty"
    other = InputKind(noun="letter", code="letter", empty_code="letter_empty_file", most_bytes=None)
    with pytest.raises(BadInputError, match="is empty") as caught:
        read_input(tmp_path / "empty", other)
    assert caught.value.code == "letter_empty_file"


@needs_posix
def test_pipes_devices_and_sockets_are_neither_opened_nor_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "endless").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with socket.socket(socket.AF_UNIX) as open_socket:
        open_socket.bind(os.path.relpath(tmp_path / "socket"))  # absolute paths may be too long for a socket
        for path in (tmp_path / "pipe", tmp_path / "endless", tmp_path / "loop", tmp_path / "socket", "/dev/null"):
            for read in (read_input, open_input, check_input):
                assert refused(path, read) == "letter_unreadable", path


@needs_posix
def test_a_pipe_that_takes_the_place_of_a_file_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "letter"
    path.write_bytes(b"x")
    whole = os.open

    def swapped(*given: object) -> int:
        path.unlink()
        os.mkfifo(path)
        return whole(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", swapped)
    codes: list[str] = []
    reader = threading.Thread(target=lambda: codes.append(refused(path)), daemon=True)
    reader.start()
    reader.join(10)
    assert codes == ["letter_unreadable"]


@pytest.mark.parametrize("name", ["a\0b", "x" * 300, "x/" * 3000])
def test_impossible_names(tmp_path: Path, name: str) -> None:
    assert refused(tmp_path / name) in ("letter_unreadable", "letter_missing")


@needs_posix
def test_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff\xfe"
    try:
        Path(os.fsdecode(path)).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system has no such names")
    assert refused(os.fsdecode(path)) == "letter_unreadable"


@needs_posix
def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").write_bytes(b"x")

    def forbidden(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", forbidden)
    assert refused(tmp_path / "mine") == "letter_unreadable"


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as stream:
        stream.truncate(6_000_000_000)
    assert refused(path) == "letter_too_large"
    with path.open("wb") as stream:
        stream.truncate(1000)
    assert len(read_input(path, LETTER)) == 1000
    assert check_input(path, InputKind(noun="film", code="film", most_bytes=None)) == path


@pytest.mark.parametrize(
    "content", [b"{", b"[" * 900, b"\xff\xfe", b'{"a": NaN} x', b'"' + b"9" * 5, b"[" * 400 + b"]" * 401]
)
def test_broken_json_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    assert refused(tmp_path / "a.json", read_json) == "letter_unreadable"


def test_json_nested_too_deeply_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"[" * 100_000)
    with pytest.raises(BadInputError, match="nested too deeply"):
        read_json(tmp_path / "a.json", InputKind(noun="letter", code="letter", most_bytes=200_000))


def test_json_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes('{"ä": [1, 2.5, null]}'.encode())
    assert read_json(tmp_path / "a.json", LETTER) == {"ä": [1, 2.5, None]}


def test_paths_are_shown_so_that_anything_can_print_them() -> None:
    assert shown("/tmp/Gespräch 録音.wav") == "/tmp/Gespräch 録音.wav"
    assert shown("a\nb\x1b[0m") == "a\\nb\\x1b[0m"
    assert shown("\udcff") == "\\udcff"
    assert len(shown("x" * 5000)) <= 201
