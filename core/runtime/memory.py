"""How much memory there is, how much this process has needed, and errors that report a lack of it. Numbers are bytes.

Standard library only. The memory of a GPU is in `core.compute.devices`.
"""

from __future__ import annotations

import ctypes
import errno
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import SoliloquyError
from .allowance import memory_left

_WORDS = (
    *("DefaultCPUAllocator", "out of memory", "bad_alloc", "can't start new thread"),
    *("Cannot allocate memory", "failed to map segment", "not enough memory", "paging file is too small"),
    "could not create a primitive",  # oneDNN, which also says so when it has no memory for one
)
"""What messages of torch, of the C++ library and of the systems say, for computing, loading files and loading code."""


@contextmanager
def memory_errors() -> Iterator[None]:
    """Turn any error that reports a lack of memory into SoliloquyError ``out_of_memory``.

    It may surround imports too: with too little memory they fail with errors of many types.
    """
    try:
        yield
    except SoliloquyError:
        raise
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise SoliloquyError(
            "out_of_memory", "There is not enough memory.", "Choose a smaller size, or close other programs."
        ) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error``, or the error that it comes from, reports that main memory or GPU memory ran out."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    if any(word in str(error) for word in _WORDS):
        return True
    return error.__cause__ is not None and is_out_of_memory(error.__cause__)


def available() -> int | None:
    """Memory that this program can still allocate without swapping; None where the system doesn't say."""
    if sys.platform == "linux":
        known = [count for count in (_meminfo("MemAvailable:"), memory_left()) if count is not None]
        return min(known, default=None)
    if sys.platform == "win32":
        return _windows_available()
    return _total_of_mac()


def peak() -> int | None:
    """Peak memory of this process since it started; None where the system doesn't say."""
    if sys.platform == "win32":
        return _windows_peak()
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(most) if sys.platform == "darwin" else int(most) * 1024


def _meminfo(name: str) -> int | None:
    """One entry of Linux' /proc/meminfo, which is in kilobytes, in bytes."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))
    except (OSError, ValueError, StopIteration):
        return None


def _total_of_mac() -> int | None:
    """Half of the installed memory: macOS frees memory on demand and has no number for it."""
    try:
        told = subprocess.run(["sysctl", "-n", "hw.memsize"], capture_output=True, text=True, timeout=5, check=True)
        return int(told.stdout) // 2
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        *((name, ctypes.c_uint64) for name in ("total", "available", "total_page", "available_page")),
        *((name, ctypes.c_uint64) for name in ("total_virtual", "available_virtual", "extended")),
    )


class _ProcessMemory(ctypes.Structure):
    """PROCESS_MEMORY_COUNTERS."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        ("faults", ctypes.c_uint32),
        *((name, ctypes.c_size_t) for name in ("peak", "now", "paged_peak", "paged", "unpaged_peak", "unpaged")),
        *((name, ctypes.c_size_t) for name in ("pagefile", "pagefile_peak")),
    )


def _windows_available() -> int | None:
    status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
    told = ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))  # type: ignore[attr-defined]
    return int(status.available) if told else None


def _windows_peak() -> int | None:
    counters = _ProcessMemory(size=ctypes.sizeof(_ProcessMemory))
    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined]
    kernel.GetCurrentProcess.restype = ctypes.c_void_p
    kernel.K32GetProcessMemoryInfo.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32)
    told = kernel.K32GetProcessMemoryInfo(kernel.GetCurrentProcess(), ctypes.byref(counters), counters.size)
    return int(counters.peak) if told else None
