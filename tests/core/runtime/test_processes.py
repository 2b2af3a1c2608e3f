"""Child processes: the worker runs with a lower priority than the user's programs; time limits end children too."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.runtime.processes import BACKGROUND, own_group, time_limit

ROOT = Path(__file__).resolve().parents[3]
CODE = """
import os
from core.runtime.processes import step_back
step_back(); step_back()
group = open("/proc/self/autogroup").read() if os.path.exists("/proc/self/autogroup") else ""
print(os.getpriority(os.PRIO_PROCESS, 0), group.split()[-1] if group else "")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="only POSIX systems have niceness")
def test_a_worker_lowers_its_priority_once() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=True, **own_group()
    )
    niceness, *group = done.stdout.split()
    assert int(niceness) == BACKGROUND
    assert group in ([], [str(BACKGROUND)]), "the priority of its session's autogroup, on a Linux that has them"


PARENT = f"""
import subprocess, sys
print("ready", flush=True)
subprocess.run([{sys.executable!r}, "-c", "import time; time.sleep(300)"])
"""
"""Waits for a child that has the same output: the output ends when both have ended."""


def test_a_time_limit_ends_a_process_and_its_children() -> None:
    begun = time.monotonic()
    with (
        subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, **own_group()) as process,
        time_limit(process, 1.0) as over,
    ):
        assert process.communicate()[0] == "ready\n"
    assert over.is_set() and process.returncode != 0 and time.monotonic() - begun < 60


def test_a_block_that_is_left_early_leaves_no_process() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, **own_group()) as process:
        assert process.stdout is not None
        with pytest.raises(KeyboardInterrupt), time_limit(process, 300.0) as over:
            assert process.stdout.readline() == "ready\n"
            raise KeyboardInterrupt
        assert process.stdout.read() == "" and process.poll() is not None and not over.is_set()


def test_a_process_that_ends_in_time_keeps_its_exit_code() -> None:
    command = [sys.executable, "-c", "raise SystemExit(3)"]
    with subprocess.Popen(command, **own_group()) as process, time_limit(process, 300.0) as over:
        assert process.wait() == 3 and not over.is_set()
