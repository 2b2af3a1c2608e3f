"""Crews that run a job list: order, retries, cancelling one job, several workers, the state after a kill."""

import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from soliloquy.core.batch import capacity, crew, job_list, summary
from soliloquy.core.errors import CancelledError, SoliloquyError
from soliloquy.core.wire.client import WorkerClient
from soliloquy.core.wire.protocol import Generate
from soliloquy.core.wire.worker_facts import GpuFacts, WorkerFacts

ROOM = capacity.Room(memory=1e9, gpu_memory=2e9, available=int(64e9), cores=16)


@pytest.fixture
def entries(tmp_path, sound, portrait):
    """Function that makes an entry for each manner of the scripted worker."""

    def make(*manners: str, takes: int = 1, **settings) -> list[job_list.Entry]:
        made = []
        for number, manner in enumerate(manners):
            request = Generate(
                audio=str(sound),
                portrait=str(portrait(manner)),
                out=str(tmp_path / "out"),
                takes=takes,
                seed=number,
                **({"motion_only": manner != "slow"} | settings),
            )
            made.append(job_list.Entry(f"{number} {manner}", request))
        return made

    return make


@pytest.fixture
def hire(fake_python, tmp_path):
    """Function that makes a crew of scripted workers; all of them are ended afterwards."""
    crews = []

    def make(listed, **options) -> crew.Crew:
        started = []

        def start(environment):
            started.append(environment)
            return WorkerClient(fake_python, environment=environment)

        hired = crew.Crew(listed, start, tmp_path / "summary.json", **options)
        hired.started = started
        crews.append(hired)
        return hired

    yield make
    for hired in crews:
        hired.kill()


def until(hired, condition) -> None:
    end = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < end, "waited too long"
        if not hired.poll():
            time.sleep(0.01)


def statuses(listed) -> list[str]:
    return [entry.status for entry in listed]


def test_in_order_with_takes_as_they_come(entries, hire):
    listed = entries("person", "other", takes=2)
    told, arrived = [], []
    hired = hire(
        listed,
        changed=lambda entry: told.append((entry.name, entry.status)),
        arrived=lambda entry, take: arrived.append((entry.name, take.seed)),
    )
    crew.run(hired)
    assert told == [(name, status) for name in ("0 person", "1 other") for status in ("running", "done")]
    assert arrived == [("0 person", 0), ("0 person", 1), ("1 other", 1), ("1 other", 2)]
    assert len(hired.started) == 1, "one worker does them all"
    assert summary.exit_code(listed) == 0


def test_cancelling_one_leaves_the_others(entries, hire, tmp_path):
    listed = entries("slow", "other", "third")
    hired = hire(listed)
    until(hired, lambda: listed[0].share > 0)
    hired.cancel(listed[2])
    hired.cancel(listed[0])
    crew.run(hired)
    assert statuses(listed) == ["cancelled", "done", "cancelled"] and summary.exit_code(listed) == 130
    stored = json.loads((tmp_path / "summary.json").read_text())
    assert stored["counts"] == {"done": 1, "cancelled": 2}


def test_stopping_leaves_what_waits_waiting(entries, hire):
    listed = entries("person", "slow", "third")
    hired = hire(listed)
    until(hired, lambda: listed[1].share > 0)
    until(hired, lambda: hired.seconds_left(100.0) is not None)
    share = listed[1].share
    hired.stop()
    hired.poll()
    assert hired.is_stopping(listed[1]) and listed[1].stage == "Stopping…" and hired.seconds_left(100.0) is None
    assert listed[1].share >= share, "progress stays where it is"
    crew.run(hired)
    assert statuses(listed) == ["done", "cancelled", "waiting"] and summary.exit_code(listed) == 130


def test_interrupted_it_ends_at_once_and_tells(entries, hire, tmp_path):
    listed = entries("person", "slow", "third")

    def interrupt(entry) -> None:
        if (entry.name, entry.status) == ("1 slow", "running"):
            raise CancelledError

    hired = hire(listed, changed=interrupt)
    with pytest.raises(CancelledError):
        crew.run(hired)
    assert statuses(listed) == ["done", "cancelled", "waiting"]
    stored = json.loads((tmp_path / "summary.json").read_text())
    assert [job["status"] for job in stored["jobs"]] == ["done", "cancelled", "waiting"]


def test_a_failure_that_passes_is_forgotten(entries, hire):
    listed, harmless = entries("crash"), entries("person")[0].request

    def mend(entry) -> None:
        if entry.status == "waiting":
            entry.request = harmless

    crew.run(hire(listed, changed=mend))
    assert (listed[0].status, listed[0].attempts, listed[0].error) == ("done", 2, "")


