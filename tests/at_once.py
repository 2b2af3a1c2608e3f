"""Run the same code in two processes at the same moment.

In :func:`meet` each process waits for the other, so a race happens in every run and doesn't depend on luck.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 120.0
"""Seconds to wait for the other process before the test fails."""


def meet(folder: Path, point: str, name: str) -> None:
    """Wait until both processes have reached ``point``. Raises TimeoutError if the other one doesn't reach it."""
    (folder / f"{point}-{name}").touch()
    end = time.monotonic() + PATIENCE
    while len(list(folder.glob(f"{point}-*"))) < 2:
        if time.monotonic() > end:
            raise TimeoutError(f"the other process never reached {point!r}")
        time.sleep(0.005)


def meet_before_renaming(folder: Path, name: str) -> None:
    """From now on this process renames its first file only when the other process is about to rename one."""
    rename = Path.replace

    def replace(path: Path, target: Path) -> Path:
        meet(folder, "rename", name)
        return rename(path, target)

    Path.replace = replace  # type: ignore[method-assign]


def run_two(code: str, folder: Path, *arguments: str) -> list[str]:
    """Run Python ``code`` in two processes at the same time and return the output of each.

    The arguments in ``sys.argv[1:]`` are the process's name, the (new) ``folder`` that :func:`meet` uses, and
    ``arguments``. If a process fails, an AssertionError shows its traceback.
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
    outputs = [process.communicate(timeout=2 * PATIENCE) for process in started]
    for process, (_, problem) in zip(started, outputs, strict=True):
        assert process.returncode == 0, problem
    return [out for out, _ in outputs]
