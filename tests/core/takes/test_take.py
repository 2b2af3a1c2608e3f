"""Takes on disk: complete or absent, never touched once they are finished, and continued after a kill.

The networks are stand-ins. Everything around them is real and runs through ``Studio``.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from core import files
from core.errors import BadInputError, CancelledError, SoliloquyError
from core.motion.live_link import VALUE_COLUMNS, write_live_link_csv
from core.motion.motion import Motion, about_file
from core.provenance import SYNTHETIC_MOTION
from core.takes import frames, take_maker
from core.takes.job import Job, job_name
from core.takes.job_file import JobFacts
from core.wire.protocol import Extract, Notice, Progress, Render, Resample
from tests.core.job_runs import Heard, contents, run

FRAMES = 30


def test_a_job_has_the_files_that_the_architecture_page_lists(models, request_) -> None:
    takes = run(request_).takes()
    job = Path(takes[0].job)
    assert [take.index for take in takes] == [1, 2] and [take.seed for take in takes] == [0, 1]
    assert job.parent == Path(request_.out) and job.name.startswith("spéech_声-pörtrait-")
    assert {p.name for p in job.iterdir()} == {"job.json", "audio.wav", "portrait.png", "take-001", "take-002", ".lock"}
    names = {
        "frames",
        "motion.npz",
        "phones.json",
        "curves.csv",
        "curves-extracted.csv",
        "motion-extracted.npz",
        "contact.png",
    }
    assert {p.name for p in (job / "take-001").iterdir()} == {*names, "take.json"}
    pictures = sorted(p.name for p in (job / "take-001" / "frames").iterdir())
    assert pictures == [f"{i + 1:06d}.png" for i in range(FRAMES)]
    assert takes[0].frame_count == FRAMES and (takes[0].width, takes[0].height) == (32, 24)
    header = (job / "take-001" / "curves.csv").read_text(encoding="utf-8").splitlines()
    assert len(header) == FRAMES + 1 and header[0].count(",") == len(VALUE_COLUMNS) + 1
    data = json.loads((job / "job.json").read_text(encoding="utf-8"))
    assert [entry["status"] for entry in data["takes"]] == ["done", "done"]
    assert len(data["audio"]["sha256"]) == 64 and data["settings"]["seed"] == 0
    assert (job / "portrait.png").read_bytes() == Path(request_.portrait).read_bytes()
    copied, rate = soundfile.read(job / "audio.wav", dtype="int16")
    original, _ = soundfile.read(request_.audio, dtype="int16")
    assert rate == 16000 and np.array_equal(copied, original)


def test_the_portrait_of_a_job_is_read_once_for_all_takes(models, request_, monkeypatch) -> None:
    paths, portrait = [], models.portrait
    monkeypatch.setattr(models, "portrait", lambda path: (paths.append(Path(path)), portrait(path))[1])
    takes = run(request_).takes()
    assert len(takes) == 2
    assert paths.count(Path(takes[0].job) / "portrait.png") == 1


def test_pictures_say_that_they_are_synthetic(models, request_) -> None:
    take = run(request_).takes()[1]
    for path in [Path(take.frames) / "000001.png", Path(take.contact)]:
        with Image.open(path) as picture:
            assert "Synthetic" in picture.text["Description"]
            assert picture.text["Soliloquy-Job"] == Path(take.job).name.rsplit("-", 1)[1]
            assert (picture.text["Soliloquy-Take"], picture.text["Soliloquy-Seed"]) == ("2", "1")
            picture.load()


def test_motions_say_that_they_are_synthetic(models, request_) -> None:
    take = run(request_).takes()[1]
    for name in ("motion.npz", "motion-extracted.npz"):
        assert about_file(Path(take.folder) / name) == SYNTHETIC_MOTION


def test_same_settings_same_bytes_other_seed_other_head(models, request_, tmp_path) -> None:
    first = run(request_).takes()
    second = run(replace(request_, out=str(tmp_path / "again"))).takes()
    one, two = contents(Path(first[0].folder)), contents(Path(second[0].folder))
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] != two[name] and name != "take.json"] == []
    a, b = Motion.load(first[0].motion), Motion.load(first[1].motion)
    assert np.array_equal(a.group("lips"), b.group("lips")) and not np.array_equal(a.group("head"), b.group("head"))


def test_a_second_run_touches_nothing_and_announces_all(models, request_) -> None:
    first = run(request_)
    before = {p: p.stat().st_mtime_ns for p in Path(first.takes()[0].job).rglob("take-*/**/*")}
    rendered = models._renderer.rendered
    second = run(request_)
    assert models._renderer.rendered == rendered
    assert second.takes() == first.takes()
    assert before == {p: p.stat().st_mtime_ns for p in Path(first.takes()[0].job).rglob("take-*/**/*")}


def test_more_takes_of_the_same_job_are_added(models, request_) -> None:
    first = run(request_).takes()
    more = run(replace(request_, takes=3)).takes()
    assert more[:2] == first and more[2].index == 3 and more[2].seed == 2
    assert run(replace(request_, seed=5)).takes()[0].job != first[0].job


@pytest.mark.parametrize("at", [0, 7, 8, 17, FRAMES, FRAMES + 11])
def test_a_job_that_dies_while_rendering_goes_on_where_it_stopped(models, request_, tmp_path, at) -> None:
    whole = run(replace(request_, out=str(tmp_path / "whole"))).takes()
    models._renderer.rendered = 0
    models._renderer.fail_at = (at, KeyboardInterrupt())
    heard = Heard()
    with pytest.raises(KeyboardInterrupt):
        run(request_, heard)
    assert len(heard.takes()) == at // FRAMES
    done = {p: p.stat().st_mtime_ns for p in Path(request_.out).glob(f"*/take-00{1 if at >= FRAMES else 9}/**/*")}
    models._renderer.rendered = 0
    takes = run(request_).takes()
    assert models._renderer.rendered <= 2 * FRAMES - at + take_maker.BATCH + frames._WAITING
    assert done == {p: p.stat().st_mtime_ns for p in done}
    for resumed, straight in zip(takes, whole, strict=True):
        one, two = contents(Path(resumed.folder)), contents(Path(straight.folder))
        assert {n: d for n, d in one.items() if n != "take.json"} == {n: d for n, d in two.items() if n != "take.json"}


@pytest.mark.parametrize("stage", ["audio", "portrait", "models", "motion", "renderer", "frames", "extract"])
def test_cancel_at_every_stage_keeps_what_is_finished(models, request_, stage) -> None:
    second = lambda e: isinstance(e, Progress) and e.stage == stage and (e.take in (None, 2))  # noqa: E731
    if stage in ("audio", "portrait", "models"):
        second = lambda e: isinstance(e, Progress) and e.stage == stage  # noqa: E731
    heard = Heard(second)
    with pytest.raises(CancelledError):
        run(request_, heard)
    expected = 1 if stage in ("motion", "renderer", "frames", "extract") else 0
    assert len(heard.takes()) == expected
    leftovers = list(Path(request_.out).rglob(f"*{files.BESIDE_SUFFIX}*"))
    assert leftovers == []
    if expected:
        job = Job.open(heard.takes()[0].job)
        assert [entry.status for entry in job.facts.takes] == ["done", "cancelled"]
        assert job.take(1).finished() and not job.take(2).finished()
    assert len(run(request_).takes()) == 2


def test_two_programs_on_one_job_is_a_sentence(models, request_) -> None:
    job = Job.open(run(request_).takes()[0].job)
    with job.locked(), pytest.raises(BadInputError) as caught:
        run(Resample(job=str(job.folder), device="cpu"))
    assert caught.value.code == "job_busy"
    assert len(run(Resample(job=str(job.folder), device="cpu")).takes()) == 1


def test_leftovers_of_a_killed_writer_are_removed(models, request_) -> None:
    take = run(request_).takes()[0]
    (Path(take.folder) / "take.json").unlink()
    left = Path(take.frames) / f".000009-abcd{files.BESIDE_SUFFIX}.png"
    left.write_bytes(b"half")
    run(request_)
    assert not left.exists() and Job.open(take.job).take(1).finished()


def test_a_take_whose_frames_were_deleted_is_made_again(models, request_) -> None:
    take = run(request_).takes()[0]
    whole = contents(Path(take.frames))
    (Path(take.frames) / f"{FRAMES:06d}.png").unlink()
    run(request_)
    assert contents(Path(take.frames)) == whole


@pytest.mark.parametrize("ending", ["npz", "csv"])
def test_an_edited_motion_becomes_a_new_take(models, request_, tmp_path, ending) -> None:
    first = run(request_).takes()[0]
    edited = Motion.load(first.motion).with_group("head", np.zeros((FRAMES, 6)))
    path = tmp_path / f"edited.{ending}"
    edited.save(path) if ending == "npz" else write_live_link_csv(edited, path)
    take = run(Render(job=first.job, take=1, motion=str(path), device="cpu")).takes()[0]
    assert take.index == 3
    assert not Motion.load(take.motion).group("head").any()
    assert contents(Path(take.frames)) != contents(Path(first.frames))
    assert run(Render(job=first.job, take=1, motion=str(path), device="cpu")).takes()[0] == take


def test_each_take_says_what_drew_it(models, request_) -> None:
    """It is the job's renderer, or the one in the request, or the plain warp if the job is older than the choice."""
    first = run(replace(request_, takes=1, renderer="gan")).takes()[0]
    second = run(Render(job=first.job, renderer="warp", device="cpu")).takes()[0]
    drew = [json.loads((Path(take.folder) / "take.json").read_text())["renderer"] for take in (first, second)]
    assert drew == ["gan", "warp"]
    path = Path(first.job) / "job.json"
    data = json.loads(path.read_text())
    del data["settings"]["renderer"]
    path.write_text(json.dumps(data))
    third = run(Render(job=first.job, take=1, size=256, device="cpu")).takes()[0]
    assert json.loads((Path(third.folder) / "take.json").read_text())["renderer"] == "warp"


