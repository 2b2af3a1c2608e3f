"""Where takes are: never where they are lost, and beside the .blend once it is saved."""

import shutil
from pathlib import Path

import bpy
import pytest
from soliloquy.addon import compat
from soliloquy.addon.jobs import jobs
from soliloquy.addon.properties import output, preferences
from soliloquy.addon.queue import job_queue, scene_jobs
from soliloquy.addon.scene import saving, take_folders
from soliloquy.addon.storage import carrying
from soliloquy.core.files import try_lock

from tests.addon.scene.whole import assert_nothing_left, assert_whole_at, listed, pictures


# -------------------------------------------------------------------------------------------------------- where they go
def test_takes_of_an_unsaved_file_lie_in_the_users_folder_and_not_in_the_extensions(unsaved):
    place = output.unsaved_folder()
    assert_whole_at(place, relative=False)
    assert place.parent == output.home()
    extension = (preferences.user_folder(), Path(bpy.utils.user_resource("EXTENSIONS")))
    assert not any(take.path().is_relative_to(folder) for take in listed() for folder in extension)
    assert not any(place.is_relative_to(folder) for folder in (*extension, Path(bpy.app.tempdir)))


def test_the_real_home_is_a_folder_that_people_see(scene, monkeypatch):
    monkeypatch.undo()
    assert output.home() == Path.home() / "Soliloquy" / "Unsaved"


def test_each_unsaved_file_has_a_folder_of_its_own(scene):
    scene.soliloquy.output_dir = ""
    first = output.unsaved_folder()
    assert output.unsaved_folder() == first == output.output_folder("") == output.output_folder("//shots")
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    assert output.unsaved_folder() != first


# ------------------------------------------------------------------------------------------------------- the first save
@pytest.mark.parametrize("remap", [True, False])
def test_the_first_save_moves_takes_beside_the_file(unsaved, project, remap):
    before = output.unsaved_folder()
    bpy.ops.wm.save_as_mainfile(filepath=str(project / "talk.blend"), relative_remap=remap)
    assert [take.path().is_relative_to(project / "soliloquy") for take in listed()] == [True, True]
    assert_nothing_left(before)
    bpy.ops.wm.open_mainfile(filepath=str(project / "talk.blend"))
    if remap:
        assert_whole_at(project / "soliloquy")
        elsewhere = project.with_name("elsewhere")
        project.rename(elsewhere)
        bpy.ops.wm.open_mainfile(filepath=str(elsewhere / "talk.blend"))
        assert [pictures(take)[1] == take.path() / "frames" and take.status for take in listed()] == ["READY"] * 2
    assert bpy.ops.soliloquy.resample() == {"FINISHED"}, "the job goes on where it is now"
    assert listed()[-1].path().parent == listed()[0].path().parent


def test_a_chosen_output_folder_is_where_they_go(unsaved, project):
    unsaved.soliloquy.output_dir = "//shots/01"
    bpy.ops.wm.save_as_mainfile(filepath=str(project / "talk.blend"))
    assert_whole_at(project / "shots" / "01")


def test_a_copy_of_the_file_has_takes_of_its_own(unsaved, project, tmp_path):
    before = output.unsaved_folder()
    bpy.ops.wm.save_as_mainfile(filepath=str(project / "copy.blend"), copy=True)
    assert_whole_at(before, relative=False)
    later = tmp_path / "later"
    later.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(later / "talk.blend"))
    assert_whole_at(later / "soliloquy")
    bpy.ops.wm.open_mainfile(filepath=str(project / "copy.blend"))
    assert_whole_at(project / "soliloquy")


def test_a_save_that_fails_changes_nothing(unsaved, project):
    before = output.unsaved_folder()
    (project / "talk.blend@").mkdir()  # Blender writes there first
    with pytest.raises(RuntimeError):
        bpy.ops.wm.save_as_mainfile(filepath=str(project / "talk.blend"))
    assert_whole_at(before, relative=False)
    assert not (project / "soliloquy").exists() or not any((project / "soliloquy").iterdir())
    with pytest.raises(RuntimeError):
        bpy.ops.wm.save_as_mainfile(filepath="/nowhere/at all/talk.blend")
    assert_whole_at(before, relative=False)


