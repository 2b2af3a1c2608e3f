"""What is chosen is what is seen: one take of a speech at a time, whatever job it belongs to and however its path is
written."""

import bpy
import pytest
from soliloquy.addon import compat
from soliloquy.addon.scene import showing, take_list
from soliloquy.addon.sequencer import strips

with_sound = pytest.mark.skipif(not compat.HAS_SOUND, reason="this bpy wheel is built without Blender's sound library")


def generate(scene, **settings):
    for name, value in settings.items():
        setattr(scene.soliloquy, name, value)
    assert bpy.ops.soliloquy.generate() == {"FINISHED"}


def seen(scene):
    """Names of the takes whose pictures are not muted."""
    shown = []
    for take in scene.soliloquy.takes:
        strip = strips.find_strip(scene, take.image_strip)
        assert strip.mute == (not take.shown)
        shown += [take.name] if take.shown else []
    return shown


def assert_each_alone(scene):
    for index, take in enumerate(scene.soliloquy.takes):
        scene.soliloquy.active_take = index
        assert seen(scene) == [take.name]


def test_a_take_made_before_the_first_save_gives_way_to_one_made_after_it(spoken, tmp_path):
    """The first has an absolute path, the second one that is relative to the .blend; both are of one job."""
    spoken.soliloquy.output_dir = str(tmp_path / "soliloquy")
    generate(spoken, takes_wanted=2)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "talk.blend"))
    for take in spoken.soliloquy.takes:  # as version 0.1 left them
        take.folder, take.job = str(take.path()), str(take.job_path())
    spoken.soliloquy.takes_wanted = 1
    assert bpy.ops.soliloquy.resample() == {"FINISHED"}
    assert [take.folder[:2] == "//" for take in spoken.soliloquy.takes] == [False, False, True]
    assert [take.name for take in spoken.soliloquy.takes] == ["Take 1", "Take 2", "Take 3"]
    assert_each_alone(spoken)
    spoken.soliloquy.active_take = 0
    bpy.ops.soliloquy.compare_takes()
    assert seen(spoken) == ["Take 3"]


@pytest.mark.parametrize(
    "changed", [{"size": "256"}, {"seed": 40}, {"framing": "crop"}, {"guidance_scale": 0.5}, {"renderer": "warp"}]
)
def test_a_new_setting_makes_a_new_job_but_no_second_take_1(spoken, changed):
    generate(spoken, takes_wanted=2)
    generate(spoken, **changed)
    assert len({take.job for take in spoken.soliloquy.takes}) == 2
    assert [take.name for take in spoken.soliloquy.takes] == ["Take 1", "Take 2", "Take 3", "Take 4"]
    assert [take.index for take in spoken.soliloquy.takes] == [1, 2, 1, 2], "the job's own numbers stay"
    assert seen(spoken) == ["Take 4"]
    assert_each_alone(spoken)


def test_another_portrait_and_another_performance_are_the_same_speech(spoken, portrait):
    generate(spoken)
    generate(spoken, portrait_file=str(portrait("anna")))
    spoken.soliloquy.performance.head_amplitude = 1.5
    generate(spoken)
    assert [take.name for take in spoken.soliloquy.takes] == ["Take 1", "Take 2", "Take 3"]
    assert_each_alone(spoken)


def test_the_same_settings_find_the_same_take_again(spoken):
    generate(spoken)
    generate(spoken)
    assert [take.name for take in spoken.soliloquy.takes] == ["Take 1"]


def test_a_link_to_the_folder_is_the_same_take(spoken, tmp_path):
    generate(spoken)
    take = spoken.soliloquy.takes[0]
    (tmp_path / "link").symlink_to(tmp_path / "out", target_is_directory=True)
    take.folder = str(tmp_path / "link" / take.path().relative_to(tmp_path / "out"))
    generate(spoken)
    assert len(spoken.soliloquy.takes) == 1


def test_takes_of_an_older_file_with_one_name_open_and_count_on(spoken, tmp_path):
    generate(spoken)
    generate(spoken, size="256")
    for take in spoken.soliloquy.takes:
        take.name, take.number = "Take 1", 0
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "old.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "old.blend"))
    scene = bpy.context.scene
    assert [take.name for take in scene.soliloquy.takes] == ["Take 1", "Take 1"]
    for index in (0, 1):
        scene.soliloquy.active_take = index
        assert [take.shown for take in scene.soliloquy.takes] == [index == 0, index == 1]
    bpy.ops.soliloquy.resample()
    assert scene.soliloquy.takes[-1].name == "Take 2"


