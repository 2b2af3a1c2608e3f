"""What takes need on the disk: as the portrait's earlier takes, at any size; else as other portraits."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import replace

import pytest
from soliloquy.addon.jobs import disk, estimate, jobs
from soliloquy.addon.jobs.portrait_file import UNKNOWN, PortraitFile, look
from soliloquy.addon.session import session
from soliloquy.core.wire.protocol import Generate
from soliloquy.core.wire.specs import GenerateSpec
from soliloquy.core.wire.take_file import TakeFacts

REQUEST = Generate(audio="", portrait="", out="", picture="fit")
MEASURED = {  # bytes of a whole photograph's frame at 256 and 512, as PNG files of the product
    "a photograph of an astronaut, 512 × 512": (452_487, 1_401_017),
    "a painting, 335 × 410": (51_051, 172_810),
    "a detailed photograph, 720 × 900": (155_796, 589_603),
    "a small photograph, 180 × 225": (126_484, 377_260),
    "a face rendered in Blender, 384 × 448": (68_559, 216_268),
}


@pytest.fixture
def made(tmp_path):
    """Function that makes a take of 20 frames of so many bytes, of a portrait with so many bytes."""

    def make(portrait: int, bytes_a_frame: int, size: int):
        job = tmp_path / f"job {portrait} {size}"
        (job / "take-001" / "frames").mkdir(parents=True)
        (job / "portrait.jpg").write_bytes(b"x" * portrait)
        for index in range(20):
            (job / "take-001" / "frames" / f"{index + 1:06d}.png").write_bytes(b"x" * bytes_a_frame)
        facts = TakeFacts(
            index=1, seed=0, spec=GenerateSpec(), job="x", frame_count=20, fps=25.0, start=0.0, seconds=0.8,
            device="cpu", size=size, framing="portrait", renderer="gan",
        )  # fmt: skip
        facts.write(job / "take-001")
        return job / "take-001"

    return make


def expected(size: int, picture: int | None = None) -> float:
    portrait = PortraitFile(picture)
    return estimate.cost(replace(REQUEST, size=size), 4.0, running=True, portrait=portrait).disk


@pytest.mark.parametrize("kind", MEASURED)
@pytest.mark.parametrize(("first", "then"), [(0, 1), (1, 0), (0, 0)])
def test_after_one_take_the_estimate_is_within_30_percent(scene, made, kind, first, then):
    """Also for the other size than that of the take; a preview is enough."""
    sizes = (256, 512)
    estimate.learn(made(1000, MEASURED[kind][first], sizes[first]))
    estimate.learn(made(2000, 77_000, 512))
    needed = 100 * MEASURED[kind][then]
    assert expected(sizes[then], picture=1000) == pytest.approx(needed, rel=0.3)


def test_a_new_portrait_is_expected_to_be_like_the_others(scene, made):
    """The first estimate of all said seven times as much as an ordinary portrait takes."""
    typical = 100 * 250_000
    assert 0.6 * typical < expected(512) < 1.6 * typical
    for number, each in enumerate((600_000, 620_000, 580_000), 1):
        estimate.learn(made(number, each, 512))
    assert expected(512) < expected(512, picture=99) * 1.01
    assert 100 * 400_000 < expected(512, picture=99) < 100 * 600_000


def test_the_frames_size_is_known_after_one_take_and_for_the_face_alone(scene, made):
    folder = made(1000, 40_000, 512)
    replace(TakeFacts.read(folder), width=1034, height=1200).write(folder)
    known, other = PortraitFile(1000), PortraitFile(5)
    assert estimate.frame_size(REQUEST, known) is None
    estimate.learn(folder)
    assert estimate.frame_size(REQUEST, known) == (1034, 1200)
    assert estimate.frame_size(replace(REQUEST, size=256), known) is None
    assert estimate.frame_size(REQUEST, other) is None
    assert estimate.frame_size(replace(REQUEST, framing="crop", size=256), UNKNOWN) == (256, 256)


def test_the_frames_size_follows_from_the_photographs_at_once(scene):
    portrait = PortraitFile(1000, (3001, 4000))
    for wanted, size in (("photograph", (1620, 2160)), (641, (480, 640)), ("fit", None)):
        assert estimate.frame_size(replace(REQUEST, picture=wanted), portrait) == size
    assert estimate.frame_size(replace(REQUEST, picture="photograph"), UNKNOWN) is None
    assert estimate.frame_size(replace(REQUEST, picture="photograph"), PortraitFile(1, (65, 81))) == (64, 80)


def test_where_the_file_does_not_tell_its_size_the_first_take_does(scene, made):
    folder = made(1000, 40_000, 512)
    facts = replace(TakeFacts.read(folder), picture="photograph", width=900, height=1200, face=311)
    facts.write(folder)
    request = replace(REQUEST, picture="photograph")
    assert estimate.frame_size(request, PortraitFile(1000)) is None
    estimate.learn(folder)
    assert estimate.frame_size(request, PortraitFile(1000)) == (900, 1200)
    assert estimate.frame_size(replace(request, size=256), PortraitFile(1000)) == (900, 1200)
    assert estimate.frame_size(replace(request, picture="fit"), PortraitFile(1000)) is None
    assert estimate.face_pixels(PortraitFile(1000)) == 311 and estimate.face_pixels(PortraitFile(5)) is None


def test_larger_pictures_need_more_of_everything(scene, made):
    """The bytes of a portrait's frames at one size tell those at another."""
    portrait = PortraitFile(1000, (1500, 2000))
    small, large = (
        estimate.cost(replace(REQUEST, picture=side), 4.0, running=True, portrait=portrait) for side in (500, 2000)
    )
    assert large.disk > 5 * small.disk
    assert large.seconds > small.seconds + 1 and large.memory > small.memory + 300e6
    folder = made(1000, 70_000, 512)
    replace(TakeFacts.read(folder), picture=500, width=374, height=500).write(folder)
    estimate.learn(folder)
    again = estimate.cost(replace(REQUEST, picture=1000), 4.0, running=True, portrait=portrait).disk
    assert again == pytest.approx(100 * 70_000 * 2**1.7, rel=0.1)


