"""A .blend from elsewhere: which file it may name as its queue, and what happens to others."""

import json
from pathlib import Path

import bpy
import pytest
from soliloquy.addon.jobs import jobs
from soliloquy.addon.operators import queue_run
from soliloquy.addon.queue import job_queue
from soliloquy.addon.storage import paths
from soliloquy.core.batch import job_list
from soliloquy.core.errors import BadInputError
from soliloquy.core.wire.protocol import Generate


@pytest.fixture
def reopened(scene, tmp_path):
    """Function that opens a .blend that names a queue file."""

    def reopen(file: str) -> bpy.types.Scene:
        bpy.context.scene.soliloquy_queue.file = file
        blend = tmp_path / "project" / "from elsewhere.blend"
        blend.parent.mkdir(exist_ok=True)
        bpy.ops.wm.save_as_mainfile(filepath=str(blend))
        bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
        bpy.ops.wm.open_mainfile(filepath=str(blend))
        return bpy.context.scene

    return reopen


def written(path: Path) -> str:
    entry = job_list.Entry("a", Generate(audio="/a.wav", portrait="/a.png", out="/o"))
    path.parent.mkdir(parents=True, exist_ok=True)
    job_list.save([entry], path)
    return path.read_text()


def test_a_file_elsewhere_is_asked_for(reopened, tmp_path):
    path = tmp_path / "elsewhere" / "queue.json"
    written(path)
    scene = reopened(str(path))
    assert job_queue.path() is None and job_queue.entries() == [] and str(path) in jobs.last_message()[0]
    with pytest.raises(BadInputError, match="outside its own folders"):
        job_queue.open_default(scene)
    assert bpy.ops.soliloquy.queue_allow() == {"FINISHED"}
    assert [entry.name for entry in job_queue.entries()] == ["a"] and not bpy.ops.soliloquy.queue_allow.poll()
    reopened(str(path))
    assert [entry.name for entry in job_queue.entries()] == ["a"], "once in a session is enough"


@pytest.mark.parametrize("name", ["//queue.json", "//soliloquy/queue.csv"])
def test_a_file_beside_the_blend_is_opened(reopened, tmp_path, name):
    written(tmp_path / "project" / name[2:])
    reopened(name)
    assert [entry.name for entry in job_queue.entries()] == ["a"]


def test_a_file_in_the_output_folder_is_opened(reopened, tmp_path):
    written(tmp_path / "out" / "queue.json")
    reopened(str(tmp_path / "out" / "queue.json"))
    assert [entry.name for entry in job_queue.entries()] == ["a"]


def test_a_way_out_of_the_folder_is_no_way_in(reopened, tmp_path):
    written(tmp_path / "elsewhere" / "queue.json")
    scene = reopened("//../elsewhere/queue.json")
    assert job_queue.unasked_file(scene) == tmp_path / "elsewhere" / "queue.json" and not job_queue.entries()
    (tmp_path / "project" / "link.json").symlink_to(tmp_path / "elsewhere" / "queue.json")
    assert job_queue.unasked_file(reopened("//link.json")) is not None and not job_queue.entries()


NETWORK = ["\\\\server\\share\\queue.json", "\\\\?\\C:\\queue.json", "\\\\server\\share\\..\\queue.json"]


@pytest.mark.parametrize("stored", NETWORK)
def test_a_path_on_a_network_is_not_touched(reopened, tmp_path, monkeypatch, stored):
    touched = []
    for name in ("stat", "open", "is_file", "is_dir", "exists", "resolve", "read_bytes"):
        real = getattr(Path, name)

        def spy(self, *args, _real=real, **more):
            if "server" in str(self) or "?" in str(self):
                touched.append(self)
            return _real(self, *args, **more)

        monkeypatch.setattr(Path, name, spy)
    bpy.context.scene.soliloquy.output_dir = "\\\\server\\share"
    scene = reopened(stored)
    assert paths.is_network(stored) and job_queue.unasked_file(scene) is not None
    with pytest.raises(BadInputError, match="outside its own folders"):
        job_queue.open_default(scene)
    assert touched == []


@pytest.mark.parametrize("name", ["profile", "authorized_keys", "notes.txt", "state.json"])
def test_nothing_of_the_user_is_overwritten_even_in_these_folders(reopened, tmp_path, name):
    path = tmp_path / "project" / name
    path.parent.mkdir()
    path.write_text('{"jobs": [], "mine": 1}')
    scene = reopened(f"//{name}")
    with pytest.raises(BadInputError):
        job_queue.open_default(scene)
        job_queue.add_new([job_list.Entry("$(touch x)", Generate(audio="/a", portrait="/a", out="/o"))])
    assert path.read_text() == '{"jobs": [], "mine": 1}'


def test_words_that_blender_cannot_hold_are_written_out(reopened, tmp_path):
    path = tmp_path / "project" / "queue.json"
    path.parent.mkdir()
    row = {"name": "\ud800 a\0b", "audio": "a", "portrait": "a", "out": "o", "strip": "\udfff"}
    path.write_text(json.dumps({"jobs": [row]}))
    reopened("//queue.json")
    (line,) = bpy.context.window_manager.soliloquy_queue.items
    assert line.name == "\\ud800 a\\x00b" and job_queue.entries()[0].strip == "\\udfff"


def test_an_error_nobody_expected_ends_the_run_and_frees_the_queue(scene, sound, portrait, monkeypatch):
    request = Generate(audio=str(sound), portrait=str(portrait()), out=str(sound.parent / "out"), motion_only=True)
    scene.soliloquy_queue.file = str(sound.parent / "out" / "queue.json")
    job_queue.open_default(scene)
    job_queue.add_new([job_list.Entry("a", request)])

    def fail(*_):
        raise ZeroDivisionError("nobody expected this")

    monkeypatch.setattr(queue_run.SOLILOQUY_OT_queue_run, "_tick", fail)
    with pytest.raises(RuntimeError, match="Something went wrong inside Soliloquy"):
        bpy.ops.soliloquy.queue_run()
    assert job_queue.crew() is None and jobs.why_busy() == "" and jobs.last_message()[1]
    monkeypatch.undo()
    assert job_queue.entries()[0].status == "waiting"
