"""A .blend from elsewhere: which folder it may name for takes, and what is not looked at before the user allows it."""

from pathlib import Path

import bpy
import pytest
from soliloquy.addon import session
from soliloquy.addon.properties import output, preferences, trusted
from soliloquy.addon.properties import scene as properties
from soliloquy.addon.queue import job_queue
from soliloquy.addon.scene.request import why_not
from soliloquy.core.errors import BadInputError

NETWORK = ["\\\\server\\share\\takes", "\\\\?\\C:\\takes"]


def named_by_the_file(folder: str, monkeypatch) -> None:
    """Store an output folder as a file brings it: nobody in this session has chosen it."""
    with monkeypatch.context() as quiet:
        quiet.setattr(properties.OUTPUT_CHOSEN, "handler", None)
        bpy.context.scene.soliloquy.output_dir = folder


@pytest.fixture
def project(scene, tmp_path):
    """A saved file."""
    (tmp_path / "project").mkdir()
    scene.soliloquy.output_dir = ""
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "project" / "talk.blend"))
    return scene


@pytest.mark.parametrize("folder", ["", "//", "//takes", "//a/../takes"])
def test_the_files_own_folder_needs_no_question(project, monkeypatch, folder):
    named_by_the_file(folder, monkeypatch)
    assert trusted.unasked_output(folder) is None and not bpy.ops.soliloquy.allow_folder.poll()


def test_a_folder_elsewhere_is_not_written_before_it_is_allowed(project, monkeypatch, tmp_path, sound, portrait):
    folder = tmp_path / "home of somebody" / ".config"
    named_by_the_file(str(folder), monkeypatch)
    assert "outside its own folders" in why_not(bpy.context)
    with pytest.raises(BadInputError, match="outside its own folders"):
        trusted.output_folder(project.soliloquy.output_dir)
    motion = tmp_path / "motion.csv"
    motion.write_text("")
    with pytest.raises(RuntimeError):
        bpy.ops.soliloquy.import_curves(filepath=str(motion))
    assert not folder.exists() and not folder.parent.exists()
    assert bpy.ops.soliloquy.allow_folder() == {"FINISHED"}
    assert trusted.output_folder(project.soliloquy.output_dir) == folder
    assert "outside" not in why_not(bpy.context)


def test_the_way_out_of_the_files_folder_is_seen(project, monkeypatch, tmp_path):
    for folder in ("//../elsewhere", "//link"):
        (tmp_path / "elsewhere").mkdir(exist_ok=True)
        if folder == "//link":
            (tmp_path / "project" / "link").symlink_to(tmp_path / "elsewhere")
        named_by_the_file(folder, monkeypatch)
        assert trusted.unasked_output(folder) is not None


def test_what_the_user_chooses_is_trusted_in_later_sessions_too(project, tmp_path):
    folder = str(tmp_path / "big disk")
    project.soliloquy.output_dir = folder
    assert trusted.unasked_output(folder) is None
    session.session()._parts.pop(trusted.Allowed)  # as if Blender was started again
    assert trusted.unasked_output(folder) is None
    (preferences.user_folder() / "allowed-folders.json").write_text("no list")
    session.session()._parts.pop(trusted.Allowed)
    assert trusted.unasked_output(folder) == Path(folder)


def test_an_output_folder_in_the_file_makes_no_queue_its_own(project, monkeypatch, tmp_path):
    folder = tmp_path / "elsewhere"
    named_by_the_file(str(folder), monkeypatch)
    project.soliloquy_queue.file = str(folder / "queue.json")
    assert not trusted.is_trusted(folder / "queue.json")
    assert job_queue.unasked_file(project) == folder / "queue.json"
    trusted.allow(folder)
    assert job_queue.unasked_file(project) is None


def test_takes_that_wait_do_not_move_into_a_folder_that_is_not_allowed(scene, monkeypatch, tmp_path):
    from soliloquy.addon.scene import take_folders

    take = scene.soliloquy.takes.add()
    take.job = str(output.unsaved_folder() / "job")
    take.folder = f"{take.job}/take-001"
    blend = str(tmp_path / "project" / "talk.blend")
    named_by_the_file(str(tmp_path / "elsewhere"), monkeypatch)
    assert take_folders.target_of(Path(take.job), blend) == tmp_path / "project" / "soliloquy" / "job"
    trusted.allow(tmp_path / "elsewhere")
    assert take_folders.target_of(Path(take.job), blend) == tmp_path / "elsewhere" / "job"


@pytest.mark.parametrize("folder", NETWORK)
def test_nothing_on_another_computer_is_touched(scene, monkeypatch, tmp_path, folder):
    named_by_the_file(folder, monkeypatch)
    for name in ("folder", "job", "home"):
        take = scene.soliloquy.takes.add()
        take.key = name
        there = tmp_path / "there" if name == "job" else tmp_path / "gone"
        take.folder = str(there)
        setattr(take, name, folder)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "motion.npz").touch()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "from elsewhere.blend"))
    touched = []
    import os

    for module, names in (
        (Path, ("stat", "open", "is_file", "is_dir", "exists", "resolve", "read_bytes", "iterdir")),
        (os, ("stat", "lstat", "listdir", "scandir", "open", "readlink")),
        (os.path, ("realpath",)),
    ):
        for name in names:
            real = getattr(module, name)

            def spy(*args, _real=real, **more):
                if args and ("server" in str(args[0]) or "?" in str(args[0])):
                    touched.append(args[0])
                return _real(*args, **more)

            monkeypatch.setattr(module, name, spy)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "from elsewhere.blend"))
    scene = bpy.context.scene
    assert [take.status for take in scene.soliloquy.takes] == ["UNSEEN", "MOTION", "MISSING"]
    assert "outside its own folders" in why_not(bpy.context) and bpy.ops.soliloquy.allow_folder.poll()
    assert not touched
    scene.soliloquy.output_dir = ""
    assert "another computer" in why_not(bpy.context, needs_take=True)
    assert not touched
