"""The sound to be spoken: trim, offset and place of the active sound strip."""

from pathlib import Path

import bpy
import pytest
from soliloquy.addon import compat
from soliloquy.addon.sequencer import speech
from soliloquy.core.errors import BadInputError, SoliloquyError

from tests.at_once import run_two

pytestmark = pytest.mark.skipif(not compat.HAS_SOUND, reason="this bpy wheel is built without Blender's sound library")


@pytest.fixture
def strip(scene, sound):
    strip = compat.new_sound_strip(scene, "speech", str(sound), 2, 11)
    scene.sequence_editor.active_strip = strip
    return strip


def test_whole_strip(scene, strip, sound, tmp_path):
    spoken = speech.speech_from_strip(scene, speech.sound_strip(scene), tmp_path)
    assert spoken == speech.Speech(sound.resolve(), 0.0, None, 11, "speech", 2)


def test_trim_and_offset_in_seconds_of_the_file(scene, strip, tmp_path):
    compat.set_handles(strip, 21, 46)  # 10 frames cut off at 25 frames a second, 25 frames left
    spoken = speech.speech_from_strip(scene, strip, tmp_path)
    assert (spoken.start, spoken.duration, spoken.origin) == (pytest.approx(0.4), pytest.approx(1.0), 21)


@pytest.mark.parametrize(("fps", "base"), [(24, 1.001), (30, 1.0), (60, 1.0)])
def test_trim_at_other_rates(scene, sound, tmp_path, fps, base):
    scene.render.fps, scene.render.fps_base = fps, base
    strip = compat.new_sound_strip(scene, "speech", str(sound), 1, 1)
    compat.set_handles(strip, 7, 31)
    spoken = speech.speech_from_strip(scene, strip, tmp_path)
    assert spoken.start == pytest.approx(6 * base / fps)
    assert spoken.duration == pytest.approx(24 * base / fps)


def test_takes_follow_a_moved_and_retrimmed_strip(scene, strip, tmp_path):
    compat.set_handles(strip, 21, 46)
    spoken = speech.speech_from_strip(scene, strip, tmp_path)
    timing = speech.take_timing(scene, spoken.strip, spoken.start, spoken.origin)
    assert timing.origin == pytest.approx(21)
    compat.move_content(strip, 100)
    compat.set_handles(strip, 131, 140)
    assert speech.take_timing(scene, spoken.strip, spoken.start, spoken.origin).origin == pytest.approx(121)
    assert speech.take_timing(scene, "gone", spoken.start, spoken.origin).origin == spoken.origin


def test_handles_beyond_the_sound_are_clipped(scene, strip, tmp_path):
    compat.set_handles(strip, 5, 70)
    spoken = speech.speech_from_strip(scene, strip, tmp_path)
    assert (spoken.start, spoken.duration, spoken.origin) == (0.0, None, 11)


def test_packed_sound_is_written_once(scene, strip, sound, tmp_path):
    strip.sound.pack()
    wanted = sound.read_bytes()
    sound.unlink()
    first = speech.speech_from_strip(scene, strip, tmp_path / "inputs").path
    assert first.read_bytes() == wanted and first.suffix == ".wav"
    assert speech.speech_from_strip(scene, strip, tmp_path / "inputs").path == first
    assert len(list((tmp_path / "inputs").iterdir())) == 1


WRITE_ONCE = """
import sys
from pathlib import Path
from tests.addon.conftest import load_extension
from tests.at_once import meet, meet_before_renaming
load_extension()
from soliloquy.addon.sequencer import speech
name, folder, path = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
meet(folder, "begin", name)
meet_before_renaming(folder, name)
print(speech.write_once(path, bytes(1000)))
"""


def test_two_blenders_write_one_sound_at_once(tmp_path):
    """Both have written their bytes before either renames its file."""
    path = tmp_path / "inputs" / "0123.wav"
    said = run_two(WRITE_ONCE, tmp_path / "meet", str(path))
    last_lines = [text.splitlines()[-1] for text in said]  # Blender 5.2 prints a line of its own first
    assert [Path(line) for line in last_lines] == [path, path]
    assert [file.name for file in path.parent.iterdir()] == ["0123.wav"] and path.read_bytes() == bytes(1000)


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "inputs").write_text("not a folder")
    with pytest.raises(BadInputError, match=r"^Cannot write to .*inputs \([^()]+\)\.") as raised:
        speech.write_once(tmp_path / "inputs" / "0123.wav", b"")
    assert raised.value.code == "output_unwritable"


def test_missing_file_is_bad_input(scene, strip, sound, tmp_path):
    sound.unlink()
    with pytest.raises(SoliloquyError) as raised:
        speech.speech_from_strip(scene, strip, tmp_path)
    assert (raised.value.code, raised.value.exit_code) == ("audio_missing", 2)


def test_which_strip_is_meant(scene, strip, sound):
    other = compat.new_sound_strip(scene, "other", str(sound), 4, 200)
    effect = scene.sequence_editor
    effect.active_strip = other
    assert speech.sound_strip(scene) == other
    effect.active_strip = None
    for each in (strip, other):
        each.select = each == strip
    assert speech.sound_strip(scene) == strip
    other.select = True
    assert speech.sound_strip(scene) is None  # two are selected, so none is chosen


def test_a_mix_is_the_heard_sound_and_leaves_the_scene_unchanged(scene, strip, tmp_path):
    scene.frame_start, scene.frame_end = 1, 60
    spoken = speech.speech_from_mix(scene, tmp_path / "inputs")
    assert (spoken.origin, spoken.strip) == (1, "")
    assert (scene.frame_start, scene.frame_end) == (1, 60)
    assert clicks(spoken.path) == pytest.approx([10 / 25 + 1.0], abs=0.01)


def clicks(path) -> list[float]:
    """Seconds of silence before a mixdown gets loud."""
    import wave

    import numpy as np

    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        samples = np.abs(samples.reshape(-1, file.getnchannels())[:, 0].astype(float))
        loud = np.nonzero(samples > samples.max() / 4)[0] / file.getframerate()
    return [float(t) for t, before in zip(loud, [-1.0, *loud[:-1]], strict=True) if t - before > 0.1]


def test_a_strip_whose_speed_was_changed_is_mixed_as_heard(scene, strip, tmp_path):
    if bpy.app.version < (5, 1, 0):
        pytest.skip("before 5.1 Blender has no retiming of sound from Python, or crashes in it")
    end = strip.retiming_keys.add(timeline_frame=61)
    end.timeline_frame = 36  # twice as fast
    spoken = speech.speech_from_strip(scene, strip, tmp_path / "inputs")
    assert spoken.path.parent == tmp_path / "inputs" and spoken.origin == 11
    assert clicks(spoken.path) == pytest.approx([0.5], abs=0.02)
    assert bpy.data.scenes[0].frame_end == scene.frame_end
