"""core.runtime.installing: from wheels, from an index, after a cancelled attempt; and its errors."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import re
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import CancelledError, SoliloquyError
from core.runtime import environment, installing, torch_builds
from core.runtime.runner import Runner
from core.runtime.torch_builds import Machine

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="uses POSIX executables")


def tiny_wheel(folder: Path, name: str = "soliloquy_tiny") -> None:
    """Write a wheel of version 1.0 that contains one module."""
    folder.mkdir(exist_ok=True)
    about = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": "answer = 42\n",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{about}/RECORD"] = "".join(f"{inside},,\n" for inside in [*files, f"{about}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        for inside, text in files.items():
            archive.writestr(inside, text)


def wanted(tmp_path: Path, *names: str) -> Path:
    """A file of requirements: version 1.0 of each name."""
    path = tmp_path / "wanted.txt"
    path.write_text("".join(f"{name}==1.0\n" for name in names), encoding="utf-8")
    return path


@pytest.mark.slow
def test_installed_from_a_folder_of_wheels_and_removed(tmp_path: Path) -> None:
    wheels, folder = tmp_path / "wheels ü", tmp_path / "env"
    tiny_wheel(wheels)
    listed = wanted(tmp_path, "soliloquy-tiny")
    steps: list[str] = []
    python = environment.prepare(folder, [listed], python=sys.executable, wheels=wheels, progress=steps.append)
    code = "import soliloquy_tiny; print(soliloquy_tiny.answer)"
    assert subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "42"
    assert any(text.startswith("Fetching soliloquy") for text in steps)
    environment.remove(folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["wanted.txt", "wheels ü"]


@pytest.mark.slow
def test_a_folder_without_the_wheels_is_an_error(tmp_path: Path) -> None:
    listed = wanted(tmp_path, "soliloquy-other")
    with pytest.raises(SoliloquyError, match="no wheels"):
        environment.prepare(tmp_path / "env", [listed], python=sys.executable, wheels=tmp_path)
    tiny_wheel(tmp_path / "wheels")
    with pytest.raises(SoliloquyError, match="soliloquy-other"):
        environment.prepare(tmp_path / "env", [listed], python=sys.executable, wheels=tmp_path / "wheels")
    assert not (tmp_path / "env").exists()


class Index(http.server.SimpleHTTPRequestHandler):
    """A package index that serves a folder of wheels and lists the downloads."""

    downloads: list[str]

    def do_GET(self) -> None:
        name = self.path.strip("/").rpartition("/")[2]
        folder = Path(self.directory)
        if name.endswith(".whl"):
            type(self).downloads.append(name)
            self._answer((folder / name).read_bytes(), "application/zip")
        else:
            found = folder.glob(f"{name.replace('-', '_')}-*.whl")
            links = "".join(f'<a href="/files/{path.name}">{path.name}</a>' for path in found)
            self._answer(f"<html><body>{links}</body></html>".encode(), "text/html")

    def _answer(self, data: bytes, kind: str) -> None:
        self.send_response(200)
        for header, value in (("Content-Type", kind), ("Content-Length", len(data)), ("ETag", f'"{hash(data)}"')):
            self.send_header(header, str(value))
        self.send_header("Cache-Control", "max-age=600")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Index]]:
    """An index with two packages, which pip uses instead of PyPI. Gives the class of its handler with the downloads."""
    for name in ("soliloquy_one", "soliloquy_two"):
        tiny_wheel(tmp_path / "served", name)
    handler = type("ThisIndex", (Index,), {"downloads": []})
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(handler, directory=str(tmp_path / "served"))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name, value in (
        *(("PIP_CONFIG_FILE", "/dev/null"), ("PIP_FIND_LINKS", ""), ("PIP_EXTRA_INDEX_URL", "")),
        *(("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple"), ("PIP_TRUSTED_HOST", "127.0.0.1")),
        *(("NO_PROXY", "127.0.0.1"), ("no_proxy", "127.0.0.1")),
    ):
        monkeypatch.setenv(name, value)
    yield handler
    server.shutdown()
    server.server_close()


@pytest.mark.slow
@posix_only
def test_the_next_attempt_uses_the_downloads_of_a_cancelled_one(tmp_path: Path, index: type[Index]) -> None:
    folder, listed = tmp_path / "env", wanted(tmp_path, "soliloquy-one", "soliloquy-two")
    with pytest.raises(CancelledError):
        environment.prepare(
            folder, [listed], python=sys.executable, keep_downloads=True, cancelled=lambda: len(index.downloads) == 2
        )
    assert not folder.exists() and (tmp_path / "env-downloads").is_dir()
    first = index.downloads[0]
    python = environment.prepare(folder, [listed], python=sys.executable, keep_downloads=True)
    subprocess.run([python, "-c", "import soliloquy_one, soliloquy_two"], check=True)
    assert index.downloads.count(first) == 1, index.downloads
    assert not (tmp_path / "env-downloads").exists(), "everything is installed, so the downloads aren't needed"


@pytest.mark.slow
@posix_only
def test_downloads_of_a_failed_installation_are_removed_too(tmp_path: Path, index: type[Index]) -> None:
    folder, listed = tmp_path / "env", wanted(tmp_path, "soliloquy-one", "soliloquy-missing")
    with pytest.raises(SoliloquyError, match="soliloquy-missing"):
        environment.prepare(folder, [listed], python=sys.executable, keep_downloads=True)
    assert (tmp_path / "env-downloads").is_dir()
    environment.remove(folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["served", "wanted.txt"]


def test_wrong_and_missing_packages_are_an_error() -> None:
    installer = installing.Installer(Runner(lambda: False), lambda _: None)
    with pytest.raises(SoliloquyError, match=r"pytest is .* instead of 0\.1, .*-lost is nothing"):
        installer._look(Path(sys.executable), ["pytest==0.1", "soliloquy-lost==1.0"], None)
    assert installer._look(Path(sys.executable), [f"pytest=={pytest.__version__}"], None) == {}


def test_a_full_disk_is_an_error_before_anything_is_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, index: type[Index]
) -> None:
    monkeypatch.setattr(installing.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1e9}))
    monkeypatch.setattr(torch_builds, "look", lambda: Machine("linux", "x86_64"))
    listed = wanted(tmp_path, "torch")
    with pytest.raises(SoliloquyError, match=r"need 3 GB, and 1\.0 GB are free") as raised:
        environment.prepare(tmp_path / "env", [listed], python=sys.executable)
    assert raised.value.code == "disk_full" and not index.downloads


@posix_only
def test_a_python_next_to_the_wheels_is_used_if_the_machine_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The archive has the layout of python-build-standalone: ``python/bin/python3``."""
    wheels = tmp_path / "wheels"
    tiny_wheel(wheels)
    script = f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'.encode()
    with tarfile.open(wheels / "cpython-3.11.7+20240107-x86_64-linux-install_only.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("python/bin/python3")
        member.size, member.mode = len(script), 0o755
        archive.addfile(member, io.BytesIO(script))
    listed = wanted(tmp_path)
    monkeypatch.setattr(environment, "find_python", lambda _: None)
    steps: list[str] = []
    environment.prepare(tmp_path / "env", [listed], wheels=wheels, progress=steps.append)
    assert any(text.startswith("Unpacking cpython-3.11.7") for text in steps)
    environment.remove(tmp_path / "env")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["wanted.txt", "wheels"]
    (wheels / "cpython-3.11.7+20240107-x86_64-linux-install_only.tar.gz").write_bytes(b"no archive")
    with pytest.raises(SoliloquyError, match="is damaged") as raised:
        environment.prepare(tmp_path / "env", [listed], wheels=wheels)
    assert raised.value.code == "python_missing"


def test_the_python_that_the_wheels_were_made_for_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(environment, "find_python", lambda versions: asked.append(list(versions)))
    (tmp_path / "torch-2.13.0+cpu-cp312-cp312-manylinux_2_28_x86_64.whl").touch()
    with pytest.raises(SoliloquyError) as raised:
        environment.prepare(tmp_path / "env", wheels=tmp_path)
    assert raised.value.code == "python_missing" and asked == [[(3, 12)]]


@pytest.mark.parametrize(
    ("machine", "from_wheels", "index"),
    [
        (Machine("linux", "x86_64", amd=(110000,)), False, torch_builds.INDEX + "rocm7.2"),
        (Machine("linux", "x86_64"), False, torch_builds.INDEX + "cpu"),
        (Machine("win32", "amd64"), False, None),
        (Machine("linux", "x86_64"), True, None),
    ],
)
def test_torch_comes_from_the_index_of_its_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: Machine, from_wheels: bool, index: str | None
) -> None:
    """A stand-in for pip records its commands."""
    commands: list[list[str]] = []

    def run(command: list[str], tell=lambda line: None) -> None:
        commands.append(command)
        if "--version" in command:
            tell("pip 25.1 from somewhere (python 3.12)")
        if "-c" in command and "LOOK" in command[command.index("-c") + 1]:
            tell('LOOK {"wrong": [], "device": "cpu", "name": ""}')

    monkeypatch.setattr(torch_builds, "look", lambda: machine)
    monkeypatch.setattr(installing, "need_space", lambda *_: None)
    installer = installing.Installer(run, lambda _: None, tmp_path if from_wheels else None, tmp_path / "downloads")
    facts = installer.install(tmp_path / "python", [wanted(tmp_path, "torch", "numpy")])
    assert facts["torch"] == torch_builds.choose(machine).kind and facts["device"] == "cpu"
    installs = [command for command in commands if "install" in command]
    others, torch = installs
    assert "numpy==1.0" in others and "--no-deps" in others and "torch==1.0" not in others
    assert (torch[torch.index("--index-url") + 1] if "--index-url" in torch else None) == index
    assert not any("--extra-index-url" in command for command in installs), "no package may come from two places"
    assert ("--no-index" in torch) == from_wheels and "--progress-bar=raw" in torch
    assert torch[torch.index("--cache-dir") + 1] == str(tmp_path / "downloads")


