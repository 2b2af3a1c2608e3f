"""Child processes: the worker runs with a lower priority than the user's programs."""

import subprocess
import sys
from pathlib import Path

import pytest

from core.runtime.processes import BACKGROUND, own_group

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
