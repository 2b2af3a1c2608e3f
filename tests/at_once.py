"""Two processes that do the same thing at the same moment.

Both run the same code, and :func:`meet` lets each wait for the other there. So a race happens in every run and not by
luck.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 120.0
"""Seconds that one process waits for the other before the test fails."""


def meet(folder: Path, point: str, name: str) -> None:
    """Wait until both processes have come to ``point``. Raises TimeoutError where the other never comes."""
    (folder / f"{point}-{name}").touch()
    end = time.monotonic() + PATIENCE
    while len(list(folder.glob(f"{point}-*"))) < 2:
        if time.monotonic() > end:
            raise TimeoutError(f"the other process never came to {point!r}")
        time.sleep(0.005)


def meet_before_renaming(folder: Path, name: str) -> None:
    """From now on this process renames its first file only when the other process is about to do the same."""
    rename = Path.replace

    def replace(path: Path, target: Path) -> Path:
        meet(folder, "rename", name)
        return rename(path, target)

    Path.replace = replace  # type: ignore[method-assign]


def run_two(code: str, folder: Path, *arguments: str) -> list[str]:
    """Run Python ``code`` in two processes at the same time; returns what each of them printed.

    ``sys.argv`` is the process's name, the (new) ``folder`` where the two meet, and ``arguments``. AssertionError with
    its traceback where a process fails.
    """
    folder.mkdir()
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, name, str(folder), *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    said = [process.communicate(timeout=2 * PATIENCE) for process in started]
    for process, (_, problem) in zip(started, said, strict=True):
        assert process.returncode == 0, problem
    return [out for out, _ in said]
