"""``python -m core batch`` and ``collect``: which jobs run, what is printed, exit codes, and lists that have moved."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from core.__main__ import main
from core.batch import command, job_list
from core.errors import BadInputError
from core.places import ROOT

WORKER = ROOT / "tests" / "addon" / "fake_worker.py"


@pytest.fixture
def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripted worker in place of the real one."""
    path = tmp_path / "python"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{WORKER}"\n')
    path.chmod(0o755)
    monkeypatch.setattr(command.sys, "executable", str(path))


def made_list(folder: Path, *manners: str) -> Path:
    """A list of two motions for each portrait; the scripted worker behaves as the portrait's name says."""
    folder.mkdir(exist_ok=True)
    (folder / "a.wav").write_bytes(b"a sound")
    for manner in manners:
        (folder / f"{manner}.png").write_bytes(manner.encode())
    rows = [f"{manner},a.wav,{manner}.png,out,2,yes" for manner in manners]
    path = folder / "jobs.csv"
    path.write_text("\n".join(["name,audio,portrait,out,takes,motion_only", *rows]))
    return path


def statuses(path: Path) -> list[str]:
    """States in a list's summary."""
    data = json.loads(path.with_name("jobs-summary.json").read_text())
    return [job["status"] for job in data["jobs"]]