def test_a_worker_that_cannot_start_fails_each_entry(entries, tmp_path):
    def start(_environment):
        raise SoliloquyError("worker_not_started", "It could not be started.", "Install it.")

    listed = entries("person", "other")
    crew.run(crew.Crew(listed, start, tmp_path / "summary.json", retries=0))
    assert statuses(listed) == ["failed", "failed"] and "could not be started" in listed[0].error
    assert summary.exit_code(listed) == 1


def test_a_full_disk_stops_neither_the_run_nor_is_it_hidden(entries, hire, monkeypatch):
    listed = entries("person")
    hired = hire(listed)

    def refuse(*_, **__):
        raise SoliloquyError("disk_full", "The disk is full.")

    monkeypatch.setattr(summary, "write_summary", refuse)
    crew.run(hired)
    assert statuses(listed) == ["done"] and hired.unsaved and hired.notices == ["The disk is full."]


# -------------------------------------------------------------------------------------------------------- side by side
@pytest.mark.slow
def test_two_workers_share_the_list(entries, hire):
    listed = entries("slow", "slow", "person")
    hired = hire(listed, workers=2, room=ROOM)
    until(hired, lambda: len(hired.running) == 2)
    pids = {seat.client.pid for seat in hired.seats}
    assert len(pids) == 2 and statuses(listed) == ["running", "running", "waiting"]
    crew.run(hired)
    assert statuses(listed) == ["done"] * 3
    assert hired.started[1:] == [{"OMP_NUM_THREADS": "8"}] * 2


@pytest.mark.slow
def test_the_same_takes_twice_wait_for_each_other(entries, hire, monkeypatch):
    """The worker's answer if another one uses the job's folder."""
    listed = entries("person", "slow")
    hired = hire(listed, workers=2, room=ROOM)
    until(hired, lambda: hired.seats[-1].following is not None and hired.seats[-1].entry is not None)
    seat = next(seat for seat in hired.seats if seat.entry is listed[0])
    other = next(seat for seat in hired.seats if seat.entry is listed[1])
    busy = crew.error_event(seat.following.identifier, SoliloquyError("job_busy", "Another program is working on it."))
    monkeypatch.setattr(seat.client, "poll", lambda: [busy])
    hired.poll()
    monkeypatch.undo()
    assert listed[0].status == "waiting" and listed[0].attempts == 0 and other.entry is listed[1]
    crew.run(hired)
    assert statuses(listed) == ["done", "done"]


