"""What the panel says about the cost of the scene's takes."""

import bpy
import pytest
from soliloquy.addon import compat
from soliloquy.addon.jobs import disk, estimate
from soliloquy.addon.scene import costs
from soliloquy.addon.scene.request import request_for, request_without_files
from soliloquy.addon.sequencer import speech
from soliloquy.addon.session import session


def test_nothing_chosen_nothing_said(scene):
    assert costs.words(scene) == ""
    scene.soliloquy.sound = "MIX"
    scene.frame_end = 250
    assert costs.words(scene).endswith("for 10.0 s of speech")
    scene.soliloquy.framing = "crop"
    assert costs.words(scene).endswith("for 10.0 s of speech")
    assert costs.picture(scene) == "A picture of 512 × 512, face 512"


def test_the_picture_is_told_before_generate(scene):
    settings = scene.soliloquy
    assert costs.picture(scene) == ""
    settings.portrait_image = bpy.data.images.new("face", 1035, 1034)
    assert settings.picture == "photograph" and costs.picture(scene) == "A picture of 1034 × 1034, face 512"
    settings.picture, settings.picture_side, settings.size = "pixels", 700, "256"
    assert costs.picture(scene) == "A picture of 700 × 698, face 256"
    settings.picture = "fit"
    assert costs.picture(scene) == "", "the face must be measured first"
    settings.picture, settings.motion_only = "photograph", True
    assert costs.picture(scene) == ""


def test_a_face_size_beyond_the_photograph_is_told(scene, portrait):
    settings, file = scene.soliloquy, portrait()
    settings.portrait_file = str(file)
    assert costs.needless_size(scene) == ""
    learned = session().part(estimate.Rates).learned
    learned[f"face {file.stat().st_size}"] = 240.0
    assert costs.needless_size(scene) == "The face has 240 px in this photograph: 256 px are enough"
    settings.size = "256"
    assert costs.needless_size(scene) == ""
    learned[f"face {file.stat().st_size}"] = 1400.0
    settings.size = "1024"
    assert costs.needless_size(scene) == ""


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
