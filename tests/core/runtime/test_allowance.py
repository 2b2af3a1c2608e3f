"""Processors and memory that the system lets a process use, also inside a container or a job of a farm."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.runtime import allowance, memory
from core.runtime.allowance import memory_left, processors


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Function that makes control groups: the process's own lines, and the content of files below the mount."""

    def make(own: str, **files: str) -> None:
        (tmp_path / "own").write_text(own)
        for name, text in files.items():
            path = tmp_path / "mount" / name.replace("__", "/").replace("--", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        monkeypatch.setattr(allowance, "_OWN_GROUPS", tmp_path / "own")
        monkeypatch.setattr(allowance, "_MOUNTED", tmp_path / "mount")

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    return make


def test_processors_are_limited_by_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    allowed = processors()
    assert allowed >= 1
    for value, expected in (("1", 1), ("1,2", 1), (str(allowed + 1), allowed), ("0", allowed), ("many", allowed)):
        monkeypatch.setenv("OMP_NUM_THREADS", value)
        assert processors() == expected


def test_only_processors_that_the_process_may_use_count(groups, monkeypatch: pytest.MonkeyPatch) -> None:
    groups("0::/\n")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 4, 5}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert processors() == 3


@pytest.mark.parametrize(("known", "counted"), [(8, 8), (None, 1)])
def test_all_processors_count_on_systems_that_do_not_restrict_them(
    groups, monkeypatch: pytest.MonkeyPatch, known: int | None, counted: int
) -> None:
    """So on macOS and Windows. If the system doesn't know the number, it is one."""
    groups("")
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: known)
    assert processors() == counted


def test_version_2_limits_by_the_narrowest_group_around(groups) -> None:
    groups(
        "0::/slurm/job 7/step\n",
        **{
            "slurm__job 7__cpu--max": "350000 100000\n",
            "slurm__cpu--max": "max 100000\n",
            "slurm__job 7__step__memory--max": "max\n",
            "slurm__job 7__step__memory--current": "5000\n",
            "slurm__job 7__memory--max": "9000\n",
            "slurm__job 7__memory--current": "7000\n",
            "slurm__job 7__memory--stat": "anon 1\ninactive_file 600\n",
        },
    )
    assert processors() == 4 and memory_left() == 2600


def test_version_1_limits(groups) -> None:
    groups(
        "4:memory:/docker/a\n3:cpu,cpuacct:/docker/a\n0::/\n",
        **{
            "cpu,cpuacct__docker__a__cpu--cfs_quota_us": "200000\n",
            "cpu,cpuacct__docker__a__cpu--cfs_period_us": "100000\n",
            "cpu,cpuacct__cpu--cfs_quota_us": "-1\n",
            "cpu,cpuacct__cpu--cfs_period_us": "100000\n",
            "memory__docker__a__memory--limit_in_bytes": "4096\n",
            "memory__docker__a__memory--usage_in_bytes": "5000\n",
            "memory__memory--limit_in_bytes": "9223372036854771712\n",
            "memory__memory--usage_in_bytes": "5000\n",
        },
    )
    assert processors() == 2 and memory_left() == 0


def test_nothing_limits_where_nothing_is_said(groups, monkeypatch: pytest.MonkeyPatch) -> None:
    groups("0::/\n", **{"cpu--max": "half\n", "memory--max": "\n"})
    assert processors() == 64 and memory_left() is None
    if memory.sys.platform == "linux":
        free = memory.available()
        assert free is not None
        monkeypatch.setattr(memory, "memory_left", lambda: 12345)
        assert memory.available() == 12345