def test_an_undo_after_the_move_finds_the_takes(unsaved, project):
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.wm.save_as_mainfile(filepath=str(project / "talk.blend"))
    for take in listed():  # what an undo brings back
        take_folders.redirect(take.job_path(), output.home() / "gone" / take.job_path().name)
    saving._after_change()
    assert {take.status for take in listed()} == {"MISSING"}, "there is no note there"
    new = project / "soliloquy" / listed()[0].job_path().name
    old = next(folder for folder in output.home().iterdir() if folder.name != "gone") / new.name
    take_folders.redirect(listed()[0].job_path(), old)
    saving._after_change()
    assert_whole_at(project / "soliloquy")


def test_another_file_that_uses_the_takes_follows_the_note(unsaved, project, tmp_path, monkeypatch):
    """A file that was saved while moving was impossible, as one that version 0.1 saved."""
    other = tmp_path / "other.blend"
    monkeypatch.setattr(jobs, "why_busy", lambda: "a job is running")
    bpy.ops.wm.save_as_mainfile(filepath=str(other), copy=True)
    monkeypatch.undo()
    monkeypatch.setattr(output, "home", lambda: tmp_path / "home" / "Unsaved")
    monkeypatch.setattr(preferences, "user_folder", lambda: tmp_path / "user")
    bpy.ops.wm.save_as_mainfile(filepath=str(project / "talk.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(other))
    for take in listed():
        assert take.status == "READY" and take.path().is_relative_to(project / "soliloquy")
        assert pictures(take)[1] == take.path() / "frames"


def test_nothing_moves_while_a_worker_works(unsaved, project, monkeypatch):
    before = output.unsaved_folder()
    with monkeypatch.context() as busy:
        busy.setattr(jobs, "why_busy", lambda: "a job is running")
        bpy.ops.wm.save_as_mainfile(filepath=str(project / "talk.blend"))
        assert [take.path().is_relative_to(before) for take in listed()] == [True, True]
        with pytest.raises(RuntimeError, match="a job is running"):
            bpy.ops.soliloquy.collect_into_project(waiting=True)
    (listed()[0].job_path() / ".lock").touch()
    with (listed()[0].job_path() / ".lock").open("a+b") as stream:  # another program's worker
        assert try_lock(stream.fileno())
        bpy.ops.soliloquy.collect_into_project(waiting=True)
        assert "worker is making takes" in jobs.last_message()[0]
        bpy.ops.wm.save_mainfile()
        assert [take.path().is_relative_to(before) for take in listed()] == [True, True]
    assert bpy.ops.soliloquy.collect_into_project(waiting=True) == {"FINISHED"}
    assert_whole_at(project / "soliloquy")
    assert_nothing_left(before)


def test_takes_of_version_0_1_leave_the_extensions_folder_at_the_next_save(unsaved, project):
    old, before = preferences.user_folder() / "takes", output.unsaved_folder()
    shutil.copytree(before, old)
    for unit in take_folders.waiting():
        take_folders.redirect(unit, old / unit.name)
    shutil.rmtree(before)
    assert len(take_folders.waiting()) == 1
    bpy.ops.wm.save_as_mainfile(filepath=str(project / "talk.blend"))
    assert_whole_at(project / "soliloquy")
    shutil.rmtree(preferences.user_folder())  # what Blender does when the extension is removed
    bpy.ops.wm.open_mainfile(filepath=str(project / "talk.blend"))
    assert_whole_at(project / "soliloquy")


def test_a_file_saved_before_offers_the_move_and_moves_when_it_is_saved(unsaved, project):
    bpy.ops.wm.save_as_mainfile(filepath=str(project / "talk.blend"))
    old = preferences.user_folder() / "takes"
    unit = take_folders.unit_of(listed()[0])
    shutil.copytree(unit, old / unit.name)
    take_folders.redirect(unit, old / unit.name)
    shutil.rmtree(unit)
    assert take_folders.waiting() == [old / unit.name] and bpy.ops.soliloquy.collect_into_project.poll()
    bpy.ops.wm.save_mainfile()
    assert_whole_at(project / "soliloquy")


def test_a_blend_in_the_home_folder_is_no_home_for_what_waits(unsaved):
    home = output.home().parent.parent
    bpy.ops.wm.save_as_mainfile(filepath=str(home / "talk.blend"))
    assert_whole_at(home / "soliloquy")


def test_an_imported_performance_moves_too(unsaved, project):
    motion = listed()[0].path() / "motion.npz"
    assert bpy.ops.soliloquy.import_curves(filepath=str(motion)) == {"FINISHED"}
    bpy.ops.wm.save_as_mainfile(filepath=str(project / "talk.blend"))
    take = listed()[-1]
    assert take.imported and take.path().parent == project / "soliloquy" / "imported" and take.status == "MOTION"
    assert take.job_path() == listed()[0].job_path()


@pytest.mark.skipif(not compat.HAS_SOUND, reason="this bpy wheel is built without Blender's sound library")
def test_the_queue_knows_its_takes_after_the_move(unsaved, project):
    assert bpy.ops.soliloquy.queue_strip() == {"FINISHED"}
    assert bpy.ops.soliloquy.queue_run() == {"FINISHED"}
    (entry,) = job_queue.entries()
    file = job_queue.path()
    assert entry.status == "done" and file.is_relative_to(output.home())
    bpy.ops.wm.save_as_mainfile(filepath=str(project / "talk.blend"))
    assert_whole_at(project / "soliloquy")
    assert scene_jobs.unplaced(job_queue.entries(), unsaved) == []
    bpy.ops.wm.open_mainfile(filepath=str(project / "talk.blend"))
    assert job_queue.path() == file and [entry.status for entry in job_queue.entries()] == ["done"]
    assert scene_jobs.unplaced(job_queue.entries(), bpy.context.scene) == []
    bpy.ops.soliloquy.remove_take()
    assert bpy.ops.soliloquy.queue_place() == {"FINISHED"}
    assert_whole_at(project / "soliloquy")


# ------------------------------------------------------------------------------------------------------ another disk
def test_across_disks_the_takes_come_after_saving_in_steps(unsaved, project, monkeypatch):
    before = output.unsaved_folder()
    monkeypatch.setattr(carrying, "can_link", lambda *_: False)
    monkeypatch.setattr(saving, "_carry", lambda _blend: [])  # as in a window; without one it copies before saving
    bpy.ops.wm.save_as_mainfile(filepath=str(project / "talk.blend"))
    assert [take.path().is_relative_to(before) for take in listed()] == [True, True]
    assert bpy.ops.soliloquy.collect_into_project(waiting=True) == {"FINISHED"}
    assert_whole_at(project / "soliloquy")
    assert_nothing_left(before)


def test_without_a_window_they_are_copied_before_the_file_is_written(unsaved, project, monkeypatch):
    before = output.unsaved_folder()
    monkeypatch.setattr(carrying, "can_link", lambda *_: False)
    bpy.ops.wm.save_as_mainfile(filepath=str(project / "talk.blend"))
    assert_nothing_left(before)
    bpy.ops.wm.open_mainfile(filepath=str(project / "talk.blend"))
    assert_whole_at(project / "soliloquy")


@pytest.mark.parametrize("after", [0, 20, 60])
def test_a_copy_that_fails_leaves_everything_as_it_was(unsaved, project, monkeypatch, after):
    before = output.unsaved_folder()
    monkeypatch.setattr(saving, "_carry", lambda _blend: [])
    bpy.ops.wm.save_as_mainfile(filepath=str(project / "talk.blend"))
    monkeypatch.setattr(carrying, "can_link", lambda *_: False)
    real, count = shutil.copy2, iter(range(1000))

    def full(source, target):
        if next(count) >= after:
            raise OSError(28, "No space left on device")
        return real(source, target)

    monkeypatch.setattr(shutil, "copy2", full)
    bpy.ops.soliloquy.collect_into_project(waiting=True)
    told, bad = jobs.last_message()
    assert bad and "disk is full" in told
    assert [take.path().is_relative_to(before) and take.status for take in listed()] == ["READY"] * 2
    assert not any((project / "soliloquy").glob("*")) and not any((project / "soliloquy").glob(".*"))
    monkeypatch.setattr(shutil, "copy2", real)
    bpy.ops.soliloquy.collect_into_project(waiting=True)
    assert_whole_at(project / "soliloquy")
