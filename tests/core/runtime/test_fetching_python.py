"""The real uv downloads a real Python. The archive is made from the Python that runs the tests, and a list of downloads
tells uv where it is.
"""

import hashlib
import json
import os
import platform
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from core.errors import CancelledError
from core.runtime import environment, pythons
from core.runtime.installing import hashed_file

PREFIX = Path(sys.base_prefix)
VERSION = ".".join(map(str, sys.version_info[:2]))
FULL = ".".join(map(str, sys.version_info[:3]))

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or PREFIX.parent == Path("/"), reason="needs a Python with a folder of its own, on Linux"
)


def packed(folder: Path) -> Path:
    """Make an ``install_only`` archive of this Python, in the layout of python-build-standalone, and return a list of
    downloads for uv that names it.
    """

    def wanted(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        parts = set(Path(entry.name).parts)
        return None if parts & {"__pycache__", "test", "site-packages"} or entry.name.endswith(".a") else entry

    archive = folder / f"cpython-{FULL}-install_only.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=1) as target:
        target.add(PREFIX, "python", filter=wanted)
    major, minor, patch = sys.version_info[:3]
    entry = {
        **{"name": "cpython", "os": "linux", "libc": "gnu", "arch": {"family": platform.machine(), "variant": None}},
        **{"major": major, "minor": minor, "patch": patch, "prerelease": "", "variant": None, "build": "20260101"},
        **{"url": archive.as_uri(), "sha256": hashlib.sha256(archive.read_bytes()).hexdigest()},
    }
    listed = folder / "downloads.json"
    listed.write_text(json.dumps({f"cpython-{FULL}-linux-{platform.machine()}-gnu": entry}), encoding="utf-8")
    return listed


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> dict[str, str]:
    """Environment variables with which pip finds uv, and uv finds a Python, both on this disk."""
    folder = tmp_path_factory.mktemp("sources")
    uv = ["--require-hashes", "-r", str(hashed_file(environment.UV_REQUIREMENTS))]
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), *uv]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"pip finds no uv here: {done.stderr.strip().splitlines()[-1]}")
    return {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(folder),
        "UV_PYTHON_DOWNLOADS_JSON_URL": str(packed(folder)),
    }


@pytest.fixture
def bare(sources, tmp_path, monkeypatch) -> Path:
    """A machine without a suitable Python, and with an empty home folder."""
    for name, value in (sources | {"HOME": str(tmp_path / "home")}).items():
        monkeypatch.setenv(name, value)
    for name in [name for name in os.environ if name.startswith("XDG_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(environment, "find_python", lambda versions: None)
    monkeypatch.setattr(environment, "FETCHED", VERSION)
    monkeypatch.setattr(pythons, "any_python", lambda: Path(sys.executable))
    (tmp_path / "home").mkdir()
    (tmp_path / "nothing.txt").write_text("# no packages\n", encoding="utf-8")
    return tmp_path


@pytest.mark.slow
def test_uv_downloads_a_python_and_leaves_no_other_files(bare: Path) -> None:
    steps: list[str] = []
    own = environment.prepare(bare / "env", [bare / "nothing.txt"], progress=steps.append)
    where = subprocess.run([own, "-I", "-c", "import sys; print(sys.base_prefix)"], capture_output=True, text=True)
    assert Path(where.stdout.strip()).is_relative_to(bare / "env-python")
    assert pythons.version_of(own) == sys.version_info[:2]
    assert any("fetching one" in text for text in steps)
    left = [bare / "home" / name for name in (".local", ".cache/uv")]
    assert not [path for path in left if path.exists()], "no link on the PATH, no cache"
    environment.remove(bare / "env")
    assert sorted(path.name for path in bare.iterdir()) == ["home", "nothing.txt"]


@pytest.mark.slow
def test_a_cancelled_download_starts_again(bare: Path) -> None:
    def during_download() -> bool:
        return (bare / "env-python" / "uv" / "bin" / "uv").exists()

    with pytest.raises(CancelledError):
        environment.prepare(bare / "env", [bare / "nothing.txt"], cancelled=during_download)
    assert not (bare / "env").exists() and not (bare / "env-python").exists()
    assert environment.prepare(bare / "env", [bare / "nothing.txt"]).exists()
