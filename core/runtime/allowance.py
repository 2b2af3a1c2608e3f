"""What the system lets this process use of the machine: processors, and memory that a container or a job may hold.

On a farm a program often gets a part of a machine: by its processor affinity, or by a control group (cgroup, version 1
or 2) of Slurm, Docker or Kubernetes. Only Linux has control groups. Standard library only.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

_MOUNTED = Path("/sys/fs/cgroup")
_OWN_GROUPS = Path("/proc/self/cgroup")


def processors() -> int:
    """Number of processors that this process may use: by affinity, by its control group, and by OMP_NUM_THREADS.

    Workers that share a machine are started with that variable.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _processor_quota()
    if quota is not None:
        allowed = min(allowed, max(1, math.ceil(quota)))
    wanted = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return min(allowed, int(wanted)) if wanted.isdecimal() and int(wanted) else allowed


def memory_left() -> int | None:
    """Bytes that this process's control group may still hold; None if nothing limits it.

    Pages of files that the system can drop at once count as free.
    """
    left = []
    for folder in _folders("memory"):
        for most, held in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
            limit, used = _number(folder / most), _number(folder / held)
            if limit is not None and used is not None and limit < 1 << 60:  # version 1 says "none" with a huge number
                left.append(max(0, limit - used + _droppable(folder)))
    return min(left, default=None)


def _processor_quota() -> float | None:
    """Processors' worth of time that the control groups grant, the least of them; None if nothing limits it."""
    granted = []
    for folder in _folders("cpu"):
        words = _text(folder / "cpu.max").split()
        if len(words) == 2 and words[0].isdecimal():
            granted.append(int(words[0]) / int(words[1]))
        quota, period = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
        if quota is not None and period and quota > 0:
            granted.append(quota / period)
    return min(granted, default=None)


def _folders(controller: str) -> list[Path]:
    """Folders of this process's control groups, its own and those around it, whose limits count too."""
    found = []
    for line in _text(_OWN_GROUPS).splitlines():
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        if number == "0":
            root = _MOUNTED
        elif controller in controllers.split(","):
            root = _MOUNTED / controllers
        else:
            continue
        own = root / path.lstrip("/")
        found += [own, *(folder for folder in own.parents if folder.is_relative_to(root))]
    return found


def _droppable(folder: Path) -> int:
    """Bytes of inactive pages of files in a control group."""
    for line in _text(folder / "memory.stat").splitlines():
        name, _, number = line.partition(" ")
        if name in ("inactive_file", "total_inactive_file") and number.isdecimal():
            return int(number)
    return 0


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.lstrip("-").isdecimal() else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""