def test_motion_only_has_no_pictures_and_can_be_rendered_later(models, request_) -> None:
    take = run(replace(request_, motion_only=True, takes=1)).takes()[0]
    assert take.frames is None and take.contact is None and take.curves_extracted is None
    assert not list(Path(take.folder).rglob("*.png")) and models._renderer.rendered == 0
    rendered = run(Render(job=take.job, take=1, device="cpu")).takes()[0]
    assert rendered.frames and np.array_equal(
        Motion.load(rendered.motion).channels(), Motion.load(take.motion).channels()
    )


def test_a_preview_is_the_beginning_of_the_take_it_stands_for(models, request_) -> None:
    whole = run(request_).takes()[0]
    preview = run(replace(request_, takes=1, preview=0.4)).takes()[0]
    assert preview.job != whole.job and (preview.frame_count, preview.seconds) == (10, 0.4)
    shown, sampled = Motion.load(preview.motion).channels(), Motion.load(whole.motion).channels()
    assert np.array_equal(shown, sampled[:10])
    assert len(list(Path(preview.frames).glob("*.png"))) == 10
    longer = run(replace(request_, takes=1, preview=60.0)).takes()[0]
    assert (longer.frame_count, longer.seconds) == (whole.frame_count, whole.seconds)


def test_extract_can_come_later(models, request_) -> None:
    take = run(replace(request_, extract=False, takes=1)).takes()[0]
    assert take.curves_extracted is None
    run(Extract(job=take.job, take=1, device="cpu"))
    assert run(replace(request_, takes=1)).takes()[0].curves_extracted


