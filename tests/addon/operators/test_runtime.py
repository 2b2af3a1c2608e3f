"""Installing the runtime: in a thread, with progress, cancel and an error message; never without permission."""

import threading
import time
from pathlib import Path

import bpy
import pytest
from soliloquy.addon.operators import runtime as operators_runtime
from soliloquy.addon.properties import output, preferences
from soliloquy.addon.session import session
from soliloquy.core import own_folders
from soliloquy.core.errors import CancelledError, SoliloquyError
from soliloquy.core.runtime import environment


@pytest.fixture
def online():
    system = bpy.context.preferences.system
    before = system.use_online_access

    def allow(yes: bool) -> None:
        system.use_online_access = yes
        if bpy.app.online_access != yes:
            pytest.skip("this bpy wheel does not let the setting be changed")

    yield allow
    system.use_online_access = before


def test_no_download_while_online_access_is_off(scene, online):
    online(False)
    assert not bpy.ops.soliloquy.install_runtime.poll()


def test_a_folder_of_wheels_needs_no_online_access(scene, online, monkeypatch, tmp_path):
    asked = []
    online(False)
    monkeypatch.setenv("SOLILOQUY_RUNTIME", str(tmp_path / "runtime"))
    monkeypatch.setattr(preferences, "wheels_folder", lambda: tmp_path / "wheels")
    monkeypatch.setattr(environment, "prepare", lambda _folder, **given: asked.append(given["wheels"]))
    assert bpy.ops.soliloquy.install_runtime() == {"FINISHED"}
    assert asked == [tmp_path / "wheels"]


def test_installed_again_where_it_does_not_work(scene, online, monkeypatch, tmp_path):
    asked = []
    online(True)
    monkeypatch.setenv("SOLILOQUY_RUNTIME", str(tmp_path / "runtime"))
    monkeypatch.setattr(environment, "prepare", lambda _folder, **given: asked.append(given["again"]))
    bpy.ops.soliloquy.install_runtime()
    bpy.ops.soliloquy.install_runtime(again=True)
    bpy.ops.soliloquy.install_runtime()
    assert asked == [False, True, False], "it is not remembered"


def test_removed_when_something_is_there(scene, monkeypatch, tmp_path):
    monkeypatch.setenv("SOLILOQUY_RUNTIME", str(tmp_path / "runtime"))
    assert not bpy.ops.soliloquy.remove_runtime.poll()
    (tmp_path / "runtime-downloads").mkdir()
    assert not bpy.ops.soliloquy.remove_runtime.poll(), "a folder of another program"
    own_folders.mark(tmp_path / "runtime-downloads")
    removed = []
    monkeypatch.setattr(environment, "remove", removed.append)
    assert bpy.ops.soliloquy.remove_runtime("EXEC_DEFAULT") == {"FINISHED"}
    assert removed == [tmp_path / "runtime"] and operators_runtime.installation().text == "Removed"


def test_installed_where_the_settings_say(scene, online, monkeypatch, tmp_path):
    asked = []
    online(True)
    monkeypatch.setenv("SOLILOQUY_RUNTIME", str(tmp_path / "runtime ü"))
    monkeypatch.setattr(environment, "prepare", lambda folder, **_: asked.append(folder))
    assert bpy.ops.soliloquy.install_runtime() == {"FINISHED"}
    assert asked == [tmp_path / "runtime ü"]
    assert operators_runtime.installation().text == "Installed"


def test_a_failure_is_told(scene, online, monkeypatch):
    def fail(_folder: Path, **_: object) -> None:
        raise SoliloquyError("disk_full", "The disk is full.", "Free 3 GB.")

    online(True)
    monkeypatch.setattr(environment, "prepare", fail)
    with pytest.raises(RuntimeError, match=r"The disk is full\. Free 3 GB\."):
        bpy.ops.soliloquy.install_runtime()
    assert not operators_runtime.is_installing()


def test_progress_and_cancel_go_between_the_threads(scene, monkeypatch, tmp_path):
    def slow(_folder: Path, *, progress, cancelled, **_: object) -> None:
        progress("Fetching torch (1 of about 40)")
        while not cancelled():
            time.sleep(0.01)
        raise CancelledError

    monkeypatch.setattr(environment, "prepare", slow)
    running = operators_runtime.Installation(tmp_path)
    running.thread = threading.Thread(target=running.run, daemon=True)
    session().part(operators_runtime.LatestInstallation).value = running
    running.thread.start()
    while not running.text.startswith("Fetching"):
        time.sleep(0.01)
    assert operators_runtime.is_installing()
    assert bpy.ops.soliloquy.cancel_install() == {"FINISHED"}
    running.thread.join(5)
    assert running.text.startswith("Installation cancelled") and not operators_runtime.is_installing()


def test_overrides_come_before_the_preferences(scene, monkeypatch, tmp_path):
    monkeypatch.setenv("SOLILOQUY_RUNTIME", str(tmp_path))
    assert preferences.runtime_folder() == tmp_path
    monkeypatch.setenv("SOLILOQUY_PYTHON", "")
    assert preferences.worker_python() is None, "an empty folder is no runtime"
    monkeypatch.setenv("SOLILOQUY_PYTHON", str(tmp_path))
    assert preferences.worker_python() is None, "a folder is no interpreter"


def test_where_takes_go(scene, tmp_path):
    assert output.output_folder("/somewhere/takes") == Path("/somewhere/takes")
    assert output.output_folder("").parent == output.home() and output.output_folder("") == output.unsaved_folder()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "talk.blend"))
    assert output.output_folder("") == tmp_path / "soliloquy"
    assert output.output_folder("//shots") == tmp_path / "shots"
