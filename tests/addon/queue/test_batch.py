"""Job lists: what is read, what is run, and what is printed about it."""

import dataclasses
import json
import os
import shutil
from pathlib import Path

import pytest
from soliloquy.addon.commands import cli
from soliloquy.core.batch import job_list, list_file
from soliloquy.core.errors import BadInputError
from soliloquy.core.phones.transcripts import MOST_LETTERS
from soliloquy.core.wire.style import PriorStyle

from tests.addon.queue.saved_lists import and_read_again


@pytest.fixture
def listed(tmp_path, sound, portrait):
    """Function that writes a CSV file with a line for each portrait."""

    def write(*manners: str) -> Path:
        lines = ["name,audio,portrait,out,takes,seed,motion_only"]
        for manner in manners:
            portrait(manner)
            lines.append(f"{manner},{sound.name},{manner}.png,out,2,5,yes")
        path = tmp_path / "jobs ü.csv"
        path.write_text("\n".join(lines), encoding="utf-8")
        return path

    return write


def summary_of(path: Path) -> dict:
    return json.loads(path.with_name(f"{path.stem}-summary.json").read_text(encoding="utf-8"))


def test_csv_and_json_say_the_same(listed, tmp_path):
    path = listed("person")
    entry = job_list.load(path, {})[0]
    assert (entry.request.takes, entry.request.seed, entry.request.motion_only) == (2, 5, True)
    assert entry.request.audio == str(tmp_path / "speech.wav") and entry.request.out == str(tmp_path / "out")
    data = {"jobs": [{"name": "person", "audio": "speech.wav", "portrait": "person.png", "out": "out", "takes": 2,
                      "seed": 5, "motion_only": True}]}  # fmt: skip
    (tmp_path / "jobs.json").write_text(json.dumps(data))
    assert job_list.load(tmp_path / "jobs.json", {})[0].request == entry.request


@pytest.mark.parametrize(
    ("delimiter", "encoding", "head"),
    [(";", "utf-8-sig", "name;audio;portrait;out;takes;start;motion_only"),
     (";", "cp1252", "NAME;AUDIO;PORTRAIT;OUT;TAKES;START;MOTION_ONLY"),
     ("\t", "utf-16", "Name\tAudio\tPortrait\tOut\tTakes\tStart\tMotion Only"),
     (", ", "utf-8", "name, audio, portrait, out, takes, start, motion-only"),
     (";", "utf-8", "sep=;\r\n\"name\";\"audio\";\"portrait\";\"out\";\"takes\";\"start\";\"motion_only\"")],
)  # fmt: skip
def test_lists_as_spreadsheets_write_them(tmp_path, delimiter, encoding, head):
    start = '"1,5"' if delimiter == ", " else "1,5"
    lines = [head, delimiter.join(["Grüße", "a.wav", "b.png", "out", "2", start, "WAHR"]), delimiter * 6, ""]
    path = tmp_path / "jobs.csv"
    path.write_bytes("\r\n".join(lines).encode(encoding))
    (entry,) = job_list.load(path, {})
    assert entry.name == "Grüße" and entry.request.audio == str(tmp_path / "a.wav")
    assert (entry.request.takes, entry.request.start, entry.request.motion_only) == (2, 1.5, True)


def test_a_list_that_is_no_plain_file_is_refused(tmp_path):
    (tmp_path / "jobs.json").write_text("[" * 100_000)
    os.mkfifo(tmp_path / "pipe.csv")
    for path in (tmp_path / "jobs.json", tmp_path / "pipe.csv", tmp_path):
        with pytest.raises(BadInputError) as raised:
            job_list.load(path, {})
        assert raised.value.code == "bad_list"


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "no jobs"), ("audio,portrait\na.wav,", "portrait"), ("audio,portrait,out,colour\na,b,c,red", "colour"),
     ("audio,portrait,out,takes\na,b,c,many", "not a valid value"),
     ("audio,portrait,out,takes\na,b,c,0", "takes can't be 0"),
     ("audio,portrait,out,motion_only\na,b,c,perhaps", "neither yes nor no"),
     ("audio,portrait,out,articulation\na,b,c,1.6", "articulation can't be 1.6"),
     ("audio,portrait,out,body\na,b,c,2.1", "body can't be 2.1"),
     ("audio,portrait,out,picture\na,b,c,wide", "picture can't be “wide”"),
     ("audio,portrait,out,picture\na,b,c,9", "picture can't be 9"),
     ("audio,portrait,out,transcript\na,b,c," + "word " * 25_000, "At most 100,000 can be used")],
)  # fmt: skip
def test_a_bad_list_is_refused_before_anything_runs(tmp_path, text, words):
    path = tmp_path / "jobs.csv"
    path.write_text(text)
    with pytest.raises(BadInputError, match=words) as raised:
        job_list.load(path, {})
    assert raised.value.hint


