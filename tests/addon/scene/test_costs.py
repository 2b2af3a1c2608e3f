"""What the panel says about the cost of the scene's takes."""

import pytest
from soliloquy.addon import compat
from soliloquy.addon.jobs import disk, estimate
from soliloquy.addon.scene import costs
from soliloquy.addon.scene.request import request_for, request_without_files
from soliloquy.addon.sequencer import speech


def test_nothing_chosen_nothing_said(scene):
    assert costs.words(scene) == ""
    scene.soliloquy.sound = "MIX"
    scene.frame_end = 250
    assert costs.words(scene).endswith("for 10.0 s of speech")
    scene.soliloquy.framing = "crop"
    assert costs.words(scene).endswith("for 10.0 s of speech, 512 × 512 px")


def test_a_strip_counts_as_far_as_it_is_heard(scene, sound):
    if not compat.HAS_SOUND:
        pytest.skip("this Blender has no sound strips")
    strip = compat.new_sound_strip(scene, "speech", str(sound), 1, 11)
    compat.editor_of(scene).active_strip = strip
    compat.set_handles(strip, 21, 46)
    assert costs.spoken_seconds(scene) == pytest.approx(1.0)


def test_the_estimate_knows_the_request_but_its_files(scene, sound, portrait):
    """It costs the same as the request that Generate sends."""
    settings = scene.soliloquy
    settings.portrait_file = str(portrait())
    settings.takes_wanted, settings.size, settings.renderer, settings.framing = 3, "256", "warp", "crop"
    sent = request_for(scene, speech.Speech(sound, 0.5, 1.0, 1, "", 1))
    known = request_without_files(scene)
    assert estimate.cost(sent, 1.0, running=True) == estimate.cost(known, 1.0, running=True)
    assert (sent.start, sent.duration, sent.takes) == (0.5, 1.0, 3) and not known.audio


def test_a_full_disk_is_told(scene, monkeypatch):
    scene.soliloquy.sound, scene.frame_end = "MIX", 250
    assert costs.lack_of_disk(scene) == ""
    monkeypatch.setattr(disk, "_free", lambda _folder, _when: 1000)
    assert costs.lack_of_disk(scene).startswith("Only 0 MB are free for takes in")
