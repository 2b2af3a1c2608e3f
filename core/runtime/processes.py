"""Child processes that can be ended whole, in an environment that leads no Python astray.

Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any


def clean_environment() -> dict[str, str]:
    """A copy of this process's environment without what would lead another Python astray, and with UTF-8 forced.

    An empty environment would break Python on Windows, hence the copy.
    """
    led_astray = ("PYTHON", "__PYVENV", "VIRTUAL_ENV", "CONDA_", "_PIP")
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(led_astray)}
    return {**kept, "PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8", "PYTHONNOUSERSITE": "1", "PYTHONUNBUFFERED": "1"}


def large_pages() -> dict[str, str]:
    """What a worker's environment has beside, for glibc to ask Linux for large pages: {} elsewhere, or where it is set.

    Pictures' memory is taken and given back all the time, page by page: with pages of 4 kB a take needs a tenth longer.
    """
    name = "GLIBC_TUNABLES"
    return {name: "glibc.malloc.hugetlb=1"} if sys.platform == "linux" and name not in os.environ else {}


def own_group() -> dict[str, Any]:
    """Arguments for Popen that put a process into a group of its own and keep console windows away on Windows."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def end_group(process: subprocess.Popen[bytes], *, force: bool) -> None:
    """Ask (or with ``force`` make) a process started with :func:`own_group` and all its children end. Doesn't wait."""
    if sys.platform == "win32":
        if process.poll() is None:
            subprocess.run(
                ["taskkill", "/T", "/F", "/PID", str(process.pid)], capture_output=True, timeout=10, check=False
            )
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL if force else signal.SIGTERM)


def let_threads_sleep() -> None:
    """Have the threads of the libraries sleep while they wait for one another; to be called before they are imported.

    They spin by default, and a thread that spins keeps the one it waits for from running: on two cores that also do
    other things (Blender draws, say) torch then needs five times the processor time, and the small banded systems that
    scipy solves here take up to thirty times as long. OpenBLAS can't be told to sleep, so it gets one thread.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


BACKGROUND = 10
"""Niceness of a process that works beside somebody's window."""


def step_back() -> None:
    """Let whatever the user is at go first: this process gets the processors that nobody else wants.

    Its threads take all processors, and Blender has to draw meanwhile. Linux may share time between sessions rather
    than processes (autogroups), and this one has a session of its own, so its group is told too.
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
