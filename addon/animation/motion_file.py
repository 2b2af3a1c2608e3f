"""A take's motion as a file: read for Blender, and written for the worker."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ...core.errors import BadInputError
from ...core.motion.motion import Motion
from ..sequencer.speech import write_once
from ..words import say


def load_motion(path: Path) -> Motion:
    """Read a take's ``motion.npz``; the sentences of its errors are in the language of Blender's interface.

    Raises BadInputError ``motion_missing``, or ``motion_unreadable`` where the file is damaged, has other channels than
    ours, or has no frames.
    """
    try:
        motion = Motion.load(path)
    except BadInputError as error:
        if error.code == "motion_missing":
            raise BadInputError(
                error.code, say("The take's motion is missing: {path}", path=path), say("Generate it again.")
            ) from error
        raise _damaged(path) from error
    if not len(motion):
        raise _damaged(path)
    return motion


def _damaged(path: Path) -> BadInputError:
    return BadInputError(
        "motion_unreadable", say("The motion file is damaged: {path}", path=path), say("Generate it again.")
    )


def save_motion(motion: Motion, inputs: Path) -> Path:
    """Write a motion into ``inputs`` under a name made of its content; returns its path.

    Raises BadInputError ``output_unwritable``.
    """
    data = motion.to_bytes()
    return write_once(inputs / f"curves-{hashlib.sha256(data).hexdigest()[:16]}.npz", data)
