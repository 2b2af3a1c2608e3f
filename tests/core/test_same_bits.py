"""The same settings give the same bytes, whatever the number of threads that the machine or its user allows."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.places import ASSETS, ROOT
from core.runtime.processes import clean_environment

SPEECH = ROOT / "tools" / "assets" / "demo_speech.flac"
THREADS = ("1", "2")
SECONDS = 3
"""In one second the divided sums happen to be equal."""


def made(folder: Path, threads: str) -> dict[str, str]:
    """Digests of the files of a take that was made with OMP_NUM_THREADS; its portrait is fitted again."""
    command = [sys.executable, "-m", "core", "generate", "--audio", str(SPEECH), "--duration", str(SECONDS)]
    command += ["--portrait", str(ASSETS / "self_test.jpg"), "--out", str(folder)]
    command += ["--size", "128", "--framing", "crop", "--device", "cpu", "--seed", "7"]
    environment = clean_environment() | {"OMP_NUM_THREADS": threads, "SOLILOQUY_CACHE": str(folder / "cache")}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=300)
    (take,) = folder.glob("*/take-001")
    digests = {
        str(path.relative_to(take)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in take.rglob("*")
        if path.is_file() and path.name != "take.json"
    }
    facts = json.loads((take / "take.json").read_text(encoding="utf-8"))
    return digests | {"frames": str(facts["frame_count"])}


@pytest.mark.slow
@pytest.mark.skipif(not SPEECH.is_file(), reason="needs the demo's speech")
def test_a_take_is_the_same_with_any_number_of_threads(tmp_path: Path) -> None:
    first, *others = (made(tmp_path / threads, threads) for threads in THREADS)
    assert first["frames"] == str(25 * SECONDS) and {
        "motion.npz",
        "motion-extracted.npz",
        f"frames{os.sep}000075.png",
    } <= set(first)
    for threads, other in zip(THREADS[1:], others, strict=True):
        assert other == first, f"{threads} threads"
