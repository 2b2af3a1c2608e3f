"""tools.build_zip: everything Blender and the worker need is in the zip, nothing else, and always the same bytes."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools.build_zip import ROOT, build, extension_files

BLENDER_AND_WORKER = [
    "blender_manifest.toml",
    "__init__.py",
    "LICENSE",
    "NOTICE",
    "addon/__init__.py",
    "core/worker.py",
]


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    return build(tmp_path_factory.mktemp("zip"))


def test_the_zip_holds_what_is_needed_and_nothing_else(archive) -> None:
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        names = opened.namelist()
    assert set(BLENDER_AND_WORKER) <= set(names)
    assert "core/requirements/worker.txt" in names
    weights = {path.relative_to(ROOT).as_posix() for path in (ROOT / "core" / "weights").glob("*.safetensors")}
    assert weights and weights <= set(names)
    tops = {name.split("/")[0] for name in names}
    assert not tops & {"training", "tests", "tools", "docs", ".git", ".runtime", ".cache", "runs"}
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".part"))]


def test_the_zip_lists_its_weights_checksums(archive, tmp_path) -> None:
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(tmp_path)
    folder = tmp_path / "core" / "weights"
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    assert {line[66:] for line in lines} == {path.name for path in folder.glob("*.safetensors")}
    for line in lines:
        assert line[:64] == hashlib.sha256((folder / line[66:]).read_bytes()).hexdigest()


def test_the_zip_is_the_same_every_time(archive, tmp_path) -> None:
    assert build(tmp_path).read_bytes() == archive.read_bytes()


def test_the_worker_runs_from_the_unpacked_zip(archive, tmp_path) -> None:
    """Nothing it imports may have been left out: command line help and a probe, from the zip's files alone."""
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(tmp_path)
    done = subprocess.run(
        [sys.executable, "-s", "-m", "core", "probe"], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    code = "import core.generate, core.worker, core.rig, core.lips, core.prior.model, core.extract, core.renderer"
    subprocess.run([sys.executable, "-s", "-c", code], cwd=tmp_path, timeout=120, check=True)


def test_weights_fit_the_limits() -> None:
    """Shards of at most 15 MiB, 96 MiB in all (design §10)."""
    sizes = [path.stat().st_size for path in (ROOT / "core" / "weights").glob("*.safetensors")]
    assert max(sizes) <= 15 * 2**20 and sum(sizes) <= 96 * 2**20


def test_every_file_in_the_zip_exists_once() -> None:
    files = extension_files()
    assert len(files) == len(set(files)) and all((ROOT / file).is_file() for file in files)
