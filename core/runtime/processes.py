"""Start and end child processes together with their own children, in an environment that suits another Python.

Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def clean_environment() -> dict[str, str]:
    """A copy of this process's environment variables without those that affect another Python, and with UTF-8 forced.

    It is a copy because Python on Windows does not start with an empty environment.
    """
    affecting = ("PYTHON", "__PYVENV", "VIRTUAL_ENV", "CONDA_", "_PIP")
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(affecting)}
    return {**kept, "PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8", "PYTHONNOUSERSITE": "1", "PYTHONUNBUFFERED": "1"}


def large_pages() -> dict[str, str]:
    """Extra environment variables that make glibc request huge pages. Empty on other systems, or if already set.

    Memory for pictures is allocated and freed all the time. With pages of 4 kB a take needs a tenth longer.
    """
    name = "GLIBC_TUNABLES"
    return {name: "glibc.malloc.hugetlb=1"} if sys.platform == "linux" and name not in os.environ else {}


def own_group() -> dict[str, Any]:
    """Arguments for Popen that start a process in its own group, and without a console window on Windows."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def end_group(process: subprocess.Popen[Any], *, force: bool) -> None:
    """End a process started with :func:`own_group` and all its children; ``force`` kills them. Doesn't wait."""
    if sys.platform == "win32":
        if process.poll() is None:
            subprocess.run(
                ["taskkill", "/T", "/F", "/PID", str(process.pid)], capture_output=True, timeout=10, check=False
            )
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL if force else signal.SIGTERM)


@contextlib.contextmanager
def time_limit(process: subprocess.Popen[Any], seconds: float) -> Iterator[threading.Event]:
    """Kill a process started with :func:`own_group`, and its children, when the block takes longer than ``seconds``.

    The same happens when the block is left while the process still runs, by Ctrl-C for example. Yields an event that is
    set when the time is over.
    """
    over = threading.Event()

    def end() -> None:
        over.set()
        end_group(process, force=True)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield over
    finally:
        timer.cancel()
        if process.poll() is None:
            end_group(process, force=True)
            process.wait()


def let_threads_sleep() -> None:
    """Make the threads of the libraries sleep while they wait for each other. Call it before they are imported.

    By default they spin, and a spinning thread can keep the thread that it waits for from running. On two cores that
    also do other work (Blender draws, for example), torch then needs five times the processor time, and the small
    banded systems that scipy solves here take up to thirty times as long. OpenBLAS can't sleep, so it gets one thread.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


BACKGROUND = 10
"""Niceness of a process that works in the background of a user's window."""


def step_back() -> None:
    """Lower this process's priority: it gets the processor time that other programs leave.

    Its threads use all processors, and Blender must still draw. Linux may share time between sessions instead of
    processes (autogroups). This process has its own session, so the priority of its group is lowered too.
    """
    with contextlib.suppress(OSError, AttributeError):
        if sys.platform == "win32":
            import ctypes

            below_normal = 0x4000  # BELOW_NORMAL_PRIORITY_CLASS
            kernel = ctypes.windll.kernel32
            kernel.SetPriorityClass(kernel.GetCurrentProcess(), below_normal)
            return
        os.nice(BACKGROUND - os.getpriority(os.PRIO_PROCESS, 0))
        if sys.platform == "linux" and os.getsid(0) == os.getpid():
            Path("/proc/self/autogroup").write_text(str(BACKGROUND), encoding="ascii")
