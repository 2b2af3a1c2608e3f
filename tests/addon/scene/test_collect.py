"""Takes that lie elsewhere come into the project, or are found again; takes that a target lacks are baked."""

import shutil

import bpy
import pytest
from soliloquy.addon.animation import nla
from soliloquy.addon.jobs import jobs
from soliloquy.addon.scene import relinking, takes
from soliloquy.addon.storage import carrying

from tests.addon.scene.whole import assert_whole_at, listed


def test_collect_copies_takes_of_another_project(elsewhere, project):
    assert [take.path().parent for take in listed()] == [elsewhere] * 2
    assert bpy.ops.soliloquy.collect_into_project() == {"FINISHED"}
    assert_whole_at(project / "soliloquy")
    assert sorted(carrying.files_of(elsewhere)) == sorted(carrying.files_of(project / "soliloquy" / elsewhere.name))
    assert not (elsewhere / "take-001" / "motion.npz").samefile(listed()[0].path() / "motion.npz")
    bpy.ops.soliloquy.collect_into_project()
    assert "brought into the project: 0" in jobs.last_message()[0]


def test_collect_never_writes_into_a_folder_of_other_content(elsewhere, project):
    taken = project / "soliloquy" / elsewhere.name
    taken.mkdir(parents=True)
    (taken / "mine").write_text("mine")
    bpy.ops.soliloquy.collect_into_project()
    assert {take.path().parent.name for take in listed()} == {f"{elsewhere.name} 2"}
    assert [path.name for path in taken.iterdir()] == ["mine"]


def test_relink_knows_takes_by_what_is_in_them(elsewhere, tmp_path):
    moved = tmp_path / "archive" / "a" / "renamed by hand"
    moved.parent.mkdir(parents=True)
    (elsewhere / "job.json").write_text('{"format": 2, "id": "0123456789ab"}')
    for take in listed():
        take.job_id = "0123456789ab"
    wrong = tmp_path / "archive" / "0 another" / elsewhere.name
    shutil.copytree(elsewhere, wrong)
    (wrong / "job.json").write_text('{"format": 2, "id": "ba9876543210"}')
    elsewhere.rename(moved)
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    assert {take.status for take in listed()} == {"MISSING"} and bpy.ops.soliloquy.relink_takes.poll()
    assert bpy.ops.soliloquy.relink_takes(directory=str(tmp_path / "archive")) == {"FINISHED"}
    assert_whole_at(moved, relative=False)
    assert not bpy.ops.soliloquy.relink_takes.poll() and not relinking.missing()


def test_relink_of_an_older_list_uses_the_folders_name(elsewhere, tmp_path):
    for take in listed():
        take.job_id = ""
    moved = tmp_path / "archive" / elsewhere.name
    moved.parent.mkdir()
    elsewhere.rename(moved)
    for take in listed():
        take.refresh_status()
    bpy.ops.soliloquy.relink_takes(directory=str(tmp_path / "archive"))
    assert_whole_at(moved, relative=False)


def test_relink_says_what_it_did_not_find(elsewhere, tmp_path, project):
    shutil.rmtree(elsewhere)
    for take in listed():
        take.refresh_status()
    bpy.ops.soliloquy.relink_takes(directory=str(project))
    assert jobs.last_message() == ("Takes found again: 0. Takes whose folder is missing: 2.", True)
    with pytest.raises(RuntimeError, match="There is no folder"):
        bpy.ops.soliloquy.relink_takes(directory=str(tmp_path / "nowhere"))


def test_a_take_that_was_there_before_the_head_is_named_and_baked(unsaved):
    assert takes.unbaked(unsaved) == {}
    assert bpy.ops.soliloquy.add_head() == {"FINISHED"}
    first, second = (take.key for take in listed())
    new = unsaved.soliloquy.targets[1].thing
    assert {key: [target.thing for target in lacking] for key, lacking in takes.unbaked(unsaved).items()} == {
        first: [new], second: [new],
    }  # fmt: skip
    before = [track.action for track in nla.tracks_on(unsaved.soliloquy.targets[0].thing)]
    assert bpy.ops.soliloquy.bake_all() == {"FINISHED"}
    assert {track.key for track in nla.tracks_on(new)} == {first, second}
    assert [track.action for track in nla.tracks_on(unsaved.soliloquy.targets[0].thing)] == before
    assert takes.unbaked(unsaved) == {} and not bpy.ops.soliloquy.bake_all.poll()
    unsaved.soliloquy.active_take = 0
    assert [track.track.mute for track in nla.tracks_on(new)] == [track.key != first for track in nla.tracks_on(new)]