def test_a_list_is_run_once_wherever_it_lies(scripted: None, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = made_list(tmp_path / "here", "person", "other")
    assert main(["batch", str(path)]) == 0
    told = capsys.readouterr().out
    assert "soliloquy: 2 jobs to do." in told and "person: done, 2 takes" in told and "2 of 2 jobs done" in told
    shutil.move(tmp_path / "here", tmp_path / "there")
    path = tmp_path / "there" / "jobs.csv"
    for file in path.parent.iterdir():
        os.utime(file, (1, 1))  # times don't count
    assert main(["batch", str(path)]) == 0
    assert "0 jobs to do, 2 already done" in capsys.readouterr().out
    assert main(["collect", str(path)]) == 0 and statuses(path) == ["done", "done"]
    path.write_text(path.read_text().replace(".png,out,", ".png,elsewhere,"))  # in that folder nothing is done yet
    assert main(["collect", str(path)]) == 130 and statuses(path) == ["waiting", "waiting"]


def test_another_content_is_another_job(scripted: None, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = made_list(tmp_path, "person", "other")
    assert main(["batch", str(path)]) == 0
    (tmp_path / "other.png").write_bytes(b"as long as"[: len("other")])
    capsys.readouterr()
    assert main(["collect", str(path)]) == 130
    assert "other: waiting" in capsys.readouterr().out and statuses(path) == ["done", "waiting"]


def test_large_files_are_known_without_reading_them_whole(tmp_path: Path) -> None:
    (entry,) = job_list.load(made_list(tmp_path, "person"), {})
    sound = tmp_path / "a.wav"

    def known(content: bytes, changed: float) -> str:
        sound.write_bytes(content)
        os.utime(sound, (changed, changed))
        job_list._digest_of.cache_clear()
        return entry.fingerprint()

    large = bytes(range(256)) * 4096
    first = known(large, 1e9)
    assert known(large, 1e9 + 0.3) == first, "some disks keep whole seconds only"
    assert known(large, 1e9 + 2) != first and known(large + b"x", 1e9) != first
    for place in (0, len(large) // 2, len(large) - 1):
        other = bytearray(large)
        other[place] ^= 1
        assert known(bytes(other), 1e9) != first
    other = bytearray(large)
    other[len(large) // 4] ^= 1  # here only the time tells
    assert known(bytes(other), 1e9) == first and known(bytes(other), 1e9 + 5) != first
    again = known(large, 1e9)
    sound.rename(tmp_path / "b.wav")
    moved = dataclasses.replace(entry.request, audio=str(tmp_path / "b.wav"))
    assert job_list.Entry("x", moved).fingerprint() == again == first


def test_parts_of_a_list_share_one_summary(scripted: None, tmp_path: Path) -> None:
    path = made_list(tmp_path, "person", "other", "third", "noface")
    assert main(["batch", str(path), "--lines", "2-3"]) == 0
    assert statuses(path) == ["done", "done"]
    assert main(["batch", str(path), "--lines", "1,4-"]) == 2, "the last one has no face"
    assert main(["collect", str(path)]) == 2
    assert statuses(path) == ["done", "done", "done", "failed"], "in the list's order"
    shutil.rmtree(tmp_path / "out")
    assert main(["collect", str(path)]) == 130
    assert statuses(path) == ["waiting", "waiting", "waiting", "failed"]


def test_one_content_in_two_folders_is_two_jobs(scripted: None, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = made_list(tmp_path, "person")
    again = path.read_text().splitlines()[1]
    path.write_text(path.read_text() + "\n" + again.replace(",out,", ",elsewhere,"))
    assert main(["batch", str(path), "--lines", "1"]) == 0 and statuses(path) == ["done"]
    assert main(["collect", str(path)]) == 130 and statuses(path) == ["done", "waiting"]
    assert main(["batch", str(path), "--lines", "2"]) == 0 and statuses(path) == ["done", "done"]
    assert main(["collect", str(path)]) == 0
    shutil.rmtree(tmp_path / "out")
    capsys.readouterr()
    assert main(["collect", str(path)]) == 130 and statuses(path) == ["waiting", "done"]
    assert "1 of 2 jobs done" in capsys.readouterr().out


def test_lines_that_are_equal_are_made_once_and_done_twice(scripted: None, tmp_path: Path) -> None:
    path = made_list(tmp_path, "person")
    path.write_text(path.read_text() + "\n" + path.read_text().splitlines()[1])
    assert main(["batch", str(path), "--workers", "2"]) == 0 and statuses(path) == ["done", "done"]
    assert len(list((tmp_path / "out").rglob("take.json"))) == 2, "two takes of one job"
    outcome = path.with_name("jobs-summary.json")
    data = json.loads(outcome.read_text())
    data["jobs"][1]["status"] = "waiting"  # as after a kill between the two
    outcome.write_text(json.dumps(data))
    assert main(["collect", str(path)]) == 0 and statuses(path) == ["done", "done"]


def test_a_list_in_another_order_keeps_its_done_jobs(
    scripted: None, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = made_list(tmp_path, "person", "other", "third")
    assert main(["batch", str(path), "--lines", "1-2"]) == 0
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([header, *(row.partition(",")[2].join((",", "")) for row in rows[::-1])]))
    capsys.readouterr()
    assert main(["collect", str(path), "--lines", "2-"]) == 0
    assert statuses(path) == ["done"] * 4, "with --lines, what is told of the names that are gone stays"
    capsys.readouterr()
    assert main(["collect", str(path)]) == 130
    assert capsys.readouterr().out.splitlines()[0] == "soliloquy: job 1: waiting", "the third, which has no name now"
    assert statuses(path) == ["waiting", "done", "done"]


def test_a_summary_that_is_gone_or_damaged_makes_nothing_again(scripted: None, tmp_path: Path) -> None:
    path = made_list(tmp_path, "person")
    assert main(["batch", str(path)]) == 0
    (take, *_) = sorted((tmp_path / "out").rglob("take.json"))
    made = take.stat().st_mtime_ns
    for damage in (Path.unlink, lambda summary: summary.write_text("{")):
        damage(path.with_name("jobs-summary.json"))
        assert main(["collect", str(path)]) == 130, "only the summary tells where the takes of a line are"
        assert main(["batch", str(path)]) == 0 and main(["collect", str(path)]) == 0
    assert take.stat().st_mtime_ns == made


def test_tasks_with_summaries_of_their_own_are_collected_each(scripted: None, tmp_path: Path) -> None:
    path = made_list(tmp_path, "person", "other")
    for number in ("1", "2"):
        assert main(["batch", str(path), "--lines", number, "--summary", str(tmp_path / f"task{number}.json")]) == 0
    assert main(["collect", str(path)]) == 130, "the list's own summary tells of no job"
    for number in ("1", "2"):
        line = ["collect", str(path), "--lines", number, "--summary", str(tmp_path / f"task{number}.json")]
        assert main(line) == 0


def test_collect_loses_no_job_that_is_finished_meanwhile(
    scripted: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, adopt = made_list(tmp_path, "person"), command.summary.adopt

    def adopt_for_long(*given) -> str:
        told = adopt(*given)
        monkeypatch.setattr(command.summary, "adopt", adopt)
        assert main(["batch", str(path)]) == 0
        return told

    monkeypatch.setattr(command.summary, "adopt", adopt_for_long)
    assert main(["collect", str(path)]) == 0 and statuses(path) == ["done"]


def test_collect_can_be_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    path = made_list(tmp_path, "person")
    monkeypatch.setattr(command.summary, "adopt", lambda *_: signal.raise_signal(signal.SIGINT))
    assert main(["collect", str(path)]) == 130
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("numbers", ["0", "3-1", "a", "1;2", "", "7-"])
def test_numbers_that_name_no_job_are_refused(tmp_path: Path, numbers: str, capsys: pytest.CaptureFixture) -> None:
    path = made_list(tmp_path, "person")
    assert main(["batch", str(path), f"--lines={numbers}"]) == 2
    assert capsys.readouterr().err.count("\n") == 1 and not (tmp_path / "out").exists()


def test_a_list_that_cannot_be_read_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for name in ("batch", "collect"):
        assert main([name, str(tmp_path / "none.csv")]) == 2
        told = capsys.readouterr()
        assert told.err.count("\n") == 1 and "none.csv" in told.err and not told.out


def test_progress_for_programs(scripted: None, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = made_list(tmp_path, "person", "noface")
    assert main(["batch", str(path), "--progress", "json"]) == 2
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    ended = [event for event in told if event.get("job") == "person"][-1]
    assert ended["status"] == "done" and all(Path(folder).is_dir() for folder in ended["takes"])
    assert told[-1] == {"summary": str(path.with_name("jobs-summary.json")), "exit_code": 2}
    assert main(["batch", str(path), "--progress", "openjd"]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert "openjd_progress: 50.0" in lines and any(line.startswith("openjd_fail: noface:") for line in lines)


@pytest.mark.parametrize(("code", "exit_code"), [("out_of_memory", 75), ("disk_full", 75), ("worker_crashed", 1)])
def test_what_may_pass_asks_to_be_tried_again(code: str, exit_code: int, tmp_path: Path) -> None:
    """The worker's answer as an event."""
    from core.batch import crew, summary
    from core.errors import SoliloquyError

    (entry,) = job_list.load(made_list(tmp_path, "person"), {})

    def refuse(_environment: dict[str, str]) -> None:
        raise SoliloquyError(code, "No.")

    crew.run(crew.Crew([entry], refuse, tmp_path / "summary.json", retries=0))
    assert entry.status == "failed" and summary.exit_code([entry]) == exit_code


def test_the_worst_code_counts(tmp_path: Path) -> None:
    from core.batch import summary

    entries = job_list.load(made_list(tmp_path, "a", "b", "c"), {})
    for codes, expected in (((0, 0, 2), 2), ((2, 75, 0), 75), ((75, 1, 2), 1), ((0, 0, 0), 0)):
        for entry, code in zip(entries, codes, strict=True):
            entry.status, entry.code = "failed" if code else "done", code
        assert summary.exit_code(entries) == expected


@pytest.mark.slow
@pytest.mark.worker
def test_two_programs_make_each_take_once(tmp_path: Path) -> None:
    """The real worker, killed once in the middle: rerun finishes, and no take is made twice."""
    folder = tmp_path
    shutil.copy(ROOT / "core" / "assets" / "self_test.flac", folder / "a.flac")
    shutil.copy(ROOT / "core" / "assets" / "self_test.jpg", folder / "p.jpg")
    rows = [f"{seed},a.flac,p.jpg,out,{seed},yes,0.6" for seed in range(4)]
    path = folder / "jobs.csv"
    path.write_text("\n".join(["name,audio,portrait,out,seed,motion_only,duration", *rows]))
    line = [sys.executable, "-m", "core", "batch", str(path), "--device", "cpu", "--workers", "1"]
    first, second = (subprocess.Popen(line, cwd=ROOT, stdout=subprocess.DEVNULL) for _ in range(2))
    while not list((folder / "out").rglob("take.json")) and first.poll() is None:
        pass
    first.kill()
    first.wait(60)
    assert second.wait(240) in (0, 75, 130)
    before = {file: file.stat().st_mtime_ns for file in (folder / "out").rglob("take.json")}
    assert subprocess.run(line, cwd=ROOT, check=False, timeout=240).returncode == 0
    after = {file: file.stat().st_mtime_ns for file in (folder / "out").rglob("take.json")}
    assert len(after) == 4 and before.items() <= after.items() and statuses(path) == ["done"] * 4


def test_bad_workers_are_refused(tmp_path: Path) -> None:
    path = made_list(tmp_path, "person")
    assert main(["batch", str(path), "--workers", "none"]) == 2
    with pytest.raises(BadInputError, match="names no job"):
        command.opened(command.argparse.Namespace(list=path, out=None, lines=[range(5, 9)], summary=None), "cpu")
