"""The estimate: from constants to the rates of this computer."""

import sys
from dataclasses import replace

import pytest
from soliloquy.addon.jobs import estimate
from soliloquy.addon.jobs.portrait_file import PortraitFile
from soliloquy.addon.properties import preferences
from soliloquy.addon.session import session
from soliloquy.core.wire import systems
from soliloquy.core.wire.protocol import Generate
from soliloquy.core.wire.specs import GenerateSpec
from soliloquy.core.wire.take_file import TakeFacts

TAKES = Generate(audio="", portrait="", out="", takes=2)
PORTRAIT = PortraitFile(1)
"""That of the finished take, which has a byte."""


@pytest.fixture
def finished(tmp_path):
    """A take of 50 frames with known times of its stages."""
    folder = tmp_path / "take-001"
    (folder / "frames").mkdir(parents=True)
    (tmp_path / "portrait.png").write_bytes(b"x")
    for index in range(50):
        (folder / "frames" / f"{index + 1:06d}.png").write_bytes(b"x" * 1000)
    TakeFacts(
        index=1, seed=0, spec=GenerateSpec(), job="x", frame_count=50, fps=25.0, start=0.0, seconds=2.0, device="cpu",
        size=512, framing="portrait", renderer="gan", picture="photograph", width=640, height=400,
        memory={"process": 1_500_000_000, "gpu": None},
        timings={"motion": 1.0, "frames": 10.0, "extract": 2.0, "portrait": 4.0},
    ).write(folder)  # fmt: skip
    return folder


def test_what_was_measured_is_what_is_expected(scene, finished):
    before = estimate.cost(TAKES, 4.0, running=False, portrait=PORTRAIT)
    estimate.learn(finished)
    after = estimate.cost(TAKES, 4.0, running=False, portrait=PORTRAIT)
    once = estimate.START + 4.0 + sum(estimate.SECONDS_PER_UNIT[stage] for stage in ("models", "audio", "renderer"))
    assert after.seconds == pytest.approx(once + 2 * 100 * (0.02 + 0.2 + 0.04)) and after != before
    assert after.disk < before.disk / 2, "its frames are small"
    assert (after.memory, after.gpu) == (1.5e9, None)
    assert estimate.cost(replace(TAKES, motion_only=True), 4.0, running=False).disk < 1e6
    assert estimate.cost(TAKES, 4.0, running=True, portrait=PORTRAIT).seconds < after.seconds - estimate.START


def test_a_gpus_rates_are_its_own(scene, finished):
    estimate.learn(finished)
    facts = TakeFacts.read(finished)
    memory, timings = {"process": 3_000_000_000, "gpu": 2_100_000_000}, facts.timings | {"frames": 0.5}
    replace(facts, device="cuda", memory=memory, timings=timings).write(finished)
    estimate.learn(finished)
    on_gpu, on_processor = (estimate.cost(replace(TAKES, device=d), 4.0, running=True) for d in ("cuda", "cpu"))
    assert on_gpu.gpu == 2.1e9 and on_processor.gpu is None
    assert on_processor.seconds - on_gpu.seconds == pytest.approx(200 * (0.2 - 0.01))
    assert estimate.device_of(TAKES) == "cuda", "“auto” is where the latest take was made"
    assert "2.1 GB of GPU memory" in on_gpu.words()


def test_other_sizes_and_renderers_are_not_confused(scene, finished):
    estimate.learn(finished)
    small = replace(TAKES, size=256)
    assert estimate.cost(small, 4.0, running=True).seconds < estimate.cost(TAKES, 4.0, running=True).seconds
    warp = replace(TAKES, renderer="warp")
    assert estimate.cost(warp, 4.0, running=True).seconds < estimate.cost(TAKES, 4.0, running=True).seconds
    assert estimate.cost(small, 4.0, running=True).memory < 1.5e9


def test_motion_sources_are_not_confused(scene, finished, monkeypatch):
    slow = replace(systems.SOURCES[0], name="slow", seconds_per_frame=1.0)
    monkeypatch.setattr(systems, "SOURCES", (*systems.SOURCES, slow))
    asked = replace(TAKES, source="slow")
    first, usual = (estimate.cost(request, 4.0, running=True) for request in (asked, TAKES))
    assert first.seconds - usual.seconds == pytest.approx(200 * (1.0 - 0.006))
    facts = TakeFacts.read(finished)
    replace(facts, source="slow", timings={"motion": 25.0}).write(finished)
    estimate.learn(finished)
    learned, still = (estimate.cost(request, 4.0, running=True) for request in (asked, TAKES))
    assert learned.seconds - still.seconds == pytest.approx(200 * (0.5 - 0.006)), "half a second each was measured"


def test_a_preview_costs_what_it_shows(scene):
    whole = replace(TAKES, takes=1)
    shown = replace(whole, preview=4.0)
    long, short = (estimate.cost(shown, seconds, running=True) for seconds in (60.0, 4.0))
    assert long.disk - short.disk == pytest.approx(56 * 25 * 1300), "pictures of four seconds, motion of the whole"
    assert long.disk < estimate.cost(whole, 60.0, running=True).disk
    # Its motion is the whole line's, so that it moves as the take will.
    assert long.seconds - short.seconds == pytest.approx(56 * 25 * estimate.SECONDS_PER_UNIT["motion"])


def test_a_queue_costs_the_sum_and_several_workers_their_memory(scene):
    one = estimate.cost(TAKES, 4.0, running=True)
    alone = estimate.total([(TAKES, 4.0)] * 4, 1)
    together = estimate.total([(TAKES, 4.0)] * 4, 2)
    assert alone.disk == together.disk == 4 * one.disk
    assert together.memory == 2 * alone.memory == 2 * one.memory
    assert alone.seconds - together.seconds == pytest.approx(2 * one.seconds)
    assert estimate.total([], 1).words() == "About 0 s"


def test_rates_outlive_the_session_and_damage_is_no_matter(scene, finished):
    estimate.learn(finished)
    known = dict(session().part(estimate.Rates).learned)
    extension = sys.modules["soliloquy"]
    extension.unregister()
    extension.register()
    assert session().part(estimate.Rates).learned == known and known["frames cpu 512 gan"] > 0.19
    extension.unregister()
    (preferences.user_folder() / "rates.json").write_text("[1")
    extension.register()
    (finished / "take.json").write_text("{}")
    estimate.learn(finished)
    assert not session().part(estimate.Rates).learned


def test_length_of_a_sound(scene, sound, tmp_path):
    assert estimate.seconds_of(replace(TAKES, audio=str(sound), start=0.5)) == pytest.approx(1.5)
    assert estimate.seconds_of(replace(TAKES, audio="/nowhere.wav", duration=3.0)) == 3.0
    assert estimate.seconds_of(replace(TAKES, audio="/nowhere.wav")) is None
    (tmp_path / "noise.mp3").write_bytes(b"\0" * 64)
    assert estimate.seconds_of(replace(TAKES, audio=str(tmp_path / "noise.mp3"))) in (None, 0.0)
