"""core.runtime.environment with real virtual environments, and its errors. The environments are empty, so nothing is
downloaded.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from core.errors import CancelledError, SoliloquyError
from core.runtime import environment, pythons, runner

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="uses POSIX executables")


@pytest.fixture
def nothing(tmp_path: Path) -> Path:
    """A requirement file without packages, so that building an environment takes a second."""
    path = tmp_path / "nothing.txt"
    path.write_text("# nothing\n", encoding="utf-8")
    return path


def fake_python(path: Path, body: str) -> Path:
    """A shell script at ``path`` that runs ``body``."""
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_this_python_is_found() -> None:
    assert pythons.version_of(sys.executable) == sys.version_info[:2]
    found = environment.find_python([sys.version_info[:2]])
    assert found is not None and pythons.version_of(found) == sys.version_info[:2]


def test_a_missing_python_is_not_found() -> None:
    assert environment.find_python([(3, 99)]) is None
    assert pythons.version_of("/no/such/python") is None


@posix_only
@pytest.mark.parametrize("body", ["exit 127", "echo pypy 3 11 64", "echo cpython 3 11 32", "echo hello", "kill -9 $$"])
def test_other_programs_are_not_accepted_as_python(tmp_path: Path, body: str) -> None:
    assert pythons.version_of(fake_python(tmp_path / "python", body)) is None


@posix_only
def test_versions_of_pyenv_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = tmp_path / "pyenv" / "versions" / "3.98.4" / "bin"
    binary.mkdir(parents=True)
    python = fake_python(binary / "python3", "echo cpython 3 98 64")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    assert environment.find_python([(3, 98)]) == python


def test_a_finished_environment_is_not_built_again(tmp_path: Path, nothing: Path) -> None:
    folder = tmp_path / "größe 環境" / "env"
    steps: list[str] = []
    python = environment.prepare(folder, [nothing], python=sys.executable, progress=steps.append)
    assert python.exists() and steps
    prefix = subprocess.run([python, "-c", "import sys; print(sys.prefix)"], capture_output=True, check=True)
    assert os.fsdecode(prefix.stdout.strip()) == str(folder)
    steps.clear()
    assert environment.prepare(folder, [nothing], python="/not/used", progress=steps.append) == python
    assert steps == []
    assert environment.installed_python(folder, [nothing]) == python


def test_changed_requirements_cause_a_new_build(tmp_path: Path, nothing: Path) -> None:
    folder = tmp_path / "env"
    environment.prepare(folder, [nothing], python=sys.executable)
    (folder / "old").write_text("x", encoding="utf-8")
    nothing.write_text("# still nothing\n", encoding="utf-8")
    assert environment.installed_python(folder, [nothing]) is None
    environment.prepare(folder, [nothing], python=sys.executable)
    assert not (folder / "old").exists()


def test_again_builds_a_finished_environment_again(tmp_path: Path, nothing: Path) -> None:
    folder = tmp_path / "env"
    environment.prepare(folder, [nothing], python=sys.executable)
    (folder / "broken").write_text("x", encoding="utf-8")
    environment.prepare(folder, [nothing], python=sys.executable, again=True)
    assert not (folder / "broken").exists() and environment.is_there(folder)
    environment.remove(folder)
    assert not environment.is_there(folder)


@pytest.mark.parametrize("damage", ["no stamp", "broken stamp", "no python"])
def test_unfinished_environments_are_built_again(tmp_path: Path, nothing: Path, damage: str) -> None:
    folder = tmp_path / "env"
    python = environment.prepare(folder, [nothing], python=sys.executable)
    stamp = folder / environment.STAMP
    if damage == "no stamp":
        stamp.unlink()
    elif damage == "broken stamp":
        stamp.write_text("{", encoding="utf-8")
    else:
        python.unlink()
    assert environment.installed_python(folder, [nothing]) is None
    assert environment.prepare(folder, [nothing], python=sys.executable).exists()
    assert json.loads(stamp.read_text(encoding="utf-8"))["requirements"]


def test_a_folder_with_other_files_is_not_touched(tmp_path: Path, nothing: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(SoliloquyError) as caught:
        environment.prepare(folder, [nothing], python=sys.executable)
    assert caught.value.code == "environment_folder"
    assert (folder / "holiday.jpg").exists()


def test_a_virtual_environment_of_the_users_own_is_refused(tmp_path: Path, nothing: Path) -> None:
    folder = tmp_path / "venv"
    folder.mkdir()
    for name in ("pyvenv.cfg", "notes.txt"):
        (folder / name).write_text("precious", encoding="utf-8")
    for act in (lambda: environment.prepare(folder, [nothing], python="/none"), lambda: environment.remove(folder)):
        with pytest.raises(SoliloquyError, match="did not make") as caught:
            act()
        assert caught.value.code == "environment_folder"
    assert sorted(path.name for path in folder.iterdir()) == ["notes.txt", "pyvenv.cfg"]
    assert not environment.is_there(folder)


def test_folders_of_others_next_to_an_environment_stay(
    tmp_path: Path, nothing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("env-downloads", "env-python", "env-new", "env-old")
    films = [tmp_path / name / "film.txt" for name in names]
    for film in films:
        film.parent.mkdir()
        film.write_text("precious", encoding="utf-8")
    folder = tmp_path / "env"
    for name in ("env-new", "env-old"):  # the places that are needed to build
        with pytest.raises(SoliloquyError, match="did not make"):
            environment.prepare(folder, [nothing], python=sys.executable, keep_downloads=True)
        (tmp_path / name / "film.txt").rename(tmp_path / f"{name}.txt")
    environment.prepare(folder, [nothing], python=sys.executable, keep_downloads=True)
    with monkeypatch.context() as patch, pytest.raises(SoliloquyError, match="did not make"):
        patch.setattr(environment, "find_python", lambda versions: None)
        environment.prepare(folder, [nothing], again=True)
    environment.remove(folder)
    assert not folder.exists() and [film.exists() for film in films] == [True, True, False, False]
    assert not environment.is_there(folder)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["no such package", "no such Python", "cancelled"])
def test_an_installation_that_fails_leaves_the_old_environment_working(
    tmp_path: Path, nothing: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    folder = tmp_path / "env"
    python = environment.prepare(folder, [nothing], python=sys.executable)
    (folder / "keep").write_text("x", encoding="utf-8")
    wanted = tmp_path / "wanted.txt"
    wanted.write_text("soliloquy-has-no-such-package==1.0\n", encoding="utf-8")
    new = tmp_path / "env-new"
    with pytest.raises(SoliloquyError):
        environment.prepare(
            folder,
            [wanted],
            python="/no/such/python" if how == "no such Python" else sys.executable,
            cancelled=lambda: how == "cancelled" and (new / "pyvenv.cfg").exists(),
        )
    assert (folder / "keep").exists() and environment.installed_python(folder, [nothing]) == python
    subprocess.run([python, "-c", "import sys; assert 'env-new' not in sys.prefix"], check=True)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["env"]


@posix_only
def test_scripts_of_an_environment_name_its_final_place(tmp_path: Path, nothing: Path) -> None:
    python = environment.prepare(tmp_path / "env", [nothing], python=sys.executable, again=True)
    texts = [path.read_bytes() for path in python.parent.iterdir() if path.name.startswith("activate")]
    assert texts and not any(b"env-new" in text for text in texts)
    assert any(os.fsencode(tmp_path / "env") in text for text in texts)


def test_an_environment_that_was_moved_away_comes_back(tmp_path: Path, nothing: Path) -> None:
    """The program was killed after the old environment was moved, and before the new one was in its place."""
    folder = tmp_path / "env"
    environment.prepare(folder, [nothing], python=sys.executable)
    folder.rename(tmp_path / "env-old")
    assert environment.is_there(folder)
    with pytest.raises(SoliloquyError):
        environment.prepare(folder, [nothing], python="/no/such/python", again=True)
    assert environment.installed_python(folder, [nothing]) and not (tmp_path / "env-old").exists()


@pytest.mark.slow
def test_a_failed_installation_leaves_no_files_and_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    wanted = tmp_path / "wanted.txt"
    wanted.write_text("soliloquy-has-no-such-package==1.0\n", encoding="utf-8")
    folder = tmp_path / "env"
    with pytest.raises(SoliloquyError) as caught:
        environment.prepare(folder, [wanted], python=sys.executable)
    assert caught.value.code == "environment_failed"
    assert "soliloquy-has-no-such-package" in caught.value.message
    assert not folder.exists()


def test_only_environments_are_removed(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_text("precious")
    with pytest.raises(SoliloquyError, match="holds other files"):
        environment.remove(tmp_path)
    assert (tmp_path / "holiday.jpg").exists()
    environment.remove(tmp_path / "never made")


@posix_only
def test_cancelling_ends_the_installer_and_removes_its_files(tmp_path: Path, nothing: Path) -> None:
    marker = tmp_path / "started"
    slow = fake_python(tmp_path / "slow", f"mkdir -p {tmp_path}/env-new; echo $$ > {marker}; sleep 600")
    outcome: list[BaseException] = []

    def build() -> None:
        try:
            environment.prepare(
                tmp_path / "env",
                [nothing],
                python=slow,
                cancelled=lambda: marker.exists() and marker.stat().st_size > 0,
            )
        except CancelledError as error:
            outcome.append(error)

    thread = threading.Thread(target=build)
    thread.start()
    thread.join(timeout=20)
    assert outcome and not thread.is_alive()
    assert not (tmp_path / "env").exists() and not (tmp_path / "env-new").exists()
    if sys.platform == "linux":
        group = marker.read_text().strip()
        left = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):  # the process ended in the meantime
                state, _, process_group = path.read_text().rsplit(")", 1)[1].split()[:3]
                left += [path] if process_group == group and state != "Z" else []
        assert not left


@posix_only
def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path, nothing: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(SoliloquyError) as caught:
        environment.prepare(tmp_path / "file" / "env", [nothing], python=sys.executable)
    assert caught.value.code == "environment_folder"


def test_two_processes_build_one_environment_once(tmp_path: Path, nothing: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from core.runtime import environment\n"
        "steps = []\n"
        "environment.prepare(sys.argv[1], [Path(sys.argv[2])], python=sys.executable, progress=steps.append)\n"
        "print(sum(text.startswith('Making') for text in steps))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "env"), str(nothing)]
    root = Path(__file__).resolve().parents[3]
    both = [subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    made = [int(process.communicate(timeout=120)[0]) for process in both]
    assert sorted(made) == [0, 1]


@pytest.mark.slow
def test_no_python_and_no_way_to_download_one_is_an_error(
    tmp_path: Path, nothing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the machine has no suitable Python, uv downloads one. Here pip can't download uv."""
    monkeypatch.setattr(environment, "find_python", lambda versions: None)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(SoliloquyError) as caught:
        environment.prepare(tmp_path / "env", [nothing])
    assert caught.value.code == "python_missing" and "python.org" in caught.value.hint
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []


