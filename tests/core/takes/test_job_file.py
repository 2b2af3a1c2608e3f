"""job.json and take.json: written and read, of format 1, of a newer version, damaged.

``data/`` holds the files that the previous version wrote for a job with stand-in networks: two takes, one of which was
resampled with ``keep``, resampled with ``groups`` and an own style, resampled whole, and rendered in another size.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import BadInputError
from core.motion.channels import GROUPS
from core.motion.motion import Motion
from core.takes.job import Job
from core.takes.job_file import JobFacts
from core.takes.take import TakePlan
from core.wire.protocol import Extract, Render, Resample
from core.wire.specs import GenerateSpec, Part, RenderSpec, ResampleSpec
from core.wire.style import PriorStyle
from core.wire.take_file import TakeFacts, finished_take
from tests.core.job_runs import contents, run

DATA = Path(__file__).parent / "data"
SPECS = [
    GenerateSpec(),
    GenerateSpec(),
    ResampleSpec(
        part=Part(
            source_take=1,
            renew=("lips", "jaw", "cheeks", "nose", "brows", "blink"),
            first_frame=10,
            last_frame=19,
            transition=8,
        )
    ),
    ResampleSpec(
        part=Part(source_take=1, renew=("blink",), first_frame=0, last_frame=None, transition=3),
        style=PriorStyle(start_pose=(0.0, 1.0, 2.0)),
    ),
    ResampleSpec(),
    RenderSpec(
        source_take=1,
        motion_sha256="fb0928cb2a45ff168928e7cee14a613d7f52a6b9ec699554071078f55f51f6fd",
        size=256,
        framing="portrait",
        renderer="gan",
    ),
]
"""What the takes of the old job are, in today's words."""


def as_before(job: Path) -> None:
    """Turn a job's files into those of format 1, as the previous version wrote them."""
    data = json.loads((job / "job.json").read_text(encoding="utf-8"))
    data["format"] = 1
    data["takes"] = [entry | before(entry["spec"]) for entry in data["takes"]]
    (job / "job.json").write_text(json.dumps(data), encoding="utf-8")
    for path in job.glob("take-*/take.json"):
        take = json.loads(path.read_text(encoding="utf-8"))
        old = before(take.pop("spec"))
        path.write_text(json.dumps({**take, "format": 1, "kind": old["kind"], **old["spec"]}), encoding="utf-8")


def before(spec: dict) -> dict:
    """``kind`` and ``spec`` of a take in format 1."""
    kind, part, style = spec["kind"], spec.get("part"), spec.get("style")
    if kind == "render":
        return {"kind": kind, "spec": {name: value for name, value in spec.items() if name not in ("kind", "picture")}}
    flat = {} if part is None else {name: value for name, value in part.items() if name != "renew"}
    if part is not None:
        flat["keep"] = [group for group in GROUPS if group not in part["renew"]]
    return {"kind": kind, "spec": flat if style is None else flat | {"style": style}}


def test_a_job_of_format_1_says_the_same_in_todays_words() -> None:
    facts = JobFacts.read(DATA)
    assert [entry.spec for entry in facts.takes] == SPECS
    assert [entry.seed for entry in facts.takes] == [0, 1, 2, 3, 4, 0]
    assert all(entry.status == "done" and entry.timings["frames"] > 0 for entry in facts.takes)
    assert facts.settings.style == PriorStyle(end_pose=(1.0, 2.0, 3.0)) and facts.settings.renderer == "gan"
    assert facts.settings.picture == "fit"
    assert (facts.audio.frames, facts.audio.silent, facts.portrait.file) == (30, False, "portrait.png")


def test_a_take_of_format_1_says_the_same_in_todays_words() -> None:
    facts = TakeFacts.read(DATA)
    assert (facts.index, facts.seed, facts.spec, facts.more) == (3, 2, SPECS[2], {})
    assert (facts.frame_count, facts.size, facts.renderer, facts.width) == (30, 512, "gan", 32)
    assert facts.picture == "fit"
    assert "motion.npz" in facts.files and facts.timings["frames"] > 0 and facts.memory["gpu"] is None


def test_what_is_read_is_written_in_todays_format_and_read_again(tmp_path) -> None:
    for cls, name in ((JobFacts, "job.json"), (TakeFacts, "take.json")):
        facts = cls.read(DATA)
        facts.write(tmp_path)
        written = json.loads((tmp_path / name).read_text(encoding="utf-8"))
        assert written["format"] == 2 and "keep" not in json.dumps(written)
        assert cls.read(tmp_path) == facts


