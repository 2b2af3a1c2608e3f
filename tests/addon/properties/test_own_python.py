"""The user's own Python: examined when it is chosen, told in the preferences, and used from the next job on."""

from __future__ import annotations

import os
import sys
import time

import bpy
import pytest
from soliloquy.addon.jobs import doctor, jobs
from soliloquy.addon.properties import own_python, preferences
from soliloquy.addon.scene.request import why_not
from soliloquy.core.errors import SoliloquyError
from soliloquy.core.runtime.examination import Examination
from soliloquy.core.wire.protocol import Generate

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="makes programs as shell scripts")
FIT = '["soliloquy", {"python": [3, 11, 7], "kind": "cpython", "bits": 64}, {"torch": "2.13.0", "numpy": "2.0"}, {}]'
BARE = FIT.replace(
    "{}]", '{"torch": "ModuleNotFoundError: No module named \'torch\'", "cv2": "x", "av": "x", "PIL": "x"}]'
)


@pytest.fixture
def choose(scene, tmp_path, monkeypatch):
    """Function that makes a program in place of a Python and chooses it in the preferences."""
    monkeypatch.delenv("SOLILOQUY_PYTHON")

    def make(says: str, name: str = "python", then: str = "") -> object:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n[ \"$2\" = -c ] && cat <<'END' && exit\n{says}\nEND\n{then}\n")
        path.chmod(0o755)
        monkeypatch.setattr(preferences, "_chosen", lambda key: str(path) if key == "worker_python" else "")
        return path

    return make


def examined(path) -> Examination:
    """What is found, after waiting for it as the window does."""
    begun = time.perf_counter()
    own_python.look(path)
    assert time.perf_counter() - begun < 0.05, "the window doesn't wait"
    end = time.monotonic() + 30
    while (found := own_python.look(path)) is None:
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def test_a_fit_python_is_used_and_other_versions_are_told(choose):
    found = examined(choose(FIT))
    assert found.usable and own_python.problem(found) == ("", "") and preferences.why_no_python() == ""
    assert "numpy 2.0 (1.26.4)" in own_python.remark(found)


def test_a_python_without_packages_is_refused_with_what_to_do(choose, scene):
    path = choose(BARE)
    assert preferences.why_no_python() == "", "nothing is known yet"
    text, fix = own_python.problem(examined(path))
    assert "torch, cv2, av, …" in text and "No module named 'torch'" in text and "worker.txt" in fix
    assert why_not(bpy.context) == text
    with pytest.raises(SoliloquyError, match="No module named 'torch'"):
        preferences.require_worker_python()
    finding = next(each for each in doctor.here() if each.title == "Runtime")
    assert (finding.level, finding.text) == (doctor.BAD, text)


@pytest.mark.parametrize("says", ["hello", FIT.replace("11, 7", "8, 1"), FIT.replace("cpython", "pypy")])
def test_other_programs_and_other_pythons_are_refused(choose, says):
    text, fix = own_python.problem(examined(choose(says)))
    assert text.startswith("Your own Python") and "clear the field" in fix


def test_a_changed_file_is_examined_again(choose):
    path = choose(BARE)
    assert not examined(path).usable
    choose(FIT)
    os.utime(path, ns=(1, 1))
    assert own_python.known(path) is None and preferences.why_no_python() == ""
    assert examined(path).usable


def test_the_variable_is_not_examined(scene, fake_python):
    assert preferences.own_python() == fake_python and preferences.chosen_python() is None


def test_another_python_is_used_from_the_next_job_on(choose, scene, sound, portrait, tmp_path, fake_python):
    request = Generate(audio=str(sound), portrait=str(portrait()), out=str(tmp_path / "o"), motion_only=True)
    run = f'exec "{fake_python}"'
    choose(FIT, "first", run)
    jobs.follow(jobs.start(request, "Generate", scene))
    first = jobs.worker_pid()
    jobs.follow(jobs.start(request, "Generate", scene))
    assert jobs.worker_pid() == first, "the same worker goes on"
    choose(FIT, "second", run)
    jobs.follow(jobs.start(request, "Generate", scene))
    assert jobs.worker_pid() not in (None, first)


def test_a_worker_that_does_not_start_is_told_and_examined_again(choose, scene, sound, portrait, tmp_path):
    path = choose(FIT, then="echo \"ModuleNotFoundError: No module named 'torch'\" >&2; kill -6 $$")
    assert examined(path).usable
    request = Generate(audio=str(sound), portrait=str(portrait()), out=str(tmp_path / "o"))
    with pytest.raises(SoliloquyError, match="No module named 'torch'"):
        jobs.follow(jobs.start(request, "Generate", scene))
    assert own_python.known(path) is None