def test_pips_usual_index_has_torch_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where torch's own can't be reached, for example behind a company's mirror."""
    installs: list[list[str]] = []

    def run(command: list[str], tell=lambda line: None) -> None:
        if "--version" in command:
            tell("pip 25.1 from somewhere (python 3.12)")
        if "-c" in command and "LOOK" in command[command.index("-c") + 1]:
            tell('LOOK {"wrong": [], "device": "cpu", "name": ""}')
        if "torch==1.0" in command and "install" in command:
            installs.append(command)
            if "--index-url" in command:
                raise SoliloquyError("environment_failed", "No matching distribution found for torch==1.0.", "")

    monkeypatch.setattr(torch_builds, "look", lambda: Machine("linux", "x86_64"))
    monkeypatch.setattr(installing, "need_space", lambda *_: None)
    steps: list[str] = []
    installing.Installer(run, steps.append).install(tmp_path / "python", [wanted(tmp_path, "torch")])
    assert ["--index-url" in command for command in installs] == [True, False]
    assert any("usual one" in step for step in steps)


@pytest.mark.slow
@posix_only
def test_a_package_with_another_checksum_is_refused(
    tmp_path: Path, index: type[Index], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index that serves something else under a pinned version."""
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    listed = wanted(tmp_path, "soliloquy-one", "soliloquy-two")
    sums = {}
    for name in ("soliloquy_one", "soliloquy_two"):
        wheel = tmp_path / "served" / f"{name}-1.0-py3-none-any.whl"
        sums[name.replace("_", "-")] = hashlib.sha256(wheel.read_bytes()).hexdigest()
    text = "".join(f"{name}==1.0 \\\n    --hash=sha256:{digest}\n" for name, digest in sums.items())
    installing.hashed_file(listed).write_text(text, encoding="utf-8")
    environment.prepare(tmp_path / "env", [listed], python=sys.executable)
    with zipfile.ZipFile(tmp_path / "served" / "soliloquy_two-1.0-py3-none-any.whl", "a") as archive:
        archive.writestr("planted.py", "")
    with pytest.raises(SoliloquyError, match=r"(?i)hash"):
        environment.prepare(tmp_path / "other", [listed], python=sys.executable)
    assert not (tmp_path / "other").exists()


def test_every_package_of_the_worker_has_its_checksums() -> None:
    """Of exactly the pinned version, and on each system: at least one wheel, more where it has compiled parts."""
    for requirements in (environment.WORKER_REQUIREMENTS, environment.UV_REQUIREMENTS):
        hashed = installing.hashed_file(requirements)
        wanted_pins = [pin for pin in installing.pins_of([requirements]) if not installing.is_torch(pin)]
        assert installing.pins_of([hashed]) == wanted_pins, "run tools/pin_hashes.py"
        lines = hashed.read_text(encoding="ascii").splitlines()
        sums = [line.strip().removesuffix("\\").strip() for line in lines if line.startswith("    ")]
        assert len(sums) >= len(wanted_pins)
        assert all(re.fullmatch("--hash=sha256:[0-9a-f]{64}", line) for line in sums)


def test_lines_of_pip_become_sentences() -> None:
    steps: list[str] = []
    teller = installing._Teller(steps.append, 40)
    for line in (
        "Collecting torch==2.13.0",
        "  Downloading https://somewhere/torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl (845.0 MB)".strip(),
        "Progress 123000000 of 845000000",
        "Installing collected packages: a, b, c",
        "Successfully installed a b c",
    ):
        teller(line)
    assert steps == [
        "Fetching torch (1 of about 40)",
        "Downloading torch (845.0 MB)",
        "Downloading torch: 123 of 845 MB",
        "Installing 3 packages",
    ]