def test_the_stand_in_for_the_previous_version_writes_what_it_wrote(tmp_path) -> None:
    """`as_before` gives the files in ``data/`` again, but for defaults that format 1 left out."""
    old = json.loads((DATA / "job.json").read_text(encoding="utf-8"))
    (tmp_path / "take-003").mkdir()
    JobFacts.read(DATA).write(tmp_path)
    TakeFacts.read(DATA).write(tmp_path / "take-003")
    as_before(tmp_path)
    again = json.loads((tmp_path / "job.json").read_text(encoding="utf-8"))
    old["settings"] |= {"preview": None, "articulation": 1.0, "transcript": "", "body": 0.0, "picture": "fit"}
    old["settings"] |= {"source": "diffusion", "pose_style": 0}
    for style in (
        old["settings"]["style"],
        *(entry["spec"]["style"] for entry in old["takes"] if "style" in entry["spec"]),
    ):
        style |= {"poses": [], "emotions": [], "persona": None}
    for entry in old["takes"]:
        entry["spec"]["keep"] = [g for g in GROUPS if g in entry["spec"]["keep"]] if "keep" in entry["spec"] else None
    for entry in again["takes"]:
        entry["spec"].setdefault("keep", None)
    assert again == old
    take = json.loads((DATA / "take.json").read_text(encoding="utf-8"))
    take["keep"] = [group for group in GROUPS if group in take["keep"]]
    take |= {"drawn_with": None, "picture": "fit", "face": None, "source": "diffusion", "restored": None}
    take |= {"persona": None, "temperament": None}
    assert json.loads((tmp_path / "take-003" / "take.json").read_text(encoding="utf-8")) == take


def test_the_takes_of_a_job_of_the_previous_version_stay_usable(models, request_) -> None:
    """They are found, announced and not made again; parts of them are resampled, rendered and read back."""
    request_ = replace(request_, picture="fit")
    first = run(request_).takes()
    job = Path(first[0].job)
    part = Resample(job=str(job), take=1, seed=7, renew=("head",), first_frame=5, transition=4, device="cpu")
    resampled = run(part).takes()[0]
    rendered = run(Render(job=str(job), take=1, size=256, device="cpu")).takes()[0]
    as_before(job)
    untouched = {name: data for name, data in contents(job).items() if name.startswith("take-")}
    drawn = models._renderer.rendered
    assert run(request_).takes() == first
    assert run(part).takes() == [resampled]
    assert run(Render(job=str(job), take=1, size=256, device="cpu")).takes() == [rendered]
    assert models._renderer.rendered == drawn
    assert untouched == {name: data for name, data in contents(job).items() if name.startswith("take-")}
    more = run(Resample(job=str(job), take=resampled.index, renew=("blink",), device="cpu")).takes()[0]
    assert more.index == 5
    kept = [name for name in GROUPS if name != "blink"]
    assert all(
        np.array_equal(Motion.load(more.motion).group(name), Motion.load(resampled.motion).group(name)) for name in kept
    )
    run(Extract(job=str(job), take=resampled.index, device="cpu"))
    facts = finished_take(Path(resampled.folder))
    assert facts is not None and isinstance(facts.spec, ResampleSpec) and facts.spec.part is not None
    assert facts.spec.part.renew == ("head",) and facts.more == {}


def test_an_unfinished_take_of_the_previous_version_is_finished(models, request_) -> None:
    first = run(request_).takes()[0]
    job = Path(first.job)
    part = Resample(job=first.job, take=1, renew=("head",), device="cpu")
    take = run(part).takes()[0]
    whole = contents(Path(take.folder))
    as_before(job)
    data = json.loads((job / "job.json").read_text(encoding="utf-8"))
    data["takes"][2]["status"] = "cancelled"
    (job / "job.json").write_text(json.dumps(data), encoding="utf-8")
    shutil.rmtree(take.folder)
    again = run(part).takes()[0]
    assert (again.index, again.seed) == (take.index, take.seed)
    remade = contents(Path(again.folder))
    assert [name for name in whole if whole[name] != remade[name] and name != "take.json"] == []


def test_a_take_that_renewed_nothing_still_renews_nothing(models, request_) -> None:
    """Format 1 could keep every group; an empty list of a request means all groups, an empty list of a take none."""
    first = run(request_).takes()[0]
    job = Path(first.job)
    data = json.loads((job / "job.json").read_text(encoding="utf-8"))
    spec = {"source_take": 1, "keep": list(GROUPS), "first_frame": 0, "last_frame": None, "transition": 8}
    entry = {"index": 3, "kind": "resample", "seed": 9, "spec": spec, "status": "begun", "timings": {}}
    data["takes"] = [old | before(old["spec"]) for old in data["takes"]] + [entry]
    (job / "job.json").write_text(json.dumps(data | {"format": 1}), encoding="utf-8")
    facts = JobFacts.read(job)
    assert facts.takes[2].spec == ResampleSpec(
        part=Part(source_take=1, renew=(), first_frame=0, last_frame=None, transition=8)
    )


