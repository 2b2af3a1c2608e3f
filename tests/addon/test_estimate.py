"""The estimate: from first guesses to what this computer needs."""

import json

import pytest
from soliloquy.addon import estimate, preferences


@pytest.fixture
def finished(tmp_path):
    """A take of 50 frames whose stages took known times."""
    folder = tmp_path / "take-001"
    (folder / "frames").mkdir(parents=True)
    for index in range(50):
        (folder / "frames" / f"{index + 1:06d}.png").write_bytes(b"x" * 1000)
    timings = {"motion": 1.0, "frames": 10.0, "extract": 2.0, "portrait": 4.0}
    (folder / "take.json").write_text(json.dumps({"frame_count": 50, "size": 512, "timings": timings}))
    return folder


def test_what_was_measured_is_what_is_expected(scene, finished):
    settings = scene.soliloquy
    settings.takes_wanted, settings.motion_only = 2, False
    before, _ = estimate.cost(settings, 4.0)
    estimate.learn(finished)
    after, disk = estimate.cost(settings, 4.0)
    once = estimate.START + 4.0 + sum(estimate.SECONDS_PER_UNIT[stage] for stage in ("models", "audio"))
    assert after == pytest.approx(once + 2 * 100 * (0.02 + 0.2 + 0.04)) and after != before
    assert disk == pytest.approx(2 * 100 * 1000)
    settings.motion_only = True
    assert estimate.cost(settings, 4.0)[1] == 0.0


def test_rates_outlive_the_session_and_damage_is_no_matter(scene, finished):
    estimate.learn(finished)
    estimate.unregister()
    estimate.register()
    assert estimate._learned["frames 512"] == pytest.approx(0.2)
    estimate.unregister()
    (preferences.user_folder() / "rates.json").write_text("[1")
    estimate.register()
    (finished / "take.json").write_text("{}")
    estimate.learn(finished)
    assert not estimate._learned


def test_nothing_chosen_nothing_said(scene):
    assert estimate.words(scene) == ""
    scene.soliloquy.sound = "MIX"
    scene.frame_end = 250
    assert estimate.words(scene).endswith("for 10.0 s of speech")
