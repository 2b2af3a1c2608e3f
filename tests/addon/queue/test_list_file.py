"""The files of a list: nothing of others is overwritten, two programs lose nothing, other versions are read."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from soliloquy.addon.commands import cli
from soliloquy.addon.queue.shared_list import SharedList
from soliloquy.core.batch import job_list, list_file, summary
from soliloquy.core.errors import BadInputError, SoliloquyError
from soliloquy.core.wire.protocol import Generate, TakeReady
from soliloquy.core.wire.style import PriorStyle

JOB = {"name": "a", "audio": "a.wav", "portrait": "a.png", "out": "o"}


def entry(name: str, **settings) -> job_list.Entry:
    made = job_list.Entry(name, Generate(**{"audio": "/a.wav", "portrait": "/a.png", "out": "/o"} | settings))
    made.made_from = made.fingerprint()
    return made


def names(path: Path) -> list[str]:
    return [one.name for one in job_list.load(path, {}, may_be_empty=True)]


# ------------------------------------------------------------------------------------------------ what is overwritten
FOREIGN = [
    ("profile", ""), ("authorized_keys", "ssh-ed25519 AAAA me@home\n"), ("notes.txt", "one\ntwo\n"),
    ("state.json", '{"jobs": [], "mine": 1}'), ("state.json", json.dumps({"jobs": [JOB], "mine": 1})),
    ("state.json", "[1, 2]"), ("state.json", '{"a": 1}'), ("state.json", "not json"),
    ("keys.csv", "ssh-ed25519 AAAA\n"),
    ("table.csv", "name,age\nAnna,5\n"), ("table.csv", "name,audio,portrait,age\n"), ("binary.csv", "\0\1\2"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text"), FOREIGN)
def test_other_files_are_not_overwritten(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    listed = SharedList(path, [entry("old")], stamp=[])
    with pytest.raises(BadInputError):
        listed.change(lambda: pytest.fail("nothing may be changed"))
    with pytest.raises(BadInputError):
        listed.save_as(path)
    assert path.read_text() == text and [item.name for item in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", None), ("a.json", ""), ("a.csv", ""), ("a.json", '{"jobs": []}'), ("a.json", "[]"),
        ("a.json", json.dumps([JOB])), ("a.json", '{"soliloquy_queue": 1, "jobs": [], "of a later version": 1}'),
        ("a.csv", "name,audio,portrait,out\n"), ("A.CSV", "Audio;Portrait;Out;Motion Only\na.wav;a.png;o;yes\n"),
    ],
)  # fmt: skip
def test_lists_are_written(tmp_path, name, text):
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    SharedList(defaults={}).save_as(path)
    assert names(path) == []
    listed = SharedList()
    listed.open(path)
    listed.change(lambda: listed.entries.append(entry("new")) or ())
    assert names(path) == ["new"]
    assert sorted(item.name for item in tmp_path.iterdir()) == sorted([name, f"{path.stem}-summary.json"]), "no lock"


def test_a_foreign_file_in_place_of_the_summary_is_kept(tmp_path):
    path = tmp_path / "a.json"
    (tmp_path / "a-summary.json").write_text('{"mine": 1}')
    SharedList(entries=[entry("a")]).save_as(path)
    assert (tmp_path / "a-summary-unreadable-1.json").read_text() == '{"mine": 1}'
    assert json.loads((tmp_path / "a-summary.json").read_text())["soliloquy_batch"] == 2


def test_the_command_line_saves_over_lists_only(scene, tmp_path, sound, portrait, capsys):
    (tmp_path / "jobs.csv").write_text(f"audio,portrait,out\n{sound.name},{portrait().name},out\n")
    (tmp_path / "mine.json").write_text('{"mine": 1}')
    arguments = ["batch", str(tmp_path / "jobs.csv"), "--estimate", "--save-list"]
    assert cli.run([*arguments, str(tmp_path / "mine.json")]) == 2
    assert "is not a job list, and is not overwritten" in capsys.readouterr().err
    assert cli.run([*arguments, str(tmp_path / "again.json")]) == 0 and names(tmp_path / "again.json") == ["job 1"]


# ------------------------------------------------------------------------------------------------------- two programs
@pytest.mark.parametrize("ending", ["json", "csv"])
def test_what_two_programs_add_and_remove_is_merged(tmp_path, ending):
    path = tmp_path / f"queue.{ending}"
    first, second = SharedList(), SharedList()
    first.begin(path)
    first.change(lambda: first.entries.extend([entry("one"), entry("two ")]) or ())
    second.open(path)
    styled = entry("three\n", style=PriorStyle(start_pose=(0, 5, 0)), start=1)
    second.change(lambda: second.entries.append(styled) or ())
    first.change(lambda: first.entries.append(entry("four")) or ())
    assert [one.name.strip() for one in first.entries] == ["one", "two", "three", "four"]
    first.change(lambda: first.entries.pop(0) and ())
    second.change(lambda: ())
    assert [one.name.strip() for one in second.entries] == ["two", "three", "four"]
    second.entries[0].status = "running"
    first.change(lambda: first.entries.clear() or ())
    second.change(lambda: ())
    assert [one.name.strip() for one in second.entries] == ["two"], "it runs here"


def test_a_job_that_both_have_added_is_there_once():
    ours, theirs = entry("five"), entry("five")
    assert list_file.merged([ours], list_file.identities([]), [theirs]) == [ours]
    twice = [entry("five"), entry("five")]
    assert len(list_file.merged([ours], list_file.identities([ours]), twice)) == 2, "it is in their list twice"


def test_a_list_that_was_deleted_is_written_again(tmp_path):
    path = tmp_path / "queue.json"
    listed = SharedList()
    listed.begin(path)
    listed.change(lambda: listed.entries.append(entry("one")) or ())
    path.unlink()
    listed.change(lambda: ())
    assert names(path) == ["one"]


ADDING = """
import sys
sys.path.insert(0, {tests!r})
import conftest
from pathlib import Path
from soliloquy.core.batch import job_list
from soliloquy.addon.queue.shared_list import SharedList
from soliloquy.core.wire.protocol import Generate
listed = SharedList()
listed.begin(Path(sys.argv[1]))
for number in range(12):
    name = sys.argv[2] + str(number)
    made = job_list.Entry(name, Generate(audio="/a.wav", portrait="/a.png", out="/o"))
    listed.change(lambda: listed.entries.append(made) or ())
