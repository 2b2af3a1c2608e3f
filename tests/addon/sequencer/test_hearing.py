"""What isn't heard isn't spoken; the reference is Blender's own mixdown of the scene."""

from __future__ import annotations

import subprocess
import wave

import bpy
import numpy as np
import pytest
from soliloquy.addon import compat
from soliloquy.addon.scene import characters, costs
from soliloquy.addon.scene.request import why_not
from soliloquy.addon.sequencer import hearing, speech
from soliloquy.core.errors import BadInputError

pytestmark = pytest.mark.skipif(not compat.HAS_SOUND, reason="this bpy wheel is built without Blender's sound library")

RATE = 16_000


@pytest.fixture
def tone(tmp_path):
    """Five seconds; each tenth of a second has a loudness of its own."""
    steps = np.random.default_rng(1).uniform(0.2, 0.9, 50)
    samples = np.repeat(steps, RATE // 10) * np.sin(2 * np.pi * 440 * np.arange(5 * RATE) / RATE)
    path = tmp_path / "tone.wav"
    write(path, samples)
    return path


@pytest.fixture
def strip(scene, tone):
    strip = compat.new_sound_strip(scene, "speech", str(tone), 1, 1)
    scene.sequence_editor.active_strip = strip
    scene.frame_start, scene.frame_end = 1, 160
    return strip


def write(path, samples):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((samples * 32767).astype("<i2").tobytes())


def loudness(path, start=0.0, duration=None):
    """RMS of each 20 ms of a WAV file."""
    with wave.open(str(path)) as file:
        rate, channels = file.getframerate(), file.getnchannels()
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, channels)[:, 0] / 32768
    end = None if duration is None else round((start + duration) * rate)
    samples = samples[round(start * rate) : end]
    size = rate // 50
    return np.sqrt(np.square(samples[: len(samples) // size * size].reshape(-1, size)).mean(1))


def in_the_mix(scene, tmp_path):
    """The loudness of the scene's mixdown, from scene frame 1 on: two values a frame at 25 frames a second."""
    compat.mixdown(scene, tmp_path / "mix.wav")
    return loudness(tmp_path / "mix.wav")


def assert_spoken_as_heard(scene, strip, tmp_path):
    """What is spoken lies where it is heard, is as loud, and nothing else is heard."""
    heard = in_the_mix(scene, tmp_path)
    spoken = speech.speech_from_strip(scene, strip, tmp_path / "inputs")
    found = loudness(spoken.path, spoken.start, spoken.duration)
    placed = np.zeros(len(heard) + len(found) + 400)
    first = 2 * (spoken.origin - 1)
    placed[first : first + len(found)] = found
    placed = placed[: len(heard)]
    inner = np.ones(len(heard), bool)
    for edge in (first, first + len(found)):  # Blender softens them
        inner[max(0, edge - 1) : edge + 1] = False
    scale = np.dot(placed, heard) / np.dot(placed, placed)
    assert np.abs(placed * scale - heard)[inner].max() < 0.03
    assert heard.max() > 0.1
    return spoken


def into_meta(scene, *strips, name="meta", channel=3):
    """A metastrip around strips, as long as they are."""
    meta = compat.strips_of(scene.sequence_editor).new_meta(name, channel, 1)
    left, right = min(map(compat.left_handle, strips)), max(map(compat.right_handle, strips))
    for each in strips:
        each.move_to_meta(meta)
    show(meta, left, right)
    return meta


def show(strip, left, right):
    """Set the handles; a left handle can't be moved beyond the right one."""
    compat.set_handles(strip, compat.left_handle(strip), right)
    compat.set_handles(strip, left, right)


def test_the_trim_of_a_metastrip(scene, strip, tmp_path):
    meta = into_meta(scene, strip)
    show(meta, 30, 60)
    spoken = assert_spoken_as_heard(scene, strip, tmp_path)
    assert (spoken.origin, spoken.start, spoken.duration) == (30, pytest.approx(29 / 25), pytest.approx(30 / 25))
    assert spoken.strip, "the takes follow the strip, because its file is used"
    assert costs.spoken_seconds(scene) == pytest.approx(30 / 25)


def test_the_trim_of_nested_metastrips(scene, strip, tmp_path):
    compat.set_handles(strip, 11, 120)
    inner = into_meta(scene, strip, name="inner")
    show(inner, 20, 90)
    outer = into_meta(scene, inner, name="outer", channel=4)
    show(outer, 40, 100)
    assert hearing.heard_frames(scene, strip) == (40, 90)
    assert assert_spoken_as_heard(scene, strip, tmp_path).origin == 40


def test_a_metastrip_that_shows_nothing_of_the_strip(scene, strip, tone, tmp_path):
    other = compat.new_sound_strip(scene, "later", str(tone), 2, 130)
    meta = into_meta(scene, strip, other)
    show(meta, 140, 200)
    assert "shows nothing of it" in hearing.why_unheard(scene, strip)
    assert hearing.why_unheard(scene, other) == ""
    refused(scene, strip, tmp_path)


def refused(scene, strip, tmp_path):
    with pytest.raises(BadInputError) as raised:
        speech.speech_from_strip(scene, strip, tmp_path / "inputs")
    assert raised.value.code == "audio_unheard" and raised.value.message.endswith(".")
    assert not in_the_mix(scene, tmp_path)[:200].any()


def mute_strip(scene, strip, meta):
    strip.mute = True


def mute_meta(scene, strip, meta):
    meta.mute = True


def mute_channel(scene, strip, meta):
    meta.channels[strip.channel].mute = True


def mute_channel_of_meta(scene, strip, meta):
    scene.sequence_editor.channels[meta.channel].mute = True


def no_volume(scene, strip, meta):
    strip.volume = 0.0


def no_volume_by_keys(scene, strip, meta):
    strip.volume = 0.0
    strip.keyframe_insert("volume", frame=1)
    strip.keyframe_insert("volume", frame=50)


def no_volume_of_meta(scene, strip, meta):
    if not hasattr(meta, "volume"):
        pytest.skip("metastrips have a volume since 5.2")
    meta.volume = 0.0


@pytest.mark.parametrize(
    "silence",
    [mute_strip, mute_meta, mute_channel, mute_channel_of_meta, no_volume, no_volume_by_keys, no_volume_of_meta],
)
def test_what_is_muted_is_not_spoken(scene, strip, tmp_path, silence):
    meta = into_meta(scene, strip)
    assert hearing.why_unheard(scene, strip) == ""
    silence(scene, strip, meta)
    assert hearing.why_unheard(scene, strip) == why_not(bpy.context, needs_speech=True) != ""
    refused(scene, strip, tmp_path)
    assert characters.assigned_strips(scene) == []


@pytest.mark.parametrize("volume", [0.3, 1.0, 2.5])
def test_a_constant_volume_is_harmless(scene, strip, tone, tmp_path, volume):
    strip.volume = volume
    spoken = speech.speech_from_strip(scene, strip, tmp_path / "inputs")
    assert (spoken.path, spoken.start, spoken.duration, spoken.strip) == (tone.resolve(), 0.0, None, "speech")


@pytest.mark.parametrize("meta", [False, True])
def test_a_fade_is_spoken_as_it_is_heard(scene, strip, tone, tmp_path, meta):
    """Another strip that plays at the same time isn't part of it."""
    strip.volume = 1.0
    strip.keyframe_insert("volume", frame=40)
    strip.volume = 0.0
    strip.keyframe_insert("volume", frame=70)
    if meta:
        show(into_meta(scene, strip), 10, 110)
    spoken = assert_spoken_as_heard(scene, strip, tmp_path)
    found = loudness(spoken.path)
    assert found[2 * (72 - spoken.origin) :].max() < 1e-3 < found[: 2 * (60 - spoken.origin)].min()
    assert spoken.strip == "" and not strip.mute
    compat.new_sound_strip(scene, "music", str(tone), 2, 1)
    again = speech.speech_from_strip(scene, strip, tmp_path / "inputs")
    assert np.abs(loudness(again.path) - found).max() < 1e-3


def test_a_driven_volume_is_spoken_as_it_is_heard(scene, strip, tmp_path):
    strip.driver_add("volume").driver.expression = "1 if frame < 50 else 0"
    assert hearing.needs_mixdown(scene, strip)
    assert hearing.why_unheard(scene, strip) == ""


@pytest.mark.parametrize("fps", [20, 50])
def test_a_scene_whose_rate_was_changed(scene, strip, tmp_path, fps):
    """Blender changes the length of the strip along with it."""
    scene.render.fps = fps
    spoken = speech.speech_from_strip(scene, strip, tmp_path / "inputs")
    assert (spoken.start, spoken.duration) == (0.0, None)
    scene.frame_end = 6 * fps
    heard = in_the_mix(scene, tmp_path)
    assert heard[:249].min() > 0.05 and heard[252:].max() < 1e-3


def test_an_equalizer_is_spoken_as_it_is_heard(scene, strip, tmp_path):
    strip.select = True
    context = {"scene": scene} | ({"sequencer_scene": scene} if bpy.app.version >= (5, 0, 0) else {})
    with bpy.context.temp_override(**context):
        bpy.ops.sequencer.strip_modifier_add(type="SOUND_EQUALIZER")
    assert_spoken_as_heard(scene, strip, tmp_path)
    assert hearing.needs_mixdown(scene, strip)
    strip.modifiers[0].mute = True
    assert not hearing.needs_mixdown(scene, strip)


def test_a_file_that_the_worker_does_not_know_is_mixed_down(scene, tone, tmp_path):
    """Blender plays by content, whatever the name says."""
    (tmp_path / "recording.xyz").write_bytes(tone.read_bytes())
    strip = compat.new_sound_strip(scene, "odd", str(tmp_path / "recording.xyz"), 1, 21)
    scene.frame_start, scene.frame_end = 1, 160
    spoken = assert_spoken_as_heard(scene, strip, tmp_path)
    assert spoken.path.suffix == ".wav" and (spoken.origin, spoken.start, spoken.strip) == (21, 0.0, "")


@pytest.mark.parametrize(
    ("container", "codec", "ending"), [("MATROSKA", "AAC", "mkv"), ("AC3", "AC3", "ac3"), ("OGG", "VORBIS", "ogg")]
)
def test_recordings_go_to_the_worker_as_they_are(scene, strip, tmp_path, container, codec, ending):
    path = tmp_path / f"memo.{ending}"
    scene.frame_end = 125
    bpy.ops.sound.mixdown(filepath=str(path), container=container, codec=codec)
    wait_for(path)
    memo = compat.new_sound_strip(scene, "memo", str(path), 5, 31)
    spoken = speech.speech_from_strip(scene, memo, tmp_path / "inputs")
    assert (spoken.path, spoken.start, spoken.origin, spoken.strip) == (path.resolve(), 0.0, 31, "memo")


def wait_for(path):
    """From 5.2 on a mixdown is a job of its own."""
    import time

    size, deadline = -1, time.monotonic() + 20
    while time.monotonic() < deadline:
        now = path.stat().st_size if path.exists() else 0
        if now and now == size:
            return
        size = now
        time.sleep(0.3 if bpy.app.version >= (5, 2, 0) else 0.01)


@pytest.fixture
def film(scene, strip, tmp_path):
    """A film of the strip's sound, rendered by Blender."""
    render = scene.render
    render.resolution_x = render.resolution_y = 64
    scene.frame_end = 125
    compat.set_movie_output(render, str(tmp_path / "film.mp4"))
    strips = compat.strips_of(scene.sequence_editor)
    size = {"length": 125} if bpy.app.version >= (5, 0, 0) else {"frame_end": 126}
    strips.new_effect("colour", "COLOR", 2, 1, **size)
    bpy.ops.render.render(animation=True)
    return tmp_path / "film.mp4"


def test_the_picture_of_a_film_stands_for_its_sound(scene, strip, film):
    strips = compat.strips_of(scene.sequence_editor)
    other = compat.new_sound_strip(scene, "its sound, later", str(film), 6, 400)
    sound = compat.new_sound_strip(scene, "its sound", str(film), 5, 21)
    picture = strips.new_movie("picture", str(film), 7, 21)
    scene.sequence_editor.active_strip = picture
    assert speech.sound_strip(scene) == sound != other
    compat.move_content(picture, 379)
    assert speech.sound_strip(scene) == other
    strips.remove(sound)
    strips.remove(other)
    assert speech.sound_strip(scene) == strip  # the only sound strip that is left


DECODE = """
import sys, numpy as np
from core.sound.sound_file import open_sound
with open_sound(sys.argv[1]) as sound:
    samples = sound.read(10**9).mean(1)
    size = sound.samplerate // 50
    levels = np.sqrt(np.square(samples[: len(samples) // size * size].reshape(-1, size)).mean(1))
print(" ".join(map(str, levels)))
"""


@pytest.mark.parametrize("packed", [False, True])
def test_a_film_is_decoded_as_blender_plays_it(scene, strip, film, tmp_path, real_python, packed):
    """The worker's samples against Blender's mixdown: the same loudness in every 20 ms."""
    scene.sequence_editor.active_strip = None
    compat.strips_of(scene.sequence_editor).remove(strip)
    sound = compat.new_sound_strip(scene, "its sound", str(film), 5, 1)
    if packed:
        sound.sound.pack()
        film.unlink()
    spoken = speech.speech_from_strip(scene, sound, tmp_path / "inputs")
    assert spoken.path.suffix == ".mp4"
    scene.frame_start, scene.frame_end = 1, 125
    heard = in_the_mix(scene, tmp_path)
    root = str(__file__).split("/tests/")[0]
    said = subprocess.run(
        [real_python, "-c", DECODE, spoken.path], cwd=root, check=True, capture_output=True, text=True
    )
    decoded = np.array(said.stdout.split(), float)
    assert len(decoded) == 250
    count = min(len(heard), len(decoded))
    scale = np.dot(decoded[:count], heard[:count]) / np.dot(decoded[:count], decoded[:count])
    assert np.abs(scale * decoded[:count] - heard[:count])[1:].max() < 0.01  # Blender softens the beginning
