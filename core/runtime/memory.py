"""How much memory there is and how much this process has needed, in bytes.

Standard library only. The memory of a GPU is in `core.compute.devices`.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path


def available() -> int | None:
    """Memory that programs can still allocate without swapping; None where the system doesn't say."""
    if sys.platform == "linux":
        return _meminfo("MemAvailable:")
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