def test_resample_without_the_original_sound_uses_the_copy(models, request_) -> None:
    take = run(request_).takes()[0]
    Path(request_.audio).unlink()
    heard = run(Resample(job=take.job, device="cpu"))
    assert any(isinstance(event, Notice) and "copy" in event.message for event in heard)
    assert np.array_equal(Motion.load(heard.takes()[0].motion).group("lips"), Motion.load(take.motion).group("lips"))


def test_wrong_input_writes_nothing(models, request_, tmp_path) -> None:
    for changes in ({"audio": str(tmp_path / "no.wav")}, {"portrait": str(tmp_path / "no.png")}):
        with pytest.raises(BadInputError):
            run(replace(request_, **changes))
    assert not Path(request_.out).exists()


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_folder_is_a_sentence(models, request_) -> None:
    Path(request_.out).mkdir(mode=0o500)
    with pytest.raises(BadInputError) as caught:
        run(request_)
    assert caught.value.code == "output_unwritable" and not list(Path(request_.out).iterdir())


def test_a_file_in_place_of_the_folder_is_a_sentence(models, request_) -> None:
    Path(request_.out).write_bytes(b"mine")
    with pytest.raises(BadInputError) as caught:
        run(request_)
    assert caught.value.code == "output_unwritable" and Path(request_.out).read_bytes() == b"mine"


