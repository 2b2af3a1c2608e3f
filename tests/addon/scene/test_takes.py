"""From Generate to strips in the sequencer, with a scripted worker, through the operators."""

import os
import time
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest
from soliloquy.addon import compat
from soliloquy.addon.jobs import jobs
from soliloquy.addon.scene import take_list
from soliloquy.addon.scene.request import why_not
from soliloquy.addon.sequencer import speech, strips
from soliloquy.core.errors import SoliloquyError
from soliloquy.core.wire.names import frame_name


@pytest.fixture
def ready(scene, sound, portrait, speaks):
    """A scene with sound and portrait, ready for Generate.

    The 4.2 wheel is built without Blender's sound library and can't make sound strips; there the speech is given.
    """

    def make(manner: str = "person"):
        scene.soliloquy.portrait_file = str(portrait(manner))
        if not compat.HAS_SOUND:
            speaks(speech.Speech(sound, 0.0, None, 11, "", 2))
            return None
        strip = compat.new_sound_strip(scene, "speech", str(sound), 2, 11)
        scene.sequence_editor.active_strip = strip
        return strip

    return make


def gone(pid: int) -> bool:
    """Whether a process has ended, within a few seconds."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{pid}/stat").exists() and Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
            return True
        time.sleep(0.05)
    return False


def test_generate_lists_takes_and_places_their_frames(scene, ready):
    ready()
    scene.soliloquy.takes_wanted, scene.soliloquy.seed = 2, 7
    assert bpy.ops.soliloquy.generate() == {"FINISHED"}
    listed = scene.soliloquy.takes
    assert [(take.index, take.seed, take.status, take.frame_count) for take in listed] == [
        (1, 7, "READY", 50),
        (2, 8, "READY", 50),
    ]
    placed = [strips.find_strip(scene, take.image_strip) for take in listed]
    for strip in placed:
        assert (compat.left_handle(strip), compat.right_handle(strip)) == (11, 61)
        assert strip.channel > 2
        assert [element.filename for element in strip.elements] == [frame_name(i) for i in range(50)]
    assert [strip.mute for strip in placed] == [True, False], "only the newest take of a speech is seen"
    scene.soliloquy.active_take = 0
    assert [strip.mute for strip in placed] == [False, True]
    assert jobs.current() is None and not jobs.last_message()[1]


@pytest.mark.parametrize("fps", [24, 30, 60])
def test_frames_at_the_scenes_rate(scene, ready, sound, fps):
    ready()
    scene.render.fps = fps
    bpy.ops.soliloquy.generate()
    strip = strips.find_strip(scene, scene.soliloquy.takes[0].image_strip)
    assert len(strip.elements) == 2 * fps
    for k, element in enumerate(strip.elements):
        shown = int(element.filename[:6]) - 1
        assert shown / 25 <= (k + 0.5) / fps < (shown + 1) / 25


def test_place_again_follows_the_moved_sound_and_replaces_the_strip(scene, ready):
    sound_strip = ready()
    if sound_strip is None:
        pytest.skip("this bpy wheel is built without Blender's sound library")
    bpy.ops.soliloquy.generate()
    compat.move_content(sound_strip, 89)
    assert bpy.ops.soliloquy.place_take() == {"FINISHED"}
    images = [strip for strip in compat.all_strips(scene) if strip.type == "IMAGE"]
    assert [(compat.left_handle(strip), compat.right_handle(strip)) for strip in images] == [(100, 150)]


def test_strips_are_found_again_by_whatever_name(scene, ready):
    sound_strip = ready()
    bpy.ops.soliloquy.generate()
    take = scene.soliloquy.takes[0]
    pictures = strips.find_strip(scene, take.image_strip)
    pictures.name = "Anna, close"
    assert bpy.ops.soliloquy.place_take() == {"FINISHED"}
    assert len([strip for strip in compat.all_strips(scene) if strip.type == "IMAGE"]) == 1, "replaced, not doubled"
    if sound_strip is None:
        pytest.skip("this bpy wheel is built without Blender's sound library")
    sound_strip.name = "line 1, final"
    compat.move_content(sound_strip, 89)
    assert bpy.ops.soliloquy.place_take() == {"FINISHED"}
    assert compat.left_handle(strips.find_strip(scene, take.image_strip)) == 100
    bpy.ops.soliloquy.generate()
    assert len(scene.soliloquy.takes) == 1, "the same take of the same strip"
    bpy.ops.soliloquy.remove_take()
    assert not [strip for strip in compat.all_strips(scene) if strip.type == "IMAGE"]


def test_links_of_strips_are_their_own(scene, ready):
    ready()
    bpy.ops.soliloquy.generate()
    take = scene.soliloquy.takes[0]
    first = strips.find_strip(scene, take.image_strip)
    old_name = first.name
    assert strips.link(scene, first) == take.image_strip == old_name
    first.name = "renamed"
    folder = str(take.path() / "frames" / frame_name(0))
    copy = compat.strips_of(scene.sequence_editor).new_image(old_name, folder, first.channel + 2, 300)
    copy.soliloquy_link = first.soliloquy_link  # as Blender copies a strip, which here takes the old name too
    assert strips.find_strip(scene, old_name) == copy, "of a strip and its copy the one that is called so"
    copy.name = "another"
    assert strips.find_strip(scene, old_name) == first, "else the original"
    copy.name = old_name
    copy.soliloquy_link = ""
    assert strips.find_strip(scene, old_name) == first, "a link counts for more than a name"
    assert strips.link(scene, copy) == f"{old_name} 2" and strips.find_strip(scene, f"{old_name} 2") == copy
    assert strips.find_strip(scene, "renamed") is None and strips.find_strip(scene, "") is None


def test_resample_adds_takes_with_new_seeds_to_the_same_job(scene, ready):
    ready()
    bpy.ops.soliloquy.generate()
    assert bpy.ops.soliloquy.resample() == {"FINISHED"}
    first, second = scene.soliloquy.takes
    assert (first.job, first.seed != second.seed) == (second.job, True)
    assert compat.left_handle(strips.find_strip(scene, second.image_strip)) == 11


def test_removed_takes_leave_list_and_sequencer_but_not_the_disk(scene, ready):
    ready()
    scene.soliloquy.takes_wanted = 2
    bpy.ops.soliloquy.generate()
    folder = scene.soliloquy.takes[1].path()
    bpy.ops.soliloquy.remove_take()
    assert [take.index for take in scene.soliloquy.takes] == [1] and scene.soliloquy.active_take == 0
    assert len([strip for strip in compat.all_strips(scene) if strip.type == "IMAGE"]) == 1
    assert (folder / "motion.npz").is_file()


def test_motion_only_takes_have_no_strip(scene, ready):
    ready()
    scene.soliloquy.motion_only = True
    bpy.ops.soliloquy.generate()
    assert scene.soliloquy.takes[0].status == "MOTION"
    assert not bpy.ops.soliloquy.place_take.poll()
    assert not [strip for strip in compat.all_strips(scene) if strip.type == "IMAGE"]


def test_bad_input_is_told_in_the_panel(scene, ready):
    ready("noface")
    with pytest.raises(RuntimeError, match="No face was found"):
        bpy.ops.soliloquy.generate()
    assert jobs.last_message() == ("No face was found. Choose another picture.", True)
    assert jobs.current() is None and not len(scene.soliloquy.takes)


def test_a_crash_keeps_finished_takes_and_the_next_job_has_a_new_worker(scene, ready, portrait):
    ready("crash")
    scene.soliloquy.takes_wanted = 3
    with pytest.raises(RuntimeError, match="stopped unexpectedly"):
        bpy.ops.soliloquy.generate()
    assert [take.status for take in scene.soliloquy.takes] == ["READY"]
    assert "Finished takes stay: 1." in jobs.last_message()[0]
    scene.soliloquy.portrait_file = str(portrait())
    assert bpy.ops.soliloquy.generate() == {"FINISHED"}


def test_garbage_from_the_worker_ends_the_job(scene, ready):
    ready("garbage")
    with pytest.raises(RuntimeError, match="no message"):
        bpy.ops.soliloquy.generate()
    assert jobs.worker_pid() is None


def test_cancel_ends_soon_and_keeps_finished_takes(scene, ready):
    ready("slow")
    from soliloquy.addon.scene.request import generate_request

    request, spoken = generate_request(scene)
    job = jobs.start(request, "Generate", scene, spoken)
    while not job.share:
        job.poll()
        time.sleep(0.01)
    assert not bpy.ops.soliloquy.generate.poll(), "one job at a time"
    assert bpy.ops.soliloquy.cancel() == {"FINISHED"}
    assert not bpy.ops.soliloquy.cancel.poll()
    with pytest.raises(SoliloquyError, match="Cancelled"):
        jobs.follow(job)
    assert job.exit_code == 130
    assert jobs.last_message() == ("Generate: cancelled.", False)


@pytest.mark.parametrize("end", ["load", "unregister"])
@pytest.mark.parametrize("manner", ["slow", "hang"])
def test_no_worker_outlives_file_or_addon(scene, ready, end, manner):
    ready(manner)
    from soliloquy.addon.scene.request import generate_request

    request, spoken = generate_request(scene)
    job = jobs.start(request, "Generate", scene, spoken)
    pid = jobs.worker_pid()
    if end == "load":
        bpy.ops.wm.read_homefile(use_factory_startup=True)
    else:
        jobs.unregister()
    assert gone(pid)
    assert jobs.current() is None and job.exit_code == 130
    assert "stopped" in jobs.last_message()[0]
    if end == "unregister":
        jobs.register()


def test_takes_survive_save_and_reload_and_know_when_their_files_are_gone(scene, ready, tmp_path):
    ready()
    bpy.ops.soliloquy.generate()
    folder = scene.soliloquy.takes[0].path()
    file = tmp_path / "talk ü 会.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    bpy.ops.wm.open_mainfile(filepath=str(file))
    scene = bpy.context.scene
    take = scene.soliloquy.takes[0]
    assert (take.path(), take.status, take.seed) == (folder, "READY", 0)
    assert len(strips.find_strip(scene, take.image_strip).elements) == 50
    for frame in (folder / "frames").iterdir():
        frame.unlink()
    (folder / "frames").rmdir()
    (folder / "motion.npz").unlink()
    bpy.ops.wm.open_mainfile(filepath=str(file))
    assert bpy.context.scene.soliloquy.takes[0].status == "MISSING"


def test_poll_explains_itself(scene, ready, monkeypatch):
    assert "sound strip" in why_not(bpy.context, needs_speech=True)
    ready()
    scene.soliloquy.portrait_file = ""
    assert "portrait" in why_not(bpy.context, needs_speech=True)
    assert "take" in why_not(bpy.context, needs_take=True)
    monkeypatch.setenv("SOLILOQUY_PYTHON", "/nowhere/python")
    assert "runtime" in why_not(bpy.context)


def test_an_image_of_the_file_serves_as_portrait(scene, ready, tmp_path, portrait):
    from soliloquy.addon.scene.portrait import portrait_path

    ready()
    settings = scene.soliloquy
    loaded = bpy.data.images.load(str(portrait("loaded")))
    settings.portrait_image = loaded
    assert portrait_path(settings, tmp_path / "in") == tmp_path / "loaded.png"
    wanted = (tmp_path / "loaded.png").read_bytes()
    loaded.pack()
    (tmp_path / "loaded.png").unlink()
    assert portrait_path(settings, tmp_path / "in").read_bytes() == wanted
    settings.portrait_image = bpy.data.images.new("painted", 8, 8)
    assert portrait_path(settings, tmp_path / "in").read_bytes()[:4] == b"\x89PNG"
    assert {image.name for image in bpy.data.images} == {"loaded.png", "painted"}, "no copy is left behind"


def test_stored_paths_are_relative_beside_the_file(scene, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "talk.blend"))
    assert take_list.stored_path(tmp_path / "soliloquy" / "job") == "//soliloquy/job"
    assert take_list.stored_path("/elsewhere/job") == "/elsewhere/job"


def test_the_sequencer_shows_the_workspaces_scene(scene):
    """From 5.0 on a workspace can pin the scene of its sequencers; without a pin the window's scene is used."""
    pinned = bpy.data.scenes.new("Edit")
    unpinned = SimpleNamespace(workspace=SimpleNamespace(sequencer_scene=None), scene=scene)
    assert compat.sequencer_scene(unpinned) == scene
    unpinned.workspace.sequencer_scene = pinned
    assert compat.sequencer_scene(unpinned) == pinned
    assert compat.sequencer_scene(bpy.context) == scene
