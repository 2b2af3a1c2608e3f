"""The Python package ``soliloquy``: what is in its wheel, and that its program runs from there."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_wheel_runs_without_the_repository(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(ROOT)]
    subprocess.run(line, check=True, capture_output=True, timeout=300)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    weights = {path.name for path in (ROOT / "core" / "weights").glob("*.safetensors")}
    assert {f"soliloquy/weights/{name}" for name in weights} <= names
    assert {"soliloquy/blender_manifest.toml", "soliloquy/requirements/worker.txt"} <= names
    assert not [name for name in names if name.startswith(("core/", "addon/", "training/", "tests/", "tools/"))]
    venv.create(tmp_path / "own", with_pip=False)
    own = tmp_path / "own" / "bin"
    place = Path(sysconfig.get_path("purelib", vars={"base": str(tmp_path / "own")}))
    (place / "borrowed.pth").write_text(sysconfig.get_path("purelib"))  # the pinned packages
    line = [sys.executable, "-m", "pip", f"--python={own / 'python'}", "install", "--no-deps", "-q", str(wheel)]
    subprocess.run(line, check=True, capture_output=True, timeout=300)
    told = subprocess.run([own / "soliloquy", "probe"], cwd=tmp_path, capture_output=True, check=True, timeout=300)
    assert set(json.loads(told.stdout)["weights"]) == weights
    told = subprocess.run([own / "soliloquy", "batch", "none.csv"], cwd=tmp_path, capture_output=True, check=False)
    assert told.returncode == 2 and b"none.csv" in told.stderr
