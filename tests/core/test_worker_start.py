"""core.worker in a Python that can't run it: the reason is told, and the process ends by itself."""

from __future__ import annotations

import subprocess
import venv
from subprocess import PIPE

from core.places import ROOT
from core.runtime.pythons import environment_python
from core.wire.client import WorkerClient
from core.wire.protocol import Error, Probe


def test_a_python_without_torch_says_so_and_ends_by_itself(tmp_path) -> None:
    """The reason reaches the client as an error. The process ends without an abort, although a thread still reads."""
    environment = tmp_path / "bare"
    venv.create(environment, with_pip=False)
    python = environment_python(environment)
    with WorkerClient(python) as client:
        answer = client.wait(client.request(Probe()), timeout=60)
        assert isinstance(answer, Error) and answer.code == "worker_not_started"
        assert "No module named 'torch'" in answer.message and str(python) in answer.hint
    # Nobody closes its input, so the thread that reads requests waits while the process ends.
    command = [str(python), "-s", "-m", "core.worker"]
    with subprocess.Popen(command, cwd=ROOT, stdin=PIPE, stdout=PIPE, stderr=PIPE) as started:
        assert started.stdout and started.stderr
        out, log = started.stdout.read(), started.stderr.read()
        assert started.wait(30) == 1
    assert b"No module named 'torch'" in out and b"Fatal" not in log