def test_motion_alone_needs_little(scene):
    assert 0 < estimate.cost(replace(REQUEST, motion_only=True), 4.0, running=True).disk < 1e6


def test_what_a_cancelled_job_has_done_is_not_counted_again(scene):
    settings = replace(REQUEST, takes=4, seed=7)
    sent = replace(settings, audio="a.wav", portrait="p.png", out="o", start=2.0, duration=4.0)
    whole, other = (estimate.cost(each, 4.0, running=True) for each in (settings, replace(settings, seed=8)))
    estimate.remember_end(sent, 0.75, finished=False)
    rest = estimate.cost(settings, 4.0, running=True)
    assert rest.disk == pytest.approx(0.25 * whole.disk) and rest.seconds < 0.5 * whole.seconds
    assert estimate.cost(replace(settings, seed=8), 4.0, running=True) == other
    assert estimate.cost(settings, 5.0, running=True).disk > whole.disk, "another length is another job"
    estimate.remember_end(sent, 1.0, finished=True)
    assert estimate.cost(settings, 4.0, running=True) == whole


def test_a_cancelled_job_is_remembered(scene, sound, portrait, tmp_path):
    request = Generate(audio=str(sound), portrait=str(portrait("slow")), out=str(tmp_path), duration=2.0)
    job = jobs.start(request, "Generate", scene)
    while job.share < 0.3:
        assert job.error is None
        job.poll()
    job.cancel()
    with pytest.raises(Exception, match="Cancelled"):
        jobs.follow(job)
    whole = estimate.cost(replace(request, takes=2), 2.0, running=True).disk / 2
    assert estimate.cost(request, 2.0, running=True).disk == pytest.approx((1 - job.share) * whole)
    assert session().part(estimate.Rates).begun is not None


def test_a_small_disk_is_told(scene, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage(10**9, 0, 5 * 10**6))
    disk._free.cache_clear()
    assert disk.lack_of_disk(tmp_path / "not" / "there yet", 6e6).startswith("Only 5 MB are free for takes in")
    assert disk.lack_of_disk(tmp_path, 4e6) == ""


def test_a_picture_file_is_known_by_its_bytes(scene, portrait, tmp_path):
    assert look(portrait()).bytes == portrait().stat().st_size
    assert look(tmp_path / "gone.png") == UNKNOWN


def test_restored_frames_teach_nothing(scene, made):
    """They are as large as the restorer likes."""
    folder = made(1000, 900_000, 512)
    before = expected(512, picture=1000)
    replace(TakeFacts.read(folder), restored="0" * 12).write(folder)
    estimate.learn(folder)
    assert expected(512, picture=1000) == before
    replace(TakeFacts.read(folder), restored=None).write(folder)
    estimate.learn(folder)
    assert expected(512, picture=1000) > 1.2 * before
