"""core.runtime.programs: the PATH counts, the current folder doesn't."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from core.runtime import programs, pythons, torch_builds

ENDING = ".exe" if sys.platform == "win32" else ""


def program(folder: Path, name: str) -> Path:
    """Write an empty file that counts as a program."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}{ENDING}"
    path.write_bytes(b"")
    path.chmod(0o755)
    return path


def test_the_first_folder_of_the_path_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = program(tmp_path / "a", "tool"), program(tmp_path / "b", "tool")
    other = program(tmp_path / "b", "other")
    monkeypatch.setenv("PATH", os.pathsep.join([str(first.parent), str(second.parent)]))
    assert programs.find_program("tool") == first
    assert programs.find_program("other") == other
    assert programs.find_program("missing") is None


def test_the_current_folder_never_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is on the PATH as nothing, as a dot or under a relative name, and whatever system this is."""
    program(tmp_path / "blend", "nvidia-smi")
    program(tmp_path / "blend" / "bin", "py")
    monkeypatch.chdir(tmp_path / "blend")
    for path in ("", ".", "bin", os.pathsep.join(["", ".", "bin"])):
        monkeypatch.setenv("PATH", path)
        assert programs.find_program("nvidia-smi") is None
        assert programs.find_program("py") is None


def test_windows_programs_end_in_exe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    for name in ("tool", "tool.bat", "tool.exe"):
        (folder / name).write_bytes(b"")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(sys, "platform", "win32")
    assert programs.find_program("tool") == folder / "tool.exe"


@pytest.mark.skipif(sys.platform == "win32", reason="the planted programs are shell scripts")
def test_a_planted_program_is_not_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking for GPUs and for Pythons starts nothing that lies beside the .blend file."""
    for name in ("nvidia-smi", "py", "python", "python3", "python3.11", "python3.12"):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\necho {name} >> '{tmp_path}/started'\n", encoding="utf-8")
        path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join([".", "", "/usr/bin"]))
    torch_builds.look()
    pythons.find_python()
    pythons.any_python()
    assert not (tmp_path / "started").exists()