@pytest.mark.parametrize("when", [1, 4, 20, 60])
def test_a_full_disk_is_a_sentence_and_every_file_is_whole(models, request_, monkeypatch, when) -> None:
    """From write number ``when`` on, every write stops half-way, as on a full disk."""
    writes = 0

    def write(path: Path, data: bytes) -> int:
        nonlocal writes
        writes += 1
        if writes >= when:
            with path.open("wb") as stream:
                stream.write(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with path.open("wb") as stream:
            return stream.write(data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", write)
        with pytest.raises(SoliloquyError) as caught:
            run(request_)
    assert caught.value.code == "disk_full"
    out = Path(request_.out)
    assert not list(out.rglob(f"*{files.BESIDE_SUFFIX}*"))
    for picture in out.rglob("*.png"):
        with Image.open(picture) as opened:
            opened.load()
    if when == 1:
        assert not list(out.rglob("*.json")) and not [p for p in out.rglob("*") if p.is_dir()]
    assert len(run(request_).takes()) == 2


def test_what_someone_else_put_into_a_job_that_failed_stays(tmp_path, monkeypatch) -> None:
    """The folder of a job that failed is removed unless it holds a file. Either way the error is reported."""

    def save(job: Job) -> None:
        if (tmp_path / "shared").exists():
            (job.folder / "theirs").write_bytes(b"theirs")
        raise SoliloquyError("disk_full", "The disk is full.", "Make room.")

    monkeypatch.setattr(Job, "save", save)
    facts = JobFacts.read(Path(__file__).parent / "data")
    for _ in range(2):
        with pytest.raises(SoliloquyError) as caught:
            Job.create(tmp_path / "out", "job", facts)
        assert caught.value.code == "disk_full"
        theirs = tmp_path / "out" / "job" / "theirs"
        assert theirs.parent.exists() == theirs.exists() == (tmp_path / "shared").exists()
        (tmp_path / "shared").touch()
    assert theirs.read_bytes() == b"theirs"


@pytest.mark.parametrize("stem", ["con/../x", "a" * 300, "...", "ü 頭 b", ""])
def test_job_names_are_plain(stem) -> None:
    name = job_name(f"/x/{stem}.wav", "/y/p.png", "0123456789ab")
    assert "/" not in name and "." not in name and " " not in name and len(name) < 90


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 99, "takes": [], "id": "x"}'])
def test_a_damaged_job_file_is_a_sentence(tmp_path, text) -> None:
    (tmp_path / "job.json").write_text(text, encoding="utf-8")
    with pytest.raises(BadInputError) as caught:
        Job.open(tmp_path)
    assert caught.value.code == "job_unreadable"


def test_the_share_grows_to_the_whole(models, request_) -> None:
    """How the time left behaves is tested with the workload."""
    told = [event for event in run(request_) if isinstance(event, Progress)]
    shares = [event.share for event in told if event.share is not None]
    assert shares == sorted(shares) and (told[-1].take, told[-1].share) == (2, 1.0)
