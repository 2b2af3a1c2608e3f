"""tools.build_zip: everything Blender and the worker need is in the zip, nothing else, and always the same bytes."""

from __future__ import annotations

import fnmatch
import hashlib
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tools.build_zip import CONTENTS, ROOT, SUMS, build, extension_files

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


@pytest.mark.slow
def test_the_worker_runs_from_the_unpacked_zip(archive, tmp_path) -> None:
    """Nothing it imports may have been left out: command line help and a probe, from the zip's files alone."""
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(tmp_path)
    done = subprocess.run(
        [sys.executable, "-s", "-m", "core", "probe"], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    modules = "core.worker core.takes.studio core.portrait.rig core.sound.lips core.prior.model core.readback.extract"
    code = f"import {', '.join(modules.split())}, core.renderer"
    subprocess.run([sys.executable, "-s", "-c", code], cwd=tmp_path, timeout=120, check=True)


def test_weights_fit_the_limits() -> None:
    """A file has at most 15 MiB, all of them together at most 128 MiB."""
    sizes = [path.stat().st_size for path in (ROOT / "core" / "weights").glob("*.safetensors")]
    assert max(sizes) <= 15 * 2**20 and sum(sizes) <= 128 * 2**20


def test_every_file_is_in_the_zip_once_and_as_it_is(archive) -> None:
    with zipfile.ZipFile(archive) as opened:
        names = opened.namelist()
        assert sorted(names) == names and len(names) == len(set(names))
        for name in names:
            if name != SUMS.as_posix():
                assert opened.read(name) == (ROOT / name).read_bytes(), name


def test_what_is_no_part_of_the_extension_stays_out(tmp_path) -> None:
    wanted = ["__init__.py", "addon/panels/speak.py", "blender_manifest.toml", "core/worker.py"]
    others = [
        "README.md",
        "addon/__pycache__/speak.pyc",
        "core/old.pyc",
        "core/weights/a.safetensors.part",
        "core/weights/.a-0123abcd.part.safetensors",
        "tests/a.py",
    ]
    for name in (*wanted, *others):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    files = [file.as_posix() for file in extension_files(tmp_path) if (tmp_path / file).exists()]
    assert files == wanted


def test_the_list_of_weights_is_made_new_and_names_no_leftover(tmp_path) -> None:
    weights = tmp_path / "core" / "weights"
    weights.mkdir(parents=True)
    (tmp_path / "addon").mkdir()
    for name in ("__init__.py", "LICENSE", "NOTICE"):
        (tmp_path / name).touch()
    (tmp_path / "blender_manifest.toml").write_text('id = "small"\nversion = "1.2.3"\n')
    (weights / "lips.safetensors").write_bytes(b"lips")
    (weights / ".lips-0123abcd.part.safetensors").write_bytes(b"half")
    (weights / "SHA256SUMS").write_text("an old list")
    with zipfile.ZipFile(build(tmp_path / "out", tmp_path)) as opened:
        assert opened.namelist().count("core/weights/SHA256SUMS") == 1
        lines = opened.read("core/weights/SHA256SUMS").decode("ascii").splitlines()
    assert lines == [f"{hashlib.sha256(b'lips').hexdigest()}  lips.safetensors"]


def test_blenders_own_build_leaves_out_the_same() -> None:
    """``blender --command extension build`` reads the manifest's patterns, which are those of .gitignore."""
    patterns = tomllib.loads((ROOT / "blender_manifest.toml").read_text("utf-8"))["build"]["paths_exclude_pattern"]
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    tops = {f"{name.partition('/')[0]}/" if "/" in name else name for name in listed.split("\0") if name}

    def excluded(top: str) -> bool:
        return any(fnmatch.fnmatch(f"/{top}", pattern) or fnmatch.fnmatch(top, pattern) for pattern in patterns)

    assert {top.rstrip("/") for top in tops if not excluded(top)} == set(CONTENTS)
