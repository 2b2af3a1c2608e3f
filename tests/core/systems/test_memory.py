"""Long sound needs no more memory than the sound and the motion themselves, with any motion source and any renderer.

“Out of memory on long sound” is what users of SadTalker complain about most, next to what is in ``test_complaints``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from core.places import ROOT
from core.wire.systems import RENDERERS, SOURCES, names
from tests.core.systems.memory_of_takes import BRIEF, ENVIRONMENT, LASTING

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets the peak begin again"),
]
MOST_FOR_FRAMES = 12.0
"""MB that 25 more frames may need. If they were kept it would be 33 MB or more; takes of one length differ by 6 MB."""
MOST_A_SECOND = 2.0
"""MB that a second of sound and motion may need."""

Found = dict[str, list[float]]


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> Found:
    """MB that a short and a long take need, by motion source, and by motion source and renderer."""
    folder = tmp_path_factory.mktemp("takes")
    environment = os.environ | ENVIRONMENT | {"SOLILOQUY_CACHE": str(folder / "cache")}
    command = [sys.executable, "-m", "tests.core.systems.memory_of_takes", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    measured: Found = json.loads(done.stdout.splitlines()[-1])
    return measured


@pytest.mark.parametrize("renderer", names(RENDERERS))
@pytest.mark.parametrize("source", names(SOURCES))
def test_frames_are_not_kept(found: Found, source: str, renderer: str) -> None:
    short, long = found[f"{source} {renderer}"]
    assert long - short < MOST_FOR_FRAMES


@pytest.mark.parametrize("source", names(SOURCES))
def test_motion_needs_little_for_each_second(found: Found, source: str) -> None:
    short, long = found[source]
    assert long - short < MOST_A_SECOND * (LASTING - BRIEF)


def test_the_measure_notices_kept_frames(found: Found) -> None:
    short, long = found["kept"]
    assert long - short > 2 * MOST_FOR_FRAMES
