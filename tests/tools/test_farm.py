"""The templates of ``tools/farm``: each engine makes every take of a list once, and tells what went wrong."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.tools import one_node_slurm

ROOT = Path(__file__).resolve().parents[2]
FARM = ROOT / "tools" / "farm"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """The program with the scripted worker."""
    worker, path = tmp_path / "python", tmp_path / "soliloquy"
    worker.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT / "tests" / "addon" / "fake_worker.py"}"\n')
    path.write_text(
        f'#!/bin/sh\nexport SCRIPTED_WORKER="{worker}"\n'
        f'exec "{sys.executable}" "{ROOT / "tests" / "tools" / "scripted_soliloquy.py"}" "$@"\n'
    )
    for file in (worker, path):
        file.chmod(0o755)
    return path


def made_list(folder: Path, *manners: str) -> Path:
    """A list of one motion for each portrait; the scripted worker behaves as the portrait's name says."""
    (folder / "a.wav").write_bytes(b"a sound")
    for number, manner in enumerate(manners):
        (folder / f"{manner}.png").write_bytes(b"%d" % number)
    path = folder / "jobs.csv"
    rows = [f"{manner},a.wav,{manner}.png,out,yes" for manner in manners]
    path.write_text("\n".join(["name,audio,portrait,out,motion_only", *rows]))
    return path


def takes(folder: Path) -> list[Path]:
    """The finished takes."""
    return sorted((folder / "out").rglob("take.json"))


def statuses(path: Path) -> dict[str, str]:
    """States in a list's summary."""
    jobs = json.loads(path.with_name("jobs-summary.json").read_text())["jobs"]
    return {job["name"]: job["status"] for job in jobs}


# --------------------------------------------------------------------------------------------------------------- OpenJD
OPENJD = [sys.executable, "-c", "import openjd.cli as o; raise SystemExit(o.main())"]
TEMPLATE = str(FARM / "soliloquy.openjd.yaml")


def openjd(program: Path, path: Path, jobs: str, *more: str) -> subprocess.CompletedProcess:
    """Run the template; ``more`` are arguments of ``openjd run``."""
    parameters = {"List": path, "Jobs": jobs, "JobsEach": 2, "Program": program, "Cache": path.parent / "cache"}
    named = [word for name, value in parameters.items() for word in ("-p", f"{name}={value}")]
    return subprocess.run(
        [*OPENJD, "run", TEMPLATE, *named, *more], capture_output=True, text=True, timeout=240, check=False
    )


def test_the_openjd_template_is_valid() -> None:
    subprocess.run([*OPENJD, "check", TEMPLATE], check=True, timeout=120, capture_output=True)


@pytest.mark.slow
def test_openjd_makes_each_job_once(program: Path, tmp_path: Path) -> None:
    path = made_list(tmp_path, "person", "other", "third")
    ran = openjd(program, path, "1-3")
    assert ran.returncode == 0, ran.stdout
    assert "Job(CHUNK[INT]) = 1-2" in ran.stdout and "openjd_progress: 100.0" in ran.stdout
    assert len(takes(tmp_path)) == 3 and statuses(path) == dict.fromkeys(("person", "other", "third"), "done")
    assert "3 of 3 jobs done" in ran.stdout, "as the last step says"


@pytest.mark.slow
def test_openjd_hears_of_a_failure(program: Path, tmp_path: Path) -> None:
    ran = openjd(program, made_list(tmp_path, "noface"), "1")
    assert ran.returncode != 0 and "openjd_fail: noface: No face was found." in ran.stdout


# ---------------------------------------------------------------------------------------------------------------- Slurm
def one_task(program: Path, path: Path, scontrol: str, **environment: str) -> subprocess.Popen:
    """The Slurm script as an array task would run it, with a stand-in for ``scontrol``."""
    stub = path.parent / "bin" / "scontrol"
    stub.parent.mkdir(exist_ok=True)
    stub.write_text(f"#!/bin/sh\n{scontrol}\n")
    stub.chmod(0o755)
    known = {"SOLILOQUY": str(program), "SLURM_ARRAY_TASK_ID": "2", "SLURM_ARRAY_JOB_ID": "77", "JOBS_EACH": "2"}
    variables = os.environ | known | environment | {"PATH": f"{stub.parent}:{os.environ['PATH']}"}
    return subprocess.Popen(["bash", str(FARM / "soliloquy.sbatch"), str(path)], env=variables, cwd=path.parent)


def started_by(program: Path) -> list[str]:
    """Processes that the program has started and that still run; they have inherited a variable."""
    mark, found = f"SCRIPTED_WORKER={program.parent}".encode(), []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (process / "environ").read_bytes():
                found.append(process.name)
    return found


