"""Child processes: the worker steps back behind whatever the user is at."""

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


@pytest.mark.skipif(sys.platform == "win32", reason="niceness is POSIX's")
def test_a_worker_steps_back_once():
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=True, **own_group()
    )
    niceness, *group = done.stdout.split()
    assert int(niceness) == BACKGROUND
    assert group in ([], [str(BACKGROUND)]), "its session's group of processes, where Linux has such groups"
