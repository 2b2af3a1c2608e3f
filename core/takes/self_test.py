"""The self-test: makes one second of a take at a small size, and tells whether that works here and how fast.

Its voice and face are synthetic and are shipped with the extension (``core/assets``).
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CancelledError, SoliloquyError
from ..files import make_folder
from ..motion.channels import EXPRESSIONS, FPS
from ..motion.motion import Motion
from ..own_folders import delete_own, make_own
from ..places import ASSETS
from ..plurals import counted
from ..runtime.memory import memory_errors
from ..wire.progress import JobContext
from ..wire.protocol import Generate
from ..wire.take_file import TakeFacts
from ..wire.worker_facts import SelfTestFacts
from .frames import read_frames

SUBFOLDER = "soliloquy-self-test"
"""The folder of the test's own in the folder that is named for it. Only this one is emptied."""
SIZE = 256
"""Pixels of the face square."""
_LEAST_JAW = 0.03
"""How far the jaw must open within the spoken second. With the shipped weights it opens by 0.18."""
_LEAST_CHANGE = 0.2
"""By how many grey levels of 255 the picture must change on average. With the shipped weights it changes by 8."""

Generator = Callable[[Generate, JobContext], dict[str, Any]]


def self_test(generate: Generator, out: str | Path, device: str, context: JobContext) -> SelfTestFacts:
    """Make the take with ``generate`` in a subfolder of ``out`` and judge it.

    An error becomes the answer's ``problem``. The timings are in the ``take.json`` of the take. Raises only
    CancelledError.
    """
    started = time.monotonic()
    problem, take = "", ""
    try:
        place = Path(out).absolute() / SUBFOLDER
        delete_own(place)  # a finished take would be found instead of made
        make_folder(place)
        make_own(place)
        with memory_errors():
            request = Generate(
                audio=str(ASSETS / "self_test.flac"),
                portrait=str(ASSETS / "self_test.jpg"),
                out=str(place),
                size=SIZE,
                device=device,
            )
            take = str(Path(generate(request, context.quiet())["job"]) / "take-001")
            problem = _judge(Path(take))
    except CancelledError:
        raise
    except SoliloquyError as error:
        problem = str(error)
    except Exception as error:  # noqa: BLE001 - damaged weights raise any error; the log has the traceback
        traceback.print_exc()
        problem = f"Making a take failed ({type(error).__name__}: {error})."
    return SelfTestFacts(problem=problem, seconds=round(time.monotonic() - started, 2), take=take)


def _judge(take: Path) -> str:
    """A sentence about what is wrong with the finished take, or an empty one. Raises as the readers of its files."""
    facts = TakeFacts.read(take)
    motion = Motion.load(take / "motion.npz")
    count = round(FPS)
    if (facts.frame_count, len(motion)) != (count, count):
        return f"A second has {counted(facts.frame_count, 'frame')} instead of {count}."
    jaw = motion.expression[:, EXPRESSIONS.index("jawOpen")]
    if np.ptp(jaw) < _LEAST_JAW:
        return "The mouth doesn't move."
    pictures = [np.asarray(picture, np.float32) for picture in read_frames(take / "frames", count)]
    if max(np.abs(picture - pictures[0]).mean() for picture in pictures) < _LEAST_CHANGE:
        return "The pictures don't change."
    return ""