@pytest.mark.slow
def test_a_slurm_task_makes_its_part(program: Path, tmp_path: Path) -> None:
    path = made_list(tmp_path, "one", "two", "three", "four", "five")
    assert one_task(program, path, "exit 1").wait(120) == 0
    assert statuses(path) == {"three": "done", "four": "done"} and len(takes(tmp_path)) == 2


@pytest.mark.slow
@pytest.mark.parametrize(("restarts", "asked"), [("", "requeue 77_2\n"), ("2", "requeue 77_2\n"), ("3", None)])
def test_a_slurm_task_is_tried_again_if_that_may_help(tmp_path: Path, restarts: str, asked: str | None) -> None:
    busy = tmp_path / "busy"
    busy.write_text("#!/bin/sh\nexit 75\n")
    busy.chmod(0o755)
    path = made_list(tmp_path, "one")
    told = tmp_path / "told"
    task = one_task(busy, path, f'echo "$*" > "{told}"', **({"SLURM_RESTART_COUNT": restarts} if restarts else {}))
    assert task.wait(60) == 75
    assert (told.read_text() if told.exists() else None) == asked


@pytest.mark.slow
def test_a_slurm_task_that_is_stopped_leaves_no_worker(program: Path, tmp_path: Path) -> None:
    path = made_list(tmp_path, "one", "two", "hang", "four")
    task = one_task(program, path, "exit 1")
    end = time.monotonic() + 90
    while statuses(path).get("hang") != "running" if path.with_name("jobs-summary.json").exists() else True:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert started_by(program)
    task.send_signal(signal.SIGTERM)
    assert task.wait(60) == 130 and statuses(path)["hang"] == "cancelled"
    assert not started_by(program)


@pytest.mark.slow
@pytest.mark.skipif(bool(one_node_slurm.why_not()), reason=one_node_slurm.why_not() or "Slurm is here")
def test_a_real_slurm_makes_each_job_once(program: Path, tmp_path: Path) -> None:
    path = made_list(tmp_path, "one", "two", "three")
    (tmp_path / "cluster").mkdir()
    with one_node_slurm.slurm(tmp_path / "cluster") as environment:
        line = ["sbatch", "--parsable", "--array=1-2", f"--output={tmp_path}/%A-%a.log"]
        asked = environment | {"SOLILOQUY": str(program), "JOBS_EACH": "2"}
        command = [*line, str(FARM / "soliloquy.sbatch"), str(path)]
        number = subprocess.run(command, env=asked, capture_output=True, text=True, check=True).stdout.strip()
        collect = f"{program} collect {path} > {tmp_path}/collected"
        command = ["sbatch", f"--dependency=afterany:{number}", f"--output={tmp_path}/c.log", "--wrap", collect]
        subprocess.run(command, env=environment, check=True, capture_output=True)
        one_node_slurm.wait_for_all(environment)
    assert "3 of 3 jobs done" in (tmp_path / "collected").read_text()
    assert len(takes(tmp_path)) == 3 and statuses(path) == dict.fromkeys(("one", "two", "three"), "done")


# ------------------------------------------------------------------------------------------------------------- Flamenco
STUB = """
const author = {
    Task: (name, type) => ({ name, type, commands: [], dependencies: [],
        addCommand(command) { this.commands.push(command); },
        addDependency(task) { this.dependencies.push(task.name); } }),
    Command: (name, parameters) => ({ name, parameters }),
};
const job = { settings: JSON.parse(process.argv[2]), tasks: [], addTask(task) { this.tasks.push(task); } };
for (const setting of JOB_TYPE.settings)
    if (!(setting.key in job.settings) && "default" in setting) job.settings[setting.key] = setting.default;
compileJob(job);
console.log(JSON.stringify(job.tasks));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_flamenco_gets_tasks_for_all_jobs(tmp_path: Path) -> None:
    script = tmp_path / "job.js"
    script.write_text((FARM / "soliloquy.flamenco.js").read_text() + STUB)

    def compiled(**settings: object) -> subprocess.CompletedProcess:
        return subprocess.run(["node", script, json.dumps(settings)], capture_output=True, text=True, check=False)

    tasks = json.loads(compiled(list="lists/jobs.csv", jobs=12).stdout)
    assert [task["name"] for task in tasks] == ["takes-1-5", "takes-6-10", "takes-11-12", "collect"]
    assert tasks[3]["dependencies"] == [task["name"] for task in tasks[:3]]
    command = tasks[2]["commands"][0]
    assert command["name"] == "exec" and command["parameters"] == {
        "exe": "soliloquy",
        "args": ["batch", "lists/jobs.csv", "--lines", "11-12", "--device", "auto"],
    }
    assert compiled(list="lists/jobs.csv", jobs=0).returncode != 0