"""


def test_processes_that_add_at_the_same_time_lose_nothing(tmp_path):
    path, script = tmp_path / "queue.json", ADDING.format(tests=str(Path(__file__).parents[1]))
    both = [subprocess.Popen([sys.executable, "-c", script, str(path), who]) for who in "ab"]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    assert sorted(names(path)) == sorted(f"{who}{number}" for who in "ab" for number in range(12))
    assert sorted(item.name for item in tmp_path.iterdir()) == ["queue-summary.json", "queue.json"]


def test_a_lock_that_is_held_is_waited_for_and_then_told(tmp_path, monkeypatch):
    path = tmp_path / "queue.json"
    held, free = threading.Event(), threading.Event()

    def hold():
        with list_file.locked(path):
            held.set()
            free.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(20.0)
    monkeypatch.setattr(list_file, "_PATIENCE", 0.1)
    with pytest.raises(SoliloquyError, match="Another program is writing"), list_file.locked(path):
        pass
    threading.Timer(0.2, free.set).start()
    monkeypatch.setattr(list_file, "_PATIENCE", 20.0)
    with list_file.locked(path):
        pass
    holder.join()
    assert not list(tmp_path.iterdir())


def test_a_lock_of_a_killed_program_does_not_count(tmp_path):
    (tmp_path / ".queue.json.lock").touch()
    with list_file.locked(tmp_path / "queue.json"):
        pass
    assert not list(tmp_path.iterdir())


def test_summaries_are_merged_by_job(tmp_path):
    path = tmp_path / "summary.json"
    ours, theirs = [entry("a"), entry("b")], [entry("a"), entry("b")]
    summary.write_summary(ours, path, own=())
    ours[0].status, theirs[1].status, theirs[1].error = "running", "failed", "no"
    summary.write_summary(theirs, path, own={theirs[1].key})
    summary.write_summary(ours, path, own={ours[0].key})
    stored = json.loads(path.read_text())
    assert [job["status"] for job in stored["jobs"]] == ["running", "failed"]
    assert stored["counts"] == {"running": 1, "failed": 1}


# ---------------------------------------------------------------------------------------- summaries from other versions
@pytest.fixture
def run_once(scene, sound, portrait, tmp_path):
    """Path of a list of two jobs that were made."""
    path = tmp_path / "jobs.csv"
    rows = [f"{name},{sound.name},{portrait(name).name},out,1,yes" for name in ("person", "other")]
    path.write_text("\n".join(["name,audio,portrait,out,takes,motion_only", *rows]))
    assert cli.run(["batch", str(path)]) == 0
    return path


def test_a_summary_of_a_later_version_is_read(run_once, capsys):
    path = summary.summary_path(run_once)
    stored = json.loads(path.read_text())
    stored["a later field"] = stored["jobs"][0]["a later field"] = 1
    stored["jobs"][0]["takes"][0]["a later field"] = {"x": 1}
    path.write_text(json.dumps(stored | {"soliloquy_batch": 9}))
    capsys.readouterr()
    assert cli.run(["batch", str(run_once)]) == 0
    told = capsys.readouterr()
    assert "0 jobs to do, 2 already done" in told.out and told.err == ""


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "[]", "7", '{"soliloquy_batch": 2}', '{"mine": []}', "\0",
                                  '{"soliloquy_batch": 2, "jobs": {"a": 1}}'])  # fmt: skip
def test_a_summary_that_cannot_be_read_is_named_and_the_batch_goes_on(run_once, text, capsys):
    path = summary.summary_path(run_once)
    path.write_text(text)
    capsys.readouterr()
    assert cli.run(["batch", str(run_once)]) == 0
    told = capsys.readouterr()
    assert "jobs-summary.json" in told.err and "checked again" in told.err and "2 of 2 jobs done" in told.out
    kept = [item.read_text() for item in path.parent.glob("*unreadable*")]
    assert kept == ([text] if text else []) and json.loads(path.read_text())["counts"] == {"done": 2}


HOSTILE = [None, True, -1, 10**400, 1e308, "", "\ud800", "\0", [], [[]], {}, {"a": 1}, "done", [None], "x" * 5000]


def test_any_value_in_a_summary_is_survived(tmp_path):
    take = TakeReady(
        id="", job="/j", index=1, seed=0, folder="/j/take-001", motion="m", curves="c", curves_extracted=None,
        frames=None, contact=None, frame_count=25, fps=25.0, width=None, height=None, start=0.0, seconds=1.0,
    )  # fmt: skip
    made = entry("a")
    made.status, made.takes = "failed", [take]
    path = tmp_path / "summary.json"
    summary.write_summary([made], path)
    good = json.loads(path.read_text())
    for name in good["jobs"][0]:
        for value in HOSTILE:
            jobs = [good["jobs"][0] | {name: value}]
            if name == "takes":
                jobs += [good["jobs"][0] | {"takes": [good["jobs"][0]["takes"][0] | {field: value}]}
                         for field in good["jobs"][0]["takes"][0]]  # fmt: skip
            for job in jobs:
                path.write_text(json.dumps(good | {"jobs": [job]}))
                fresh = entry("a")
                summary.adopt([fresh], path)
                assert fresh.status in ("waiting", "failed", "cancelled"), (name, value)
                summary.catch_up([fresh], path)
                summary.write_summary([fresh], path, own=())
                summary.exit_code([fresh])
