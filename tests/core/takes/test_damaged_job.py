"""A job whose ``job.json`` is damaged or gone: its finished takes are found again, and no folder is written over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import BadInputError
from core.takes.job import Job
from core.takes.job_file import JobFacts
from core.wire.protocol import Resample
from tests.core.job_runs import contents, run


def resample(job: Path) -> Resample:
    """A request for one more take of a job, with only the blinks sampled again."""
    return Resample(job=str(job), take=1, renew=("blink",))


@pytest.mark.parametrize("damage", [None, b"", b"{", b"[]", b'{"format": 99}', b"\xff\xfe"])
def test_the_same_settings_find_the_takes_of_a_damaged_job(models, request_, damage) -> None:
    first = run(request_).takes()
    job = Path(first[0].job)
    third = run(resample(job)).takes()[0]
    listed, before = JobFacts.read(job).takes, contents(job)
    rendered = models._renderer.rendered
    (job / "job.json").unlink() if damage is None else (job / "job.json").write_bytes(damage)
    with pytest.raises(BadInputError):
        run(resample(job))
    assert [take.folder for take in run(request_).takes()] == [take.folder for take in first]
    assert models._renderer.rendered == rendered, "nothing is made twice"
    assert JobFacts.read(job).takes == listed and contents(job) == before
    fourth = run(resample(job)).takes()[0]
    assert (third.index, fourth.index) == (3, 4)
    assert {name: data for name, data in contents(job).items() if name in before and name != "job.json"} == {
        name: data for name, data in before.items() if name != "job.json"
    }


def test_only_finished_takes_of_this_very_job_are_listed_again(models, request_, tmp_path) -> None:
    first = run(request_).takes()
    other = run(replace(request_, seed=70, out=str(tmp_path / "other"))).takes()
    job = Path(first[0].job)
    (Path(first[1].folder) / "motion.npz").unlink()
    Path(other[0].folder).rename(job / "take-003")
    (job / "take-notes").mkdir()
    (job / "job.json").write_bytes(b"damaged")
    found = Job.create(job.parent, job.name, JobFacts.read(Path(other[0].job)))
    assert found.facts.takes == (), "the takes are those of another job"
    (job / "job.json").write_bytes(b"damaged")
    run(replace(request_, takes=1))
    assert [entry.index for entry in JobFacts.read(job).takes] == [1]


def test_a_folder_that_is_not_listed_is_not_written_over(models, request_) -> None:
    first = run(replace(request_, takes=1)).takes()[0]
    theirs = Path(first.job) / "take-002"
    theirs.mkdir()
    (theirs / "motion.npz").write_bytes(b"of an unfinished take that nobody knows")
    assert run(resample(Path(first.job))).takes()[0].index == 3
    assert contents(theirs) == {"motion.npz": b"of an unfinished take that nobody knows"}