@posix_only
def test_a_python_is_downloaded_once(tmp_path: Path, nothing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for uv puts a Python where the real uv would."""
    fetched = tmp_path / "env-python" / "cpython-3.12.8-linux-x86_64-gnu" / "bin"
    asked: list[str] = []

    class FakeRunner(runner.Runner):
        def __call__(self, command, tell=lambda line: None) -> None:
            if str(tmp_path / "env-python" / "uv") not in " ".join(command):
                return super().__call__(command, tell)
            asked.append(" ".join(command))
            if "uv --no-cache python install 3.12" in asked[-1]:
                fetched.mkdir(parents=True)
                fake_python(fetched / "python3", f'exec "{sys.executable}" "$@"')
            return None

    monkeypatch.setattr(environment, "find_python", lambda versions: None)
    monkeypatch.setattr(environment, "Runner", FakeRunner)
    environment.prepare(tmp_path / "env", [nothing])
    assert len(asked) == 3 and "--require-hashes" in asked[1] and "uv.hashed.txt" in asked[1]
    environment.prepare(tmp_path / "env", [nothing], again=True)
    assert len(asked) == 3, "the downloaded Python is used again"
    environment.remove(tmp_path / "env")
    assert [path.name for path in tmp_path.iterdir()] == ["nothing.txt"]


def test_a_full_disk_has_its_own_error() -> None:
    error = runner.failure(["python", "-m", "pip", "install"], ["OSError: [Errno 28] No space left on device"])
    assert error.code == "disk_full"


def test_a_missing_network_is_named_in_the_hint() -> None:
    lines = ["WARNING: Retrying (Retry(total=4)) ConnectionError", "ERROR: No matching distribution found for torch"]
    error = runner.failure(["python", "-m", "pip", "install"], lines)
    assert "torch" in error.message and "connection" in error.hint


def test_every_requirement_is_pinned() -> None:
    root = environment.WORKER_REQUIREMENTS.parents[2]
    files = [environment.WORKER_REQUIREMENTS, *sorted((root / "tools" / "requirements").glob("*.txt"))]
    assert len(files) >= 6
    for path in files:
        for line in path.read_text(encoding="utf-8").splitlines():
            assert not line or line.startswith("#") or line.count("==") == 1, f"{path.name}: {line}"


def test_looking_for_a_finished_environment_starts_no_process(
    tmp_path: Path, nothing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Panels call it while they are drawn."""
    python = environment.prepare(tmp_path / "env", [nothing], python=sys.executable)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    assert environment.installed_python(tmp_path / "env", [nothing]) == python
