"""Finds the Python interpreters of a machine. Standard library only."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from .programs import find_program

WORKER_PYTHONS = ((3, 11), (3, 12))
"""CPython versions for which the worker's pinned packages exist, the preferred one first."""

_QUESTION = (
    "import sys, venv, ensurepip; "
    "print(sys.implementation.name, *sys.version_info[:2], 64 if sys.maxsize > 2**32 else 32)"
)
_UNIX_FOLDERS = ("/usr/bin", "/usr/local/bin", "/opt/homebrew/bin", "/opt/local/bin", "~/.local/bin")


def environment_python(folder: Path) -> Path:
    """Path of the interpreter of a virtual environment in ``folder``."""
    return folder / "Scripts" / "python.exe" if sys.platform == "win32" else folder / "bin" / "python"


def version_of(python: str | Path) -> tuple[int, int] | None:
    """(major, minor) of a 64-bit CPython that can make virtual environments, or None for anything else."""
    try:
        answer = subprocess.run(
            [str(python), "-I", "-c", _QUESTION],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    words = answer.stdout.split()
    if answer.returncode or len(words) != 4 or words[0] != "cpython" or words[3] != "64":
        return None
    return int(words[1]), int(words[2])


def find_python(versions: Sequence[tuple[int, int]] = WORKER_PYTHONS) -> Path | None:
    """An interpreter of one of ``versions`` (earlier ones preferred) that can make environments, or None."""
    for version in versions:
        for candidate in _candidates(version):
            if version_of(candidate) == version:
                return candidate
    return None


def any_python() -> Path | None:
    """Any interpreter that can make environments: the running one, or one on the PATH."""
    names = [sys.executable, find_program("python3"), find_program("python")]
    return next((Path(name) for name in names if name and version_of(name)), None)


def inside(folder: Path) -> Iterator[Path]:
    """Interpreters in a folder where uv or pyenv keep theirs (one folder per version)."""
    patterns = ("*/python.exe",) if sys.platform == "win32" else ("*/bin/python3",)
    for pattern in patterns:
        yield from sorted(folder.glob(pattern), reverse=True)


def _candidates(version: tuple[int, int]) -> Iterator[Path]:
    """Paths where CPython ``version`` may be, each once; most of them don't exist."""
    seen = set()
    for path in _places(*version):
        if path not in seen:
            seen.add(path)
            if path.is_file():
                yield path


def _places(major: int, minor: int) -> Iterator[Path]:
    # In Blender this is Blender's own Python. It is as good as any other when its version fits.
    if sys.executable and sys.version_info[:2] == (major, minor):
        yield Path(sys.executable)
    name = f"python{major}.{minor}"
    home = Path.home()
    if sys.platform == "win32":
        yield from _py_launcher(major, minor)
        local = Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
        yield local / "Programs" / "Python" / f"Python{major}{minor}" / "python.exe"
    for found in (find_program(name), find_program("python3"), find_program("python")):
        if found is not None:
            yield found
    if sys.platform != "win32":
        yield from (Path(folder).expanduser() / name for folder in _UNIX_FOLDERS)
        yield Path(f"/Library/Frameworks/Python.framework/Versions/{major}.{minor}/bin/{name}")
    pyenv = Path(os.environ.get("PYENV_ROOT", home / ".pyenv"))
    data = Path(os.environ.get("APPDATA", home) if sys.platform == "win32" else home / ".local" / "share")
    for folder, start in (
        (pyenv / "versions", f"{major}.{minor}."),
        (data / "uv" / "python", f"cpython-{major}.{minor}."),
    ):
        yield from (path for path in inside(folder) if path.relative_to(folder).parts[0].startswith(start))


def _py_launcher(major: int, minor: int) -> Iterator[Path]:
    launcher = find_program("py")
    if launcher is None:
        return
    try:
        answer = subprocess.run(
            [str(launcher), f"-{major}.{minor}", "-I", "-c", "import sys; print(sys.executable)"],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return
    if answer.returncode == 0 and answer.stdout.strip():
        yield Path(answer.stdout.strip())