def test_what_is_saved_is_read_again(listed, tmp_path):
    entries = job_list.load(listed("person", "other"), {})
    styled = dataclasses.replace(entries[1].request, style=PriorStyle(liveliness=0.5, start_pose=(0.0, 5.0, 0.0)))
    entries[1] = job_list.Entry("say “hi”, twice\nor more", styled, "Scene", "line 2", "Anna")
    for name in ("again.csv", "again.json"):
        job_list.save(entries, tmp_path / name)
        again = job_list.load(tmp_path / name, {})
        assert [(e.name, e.request, e.scene, e.strip, e.character) for e in again] == [
            (e.name, e.request, e.scene, e.strip, e.character) for e in entries
        ]
    text = (tmp_path / "again.csv").read_text(encoding="utf-8")
    assert "speech.wav" in text and str(tmp_path) not in text, "paths beside the list are relative"
    job_list.save([], tmp_path / "empty.json")
    assert job_list.load(tmp_path / "empty.json", {}, may_be_empty=True) == []


def test_each_job_has_its_own_body(tmp_path):
    path = tmp_path / "jobs.csv"
    path.write_text("name,audio,portrait,out,body\none,a.wav,p.png,o,0\ntwo,a.wav,p.png,o,\n", encoding="utf-8")
    entries = job_list.load(path, {})
    for read in and_read_again(entries, tmp_path):
        assert [entry.wanted().body for entry in read] == [0.0, 1.0]


def test_each_job_has_its_own_source_and_renderer(tmp_path):
    path = tmp_path / "jobs.csv"
    path.write_text(
        "name,audio,portrait,out,Source,pose-style,renderer\n"
        "one,a.wav,p.png,o,diffusion,2,warp\ntwo,a.wav,p.png,o,,,\n",
        encoding="utf-8",
    )
    entries = job_list.load(path, {})
    for read in and_read_again(entries, tmp_path):
        wanted = [entry.wanted() for entry in read]
        assert [(each.source, each.pose_style, each.renderer) for each in wanted] == [
            ("diffusion", 2, "warp"),
            ("diffusion", 0, "gan"),
        ]
    path.write_text("name,audio,portrait,out,source\none,a.wav,p.png,o,puppet\n", encoding="utf-8")
    with pytest.raises(BadInputError, match="source can't be “puppet”"):
        job_list.load(path, {})


def test_each_job_has_its_own_size_of_the_picture(tmp_path):
    path = tmp_path / "jobs.csv"
    path.write_text(
        "name,audio,portrait,out,picture\n"
        + "".join(
            f"{name},a.wav,p.png,out,{value}\n"
            for name, value in (("a", 640), ("b", "fit"), ("c", ""), ("d", "photograph"))
        )
    )
    entries = job_list.load(path, {})
    assert [entry.request.picture for entry in entries] == [640, "fit", "photograph", "photograph"]
    job_list.save(entries, tmp_path / "again.csv")
    assert [entry.request for entry in job_list.load(tmp_path / "again.csv", {})] == [
        entry.request for entry in entries
    ]


def test_each_job_has_its_own_words_and_articulation(tmp_path):
    """A cell holds words, or the name of a file beside the list; the name stays in the list, the words are sent."""
    (tmp_path / "lines").mkdir()
    (tmp_path / "lines" / "two.txt").write_text("Grüße,\nAnna.", encoding="utf-16")
    rows = ['one,a.wav,p.png,o,"0,7","Bin blue\n at F two"', "two,a.wav,p.png,o,,lines/two.txt",
            'three,a.wav,p.png,o,1.5,"""notes.txt"""', "four,a.wav,p.png,o,,"]  # fmt: skip
    path = tmp_path / "jobs.csv"
    path.write_text("\n".join(["name,audio,portrait,out,Articulation,Transcript", *rows]), encoding="utf-8")
    entries = job_list.load(path, {})
    wanted = [(0.7, "Bin blue at F two"), (1.0, "Grüße, Anna."), (1.5, "notes.txt"), (1.0, "")]
    assert [(entry.wanted().articulation, entry.wanted().transcript) for entry in entries] == wanted
    for name in ("again.csv", "again.json"):
        job_list.save(entries, tmp_path / name)
        again = job_list.load(tmp_path / name, {})
        assert [entry.wanted() for entry in again] == [entry.wanted() for entry in entries]
        assert [list_file.identity(entry) for entry in again] == [list_file.identity(entry) for entry in entries]
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert "lines/two.txt" in text and "Anna" not in text and text.count("0.7") == 1
    longest = dataclasses.replace(entries[0].request, transcript='"' * MOST_LETTERS)
    job_list.save([job_list.Entry("longest", longest)], tmp_path / "longest.csv")
    assert job_list.load(tmp_path / "longest.csv", {})[0].request == longest
    with_other_words = dataclasses.replace(entries[0].request, transcript="Bin red at F two")
    assert (
        job_list.Entry("one", with_other_words).fingerprint() != job_list.Entry("one", entries[0].request).fingerprint()
    )
    made_from, identity = entries[1].fingerprint(), list_file.identity(entries[1])
    (tmp_path / "lines" / "two.txt").write_text("Other words.", encoding="utf-8")
    assert entries[1].wanted().transcript == "Other words." and entries[1].fingerprint() != made_from
    assert list_file.identity(job_list.load(path, {})[1]) == identity, "it is the same job of the list"


