"""Prints how much memory takes need while they are made, as one JSON object: run by ``test_memory`` in a fresh process.

    python -m tests.core.systems.memory_of_takes FOLDER

The memory is the peak of the process's resident set above what it held before, in MB. Everything is loaded by then. The
caller sets ``ENVIRONMENT``, so that freed memory goes back to the system and isn't mistaken for what a take needs.
"""

from __future__ import annotations

import ctypes
import gc
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from core.places import ASSETS, ROOT
from core.takes.frames import FrameWriter
from core.takes.studio import Studio
from core.wire.progress import JobContext
from core.wire.protocol import Generate
from core.wire.systems import RENDERERS, SOURCES, names

ENVIRONMENT = {
    **{"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"},
    **{"OMP_NUM_THREADS": "1"},
}
SHORT, LONG = 0.48, 1.48
"""Seconds of the takes with frames: 12 and 37 frames, both more than are drawn at once."""
SIDE = 720
"""Pixels of the frames' long side. The face is worked in a small square, so that this costs little time."""
BRIEF, LASTING = 4.0, 14.0
"""Seconds of the takes without frames."""


def resident(what: str) -> float:
    """A line of this process's status in MB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{what}:"))


def peak(work: Callable[[], object]) -> float:
    """MB by which the memory rises at most during ``work``."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins again
    before = resident("VmRSS")
    work()
    return round(resident("VmHWM") - before, 2)


def main(folder: Path) -> None:
    """Make takes of all motion sources and renderers in two lengths, and print what each needed."""
    spoken, rate = soundfile.read(ROOT / "tools" / "assets" / "demo_speech.flac", dtype="float32")
    sound = folder / "speech.wav"
    soundfile.write(sound, np.tile(spoken, 2), rate)
    studio = Studio()

    def make(seconds: float, source: str, renderer: str | None) -> float:
        request = Generate(
            audio=str(sound),
            portrait=str(ASSETS / "self_test.jpg"),
            out=tempfile.mkdtemp(dir=folder),
            duration=seconds,
            source=source,
            renderer=renderer or names(RENDERERS)[0],
            motion_only=renderer is None,
            size=128,
            picture=SIDE,
            device="cpu",
        )
        return peak(lambda: studio.handle(request, JobContext("memory")))

    found: dict[str, list[float]] = {}
    for source in names(SOURCES):
        make(BRIEF, source, None)  # loads
        found[source] = [make(seconds, source, None) for seconds in (BRIEF, LASTING)]
    for renderer in names(RENDERERS):
        make(SHORT, names(SOURCES)[0], renderer)  # loads
        short = make(SHORT, names(SOURCES)[0], renderer)
        for source in names(SOURCES):
            found[f"{source} {renderer}"] = [short, make(LONG, source, renderer)]
    kept: list[np.ndarray] = []
    put = FrameWriter.put

    def put_and_keep(self: FrameWriter, index: int, picture: np.ndarray) -> None:
        kept.append(picture)
        put(self, index, picture)

    FrameWriter.put = put_and_keep  # type: ignore[method-assign]
    found["kept"] = [short, make(LONG, source, renderer)]
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
