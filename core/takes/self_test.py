"""The self-test: a second of a take at low size, really made, so that one knows whether it works here and how fast.

Voice and face are synthetic and travel with the weights (``core/assets``).
"""

from __future__ import annotations

import json
import shutil
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..compute.devices import memory_errors
from ..errors import CancelledError, SoliloquyError
from ..motion.channels import EXPRESSIONS, FPS
from ..motion.motion import Motion
from ..places import ASSETS
from ..wire.progress import JobContext
from ..wire.protocol import Generate
from .frames import read_frames
from .take import TAKE_FILE

SIZE = 256
"""Pixels of the face square."""
_LEAST_JAW = 0.03
"""How far the jaw must open within the spoken second (with the weights of today it opens by 0.18)."""
_LEAST_CHANGE = 0.2
"""By how many grey levels of 255 the picture must change on average (today by 8)."""

Generator = Callable[[Generate, JobContext], dict[str, Any]]


def self_test(generate: Generator, out: str | Path, device: str, context: JobContext) -> dict[str, Any]:
    """Make the take with ``generate`` in the folder ``out`` and judge it; what goes wrong is part of the answer.

    Returns ``problem`` (a sentence, empty when all is well), ``seconds`` (in all, loading included) and ``take`` (its
    folder, with timings in its ``take.json``). Raises only CancelledError.
    """
    started = time.monotonic()
    problem, take = "", ""
    try:
        shutil.rmtree(out, ignore_errors=True)  # a finished take would be found, not made
        with memory_errors():
            request = Generate(
                audio=str(ASSETS / "self_test.flac"),
                portrait=str(ASSETS / "self_test.jpg"),
                out=str(out),
                size=SIZE,
                device=device,
            )
            take = str(Path(generate(request, context.quiet())["job"]) / "take-001")
            problem = _judge(Path(take))
    except CancelledError:
        raise
    except SoliloquyError as error:
        problem = str(error)
    except Exception as error:  # noqa: BLE001 - damaged weights show as anything; the log has the traceback
        traceback.print_exc()
        problem = f"Making a take failed ({type(error).__name__}: {error})."
    return {"problem": problem, "seconds": round(time.monotonic() - started, 2), "take": take}


def _judge(take: Path) -> str:
    """What is wrong with the finished take, or nothing."""
    facts = json.loads((take / TAKE_FILE).read_text(encoding="utf-8"))
    motion = Motion.load(take / "motion.npz")
    count = round(FPS)
    if (facts["frame_count"], len(motion)) != (count, count):
        return f"A second has {facts['frame_count']} frames instead of {count}."
    jaw = motion.expression[:, EXPRESSIONS.index("jawOpen")]
    if np.ptp(jaw) < _LEAST_JAW:
        return "The mouth doesn't move."
    pictures = [np.asarray(picture, np.float32) for picture in read_frames(take / "frames", count)]
    if max(np.abs(picture - pictures[0]).mean() for picture in pictures) < _LEAST_CHANGE:
        return "The pictures don't change."
    return ""