def test_a_renamed_take_keeps_its_number(spoken):
    generate(spoken)
    spoken.soliloquy.takes[0].name = "Hero"
    generate(spoken, size="256")
    assert [take.name for take in spoken.soliloquy.takes] == ["Hero", "Take 2"]


def test_a_preview_has_no_number(spoken):
    assert bpy.ops.soliloquy.preview() == {"FINISHED"}
    generate(spoken)
    assert [take.name for take in spoken.soliloquy.takes] == ["Take 1"]


@with_sound
def test_each_strip_counts_and_shows_its_own_takes(spoken, sound):
    generate(spoken)
    second = compat.new_sound_strip(spoken, "answer", str(sound), 1, 100)
    spoken.sequence_editor.active_strip = second
    generate(spoken, takes_wanted=2)
    assert [(take.audio_strip, take.number) for take in spoken.soliloquy.takes] == [
        ("speech", 1), ("answer", 1), ("answer", 2),
    ]  # fmt: skip
    assert [take.shown for take in spoken.soliloquy.takes] == [True, False, True]
    spoken.soliloquy.active_take = 1
    assert [take.shown for take in spoken.soliloquy.takes] == [True, True, False]


@with_sound
def test_two_characters_of_one_strip_do_not_hide_each_other(spoken):
    generate(spoken)
    strips.find_strip(spoken, "speech").soliloquy_character = "Anna"
    generate(spoken, size="256")
    assert [(take.character, take.number) for take in spoken.soliloquy.takes] == [("", 1), ("Anna", 1)]
    assert [take.shown for take in spoken.soliloquy.takes] == [True, True]


@with_sound
def test_two_parts_of_one_strip_are_seen_one_after_the_other(spoken):
    strip = strips.find_strip(spoken, "speech")
    compat.set_handles(strip, 11, 36)
    generate(spoken)
    compat.set_handles(strip, 11, 61)
    compat.set_handles(strip, 36, 61)
    generate(spoken)
    assert [(take.number, take.shown) for take in spoken.soliloquy.takes] == [(1, True), (2, True)]
    first, second = spoken.soliloquy.takes
    assert not showing.are_rivals(spoken, first, second)


@with_sound
def test_a_strip_is_the_same_by_its_link_and_by_its_name(spoken):
    """Files of version 0.1 know a take's sound by the name that its strip had."""
    generate(spoken)
    strip = strips.find_strip(spoken, "speech")
    strip.name = "line 1"
    spoken.soliloquy.takes[0].audio_strip = "line 1"
    generate(spoken, size="256")
    assert [take.name for take in spoken.soliloquy.takes] == ["Take 1", "Take 2"]
    assert_each_alone(spoken)


@with_sound
def test_an_imported_performance_is_a_rival_of_the_take_it_is_compared_with(spoken):
    strips.find_strip(spoken, "speech").soliloquy_character = "Anna"
    generate(spoken)
    motion = spoken.soliloquy.takes[0].path() / "motion.npz"
    assert bpy.ops.soliloquy.import_curves(filepath=str(motion)) == {"FINISHED"}
    assert [take.shown for take in spoken.soliloquy.takes] == [False, True]
    generate(spoken, size="256")
    assert spoken.soliloquy.takes[-1].name == "Take 2", "an import has no number"


def test_what_is_shown_is_drawn_anew(spoken, monkeypatch):
    """Each strip whose pictures or whose eye changed drops its pictures in the sequencer's cache."""
    redrawn = []
    real = compat.draw_again
    monkeypatch.setattr(compat, "draw_again", lambda strip: (redrawn.append(strip.name), real(strip)))
    generate(spoken, takes_wanted=2)
    assert set(redrawn) == {"Take 1 (seed 0)", "Take 2 (seed 1)"}
    redrawn.clear()
    spoken.soliloquy.active_take = 0
    assert set(redrawn) == {"Take 1 (seed 0)", "Take 2 (seed 1)"}
    redrawn.clear()
    spoken.soliloquy.takes[1].shown = True
    assert redrawn == ["Take 2 (seed 1)"]
    assert take_list.active_take(spoken).name == "Take 1"
