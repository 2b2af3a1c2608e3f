"""Import and export of Live Link Face recordings."""

import bpy
import numpy as np
import pytest
from soliloquy.addon.animation import nla
from soliloquy.addon.animation.motion_file import load_motion
from soliloquy.core.motion.channels import EXPRESSIONS
from soliloquy.core.motion.live_link import read_live_link_csv, write_live_link_csv
from soliloquy.core.motion.motion import Motion, about_file
from soliloquy.core.provenance import SYNTHETIC_MOTION


def recording(fps, seconds=4.0):
    """A motion in which the jaw opens twice per second, the tongue comes out with it, and the head turns."""
    t = np.arange(round(fps * seconds))[:, None] / fps
    expression = np.zeros((len(t), 53))
    expression[:, EXPRESSIONS.index("jawOpen")] = 0.5 - 0.5 * np.cos(2 * np.pi * 2 * t[:, 0])
    tongue = np.concatenate([expression[:, [EXPRESSIONS.index("jawOpen")]], np.zeros((len(t), 1))], axis=1)
    return Motion(expression, 0.2 * np.sin(t + np.arange(3)), np.zeros((len(t), 3)), fps, tongue)


@pytest.mark.parametrize("fps", [25.0, 30.0, 60.0])
def test_a_recording_becomes_a_take_of_the_right_length(scene, tmp_path, fps):
    path = tmp_path / "MySlate_4 ü.csv"
    write_live_link_csv(recording(fps), path)
    scene.frame_current = 31
    assert bpy.ops.soliloquy.import_curves(filepath=str(path)) == {"FINISHED"}
    take = scene.soliloquy.takes[0]
    assert (take.name, take.status, take.frame_count, take.origin) == ("MySlate_4 ü", "MOTION", 100, 31.0)
    assert f"{fps:g} frames per second" in take.note
    got = load_motion(take.path() / "motion.npz")
    wanted = recording(25.0)
    jaw = EXPRESSIONS.index("jawOpen")
    assert np.allclose(got.expression[:98, jaw], wanted.expression[:98, jaw], atol=0.02)
    assert np.allclose(got.rotation[:98], wanted.rotation[:98], atol=1e-3)
    assert np.allclose(got.tongue[:98], wanted.tongue[:98], atol=0.02) and got.tongue.max() > 0.9


def test_an_import_is_baked_compared_and_rendered_with_the_chosen_takes_portrait(
    scene, tmp_path, sound, portrait, speaks
):
    from soliloquy.addon.sequencer import speech

    scene.soliloquy.portrait_file = str(portrait())
    spoken = speech.Speech(sound, 0.0, None, 11, "", 1)
    speaks(spoken)
    bpy.ops.soliloquy.add_head()
    bpy.ops.soliloquy.generate()
    path = tmp_path / "actor.csv"
    write_live_link_csv(recording(60.0), path)
    bpy.ops.soliloquy.import_curves(filepath=str(path))
    made, acted = scene.soliloquy.takes
    assert (acted.origin, acted.job, acted.imported) == (11.0, made.job, True)
    shown = [track.track.name for track in nla.tracks_on(scene.soliloquy.targets[0].thing) if not track.track.mute]
    assert shown == ["actor"]
    assert not bpy.ops.soliloquy.resample.poll()
    assert bpy.ops.soliloquy.render_take() == {"FINISHED"}
    rendered = scene.soliloquy.takes[2]
    one, two = (load_motion(scene.soliloquy.takes[i].path() / "motion.npz") for i in (1, 2))
    assert rendered.status == "READY" and np.array_equal(one.expression, two.expression)


def test_without_a_job_it_says_why_it_cannot_be_rendered(scene, tmp_path):
    path = tmp_path / "actor.npz"
    recording(25.0).save(path)
    bpy.ops.soliloquy.import_curves(filepath=str(path))
    assert not bpy.ops.soliloquy.render_take.poll()


@pytest.mark.parametrize(("name", "text"), [("a.csv", "x,y\n1,2\n"), ("a.csv", ""), ("a.npz", "x"), ("a.txt", "x")])
def test_what_is_no_recording_is_refused(scene, tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(RuntimeError, match="Error"):
        bpy.ops.soliloquy.import_curves(filepath=str(tmp_path / name))
    assert not scene.soliloquy.takes


def test_out_and_in_again(scene, tmp_path):
    path = tmp_path / "actor.npz"
    recording(25.0).save(path)
    bpy.ops.soliloquy.import_curves(filepath=str(path))
    for name in ("out.csv", "out.npz"):
        assert bpy.ops.soliloquy.export_curves(filepath=str(tmp_path / name)) == {"FINISHED"}
    assert (tmp_path / "out.npz").read_bytes() == (scene.soliloquy.takes[0].path() / "motion.npz").read_bytes()
    assert read_live_link_csv(tmp_path / "out.csv").fps == 25.0
    bpy.ops.soliloquy.export_curves(filepath=str(tmp_path / "film.csv"), rate=24.0)
    assert read_live_link_csv(tmp_path / "film.csv").fps == 24.0


@pytest.mark.parametrize("about", ["", SYNTHETIC_MOTION])
def test_what_is_synthetic_stays_so_and_a_recording_does_not_become_it(scene, tmp_path, about):
    path = tmp_path / "actor.npz"
    recording(25.0).save(path, about)
    bpy.ops.soliloquy.import_curves(filepath=str(path))
    assert about_file(scene.soliloquy.takes[0].path() / "motion.npz") == about
    for rate in (25.0, 60.0):
        bpy.ops.soliloquy.export_curves(filepath=str(tmp_path / "out.npz"), rate=rate)
        assert about_file(tmp_path / "out.npz") == about


def test_a_file_that_is_there_is_not_written_over_unasked(scene):
    """With this property, Blender's file browser asks before it overwrites, and offers to save instead of to open."""
    for operator in ("export_curves", "export_animation", "save_mapping", "queue_save"):
        assert getattr(bpy.ops.soliloquy, operator).get_rna_type().properties["check_existing"].default, operator