def test_keys_of_a_newer_version_are_kept(models, request_) -> None:
    """A newer version may add keys to job.json; this one goes on with the job and leaves them there."""
    first = run(request_).takes()
    path = Path(first[0].job) / "job.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    data["mood"], data["settings"]["lens"], data["takes"][0]["opinion"] = "calm", 35.0, "good"
    data["takes"][1]["spec"]["light"] = "warm"
    path.write_text(json.dumps(data), encoding="utf-8")
    assert run(Resample(job=first[0].job, device="cpu")).takes()[0].index == 3
    after = json.loads(path.read_text(encoding="utf-8"))
    assert (after["mood"], after["settings"]["lens"], after["takes"][0]["opinion"]) == ("calm", 35.0, "good")
    assert after["takes"][1]["spec"] == {"kind": "generate", "light": "warm"}
    again = run(request_).takes()
    assert [take.index for take in again] == [1, 4], "a take under a condition that isn't known is another take"


def test_keys_of_a_newer_version_in_take_json_are_kept(models, request_) -> None:
    take = run(replace(request_, extract=False, takes=1)).takes()[0]
    path = Path(take.folder) / "take.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(data | {"mood": "calm"}), encoding="utf-8")
    run(Extract(job=take.job, take=1, device="cpu"))
    assert json.loads(path.read_text(encoding="utf-8"))["mood"] == "calm"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data.clear(),
        lambda data: data.update(format=99),
        lambda data: data.pop("audio"),
        lambda data: data.update(id=""),
        lambda data: data["settings"].update(size="large"),
        lambda data: data["takes"][0].update(kind="dance"),
        lambda data: data["takes"][0].pop("seed"),
        lambda data: data["takes"].append(3),
        lambda data: data.update(takes=7),
    ],
)
def test_a_job_file_that_says_nonsense_is_a_sentence(tmp_path, spoil) -> None:
    data = json.loads((DATA / "job.json").read_text(encoding="utf-8"))
    spoil(data)
    (tmp_path / "job.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(BadInputError, match="can't be read") as caught:
        Job.open(tmp_path)
    assert caught.value.code == "job_unreadable"


@pytest.mark.parametrize(
    "change",
    [
        {"settings": {"start": 1e308}},
        {"settings": {"size": 10**9}},
        {"settings": {"framing": "wide"}},
        {"settings": {"picture": "wide"}},
        {"settings": {"picture": 9}},
        {"audio": {"start": -1.0}},
        {"audio": {"frames": 0}},
        {"audio": {"frames": 10**30}},
        {"portrait": {"file": "../../portrait.png"}},
        {"portrait": {"file": "/etc/passwd"}},
        {"takes": [{"index": 1}]},
        {"weights": 3},
        {"id": None},
    ],
    ids=str,
)
def test_values_that_no_job_has_are_a_sentence(tmp_path, change) -> None:
    data = json.loads((DATA / "job.json").read_text(encoding="utf-8"))
    for name, value in change.items():
        data[name] = data[name] | value if isinstance(value, dict) else value
    (tmp_path / "job.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(BadInputError, match="can't be read") as caught:
        Job.open(tmp_path)
    assert caught.value.code == "job_unreadable"


@pytest.mark.parametrize(
    "content", [b"", b"null", b"[" * 100_000, b'{"a":' * 9000 + b"1" + b"}" * 9000, b"\xff", b"1" * 5000]
)
def test_files_that_are_no_objects_are_a_sentence(tmp_path, content) -> None:
    for name, read in (("job.json", Job.open), ("take.json", TakeFacts.read)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BadInputError, match=r"can't be read|is empty") as caught:
            read(tmp_path)
        assert caught.value.code.endswith("_unreadable") and ".." not in caught.value.message
    assert finished_take(tmp_path) is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_and_huge_files_in_their_place_are_not_read(tmp_path) -> None:
    for name, read in (("job.json", Job.open), ("take.json", TakeFacts.read)):
        os.mkfifo(tmp_path / name)
        with pytest.raises(BadInputError, match="is a pipe"):
            read(tmp_path)
        assert finished_take(tmp_path) is None
        (tmp_path / name).unlink()
        with (tmp_path / name).open("wb") as stream:
            stream.truncate(6_000_000_000)
        with pytest.raises(BadInputError, match="MB"):
            read(tmp_path)


@pytest.mark.parametrize("folder", ["x" * 300, "a\0b"])
def test_folders_that_a_system_can_not_have_are_a_sentence(tmp_path, folder) -> None:
    with pytest.raises(BadInputError):
        Job.open(tmp_path / folder)


def test_a_finished_take_is_never_begun_again(models, request_) -> None:
    take = run(request_).takes()[0]
    plan = Job.open(take.job).take(1)
    before = contents(Path(take.folder))
    with pytest.raises(ValueError, match="finished"):
        plan.begin(pictures=True)
    assert contents(Path(take.folder)) == before
    (Path(take.frames) / "000001.png").unlink()
    plan.begin(pictures=True)
    assert not (Path(take.folder) / "take.json").exists()


def test_folders_of_a_take_are_made_as_needed(tmp_path) -> None:
    for pictures in (False, True):
        plan = TakePlan(1, 0, GenerateSpec(), tmp_path / f"take-{pictures}")
        plan.begin(pictures=pictures)
        assert plan.folder.is_dir() and plan.frames.is_dir() == pictures