def test_a_missing_transcript_fails_its_job_only(scene, listed, capsys):
    """As a missing sound does: the list opens, the others run, and the job runs when the file is there."""
    path = listed("person", "other")
    head, *rows = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([f"{head},transcript", f"{rows[0]},line.txt", f"{rows[1]},Bin blue"]), encoding="utf-8")
    assert cli.run(["batch", str(path)]) == 2
    one, other = summary_of(path)["jobs"]
    assert (one["status"], one["attempts"], other["status"]) == ("failed", 1, "done")
    assert "There is no transcript at" in one["error"]
    (path.parent / "line.txt").write_text("Bin red")
    assert cli.run(["batch", str(path)]) == 0
    made = {file: file.stat().st_mtime_ns for file in (path.parent / "out").rglob("motion.npz")}
    assert len(made) == 4 and cli.run(["batch", str(path)]) == 0
    assert made == {file: file.stat().st_mtime_ns for file in (path.parent / "out").rglob("motion.npz")}
    capsys.readouterr()
    (path.parent / "line.txt").write_text("Bin red again")
    assert cli.run(["batch", str(path)]) == 0 and "1 job to do, 1 already done" in capsys.readouterr().out


def test_all_jobs_are_run_and_summed_up(scene, listed, capsys):
    path = listed("person", "noface", "other")
    assert cli.run(["batch", str(path)]) == 2, "the only failure is the input's"
    facts = summary_of(path)
    assert facts["counts"] == {"done": 2, "failed": 1}
    assert [job["status"] for job in facts["jobs"]] == ["done", "failed", "done"]
    assert [take["seed"] for take in facts["jobs"][0]["takes"]] == [5, 6]
    assert "No face was found" in facts["jobs"][1]["error"] and facts["jobs"][1]["attempts"] == 1
    told = capsys.readouterr().out
    assert "2 of 3 jobs done" in told and "3 jobs to do. About" in told


def test_a_crashed_worker_is_tried_again(scene, listed, capsys):
    path = listed("crash", "person")
    assert cli.run(["batch", str(path), "--retries", "2"]) == 1
    facts = summary_of(path)
    # The worker dies after each take: the first attempt makes one take, the second the other, the third finds both.
    assert [(job["status"], job["attempts"]) for job in facts["jobs"]] == [("failed", 3), ("done", 1)]
    assert "trying again: The worker stopped unexpectedly" in capsys.readouterr().out


def test_what_is_done_is_not_done_again(scene, listed, tmp_path, capsys):
    path = listed("person", "noface", "other")
    assert cli.run(["batch", str(path)]) == 2
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "out").rglob("*")}
    first = summary_of(path)["jobs"]
    capsys.readouterr()
    assert cli.run(["batch", str(path)]) == 2
    told = capsys.readouterr()
    assert "1 job to do, 2 already done" in told.out and "person: started" not in told.out
    assert before == {file: file.stat().st_mtime_ns for file in (tmp_path / "out").rglob("*")}
    assert summary_of(path)["jobs"][0] == first[0], "what is known of it stays"
    # With another picture under the same name, or after a take was deleted, the job is no longer done.
    (tmp_path / "other.png").write_bytes((tmp_path / "other.png").read_bytes() + b" ")
    shutil.rmtree(tmp_path / first[0]["takes"][1]["folder"])
    assert cli.run(["batch", str(path)]) == 2
    assert "3 jobs to do" in capsys.readouterr().out


def test_what_it_needs_is_told_without_running(scene, listed, tmp_path, capsys):
    path = listed("person", "other")
    assert cli.run(["batch", str(path), "--estimate"]) == 0
    assert "2 jobs to do. About" in capsys.readouterr().out and not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [[], ["list.csv", "--scene"]])
def test_a_list_or_the_scene(scene, arguments, capsys):
    assert cli.run(["batch", *arguments]) == 2
    assert "Name a job list, or --scene" in capsys.readouterr().err


def test_workers_are_a_number_or_auto(scene, listed, capsys):
    assert cli.run(["batch", str(listed("person")), "--workers", "none"]) == 2
    assert "must be auto or a whole number" in capsys.readouterr().err


def test_a_summary_that_cannot_be_written_is_told_before_anything_runs(scene, listed, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert cli.run(["batch", str(listed("person")), "--summary", str(tmp_path / "file" / "summary.json")]) == 2
    assert "can't be written to" in capsys.readouterr().err and not (tmp_path / "out").exists()