FIRST, SECOND = {"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "1"}
GPU = {"name": "card", "memory": int(24e9), "free": int(20e9)}


def worker(**changed):
    """What a worker says about itself."""
    words = {"version": "1", "device_name": "x", "python": "3", "torch": "2", "devices": ("cpu",)}
    return WorkerFacts(**words, **changed)


@pytest.mark.parametrize(
    ("wanted", "jobs", "device", "gpus", "room", "seen"),
    [
        (0, 9, "auto", 0, {}, [{"OMP_NUM_THREADS": "4"}] * 4),
        (0, 2, "auto", 0, {}, [{"OMP_NUM_THREADS": "8"}] * 2),
        (0, 9, "auto", 0, {"cores": 2}, [{}]),
        (0, 9, "auto", 0, {"available": int(2.5e9)}, [{"OMP_NUM_THREADS": "8"}] * 2),
        (3, 9, "auto", 0, {"cores": 2}, [{"OMP_NUM_THREADS": "1"}] * 3),
        (3, 9, "auto", 0, {"available": int(0.5e9)}, [{}]),
        (0, 9, "auto", 1, {}, [{}]),
        (0, 9, "auto", 3, {}, [{}, {"CUDA_VISIBLE_DEVICES": "1"}, {"CUDA_VISIBLE_DEVICES": "2"}]),
        (2, 9, "cuda", 3, {}, [{}, {"CUDA_VISIBLE_DEVICES": "1"}]),
        (0, 9, "cpu", 3, {"cores": 4}, [{}]),
        (5, 9, "auto", 2, {}, [{}, SECOND, FIRST, SECOND, FIRST]),
        (9, 9, "auto", 2, {"gpu_memory": 9e9}, [{}, SECOND, FIRST, SECOND]),
        (9, 9, "auto", 1, {"gpu_memory": 30e9}, [{}]),
    ],
)
def test_how_many_workers(wanted, jobs, device, gpus, room, seen):
    cards = tuple(GpuFacts(id=str(k), **GPU) for k in range(gpus))
    first = worker(device="cuda" if gpus else "cpu", gpus=cards)
    made, short = capacity.plan(wanted, jobs, device, first, capacity.Room(**{**vars(ROOM), **room}))
    assert [seat.environment for seat in made] == seen
    assert bool(short) == (wanted > len(seen)), short


def test_a_gpu_without_room_gets_no_worker():
    gpus = (GpuFacts(id="0", **GPU | {"free": int(1e9)}), GpuFacts(id="1", **GPU))
    made, short = capacity.plan(12, 19, "auto", worker(device="cuda", gpus=gpus), ROOM)
    assert [seat.environment for seat in made] == [SECOND] * 10
    assert short == "10 of 12 workers: the GPUs have room for 10."


# ------------------------------------------------------------------------------------------------------- after a kill
KILLED = """
import sys
sys.path.insert(0, {root!r})
import importlib.util
places = dict(submodule_search_locations=[{root!r}])
spec = importlib.util.spec_from_file_location("soliloquy", {root!r} + "/__init__.py", **places)
module = importlib.util.module_from_spec(spec); sys.modules["soliloquy"] = module; spec.loader.exec_module(module)
from pathlib import Path
from soliloquy.core.batch import crew, job_list, summary
from soliloquy.core.wire.client import WorkerClient
entries = job_list.load(Path(sys.argv[1]), {{}})
summary.adopt(entries, summary.summary_path(Path(sys.argv[1])))
for entry in entries:
    entry.status == "done" or entry.reset()
print([entry.status for entry in entries], flush=True)
crew.run(crew.Crew(entries, lambda environment: WorkerClient({python!r}), summary.summary_path(Path(sys.argv[1]))))
print([entry.status for entry in entries], flush=True)
"""


@pytest.mark.slow
def test_after_a_kill_only_what_is_missing_is_made(entries, fake_python, tmp_path):
    listed = entries("person", "slow", "other", takes=2, motion_only=False)
    listed[1].request = dataclasses.replace(listed[1].request, takes=5)  # so long that it is killed before its end
    path = tmp_path / "jobs.json"
    job_list.save(listed, path)
    script = KILLED.format(root=str(Path(__file__).parents[3]), python=str(fake_python))
    command = [sys.executable, "-c", script, str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    end = time.monotonic() + 120
    while len(list((tmp_path / "out").rglob("take.json"))) < 3:  # both of the first job, one of the second
        assert time.monotonic() < end
        time.sleep(0.02)
    time.sleep(0.2)
    os.kill(process.pid, 9)
    process.wait()
    finished = {path.parent for path in (tmp_path / "out").rglob("take.json")}
    before = {
        file: (file.stat().st_mtime_ns, file.read_bytes())
        for folder in finished for file in folder.rglob("*") if file.is_file()
    }  # fmt: skip
    assert 3 <= len(finished) < 7 and len(before) > 150
    again = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    # Blender may print lines of its own in between.
    first, last = [line for line in again.stdout.splitlines() if line.startswith("[")]
    assert first == "['done', 'waiting', 'waiting']" and last == "['done', 'done', 'done']"
    assert before == {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in before}
    assert len(list((tmp_path / "out").rglob("take.json"))) == 9


# ------------------------------------------------------------------------------------------------------ other Blenders
def test_all_waiting_entries_are_cancelled_while_the_first_worker_starts(entries, hire):
    listed = entries("person", "other")
    hired = hire(listed, workers=capacity.AUTO, room=ROOM)
    hired.poll()
    for entry in listed:
        hired.cancel(entry)
    end = time.monotonic() + 60
    while hired._unplanned and time.monotonic() < end:
        hired.poll()
        time.sleep(0.01)
    assert hired.finished and not hired.poll() and statuses(listed) == ["cancelled", "cancelled"]
    crew.run(hired)


def test_a_list_that_two_programs_run_at_once(entries, tmp_path, fake_python, monkeypatch):
    """The worker's answer if another program uses the job's folder; the scripted worker doesn't lock it."""
    mine, path = entries("person", "other", "third"), tmp_path / "summary.json"
    theirs = entries("person", "other", "third")
    busy = SoliloquyError("job_busy", "Another program is working on it.")
    asked, held = [], {theirs[0].request.portrait}

    class Client(WorkerClient):
        def request(self, request):
            if isinstance(request, Generate):
                asked.append(Path(request.portrait).stem)
                if request.portrait in held:
                    raise busy
            return super().request(request)

    other = crew.Crew(theirs, lambda environment: WorkerClient(fake_python, environment=environment), path)
    other.poll()  # it works on the first job
    hired = crew.Crew(mine, lambda environment: Client(fake_python, environment=environment), path)
    try:
        crew.run(hired)
        assert asked == ["person", "other", "person", "third", "person"], "tried again after each of the others"
        assert statuses(mine) == ["busy", "done", "done"] and mine[0].error == "Another program is working on it."
        assert summary.exit_code(mine) == 75
        assert [job["status"] for job in json.loads(path.read_text())["jobs"]] == ["running", "done", "done"]
        crew.run(other)
    finally:
        hired.kill()
        other.kill()
    stored = json.loads(path.read_text())
    assert stored["counts"] == {"done": 3} and [job["attempts"] for job in stored["jobs"]] == [1, 1, 1]
    summary.catch_up(mine, path)
    assert statuses(mine) == ["done"] * 3 and summary.exit_code(mine) == 0
