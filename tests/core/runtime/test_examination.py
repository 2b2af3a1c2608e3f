"""core.runtime.examination: what is told of Pythons that can and can't run the worker."""

from __future__ import annotations

import sys
import time
import venv
from pathlib import Path

import pytest

from core.runtime.environment import WORKER_REQUIREMENTS
from core.runtime.examination import Examination, examine
from core.runtime.installing import WORKER_MODULES, is_torch, pins_of
from core.runtime.pythons import environment_python

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="makes programs as shell scripts")


def pinned_torch() -> str:
    """The version of torch that users install."""
    return next(filter(is_torch, pins_of([WORKER_REQUIREMENTS]))).partition("==")[2]


def program(path: Path, text: str) -> Path:
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


@pytest.mark.slow
def test_the_worker_s_own_python_is_fit() -> None:
    found = examine(sys.executable)
    assert found.usable and found.torch.startswith(pinned_torch())
    assert found.python == ".".join(map(str, sys.version_info[:3])) and not found.other


def test_a_python_without_packages_names_each(tmp_path) -> None:
    venv.create(tmp_path / "bare", with_pip=False)
    found = examine(environment_python(tmp_path / "bare"))
    assert (
        not found.usable
        and not found.unfit
        and set(found.failed) == {name.partition(".")[0] for name in WORKER_MODULES}
    )
    assert found.failed["torch"] == "ModuleNotFoundError: No module named 'torch'"


@posix_only
def test_broken_and_other_versions_are_told(tmp_path) -> None:
    """torch is there, with another version, and can't be loaded."""
    folder = tmp_path / "site"
    (folder / "torch").mkdir(parents=True)
    (folder / "torch" / "__init__.py").write_text("raise OSError('libcudart.so.12: cannot open shared object file')")
    (folder / "torch-1.0.dist-info").mkdir()
    (folder / "torch-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 1.0\n")
    python = program(tmp_path / "python", f'export PYTHONPATH={folder}; exec "{sys.executable}" "$@"\n')
    found = examine(python)
    assert "libcudart" in found.failed["torch"] and found.torch == "1.0"
    assert f"torch 1.0 ({pinned_torch()})" in found.other


@posix_only
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("echo no python; exit 1", "no python"),
        ("echo 'unknown option -s' >&2; exit 2", "unknown option -s"),
        ("exit 0", "it says nothing"),
        ("kill -9 $$", "it says nothing"),
        ("sleep 60", "no answer within 1 s"),
    ],
)
def test_what_is_no_python_is_told(tmp_path, text, reason) -> None:
    begun = time.monotonic()
    found = examine(program(tmp_path / "p", text), longest=1.0)
    assert found == Examination(reason=reason) and not found.usable
    assert time.monotonic() - begun < 20


def test_what_can_not_be_started_is_told(tmp_path) -> None:
    (tmp_path / "text").write_text("hello")
    (tmp_path / "text").chmod(0o755)
    for path in (tmp_path / "text", tmp_path / "none", tmp_path):
        assert examine(path).reason


@posix_only
def test_an_old_python_is_unfit(tmp_path) -> None:
    answer = '["soliloquy", {"python": [3, 10, 4], "kind": "cpython", "bits": 64}, {}, {}]'
    found = examine(program(tmp_path / "p", f"echo 'noise'; echo '{answer}'"))
    assert found.unfit and found.python == "3.10.4" and not found.usable
