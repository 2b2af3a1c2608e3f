"""A Slurm with one node, this machine, in a folder of its own; for tests as root."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
_CONFIGURATION = """\
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={processors} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def why_not() -> str:
    """Why Slurm can't run here; empty if it can."""
    if os.geteuid() != 0:
        return "Slurm's node runs as root"
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    return f"{', '.join(missing)}: not installed" if missing else ""


@contextmanager
def slurm(folder: Path) -> Iterator[dict[str, str]]:
    """Inside this context the cluster runs; yields the environment for its commands."""
    for name in ("state", "spool"):
        (folder / name).mkdir()
    text = _CONFIGURATION.format(host=socket.gethostname(), folder=folder, processors=os.cpu_count())
    (folder / "slurm.conf").write_text(text)
    environment = os.environ | {"SLURM_CONF": str(folder / "slurm.conf")}
    munge = folder / "munge"
    munge.mkdir(mode=0o700)
    (munge / "key").write_bytes(os.urandom(128))
    (munge / "key").chmod(0o600)
    places = [f"--{name}-file={munge}/{name}" for name in ("key", "pid", "seed", "log")]
    socket_file = Path("/run/munge/munge.socket.2")  # where Slurm looks for it
    own_munge = not socket_file.exists()
    daemons: list[subprocess.Popen] = []
    try:
        if own_munge:
            socket_file.parent.mkdir(mode=0o755, exist_ok=True)
            line = ["munged", "--foreground", "--force", f"--socket={socket_file}", *places]
            daemons.append(subprocess.Popen(line, stderr=subprocess.DEVNULL))
            _wait(socket_file.exists)
        daemons.append(subprocess.Popen(["slurmctld", "-D"], env=environment, stderr=subprocess.DEVNULL))
        daemons.append(subprocess.Popen(["slurmd", "-D"], env=environment, stderr=subprocess.DEVNULL))
        _wait(lambda: "idle" in _output(["sinfo", "--noheader"], environment))
        yield environment
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait(30)


def wait_for_all(environment: dict[str, str]) -> None:
    """Wait until the cluster has no job left."""
    _wait(lambda: not _output(["squeue", "--noheader"], environment).strip(), 240.0)


def _output(line: list[str], environment: dict[str, str]) -> str:
    return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60, check=False).stdout


def _wait(condition, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.2)
